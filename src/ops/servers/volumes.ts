// Why: what was asked of compute until 2.35 and is the volume service's: volumes and their snapshots.

import { badRequest, Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { NewVolumeRequest, Volume, VolumeSnapshot } from '../../cloud/volume.ts';
import type { OpsDeps } from '../deps.ts';

export type { NewVolumeRequest, Volume, VolumeSnapshot };

export const listVolumes = ({ volume }: OpsDeps, op: Op): Promise<readonly Volume[]> => volume.volumes(op.caller);

export const showVolume = ({ volume }: OpsDeps, op: Op, id: string): Promise<Volume> => volume.volume(op.caller, id);

export const createVolume = ({ volume }: OpsDeps, op: Op, request: NewVolumeRequest): Promise<Volume> =>
  volume.createVolume(op.caller, request, op.requestId);

export const deleteVolume = ({ volume }: OpsDeps, op: Op, id: string): Promise<void> =>
  volume.deleteVolume(op.caller, id, op.requestId);

export const listSnapshots = ({ volume }: OpsDeps, op: Op): Promise<readonly VolumeSnapshot[]> =>
  volume.snapshots(op.caller);

export const showSnapshot = ({ volume }: OpsDeps, op: Op, id: string): Promise<VolumeSnapshot> =>
  volume.snapshot(op.caller, id);

export const deleteSnapshot = ({ volume }: OpsDeps, op: Op, id: string): Promise<void> =>
  volume.deleteSnapshot(op.caller, id, op.requestId);

/** A snapshot of a volume. Nova has no 404 here: a volume that is not there is a bad request. */
export async function createSnapshot(
  { volume }: OpsDeps,
  op: Op,
  request: { readonly volumeId: string; readonly name: string | null; readonly description: string | null },
): Promise<VolumeSnapshot> {
  try {
    return await volume.createSnapshot(op.caller, request, op.requestId);
  } catch (error) {
    if (error instanceof Fault && error.kind === 'notFound') throw badRequest(error.message, { code: error.code });
    throw error;
  }
}
