// Why: an image's bytes come to a host once, whole and proven, however many guests ask for them at the same time. A guest
// holds a hard link of its own to the file, so the cache may forget it at any moment and no guest notices.

import { createHash, getHashes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../base/clock.ts';
import { conflict, Fault, internal, messageOf } from '../../base/errors.ts';
import { checkedUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import type { ImageSource } from '../driver.ts';
import type { Run } from '../../base/run.ts';
import { readQcow2File } from '../../base/qcow2.ts';

/** What an image may be, and how QEMU reads each. */
const FORMATS: Readonly<Record<string, 'raw' | 'qcow2'>> = {
  ...{ raw: 'raw', qcow2: 'qcow2', iso: 'raw', ami: 'raw', aki: 'raw', ari: 'raw' },
};

export const diskFormats: readonly string[] = Object.keys(FORMATS);

export interface CachedImage {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  /** The disk's size as the guest sees it. */
  readonly virtualBytes: number;
  /** Whether it was fetched for this call, or for one that came at the same time. */
  readonly fetched: boolean;
}

export interface ImageCache {
  /** The image's file on this host, fetched when it is not there. Rejects with a Fault when it is refused or cannot be had. */
  get(image: ImageFacts): Promise<CachedImage>;
  /** Forgets images that no guest here uses and that nobody asked for during `limits.imageCacheMs`. */
  prune(): Promise<void>;
}

export interface ImageCacheDeps {
  readonly dir: string;
  /** Of the files in it. */
  readonly fileMode: number;
  readonly source: ImageSource;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Log;
}

export function makeImageCache(deps: ImageCacheDeps): ImageCache {
  const underway = new Map<string, Promise<CachedImage>>();
  return {
    get(image) {
      const key = cacheKey(image);
      const running = underway.get(key);
      if (running !== undefined) return running;
      const started = getImage(deps, image, key).finally(() => underway.delete(key));
      underway.set(key, started);
      return started;
    },
    prune: () => prune(deps, underway),
  };
}

/** The file's name: an image whose bytes changed is another file. */
export function cacheKey(image: ImageFacts): string {
  const content = image.osHashValue ?? image.checksum ?? `${image.sizeBytes}`;
  return `${checkedUuid(image.id)}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
}

/** How QEMU reads an image. Throws a conflict for one that this host cannot run. */
export function formatOf(image: ImageFacts): 'raw' | 'qcow2' {
  const format = FORMATS[image.diskFormat ?? ''];
  if (format !== undefined) return format;
  throw conflict(`Image ${image.id} is unacceptable: this host cannot run disk format ${image.diskFormat}.`, {
    code: 'image.format',
  });
}

async function getImage(deps: ImageCacheDeps, image: ImageFacts, key: string): Promise<CachedImage> {
  const format = formatOf(image);
  const path = join(deps.dir, key);
  const fetched = !(await touch(path, deps.clock));
  if (fetched) await fetchImage(deps, image, path, format);
  return { path, format, virtualBytes: await virtualBytes(path, format), fetched };
}

async function touch(path: string, clock: Clock): Promise<boolean> {
  const now = new Date(clock.now());
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
}

async function fetchImage(
  deps: ImageCacheDeps,
  image: ImageFacts,
  path: string,
  format: 'raw' | 'qcow2',
): Promise<void> {
  await mkdir(deps.dir, { recursive: true, mode: 0o711 });
  const part = `${path}.part`;
  const startedMs = deps.clock.now();
  try {
    const bytes = await store(await deps.source.read(image.id), part, image, deps.fileMode);
    if (format === 'qcow2') await assertSafeQcow2(deps.run, part, image.id);
    await touch(part, deps.clock);
    await rename(part, path);
    deps.log.info({ image: image.id, bytes, ms: deps.clock.now() - startedMs }, 'image fetched');
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof Fault) throw error;
    throw internal(`Image ${image.id} could not be fetched: ${messageOf(error)}`, {
      code: 'image.fetch',
      cause: error,
    });
  }
}

/** Streams the bytes into a file, and proves them by the image's hash. Returns their number. */
async function store(
  source: AsyncIterable<Uint8Array>,
  path: string,
  image: ImageFacts,
  mode: number,
): Promise<number> {
  const proof = proofOf(image);
  const hash = proof && createHash(proof.algorithm);
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash?.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  // a guest that uses it gives it to QEMU, which may run as another user
  await pipeline(Readable.from(source, { objectMode: false }), measure, createWriteStream(path, { mode }));
  if (image.sizeBytes !== null && bytes !== image.sizeBytes) {
    throw conflict(`Image ${image.id} is unacceptable: ${bytes} of ${image.sizeBytes} bytes came.`, {
      code: 'image.size',
    });
  }
  if (hash && proof && hash.digest('hex') !== proof.value.toLowerCase()) {
    throw conflict(`Image ${image.id} is unacceptable: its ${proof.algorithm} is not ${proof.value}.`, {
      code: 'image.checksum',
    });
  }
  return bytes;
}

function proofOf(image: ImageFacts): { readonly algorithm: string; readonly value: string } | null {
  if (image.osHashAlgo && image.osHashValue && getHashes().includes(image.osHashAlgo)) {
    return { algorithm: image.osHashAlgo, value: image.osHashValue };
  }
  return image.checksum ? { algorithm: 'md5', value: image.checksum } : null;
}

/** Whether a file is the image, by its hash; true for an image that has none. */
export async function provenBy(image: ImageFacts, path: string): Promise<boolean> {
  const proof = proofOf(image);
  if (proof === null) return true;
  const hash = createHash(proof.algorithm);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === proof.value.toLowerCase();
}

/** Refuses a qcow2 that refers to other files or that this code does not understand; qemu-img has the last word. */
async function assertSafeQcow2(run: Run, path: string, imageId: string): Promise<void> {
  const refuse = (why: string) =>
    conflict(`Image ${imageId} is unacceptable: ${why}.`, { code: 'image.unsafe', detail: { path } });
  const facts = await readQcow2File(path);
  if (facts === null) throw refuse('it is said to be qcow2 and is not');
  if (facts.problems.length > 0) throw refuse(facts.problems.join(', '));
  const output = await run('qemu-img', ['info', '--output=json', '-f', 'qcow2', '--', path]).catch((error: unknown) => {
    throw error instanceof Fault && error.code === 'program.missing' ? error : refuse(messageOf(error));
  });
  const info = JSON.parse(output) as {
    'backing-filename'?: string;
    'full-backing-filename'?: string;
    encrypted?: boolean;
    'format-specific'?: { data?: { 'data-file'?: string; corrupt?: boolean } };
  };
  if (info['backing-filename'] || info['full-backing-filename']) throw refuse('it has a backing file');
  if (info['format-specific']?.data?.['data-file']) throw refuse('it has an external data file');
  if (info.encrypted) throw refuse('it is encrypted');
  if (info['format-specific']?.data?.corrupt) throw refuse('it is marked as corrupt');
}

async function virtualBytes(path: string, format: 'raw' | 'qcow2'): Promise<number> {
  if (format === 'raw') return (await stat(path)).size;
  const facts = await readQcow2File(path);
  if (facts === null) throw internal(`${path} is no qcow2 any more`, { code: 'image.damaged' });
  return facts.virtualBytes;
}

async function prune(deps: ImageCacheDeps, underway: ReadonlyMap<string, unknown>): Promise<void> {
  const names = await readdir(deps.dir).catch(() => []);
  for (const name of names) {
    const path = join(deps.dir, name);
    const facts = await stat(path).catch(() => null);
    // a link count above one: a guest's directory holds the file too
    if (facts === null || facts.nlink > 1 || underway.has(name.replace(/\.part$/, ''))) continue;
    if (deps.clock.now() - facts.mtimeMs < limits.imageCacheMs) continue;
    await rm(path, { force: true });
    deps.log.info({ path }, 'image forgotten');
  }
}
