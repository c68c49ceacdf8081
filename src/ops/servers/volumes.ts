// Why: volumes are asked of the block storage service; what a server must be to get one is compute's to say.

import { badRequest, Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { Volume, VolumeSnapshot } from '../../cloud/volume.ts';
import type { Server, VmState } from '../../domain/servers/instance.ts';
import { checkTransition } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { defineTransition } from '../../domain/servers/transition.ts';

export type { Volume, VolumeSnapshot };

/** States of a server whose volumes may be changed. */
const states: readonly VmState[] = [
  'active',
  'paused',
  'stopped',
  'resized',
  'soft-delete',
  'shelved',
  'shelved_offloaded',
];

export const volumeTransitions = {
  attachVolume: defineTransition('attach_volume', 'Attach a volume.', states),
  detachVolume: defineTransition('detach_volume', 'Detach a volume.', states),
};

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
  await checkTransition(deps.database.read, op, server, volumeTransitions.attachVolume);
  return deps.volume.volume(op.caller, volumeId);
}
