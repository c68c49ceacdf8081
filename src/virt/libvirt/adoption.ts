// Why: a guest that another program (Nova) made is taken over as it runs: nothing of it is touched. Its directory is where ours would be,
// so that notes in there make it ours, and taking them away makes it the other's again.

import { chmod, chown, lstat, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeWritten, writeDurably } from '../../base/durable-file.ts';
import { conflict } from '../../base/errors.ts';
import type { Run } from '../../base/run.ts';
import {
  type ForeignDisk,
  type ForeignGuest,
  type ForeignInterface,
  tapName,
} from '../../domain/moving/foreign-guest.ts';
import type { NicSpec } from '../../domain/networks/server-nics.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { HypervisorConnection } from './connection.ts';
import { guestFiles, instanceDir, linkOrCopy, markComplete } from './disks.ts';
import { exists } from './exists.ts';
import { imageBelow, unsafeFiles } from './foreign-files.ts';
import { findDomain, powerOf } from './guest.ts';
import { domainOf, type Host, noSuchGuest, view } from './host.ts';
import { isOurDomain } from './names.ts';
import { forgetPorts, isOvs, writePorts } from './nics.ts';
import type { DomainRef } from './rpc/types.ts';
import { toMib } from './units.ts';
import { attributeOf, children, type Element, find, readXml } from './xml.ts';

/** What is asked of a host here. */
export type AdoptionHost = Pick<Host, 'node' | 'instancesDir'> & {
  readonly connection: Pick<
    HypervisorConnection,
    'domainLookupByUUID' | 'domainGetXMLDesc' | 'domainGetState' | 'domainGetInfo'
  >;
};

/** Whether a domain is a guest of ours: by its name, or by the notes in its directory. */
export const isOurs = async (instancesDir: string, { name, uuid }: DomainRef): Promise<boolean> =>
  isOurDomain(name) || (await exists(guestFiles(instanceDir(instancesDir, uuid)).owner));

function readDisk(disk: Element): ForeignDisk {
  const type = disk.getAttribute('type') ?? 'file';
  const path = attributeOf(disk, 'source', type === 'block' ? 'dev' : 'file');
  const empty = find(disk, 'source') === null;
  return {
    path,
    device: disk.getAttribute('device') ?? 'disk',
    format: attributeOf(disk, 'driver', 'type') ?? 'raw',
    source: empty ? 'empty' : type,
    serial: find(disk, 'serial')?.textContent || null,
    target: attributeOf(disk, 'target', 'dev') ?? '',
    bus: attributeOf(disk, 'target', 'bus') ?? '',
    protocol: attributeOf(disk, 'source', 'protocol'),
    name: attributeOf(disk, 'source', 'name'),
    encrypted: find(disk, 'encryption') !== null || find(disk, 'source/encryption') !== null,
  };
}

const readInterface = (device: Element): ForeignInterface => ({
  mac: attributeOf(device, 'mac', 'address') ?? '',
  type: device.getAttribute('type') ?? '',
  portId: attributeOf(device, 'virtualport/parameters', 'interfaceid'),
  device: attributeOf(device, 'target', 'dev'),
});

/** What of a domain's definition decides whether it can be taken over. */
export function readForeign(xml: string): Pick<ForeignGuest, 'disks' | 'interfaces' | 'hostDevices' | 'hasTpm'> {
  const devices = find(readXml(xml), 'devices');
  const all = (name: string) => (devices === null ? [] : children(devices, name));
  return {
    disks: all('disk').map(readDisk),
    interfaces: all('interface').map(readInterface),
    hostDevices: all('hostdev').length,
    hasTpm: all('tpm').length > 0,
  };
}

/** A device of the host's may be gone since the guest had it. */
const withPresence = async (disk: ForeignDisk): Promise<ForeignDisk> =>
  disk.source === 'block' && disk.path !== null ? { ...disk, isThere: await exists(disk.path) } : disk;

/** A guest as this host has it, whoever made it; null: there is none of that id. */
export async function surveyGuest(host: AdoptionHost, uuid: string): Promise<ForeignGuest | null> {
  const { connection, instancesDir } = host;
  const calls = connection as HypervisorConnection;
  const domain = await findDomain(calls, uuid);
  if (domain === null) return null;
  const [xml, info, powerState] = await Promise.all([
    connection.domainGetXMLDesc(domain),
    connection.domainGetInfo(domain),
    powerOf(calls, domain),
  ]);
  const memoryMb = toMib(info.maxMemKib);
  const foreign = readForeign(xml);
  return {
    ...{ uuid, name: domain.name, powerState, dir: instanceDir(instancesDir, uuid) },
    current: { vcpus: info.vcpus, memoryMb: toMib(info.memoryKib) },
    maximum: { vcpus: info.vcpus, memoryMb },
    ...foreign,
    disks: await Promise.all(foreign.disks.map(withPresence)),
    unsafe: await unsafeFiles(instancesDir, uuid),
    ours: await isOurs(instancesDir, domain),
  };
}

/** What a file, or the directory, was before: whose, and what others might do. */
interface Before {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** What is put back when the guest is given back. */
interface Adopted {
  /** What libvirt calls it. */
  readonly name: string;
  readonly files: readonly Before[];
}

const noteOf = (dir: string): string => join(dir, 'adopted.json');
/** Bits of a mode that are somebody's rights. */
const RIGHTS = 0o7777;

async function look(path: string): Promise<Before> {
  const { uid, gid, mode } = await stat(path);
  return { path, uid, gid, mode: mode & RIGHTS };
}

async function filesIn(dir: string): Promise<readonly Before[]> {
  const found = [await look(dir)];
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    if ((await lstat(path)).isFile()) found.push(await look(path));
  }
  return found;
}

