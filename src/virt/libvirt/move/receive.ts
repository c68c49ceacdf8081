// Why: a guest that comes with its disks is made of what another host set aside, of images that this host has or gets by itself, and of
// what its flavor here asks for more. Until all of it is here it is no guest, and may be thrown away and begun again.

import { chmod, mkdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../../base/durable-file.ts';
import { conflict, Fault, notFound } from '../../../base/errors.ts';
import type { AgentVerbs } from '../../../domain/servers/agent-methods.ts';
import type { DiskProgress, DiskSource, GuestSpec } from '../../../domain/servers/guests.ts';
import type { ImageFacts } from '../../../domain/machines/images.ts';
import { guestFiles, instanceDir, linkOrCopy, localFiles, markComplete } from '../disks.ts';
import { exists } from '../exists.ts';
import { filesOf, type Host, noSuchGuest } from '../host.ts';
import { cacheKey, formatOf, provenBy } from '../images.ts';
import { hasGuest, ownFiles } from '../lifecycle.ts';
import { checkNics } from '../nics.ts';
import { readQcow2File } from '../../../base/qcow2.ts';
import type { Arrival } from './arrivals.ts';
import { asideDir, stand } from './aside.ts';
import { copyFile, fetchFile, fetchManifest } from './fetch.ts';
import { type Manifest, markIn, type MovedFile, readManifest } from './manifest.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

type Bring = (file: MovedFile, path: string, arrival: Arrival) => Promise<void>;

/** What there is to bring, and how. */
interface Source {
  readonly manifest: Manifest;
  readonly bring: Bring;
}

/** Of this host, or of storage that it shares: nothing goes over the network. */
async function nearSource(host: Host, uuid: string): Promise<Source> {
  const dir = asideDir(host.instancesDir, uuid);
  if (!(await exists(dir))) throw noSuchGuest(uuid);
  return {
    manifest: await readManifest(dir, host.imagesDir),
    // what came from an image is never written: one more name will do
    bring: ({ image, ...file }, path, { advance, signal }) =>
      image === null
        ? copyFile(join(dir, file.name), { ...file, image }, path, advance, signal)
        : linkOrCopy(join(dir, file.name), path),
  };
}

async function sourceOf(host: Host, uuid: string, from: DiskSource, { signal }: Arrival): Promise<Source> {
  const { offer } = from;
  if (offer === null || from.node === host.node) return nearSource(host, uuid);
  const manifest = await fetchManifest(offer, signal);
  const shared = (await markIn(asideDir(host.instancesDir, uuid))) === manifest.mark;
  if (shared) return nearSource(host, uuid);
  const bring: Bring = (file, path, arrival) => fetchFile(offer, file, path, arrival.advance, arrival.signal);
  return { manifest, bring };
}

const smaller = (what: string) => conflict(`Unable to resize disk down: ${what}.`, { code: 'disk.down' });

/** Nova's refusal: no disk becomes smaller, since nobody knows what is at its end. */
function checkSizes({ disks, ...spec }: GuestSpec, { files, rootBytes }: Manifest): void {
  const asked = disks.rootGb * GIB;
  if (rootBytes !== null && asked !== 0 && asked < rootBytes) throw smaller(`${asked} of ${rootBytes} bytes`);
  const own = localFiles({ disks, ...spec }, guestFiles('/'));
  const wanted = new Map(own.map(({ path, kind, size }) => [path.slice(1), kind === 'swap' ? null : size * GIB]));
  for (const { name, bytes } of files.filter((file) => file.name.startsWith('disk.eph'))) {
    const size = wanted.get(name);
    if (size === undefined || (size !== null && size < bytes)) throw smaller(`ephemeral disk of ${bytes} bytes`);
  }
}

/** What is here of an earlier attempt stays if it is of the same disks, and if the machine did not go off meanwhile. */
async function prepare(host: Host, uuid: string, manifest: Manifest): Promise<void> {
  const dir = instanceDir(host.instancesDir, uuid);
  const { arriving } = guestFiles(dir);
  const boot = (await readFile(BOOT_ID, 'utf8').catch(() => '')).trim();
  const these = JSON.stringify({ files: manifest.files, boot });
  const before = await readFile(arriving, 'utf8').catch(() => null);
  if (before !== these) await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (before !== these) await writeDurably(arriving, these);
  await ownFiles(host, uuid);
}

/** The files that come from images, by name. */
export const imagesOf = ({ disks, kernel, ramdisk }: GuestSpec): ReadonlyMap<string, ImageFacts | null> =>
  new Map([
    ['base', disks.image],
    ['kernel', kernel],
    ['ramdisk', ramdisk],
  ]);

/** What of an image came with the guest: from this host's own cache, where it is the same; else from where the guest was. */
export async function bringImage(
  host: Host,
  image: ImageFacts | null,
  file: MovedFile,
  path: string,
  source: Source,
  arrival: Arrival,
): Promise<void> {
  if (image !== null && file.image !== null && cacheKey(image) === file.image) {
    try {
      const cached = await host.images.get(image);
      await linkOrCopy(cached.path, path);
      arrival.advance(file.bytes);
      return;
    } catch (error) {
      // its image is gone, as those of servers may be
      if (!(error instanceof Fault) || error.kind !== 'notFound') throw error;
    }
  }
  await source.bring(file, path, arrival);
  if (image !== null && file.image === cacheKey(image) && !(await provenBy(image, path))) {
    await rm(path, { force: true });
    throw conflict(`What came of image ${image.id} is not what it was.`, { code: 'image.checksum' });
  }
}

/** Brings all that there is; what is here is kept. */
async function bringAll(host: Host, spec: GuestSpec, from: DiskSource, arrival: Arrival): Promise<void> {
  const { uuid } = spec;
  if (await hasGuest(host, uuid)) return;
  const source = await sourceOf(host, uuid, from, arrival);
  checkSizes(spec, source.manifest);
  await prepare(host, uuid, source.manifest);
  const dir = instanceDir(host.instancesDir, uuid);
  const images = imagesOf(spec);
  const { files } = source.manifest;
  arrival.expect(files.reduce((sum, { bytes }) => sum + bytes, 0));
  for (const file of files) {
    const path = join(dir, file.name);
    if (await exists(path)) arrival.advance(file.bytes);
    else if (images.has(file.name)) {
      await bringImage(host, images.get(file.name) ?? null, file, path, source, arrival);
    } else await source.bring(file, path, arrival);
  }
}

/** Makes the disks what they are here: over this host's file of the image, and as large as the flavor says. */
async function fit(host: Host, spec: GuestSpec): Promise<void> {
  const files = filesOf(host, spec.uuid);
  const { image, rootGb } = spec.disks;
  if (await exists(files.root)) {
    const over = image !== null && image.diskFormat !== 'iso' && (await exists(files.base));
    // nothing is read or written of either: only where the other is, is said anew
    if (over) {
      const backing = ['-b', files.base, '-F', formatOf(image)];
      await host.run('qemu-img', ['rebase', '-q', '-u', '-f', 'qcow2', ...backing, '--', files.root]);
    }
    const bytes = (await readQcow2File(files.root))?.virtualBytes ?? 0;
    const asked = rootGb * GIB;
    if (asked > bytes) await host.run('qemu-img', ['resize', '-q', '-f', 'qcow2', '--', files.root, String(asked)]);
  }
  for (const { path, kind, size } of localFiles(spec, files)) {
    const found = await stat(path).catch(() => null);
    if (found === null) continue;
    if (kind === 'swap' && found.size !== size * MIB) await rm(path);
    if (kind !== 'swap' && found.size < size * GIB) await truncate(path, size * GIB);
  }
  if (spec.disks.swapMb === 0) await rm(files.swap, { force: true });
}

/** From here on what is here is a user's, and is never thrown away as half made. */
async function finish(host: Host, spec: GuestSpec): Promise<void> {
  const files = filesOf(host, spec.uuid);
  if (await hasGuest(host, spec.uuid)) return;
  await fit(host, spec);
  await chmod(instanceDir(host.instancesDir, spec.uuid), 0o711);
  await rm(files.arriving, { force: true });
  await markComplete(files);
}

export function receiveVerbs(host: Host): Pick<AgentVerbs, 'fetchDisk' | 'receiveDisk'> {
  const work = (spec: GuestSpec, from: DiskSource) => (arrival: Arrival) => bringAll(host, spec, from, arrival);
  return {
    async fetchDisk({ spec, from }): Promise<DiskProgress> {
      checkNics(spec.nics);
      return host.arrivals.begin(spec.uuid, work(spec, from));
    },
    async receiveDisk({ spec, from, on }) {
      checkNics(spec.nics);
      await host.arrivals.await(spec.uuid, work(spec, from));
      return host.guests(spec.uuid, async () => {
        // given up meanwhile
        if (!(await exists(instanceDir(host.instancesDir, spec.uuid))))
          throw notFound(`Instance ${spec.uuid} is gone.`);
        await finish(host, spec);
        return stand(host, spec, on);
      });
    },
  };
}
