// Why: the volume service knows at which host a server's volumes are. They follow it from host to host, and are kept for it, at none,
// while it has none. How a host reaches them may differ, so the rows follow too.

import { Fault, internal } from '../../base/errors.ts';
import type { VolumeTarget } from '../../cloud/volume.ts';
import { findHost } from '../../db/hosts.ts';
import { updateServerVolume, volumesOfServer } from '../../db/server-volumes.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import { diskOf, type ServerVolume, type VolumeDisk } from '../../domain/servers/server-volumes.ts';
import type { StepContext } from '../engine/saga.ts';
import { busOfServer } from './volume-bus.ts';

/** A host as storage is told of it. */
export const targetOf = ({ host, inventory: { hostIp, facts } }: Pick<Host, 'host' | 'inventory'>): VolumeTarget => ({
  ...{ host, ip: hostIp, arch: facts.cpu.arch },
  connector: facts.connector ?? null,
});

/** The same of the host that a server has; null: it has none. */
export async function targetNamed<I>(
  { deps }: Pick<StepContext<I>, 'deps'>,
  host: string | null,
): Promise<VolumeTarget | null> {
  if (host === null) return null;
  const found = await findHost(deps.database.read, { host });
  if (found === null) throw internal(`Host ${host} is not known.`, { code: 'host.unknown' });
  return targetOf(found);
}

type At = Pick<ServerVolume, 'attachmentId' | 'disk'>;

/** Brings a volume to a host, or to none, and tells what the row of it is then. */
async function bring<I>(
  { deps, server }: StepContext<I>,
  to: VolumeTarget | null,
  attachmentId: string,
  { volumeId, device, bootIndex, disk: before }: ServerVolume,
): Promise<At> {
  if (to === null) return { attachmentId: await deps.volume.disconnect(attachmentId), disk: before };
  const { attachmentId: there, connection } = await deps.volume.connect(attachmentId, to, device);
  await deps.volume.complete(there, device);
  const plugged = { volumeId, bus: before?.bus ?? busOfServer(server), device };
  return { attachmentId: there, disk: connection === null ? before : diskOf(plugged, connection, bootIndex) };
}

const isSame = (a: At, b: At): boolean =>
  a.attachmentId === b.attachmentId && JSON.stringify(a.disk) === JSON.stringify(b.disk);

/**
 * Says that the server's volumes are at this host from now on; empty: at none, but still its own. Twice is once.
 * @param only this one of them; absent: all
 */
export async function connectVolumes<I>(context: StepContext<I>, host: string, only?: string): Promise<void> {
  const { deps, server, log, commit } = context;
  const volumes = await volumesOfServer(deps.database.read, server.id);
  const to = volumes.length === 0 || host === '' ? null : await targetNamed(context, host);
  for (const volume of volumes) {
    const { volumeId, attachmentId } = volume;
    // one that is only being attached is told its host by its own action
    if (attachmentId === null || (only !== undefined && volumeId !== only)) continue;
    try {
      const now = await bring(context, to, attachmentId, volume);
      if (!isSame(now, volume)) await commit((t) => updateServerVolume(t, server.id, volumeId, now));
      if (now.attachmentId !== null) await deps.volume.endOthers(now.attachmentId);
    } catch (error) {
      // an administrator had it forgotten by force: the server has its volume all the same
      if (!(error instanceof Fault) || error.kind !== 'notFound') throw error;
      log.warn({ volume: volumeId, err: error }, 'the volume service does not know that a server has a volume');
    }
  }
}

/**
 * The disks of a server's volumes as a host has them to which it is on its way as it runs: each is within that host's reach before
 * the guest comes. Where it is meanwhile they stay in reach too.
 */
export async function volumesAhead<I>(context: StepContext<I>, host: Host): Promise<readonly VolumeDisk[]> {
  const { deps, server, log } = context;
  const disks: VolumeDisk[] = [];
  for (const { attachmentId, device, disk, bootIndex } of await volumesOfServer(deps.database.read, server.id)) {
    if (attachmentId === null || disk === null) continue;
    const connection = await deps.volume.connectAhead(attachmentId, targetOf(host), device).catch((error: unknown) => {
      if (!(error instanceof Fault) || error.kind !== 'notFound') throw error;
      log.warn({ volume: disk.volumeId, err: error }, 'the volume service does not know that a server has a volume');
      return null;
    });
    disks.push(connection === null ? disk : diskOf({ ...disk, device }, connection, bootIndex));
  }
  return disks;
}
