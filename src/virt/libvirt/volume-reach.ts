// Why: before QEMU can open a volume its host has to have what that takes: a file that is QEMU's, a share that is mounted, a key that
// libvirt knows. All of it is looked at anew each time, so that doing it again finishes what a crash left.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, type Fault, messageOf } from '../../base/errors.ts';
import type { VolumeDisk } from '../../domain/servers/server-volumes.ts';
import type { HostConnector, IscsiSource, NfsSource, RbdSource } from '../../domain/servers/volume-source.ts';
import { isVirError } from './errors.ts';
import type { Host } from './host.ts';
import type { SecretRef } from './rpc/types.ts';
import { exists } from './exists.ts';
import { fileOf, mountOf } from './volume-source.ts';
import { children, endXml, find, readXml, startXml, text } from './xml.ts';

export type ReachDeps = Pick<Host, 'cephDir' | 'connection' | 'instancesDir' | 'keeper' | 'mounts' | 'run'>;

const cannot = (why: string, cause?: unknown): Fault =>
  conflict(`The volume cannot be reached from this host: ${why}.`, { code: 'volume.reach', cause });

// --- files ----------------------------------------------------------------------------------------------------------

/** Gives a volume's file to QEMU. Throws where this host has no such file. */
async function lendVolume({ keeper }: ReachDeps, path: string): Promise<void> {
  if (!(await exists(path)))
    throw conflict('The volume is not on this host: it has another directory of volumes.', {
      code: 'volume.elsewhere',
    });
  await keeper.give(path);
}

/** A field of the kernel's list of mounts as it is written there. */
const unescaped = (field: string): string =>
  field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)));

/** What is mounted at a place; null: nothing is. */
async function mountedAt(place: string): Promise<string | null> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  for (const line of lines.toReversed()) {
    const [before = '', after = ''] = line.split(' - ');
    if (unescaped(before.split(' ')[4] ?? '') === place) return unescaped(after.split(' ')[1] ?? '');
  }
  return null;
}

/** `server:/path`, of which neither half may be taken for an option. */
const SHARE = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):\/[^\0\n]*$/;
const MOUNT_OPTIONS = /^[A-Za-z0-9][A-Za-z0-9=.,_:-]*$/;

/** Mounts a share, once for all volumes in it; it stays mounted. Where the operator did, or had to, nothing is done. */
async function mountShare({ run, instancesDir, mounts }: ReachDeps, source: NfsSource): Promise<void> {
  const { share, options } = source;
  if (!SHARE.test(share)) throw cannot('its share is no place');
  if (options !== '' && !MOUNT_OPTIONS.test(options))
    throw cannot('what its share is to be mounted with are no options');
  const place = mountOf(instancesDir, source);
  await mounts(place, async () => {
    await mkdir(place, { recursive: true, mode: 0o711 }).catch((error: unknown) => {
      // a server that is away: what is mounted there cannot be looked at
      throw cannot(`share ${share} does not answer`, error);
    });
    const there = await mountedAt(place);
    if (there === share) return;
    if (there !== null) throw cannot(`${there} is mounted where share ${share} belongs`);
    const more = options === '' ? [] : ['-o', options];
    try {
      await run('mount', ['-t', 'nfs', ...more, '--', share, place]);
    } catch (error) {
      throw cannot(`share ${share} is not mounted at ${place} (${messageOf(error)})`, error);
    }
  });
}

async function reachNfs(deps: ReachDeps, source: NfsSource): Promise<void> {
  const path = fileOf(deps.instancesDir, source);
  await mountShare(deps, source);
  if (!(await exists(path))) throw cannot(`share ${source.share} has no file ${source.file}`);
}

// --- secrets --------------------------------------------------------------------------------------------------------

/** Libvirt's secrets that are ours, by what they are for; all others are the operator's. */
const OURS = 'xloud ';

interface Secret {
  readonly uuid: string;
  readonly type: 'ceph' | 'iscsi';
  readonly of: string;
  /** Asked only where libvirt does not have it from the operator. */
  readonly value: () => Promise<Uint8Array>;
}

/** A secret that libvirt keeps in memory and tells nobody. */
function secretXml({ uuid, type, of }: Secret): string {
  const secret = startXml('secret', { ephemeral: 'yes', private: 'yes' });
  text(secret, 'uuid', uuid);
  const usage = secret.ele('usage', { type });
  text(usage, type === 'ceph' ? 'name' : 'target', `${OURS}${of}`);
  return endXml(secret);
}

