// Why: a snapshot or a backup of a guest is a copy of its root disk in a file of its own, and no layer below it: the guest stands still
// for no longer than QEMU needs to begin, nothing of its definition changes, and each file may go without the guest hearing of it.

import { readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory, writeDurably } from '../../base/durable-file.ts';
import { conflict, internal } from '../../base/errors.ts';
import { readQcow2File } from '../../base/qcow2.ts';
import { qemuImg } from '../../base/qemu-img.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { DiskCopied, DiskCopyOrder, GuestSpec, GuestView } from '../../domain/servers/guests.ts';
import { chainSource } from '../../domain/servers/server-copies.ts';
import { power } from '../../domain/servers/servers.ts';
import { forgetCheckpoints } from './checkpoints.ts';
import { exists } from './exists.ts';
import { findDomain, isOff, powerOf } from './guest.ts';
import { domainOf, filesOf, type Host, view } from './host.ts';
import { formatOf } from './images.ts';
import { hasGuest } from './lifecycle.ts';
import { mustStay } from './move/live.ts';
import type { DomainRef } from './rpc/types.ts';
import { copyRunning, endJob } from './snapshots.ts';

const FORMAT = 'qcow2';
const GIB = 1024 ** 3;

const partOf = (path: string): string => `${path}.part`;
/** What was answered when a copy was made. */
const madeOf = (path: string): string => `${path}.made`;

const damaged = (path: string) => internal(`${path} is no ${FORMAT}`, { code: 'image.damaged' });

async function virtualBytesOf(path: string): Promise<number> {
  const facts = await readQcow2File(path);
  if (facts === null) throw damaged(path);
  return facts.virtualBytes;
}

/** Copies the disk of a guest that is on; with a mark, what changes from then on is kept. */
async function copyLive(
  host: Host,
  domain: DomainRef,
  root: string,
  order: DiskCopyOrder,
  quiesce: boolean,
): Promise<boolean> {
  const { path, mark, changes } = order;
  if (mark === null) return copyRunning(host, domain, root, partOf(path), quiesce);
  const since = changes !== null && changes.virtualBytes === (await virtualBytesOf(root)) ? changes.since : null;
  await endJob(host, domain);
  await forgetCheckpoints(host, domain, since);
  const known = since !== null && (await host.connection.domainListAllCheckpoints(domain)).includes(since);
  const marks = { mark, since: known ? since : null };
  return copyRunning(host, domain, root, partOf(path), quiesce, marks);
}

async function copy(host: Host, order: DiskCopyOrder): Promise<DiskCopied> {
  const { uuid, path } = order;
  const domain = await domainOf(host, uuid);
  await mustStay(host, domain);
  if (!(await exists(dirname(path)))) {
    throw conflict('The directory of snapshots and backups is not on this host.', { code: 'copy.noDirectory' });
  }
  const { root } = filesOf(host, uuid);
  if (!(await exists(root))) {
    throw conflict(`Instance ${uuid} has no disk of its own to copy.`, { code: 'disk.none' });
  }
  if (await exists(path)) return JSON.parse(await readFile(madeOf(path), 'utf8')) as DiskCopied;
  const partial = partOf(path);
  await rm(partial, { force: true });
  try {
    const state = await powerOf(host.connection, domain);
    const live = state === power.running || state === power.paused;
    let incremental = false;
    // a guest that stands still has nobody to ask, and writes nothing
    if (live) incremental = await copyLive(host, domain, root, order, order.quiesce && state === power.running);
    else await qemuImg(host.run, ['convert', '-q', '-f', FORMAT, '-O', FORMAT, '--', root, partial]);
    const copied: DiskCopied = { virtualBytes: await virtualBytesOf(root), incremental, live };
    await writeDurably(madeOf(path), JSON.stringify(copied));
    await rename(partial, path);
    await syncDirectory(dirname(path));
    return copied;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Ends what is being copied, and removes it. It does not wait for the guest's turn, which may be this copy: that breaks off then. */
async function drop(host: Host, uuid: string, path: string): Promise<null> {
  const domain = await findDomain(host.connection, uuid);
  if (domain !== null && !(await isOff(host.connection, domain)) && (await exists(partOf(path))))
    await endJob(host, domain);
  for (const one of [path, partOf(path), madeOf(path)]) await rm(one, { force: true });
  return null;
}

/**
 * The disk that the chain stands for, made beside the present one and then put in its place. It lies over the image's file as any
 * root disk here does, since moves take only what differs from it.
 */
async function replace(host: Host, spec: GuestSpec, chain: readonly string[]): Promise<GuestView> {
  const domain = await domainOf(host, spec.uuid);
  if (!(await hasGuest(host, spec.uuid)) || !(await isOff(host.connection, domain))) {
    throw conflict(`Instance ${spec.uuid} must be off for its disk to be replaced.`, { code: 'virt.running' });
  }
  for (const path of chain) {
    if (!(await exists(path))) throw conflict('A file of the copy is not on this host.', { code: 'copy.broken' });
    const facts = await readQcow2File(path);
    if (facts === null || facts.problems.length > 0)
      throw conflict('A file of the copy is damaged.', { code: 'copy.broken' });
  }
  const { run, keeper } = host;
  const { root, base } = filesOf(host, spec.uuid);
  const { image, rootGb } = spec.disks;
  const draft = `${root}.new`;
  await rm(draft, { force: true });
  try {
    await qemuImg(run, ['convert', '-q', '-O', FORMAT, '--', chainSource(chain), draft]);
    if (rootGb * GIB > (await virtualBytesOf(draft))) {
      await qemuImg(run, ['resize', '-q', '-f', FORMAT, '--', draft, String(rootGb * GIB)]);
    }
    if (image !== null && image.diskFormat !== 'iso' && (await exists(base))) {
      await qemuImg(run, ['rebase', '-q', '-f', FORMAT, '-b', base, '-F', formatOf(image), '--', draft]);
    }
    await keeper.give(draft);
    await rename(draft, root);
    await syncDirectory(dirname(root));
  } catch (error) {
    await rm(draft, { force: true });
    if (
      /No space left on device|Disk quota exceeded/.test(JSON.stringify((error as { detail?: unknown }).detail ?? ''))
    ) {
      throw conflict('There is no room on the host to restore the disk.', { code: 'copy.noRoom', cause: error });
    }
    throw error;
  }
  // what changed since is said of the disk that went
  await forgetCheckpoints(host, domain, null);
  return view(host, domain);
}

type CopyVerbs = Pick<AgentVerbs, 'copyDisk' | 'dropDiskCopy' | 'replaceDisk'>;

export const copyVerbs = (host: Host): CopyVerbs => ({
  copyDisk: (order) => host.guests(order.uuid, () => copy(host, order)),
  dropDiskCopy: ({ uuid, path }) => drop(host, uuid, path),
  replaceDisk: ({ spec, chain }) => host.guests(spec.uuid, () => replace(host, spec, chain)),
});
