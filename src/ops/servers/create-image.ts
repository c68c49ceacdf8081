// Why: createImage and createBackup copy a server's disk into an image; a backup also lets the oldest of its kind go.

import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { type Op, systemCaller } from '../../base/op.ts';
import { updateServer } from '../../db/servers.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { bootsFromVolume } from '../../domain/servers/server-volumes.ts';
import type { OpsDeps } from '../deps.ts';
import type { Saga, StepContext } from '../engine/saga.ts';
import { settleFailed } from '../engine/settle.ts';
import { beginSnapshot, dropHalfImage, removeImage, type SnapshotInput, snapshotSteps, tolerate } from './snapshot.ts';
import { copyable, defineTransition } from '../../domain/servers/transition.ts';
import { defineAction } from '../engine/action.ts';
import { beginSnapshots, dropBegun } from './early-volumes.ts';
import {
  checkVolumesOf,
  dropHalfImageOfVolumes,
  type ImageInput,
  imageOfVolumesSteps,
  snapshotNameOf,
} from './image-of-volumes.ts';

type Properties = Readonly<Record<string, string>>;

export interface CreatedImage {
  readonly imageId: string;
}

/**
 * Begins an image of the server, which is there, queued, when this returns. Throws 404, 409 and 501, and, of a server that boots from a
 * volume, what the volume service says of snapshots.
 */
export async function createImage(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  { name, metadata }: { readonly name: string; readonly metadata: Properties },
): Promise<CreatedImage> {
  const transition = createImageAction.transitions.createImage;
  await checkVolumesOf(deps, op, uuid, transition);
  const taken = await beginSnapshots(deps, op, uuid, snapshotNameOf(name));
  return beginSnapshot(
    deps,
    op,
    uuid,
    transition,
    createImageAction,
    () => ({ name, type: 'snapshot', properties: metadata }),
    (imageId, server) => ({
      imageId,
      ...(bootsFromVolume(server) && {
        ofVolumes: { userId: op.caller.userId, name, ...(taken !== null && { taken }) },
      }),
    }),
  ).catch(async (error: unknown) => {
    await dropBegun(deps, op, taken ?? []);
    throw error;
  });
}

export interface BackupRequest {
  readonly name: string;
  /** The kind of which `rotation` are kept: `daily`, `weekly`. */
  readonly backupType: string;
  readonly rotation: number;
  readonly metadata: Properties;
}

interface BackupInput extends SnapshotInput {
  readonly backupType: string;
  readonly rotation: number;
}

/** Begins a backup, after which only the newest `rotation` of its type are kept: none at all for 0. */
export const createBackup = (
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  { name, backupType, rotation, metadata }: BackupRequest,
): Promise<CreatedImage> =>
  beginSnapshot(
    deps,
    op,
    uuid,
    createBackupAction.transitions.createBackup,
    createBackupAction,
    () => ({ name, type: 'backup', properties: { ...metadata, backup_type: backupType } }),
    (imageId, server) => {
      if (bootsFromVolume(server)) throw badRequest('Backup is not supported for volume-backed instances.');
      return { imageId, backupType, rotation };
    },
  );

/** The image is made or it is not; the server is as it was either way. */
function imageSaga<I extends SnapshotInput>(steps: Saga<I>['steps']): Omit<Saga<I>, 'name'> {
  return {
    notification: 'snapshot',
    secrets: [],
    steps,
    facts: ({ imageId }) => ({ snapshotImageId: imageId }),
    async settle(t, { server }, nowMs) {
      await updateServer(t, server.id, { taskState: null }, nowMs);
      return null;
    },
    async failed(t, { server }, failure, nowMs) {
      await settleFailed(t, server, failure, nowMs, {});
    },
    overtaken: dropHalfImage,
  };
}

/** The same of a server that boots from a volume: the image says which snapshots of its volumes it stands for. */
export const imageOfVolumesSaga: Saga<ImageInput> = {
  name: 'createImage',
  ...imageSaga<ImageInput>(imageOfVolumesSteps),
  overtaken: dropHalfImageOfVolumes,
};

export const createImageAction = defineAction<ImageInput>()({
  name: 'createImage',
  variant: ({ ofVolumes }) => (ofVolumes === undefined ? null : imageOfVolumesSaga),
  transitions: {
    createImage: defineTransition('createImage', 'Make an image of the server.', copyable, {
      task: 'image_snapshot_pending',
      lockable: false,
      verb: 'snapshot',
    }),
  },
  ...imageSaga(
    snapshotSteps(
      { begun: 'image_snapshot', copying: 'image_pending_upload', uploading: 'image_uploading' },
      'compute_snapshot_instance',
    ),
  ),
});

/** Removes what is too old of the server's backups of this type. Only those of the same owner: others may call theirs alike. */
async function rotate({ deps, server, input }: StepContext<BackupInput>): Promise<void> {
  const made = await deps.image.find(systemCaller, input.imageId);
  if (made?.owner == null) return;
  const filters = {
    owner: made.owner,
    image_type: 'backup',
    backup_type: input.backupType,
    instance_uuid: server.uuid,
  };
  const backups = await deps.image.list(systemCaller, { filters, limit: limits.pageSize, marker: null });
  for (const { id } of backups.slice(input.rotation).toReversed()) await removeImage(deps, id);
}

export const createBackupAction = defineAction<BackupInput>()({
  name: 'createBackup',
  transitions: {
    createBackup: defineTransition('createBackup', 'Make a backup image of the server.', copyable, {
      task: 'image_backup',
      lockable: false,
      verb: 'snapshot',
    }),
  },
  ...imageSaga<BackupInput>([
    ...snapshotSteps<BackupInput>(
      { begun: null, copying: 'image_pending_upload', uploading: 'image_uploading' },
      'compute_backup_instance',
    ),
    {
      name: 'rotate',
      run: (context) => tolerate(context, 'backups that are too old stay', () => rotate(context)),
      undo: 'what was too old is gone for good',
    },
  ]),
});