async function secretOf({ connection }: ReachDeps, uuid: string): Promise<SecretRef | null> {
  try {
    return await connection.secretLookupByUUID(uuid);
  } catch (error) {
    if (isVirError(error, 'VIR_ERR_NO_SECRET')) return null;
    throw error;
  }
}

/** Sees to it that libvirt knows a secret; one that the operator defined stays as it is. */
async function ensureSecret(deps: ReachDeps, secret: Secret): Promise<void> {
  const there = await secretOf(deps, secret.uuid);
  if (there !== null && !there.usage.startsWith(OURS)) return;
  const value = await secret.value();
  const defined = await deps.connection.secretDefineXML(secretXml(secret));
  await deps.connection.secretSetValue(defined, value);
}

/** What stands behind a name in a file of `name = value`; null: it is not there. */
function valueIn(file: string, name: string): string | null {
  for (const line of file.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0 && line.slice(0, at).trim() === name) return line.slice(at + 1).trim();
  }
  return null;
}

const KEY = /^[A-Za-z0-9+/]{4,256}={0,2}$/;
const CEPH_USER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The key of a user of Ceph in the keyring that this host has of him. */
async function cephKey({ cephDir }: ReachDeps, user: string): Promise<Uint8Array> {
  if (!CEPH_USER.test(user)) throw cannot('who the host is at Ceph has no name');
  const path = join(cephDir, `ceph.client.${user}.keyring`);
  const ring = await readFile(path, 'utf8').catch((error: unknown) => {
    throw cannot(`libvirt has no secret with the key of ${user} at Ceph, and there is no ${path}`, error);
  });
  const key = valueIn(ring, 'key') ?? '';
  if (!KEY.test(key)) throw cannot(`${path} has no key`);
  return Buffer.from(key, 'base64');
}

async function reachRbd(deps: ReachDeps, { auth }: RbdSource): Promise<void> {
  if (auth === null) return;
  const { user, secretUuid: uuid } = auth;
  await ensureSecret(deps, { uuid, type: 'ceph', of: `client.${user} ${uuid}`, value: () => cephKey(deps, user) });
}

async function reachIscsi(deps: ReachDeps, { chap, target, lun }: IscsiSource, volumeId: string): Promise<void> {
  if (chap === null) return;
  const value = async () => Buffer.from(chap.password);
  await ensureSecret(deps, { uuid: volumeId, type: 'iscsi', of: `${target}/${lun} ${volumeId}`, value });
}

// --- all of them ----------------------------------------------------------------------------------------------------

/** Sees to it that QEMU can open a volume here. Throws `conflict` with the reason where it cannot. */
export async function reachVolume(deps: ReachDeps, disk: VolumeDisk): Promise<void> {
  switch (disk.kind) {
    case 'nfs':
      return reachNfs(deps, disk);
    case 'rbd':
      return reachRbd(deps, disk);
    case 'iscsi':
      return reachIscsi(deps, disk, disk.volumeId);
    default:
      return lendVolume(deps, disk.path);
  }
}

/** Forgets what only a volume that left the host needed. */
export async function leaveVolume(deps: Pick<ReachDeps, 'connection'>, volumeId: string): Promise<void> {
  const there = await secretOf(deps as ReachDeps, volumeId);
  if (there !== null && there.usage.startsWith(OURS)) await deps.connection.secretUndefine(there);
}

/** The volumes of a definition whose targets ask for a password. */
export function volumesWithSecret(xml: string): readonly string[] {
  const devices = find(readXml(xml), 'devices');
  return (devices === null ? [] : children(devices, 'disk')).flatMap((disk) => {
    const secret = find(disk, 'auth/secret');
    const uuid = secret?.getAttribute('type') === 'iscsi' ? secret.getAttribute('uuid') : null;
    return uuid ? [uuid] : [];
  });
}

const INITIATOR_FILE = '/etc/iscsi/initiatorname.iscsi';

/** How storage knows this host: by the name of its own initiator, where it has one, else by the one that QEMU would take. */
export async function readConnector(node: string, file = INITIATOR_FILE): Promise<HostConnector> {
  const told = valueIn(await readFile(file, 'utf8').catch(() => ''), 'InitiatorName');
  const own = `iqn.2008-11.org.linux-kvm:${node.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-')}`;
  return { initiator: told || own, kinds: ['file', 'nfs', 'rbd', 'iscsi'] };
}