/** Makes a guest ours by notes beside its disks; twice is once. Throws `notFound` where it is not here. */
export async function adoptGuest(host: AdoptionHost, uuid: string, nics: readonly NicSpec[]): Promise<void> {
  const dir = instanceDir(host.instancesDir, uuid);
  const files = guestFiles(dir);
  if (!(await exists(noteOf(dir)))) {
    // what is here and is no guest of another's is none to be taken over
    if (await exists(files.owner)) return;
    const domain = await findDomain(host.connection as HypervisorConnection, uuid);
    if (domain === null) throw noSuchGuest(uuid);
    const note: Adopted = { name: domain.name, files: await filesIn(dir) };
    await writeDurably(noteOf(dir), JSON.stringify(note));
  }
  await writePorts(dir, nics);
  await markComplete(files);
  // last: with it the guest is ours
  await writeDurably(files.owner, host.node);
}

/** Takes our notes away, and puts back whose the files were; twice is once. Its disks and its domain stay as they are. */
export async function releaseGuest(host: Pick<Host, 'instancesDir'>, uuid: string): Promise<void> {
  const dir = instanceDir(host.instancesDir, uuid);
  const note = await readNote(host.instancesDir, uuid);
  if (note === null) return;
  const files = guestFiles(dir);
  await removeWritten(files.owner);
  await forgetPorts(dir);
  for (const path of [files.complete, files.leaving, files.offered]) await rm(path, { force: true });
  await rm(files.lent, { recursive: true, force: true });
  for (const { path, uid, gid, mode } of note.files) {
    if (!(await exists(path))) continue;
    await chown(path, uid, gid);
    await chmod(path, mode);
  }
  await removeWritten(noteOf(dir));
}

/** What is noted of a guest that was taken over; null: it was not, or came from another host since. */
async function readNote(instancesDir: string, uuid: string): Promise<Adopted | null> {
  const text = await readFile(noteOf(instanceDir(instancesDir, uuid)), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Adopted);
}

/** What libvirt called a guest that was taken over, and is to call it again; null: it was not. */
export const adoptedName = async (instancesDir: string, uuid: string): Promise<string | null> =>
  (await readNote(instancesDir, uuid))?.name ?? null;

/** Ports that Nova put into Open vSwitch by itself are taken out of it: libvirt takes out what it put in, and knows nothing of these. */
export async function removeTaps(
  { instancesDir, run, ovsDb }: Pick<Host, 'instancesDir' | 'run' | 'ovsDb'>,
  uuid: string,
  nics: readonly NicSpec[],
): Promise<void> {
  if ((await readNote(instancesDir, uuid)) === null) return;
  for (const { portId } of nics.filter(isOvs))
    await run('ovs-vsctl', [`--db=${ovsDb}`, '--timeout=10', '--if-exists', 'del-port', tapName(portId)]);
}

/** What lies below a disk. */
interface Layer {
  readonly 'backing-filename-format'?: string;
}

/**
 * The root disk of a guest that was taken over, and is off, lies over a link to its image in its own directory, as that of any guest of
 * ours: it may move then, and no cleaning of another program's cache takes its image away. What is below stays the same bytes.
 */
export async function settleIn({ instancesDir, run }: { instancesDir: string; run: Run }, uuid: string): Promise<void> {
  const dir = instanceDir(instancesDir, uuid);
  const { base, root } = guestFiles(dir);
  if (!(await exists(noteOf(dir))) || !(await exists(root))) return;
  const backing = await imageBelow(instancesDir, uuid);
  if (backing === null || backing === base) return;
  // the format is said: probed, what a guest wrote could name a file of the host
  const info = JSON.parse(await run('qemu-img', ['info', '--output=json', '-f', 'qcow2', '--', root])) as Layer;
  await linkOrCopy(backing, base);
  const format = info['backing-filename-format'] ?? 'raw';
  // unsafe is the word for: the bytes below are said to be the same, which a link is
  await run('qemu-img', ['rebase', '-u', '-f', 'qcow2', '-F', format, '-b', base, '--', root]);
}

/**
 * Throws where a domain, or a directory, is another program's: what is not ours is never removed, whoever asks.
 */
export async function assertOurs(
  host: Pick<Host, 'instancesDir'>,
  uuid: string,
  domain: DomainRef | null,
): Promise<void> {
  const dir = instanceDir(host.instancesDir, uuid);
  const isTheirs =
    domain === null
      ? (await exists(join(dir, 'disk.info'))) && !(await exists(guestFiles(dir).owner))
      : !(await isOurs(host.instancesDir, domain));
  if (!isTheirs) return;
  throw conflict(`Instance ${uuid} is another program's on this host, and was not taken over.`, {
    code: 'virt.foreign',
  });
}

export function adoptionVerbs(host: Host): Pick<AgentVerbs, 'survey' | 'adopt' | 'release'> {
  const { guests } = host;
  return {
    survey: ({ uuid }) => surveyGuest(host, uuid),
    adopt: ({ uuid, nics }) =>
      guests(uuid, async () => {
        const domain = await domainOf(host, uuid);
        await adoptGuest(host, uuid, nics);
        host.adopted.add(uuid);
        return view(host, domain);
      }),
    release: ({ uuid }) =>
      guests(uuid, async () => {
        await releaseGuest(host, uuid);
        host.adopted.delete(uuid);
        return null;
      }),
  };
}
