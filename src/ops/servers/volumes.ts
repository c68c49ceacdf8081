// Why: volumes are asked of the block storage service; what a server must be to get one is compute's to say.

import { badRequest, Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Volume, VolumeSnapshot } from '../../cloud/volume.ts';
import type { Server } from '../../domain/servers/instance.ts';
import { checkMove } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';

export type { Volume, VolumeSnapshot };

export const listVolumes = ({ volume }: OpsDeps, op: Op): Promise<readonly Volume[]> => volume.volumes(op.caller);

export const showVolume = ({ volume }: OpsDeps, op: Op, id: string): Promise<Volume> => volume.volume(op.caller, id);

/** @param snapshotId what it shall be made from; null: nothing */
export async function createVolume({ volume }: OpsDeps, op: Op, snapshotId: string | null): Promise<Volume> {
  if (snapshotId !== null) await volume.snapshot(op.caller, snapshotId);
  return volume.createVolume(op.caller);
}

export const listSnapshots = ({ volume }: OpsDeps, op: Op): Promise<readonly VolumeSnapshot[]> =>
  volume.snapshots(op.caller);

export const showSnapshot = ({ volume }: OpsDeps, op: Op, id: string): Promise<VolumeSnapshot> =>
  volume.snapshot(op.caller, id);

/** A snapshot of a volume. Nova has no 404 here: a volume that is not there is a bad request. */
export async function createSnapshot({ volume }: OpsDeps, op: Op, volumeId: string): Promise<VolumeSnapshot> {
  try {
    return await volume.volume(op.caller, volumeId);
  } catch (error) {
    if (error instanceof Fault && error.kind === 'notFound') throw badRequest(error.message, { code: error.code });
    throw error;
  }
}

/** Throws Nova's 409 for a server in the wrong state, then what the block storage says. */
export async function attachVolume(deps: OpsDeps, op: Op, server: Server, volumeId: string): Promise<Volume> {
  await checkMove(deps.database.read, op, server, 'attachVolume');
  return deps.volume.volume(op.caller, volumeId);
}
