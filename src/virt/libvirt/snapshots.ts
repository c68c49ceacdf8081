// Why: an image of a guest is its root disk at one moment. QEMU itself copies the disk of a guest that runs: what the guest writes
// meanwhile first saves the old block into the copy. A guest that is off is copied by qemu-img. Either way the copy is whole, for
// the disk lies over its image's file and an image must not name another file.

import { createReadStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { conflict, Fault, internal, notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import type { DiskCopy } from '../../domain/servers/guests.ts';
import { power } from '../../domain/servers/servers.ts';
import type { ImageSink } from '../driver.ts';
import { snapshotFile } from './disks.ts';
import { exists } from './exists.ts';
import { isVirError } from './errors.ts';
import { powerOf } from './guest.ts';
import { domainOf, filesOf, type Host } from './host.ts';
import { readQcow2File } from '../../base/qcow2.ts';
import * as vir from './rpc/constants.ts';
import type { DomainRef } from './rpc/types.ts';
import { attributeOf, children, endXml, find, leaf, readXml, startXml, text } from './xml.ts';

const FORMAT = 'qcow2';

/** What QEMU shall copy where, wholly or what changed since a checkpoint. Disks that are not named are not copied. */
export function backupXml(device: string, path: string, since: string | null = null): string {
  const backup = startXml('domainbackup', { mode: 'push' });
  if (since !== null) text(backup, 'incremental', since);
  const disk = backup.ele('disks').ele('disk', { name: device, type: 'file' });
  leaf(disk, 'target', { file: path });
  leaf(disk, 'driver', { type: FORMAT });
  return endXml(backup);
}

/** The name, such as `vda`, by which a domain knows the disk of a file; null where it has none. */
export function deviceOf(xml: string, path: string): string | null {
  const devices = find(readXml(xml), 'devices');
  const disks = devices === null ? [] : children(devices, 'disk');
  const disk = disks.find((one) => attributeOf(one, 'source', 'file') === path);
  return disk === undefined ? null : attributeOf(disk, 'target', 'dev');
}

/** Ends a job that nobody waits for any more: its copy is of another time. */
export async function endJob({ connection, until }: Host, domain: DomainRef): Promise<void> {
  const idle = async () =>
    (await connection.domainGetJobInfo(domain)).type === vir.VIR_DOMAIN_JOB_NONE ? true : undefined;
  if (await idle()) return;
  await connection.domainAbortJob(domain).catch((error: unknown) => {
    // it ended by itself
    if (!isVirError(error, 'VIR_ERR_OPERATION_INVALID')) throw error;
  });
  await until(domain.uuid, limits.libvirtJobCallMs, idle);
}

/** From this checkpoint on QEMU keeps what changes on a disk, in a bitmap that the disk's own file holds while the guest is off. */
export function checkpointXml(name: string, device: string): string {
  const checkpoint = startXml('domaincheckpoint');
  text(checkpoint, 'name', name);
  checkpoint.ele('disks').ele('disk', { name: device, checkpoint: 'bitmap' });
  return endXml(checkpoint);
}

/** A checkpoint that the copy begins with, and one that it says the difference to. */
export interface CopyMarks {
  readonly mark: string | null;
  readonly since: string | null;
}

/** Begins the copy; of the difference where libvirt knows it, which it does not where the disk or its bitmap is not that one any more. */
async function beginCopy(
  { connection, log }: Host,
  domain: DomainRef,
  device: string,
  path: string,
  { mark, since }: CopyMarks,
): Promise<boolean> {
  const begin = (from: string | null): Promise<void> =>
    connection.domainBackupBegin(
      domain,
      backupXml(device, path, from),
      mark === null ? null : checkpointXml(mark, device),
      vir.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL,
    );
  if (since !== null) {
    try {
      await begin(since);
      return true;
    } catch (error) {
      if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
      log.info({ uuid: domain.uuid, reason: error.message }, 'what changed is not known; the whole disk is copied');
    }
  }
  await begin(null);
  return false;
}

/**
 * Lets QEMU copy the disk, and waits for it. The copy is the disk as it was when this began. Whether it is of what changed since
 * `marks.since` alone.
 */
export async function copyRunning(
  host: Host,
  domain: DomainRef,
  root: string,
  path: string,
  quiesce: boolean,
  marks: CopyMarks = { mark: null, since: null },
): Promise<boolean> {
  const { connection, run, until } = host;
  await endJob(host, domain);
  const device = deviceOf(await connection.domainGetXMLDesc(domain), root);
  const facts = await readQcow2File(root);
  if (device === null || facts === null)
    throw internal(`${root} is no disk of ${domain.name}`, { code: 'image.damaged' });
  // made here, so that we may read it whoever QEMU runs as
  await run('qemu-img', ['create', '-q', '-f', FORMAT, '--', path, String(facts.virtualBytes)]);
  await host.keeper.give(path);
  const incremental = await whileStill(host, domain, quiesce, () => beginCopy(host, domain, device, path, marks));
  const over = async () =>
    (await connection.domainGetJobInfo(domain)).type === vir.VIR_DOMAIN_JOB_NONE ? true : undefined;
  if (!(await until(domain.uuid, limits.snapshotMs, over))) {
    await endJob(host, domain);
    throw internal('The copy of the disk took too long.', { code: 'snapshot.slow' });
  }
  const { type, params } = await connection.domainGetJobStats(domain, vir.VIR_DOMAIN_JOB_STATS_COMPLETED);
  if (type !== vir.VIR_DOMAIN_JOB_COMPLETED) {
    const words = String(params['errmsg'] ?? `libvirt's job type ${type}`);
    const why = /No space left on device|Disk quota exceeded/.test(words) ? ': there is no room for it' : '';
    throw internal(`The copy of the disk broke off${why}.`, { code: 'snapshot.broken', detail: words });
  }
  return incremental;
}

/** What is copied is what was there when the copy began, so the guest need not be still for longer. */
export async function whileStill<T>(
  { agent }: { readonly agent: Pick<Host['agent'], 'freeze' | 'thaw'> },
  domain: DomainRef,
  quiesce: boolean,
  begin: () => Promise<T>,
): Promise<T> {
  if (quiesce && !(await agent.freeze(domain))) {
    // it may have been frozen all the same
    await agent.thaw(domain).catch(() => {});
    throw conflict(`Quiescing is not supported by instance ${domain.uuid}: its guest agent does not do it.`, {
      code: 'snapshot.quiesce',
    });
  }
  try {
    return await begin();
  } finally {
    if (quiesce) await agent.thaw(domain);
  }
}

const partOf = (copy: string): string => `${copy}.part`;

async function take(host: Host, uuid: string, imageId: string, quiesce: boolean): Promise<DiskCopy> {
  const domain = await domainOf(host, uuid);
  const { root } = filesOf(host, uuid);
  const copy = snapshotFile(host.instancesDir, uuid, imageId);
  if (await exists(copy)) return { format: FORMAT };
  if (!(await exists(root))) {
    throw conflict(`Instance ${uuid} has no disk of its own to make an image of.`, { code: 'disk.none' });
  }
  const partial = partOf(copy);
  await rm(partial, { force: true });
  try {
    const state = await powerOf(host.connection, domain);
    if (state === power.running || state === power.paused) {
      // a guest that stands still has nobody to ask, and writes nothing
      await copyRunning(host, domain, root, partial, quiesce && state === power.running);
    } else await host.run('qemu-img', ['convert', '-q', '-f', FORMAT, '-O', FORMAT, '--', root, partial]);
    await rename(partial, copy);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return { format: FORMAT };
}

/** The bytes of a copy; opened when they are asked for. */
async function* piecesOf(path: string, uuid: string): AsyncGenerator<Uint8Array> {
  if (!(await exists(path))) throw notFound(`Instance ${uuid} has no such copy.`, { code: 'virt.no_snapshot' });
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}

/** The copy is made in the guest's own turn; what is copied may take its time to be brought away. */
export function snapshotVerbs(
  host: Host,
  sink: ImageSink,
): Pick<AgentVerbs, 'snapshot' | 'uploadSnapshot' | 'dropSnapshot'> {
  const fileOf = (uuid: string, imageId: string) => snapshotFile(host.instancesDir, uuid, imageId);
  return {
    snapshot: ({ uuid, imageId, quiesce }) => host.guests(uuid, () => take(host, uuid, imageId, quiesce)),
    async uploadSnapshot({ uuid, imageId }) {
      const path = fileOf(uuid, imageId);
      await sink.write(imageId, piecesOf(path, uuid));
      await rm(path, { force: true });
      return null;
    },
    async dropSnapshot({ uuid, imageId }) {
      const copy = fileOf(uuid, imageId);
      // a crash while it was made leaves the part
      for (const path of [copy, partOf(copy)]) await rm(path, { force: true });
      return null;
    },
  };
}
