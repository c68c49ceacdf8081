// Why: some volume services make a volume, or a snapshot, only for who asks with his own token. So they are asked within the request,
// before there is a row; what the request then does not come to use is taken back.

import { isYes } from '../../base/boolean-word.ts';
import { messageOf } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Op } from '../../base/op.ts';
import { findServer } from '../../db/servers.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import type { VolumeSnapshotPlan } from '../../domain/servers/image-devices.ts';
import { bootsFromVolume, type NewServerVolume } from '../../domain/servers/server-volumes.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';

/** What a volume is made from, as the volume service is asked. */
export const requestOf = ({ source, id, sizeGb, type }: NewServerVolume) => ({
  ...{ sizeGb, name: '', description: '', type, zone: null, metadata: {} },
  imageId: source === 'image' ? id : null,
  snapshotId: source === 'snapshot' ? id : null,
});

/** Of each server that is to be made, the ids of its volumes, in the order in which it asks for them. */
export interface BegunVolumes {
  readonly ids: readonly (readonly string[])[];
  /** Takes back those of the servers after the first `count`. */
  keepFirst(count: number): Promise<void>;
}

async function drop(deps: OpsDeps, op: Op, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await deps.volume.remove(id, op.requestId).catch((error: unknown) => {
      op.log.warn({ volume: id, reason: messageOf(error) }, 'a volume that no server got stays');
    });
  }
}

/**
 * Begins the volumes that `count` servers shall have each, where only their owner can; else their ids are chosen later. Throws what the
 * volume service says, and nothing is left then.
 */
export async function beginVolumes(
  deps: OpsDeps,
  op: Op,
  volumes: readonly NewServerVolume[],
  count: number,
): Promise<BegunVolumes> {
  const { early } = deps.volume;
  const made: string[] = [];
  const ids: string[][] = [];
  if (early !== null && volumes.some(({ source }) => source !== 'volume')) {
    for (let server = 0; server < count; server += 1) {
      const own: string[] = [];
      for (const volume of volumes) {
        const begun = async (): Promise<string> => {
          const id = await early.volume(op.caller, newUuid(), requestOf(volume), op.requestId);
          made.push(id);
          return id;
        };
        try {
          own.push(volume.source === 'volume' ? volume.id : await begun());
        } catch (error) {
          await drop(deps, op, made);
          throw error;
        }
      }
      ids.push(own);
    }
  }
  const perServer = count === 0 ? 0 : made.length / count;
  return { ids, keepFirst: (first) => drop(deps, op, made.slice(first * perServer)) };
}

/** Whether the file systems of a server's guest have to be still while its volumes are copied. */
export const mustQuiesce = ({ image }: Pick<Server, 'image'>): boolean =>
  isYes(image?.properties['os_require_quiesce']);

/** Begins a snapshot of each volume of a server that boots from one, where only its owner can; null: that is done later. */
export async function beginSnapshots(
  deps: OpsDeps,
  op: Op,
  uuid: string,
  name: string,
): Promise<readonly VolumeSnapshotPlan[] | null> {
  const { early } = deps.volume;
  const server = early === null ? null : await findServer(deps.database.read, uuid);
  if (early === null || server === null || !bootsFromVolume(server)) return null;
  const taken: VolumeSnapshotPlan[] = [];
  // who is off, or stands still, writes nothing
  const quiesce = mustQuiesce(server) && server.powerState === power.running;
  try {
    for (const { volumeId } of await volumesOfServer(deps.database.read, server.id)) {
      const snapshotId = await early.snapshot(op.caller, newUuid(), { volumeId, name, quiesce }, op.requestId);
      taken.push({ volumeId, snapshotId });
    }
  } catch (error) {
    await dropBegun(deps, op, taken);
    throw error;
  }
  return taken;
}

/** Takes snapshots back that nothing came to use. */
export async function dropBegun(deps: OpsDeps, op: Op, taken: readonly VolumeSnapshotPlan[]): Promise<void> {
  for (const { snapshotId } of taken) {
    await deps.volume.removeSnapshot(snapshotId, op.requestId).catch((error: unknown) => {
      op.log.warn({ snapshot: snapshotId, reason: messageOf(error) }, 'a snapshot of which no image came stays');
    });
  }
}
