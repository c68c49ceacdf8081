// Why: an image of a server that boots from a volume has no bytes: it names a snapshot of each of the server's volumes, of which a server
// of that image gets volumes of its own. The image is active when all of them are whole; taken back, nothing of it is left.

import { Fault, forbidden, internal, notFound } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { type Op, systemCaller } from '../../base/op.ts';
import { volumesOfServer } from '../../db/server-volumes.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { propertiesOfVolumes, type TakenVolume, type VolumeSnapshotPlan } from '../../domain/servers/image-devices.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import type { Transition } from '../../domain/servers/transition.ts';
import { checkTransition } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { type Step, step, type StepContext } from '../engine/saga.ts';
import { awaitOutcome, volumePatience } from './await-outcome.ts';
import { mustQuiesce } from './early-volumes.ts';
import { busOfServer } from './volume-bus.ts';
import { dropHalfImage, removeImage, type SnapshotInput, tolerate } from './snapshot.ts';

export interface ImageInput extends SnapshotInput {
  /** Of a server that boots from a volume: who asks for which name; absent: it has a root disk of its own. */
  readonly ofVolumes?: {
    readonly userId: string;
    readonly name: string;
    /** The snapshots that were begun with the request; absent: they are yet to be. */
    readonly taken?: readonly VolumeSnapshotPlan[];
  };
}

const longestName = 255;

/** What the snapshots are called of which an image is. */
export const snapshotNameOf = (image: string): string => `snapshot for ${image}`.slice(0, longestName);

/** Throws where the caller may not have snapshots of the volumes of a server that boots from one, or they cannot be taken now. */
export async function checkVolumesOf(deps: OpsDeps, op: Op, uuid: string, transition: Transition): Promise<void> {
  const server = await findServer(deps.database.read, uuid);
  if (server === null || !bootsFromVolume(server)) return;
  await checkTransition(deps.database.read, op, server, transition);
  const volumes = await volumesOfServer(deps.database.read, server.id);
  const ids = volumes.map(({ volumeId }) => volumeId);
  await deps.volume.checkSnapshots(op.caller, ids).catch((error: unknown) => {
    if (error instanceof Fault && error.kind === 'tooLarge') throw forbidden(error.message, { code: 'quota' });
    throw error;
  });
}

const image = step({
  name: 'image',
  async run({ deps, server, input, commit }: StepContext<ImageInput>): Promise<readonly VolumeSnapshotPlan[]> {
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'image_snapshot' }, nowMs));
    if ((await deps.image.find(systemCaller, input.imageId)) === null) {
      throw notFound(`Image ${input.imageId} could not be found.`);
    }
    if (input.ofVolumes?.taken !== undefined) return input.ofVolumes.taken;
    const volumes = await volumesOfServer(deps.database.read, server.id);
    return volumes.map(({ volumeId }) => ({ volumeId, snapshotId: newUuid() }));
  },
  undo: ({ deps, input }) => removeImage(deps, input.imageId),
});

/** Waits until a snapshot is whole, and says how large it is. */
function whenTaken(context: StepContext<ImageInput>, { volumeId, snapshotId }: VolumeSnapshotPlan): Promise<number> {
  const untaken = (why: string) =>
    internal(`The snapshot of volume ${volumeId} was not made${why}.`, { code: 'volume.busy' });
  const look = async (): Promise<number | null> => {
    const found = await context.deps.volume.snapshotState(snapshotId);
    if (found?.status === 'available') return found.sizeGb;
    if (found?.status === 'creating') return null;
    throw untaken(`: its status is ${found?.status ?? 'deleted'}, and the messages of the volume service say why`);
  };
  return awaitOutcome(context, volumePatience, look, () => untaken(' in time'));
}

/** Removes what there is of them. */
async function dropSnapshots({ deps, action }: StepContext<ImageInput>, plan: readonly VolumeSnapshotPlan[]) {
  for (const { snapshotId } of plan) await deps.volume.removeSnapshot(snapshotId, action.requestId);
}

const snapshots = step({
  name: 'snapshots',
  async run(context: StepContext<ImageInput>): Promise<readonly (VolumeSnapshotPlan & { readonly sizeGb: number })[]> {
    const { deps, server, input, action, commit, output } = context;
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'image_pending_upload' }, nowMs));
    const { userId = '', name = '' } = input.ofVolumes ?? {};
    const request = { userId, name: snapshotNameOf(name), description: null, quiesce: mustQuiesce(server) };
    for (const { volumeId, snapshotId } of output(image)) {
      await deps.volume.makeSnapshot(snapshotId, { ...request, volumeId }, action.requestId);
    }
    const taken = [];
    for (const one of output(image)) taken.push({ ...one, sizeGb: await whenTaken(context, one) });
    return taken;
  },
  async undo(context) {
    await tolerate(context, 'snapshots of volumes stay', () => dropSnapshots(context, context.output(image)));
  },
});

async function* nothing(): AsyncGenerator<Uint8Array> {
  // such an image has no data
}

const describe: Step<ImageInput> = {
  name: 'upload',
  event: 'api_snapshot_instance',
  async run({ deps, server, input, commit, output }) {
    await commit((t, nowMs) => updateServer(t, server.id, { taskState: 'image_uploading' }, nowMs));
    const { imageId } = input;
    const found = await deps.image.find(systemCaller, imageId);
    if (found?.status === 'queued') {
      const rows = await volumesOfServer(deps.database.read, server.id);
      const taken = output(snapshots).flatMap(({ volumeId, ...one }): readonly TakenVolume[] => {
        const volume = rows.find((row) => row.volumeId === volumeId);
        return volume === undefined ? [] : [{ ...one, volume }];
      });
      const set = propertiesOfVolumes(taken, busOfServer(server));
      await deps.image.change(systemCaller, imageId, { formats: { disk: 'raw', container: 'bare' }, set });
    }
    await deps.image.write(imageId, nothing());
  },
  undo: 'what is written goes with the image',
};

export const imageOfVolumesSteps: readonly Step<ImageInput>[] = [image, snapshots, describe];

/** A delete overtook the action: an image that is not whole goes with the server, and the snapshots with the image. */
export async function dropHalfImageOfVolumes(context: StepContext<ImageInput>): Promise<void> {
  const { deps, input, outputIfDone } = context;
  const found = await deps.image.find(systemCaller, input.imageId);
  if (found === null || found.status === 'active') return;
  await dropHalfImage(context);
  await dropSnapshots(context, outputIfDone(image) ?? []);
}
