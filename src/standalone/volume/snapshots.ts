// Why: snapshots are made and removed by the same rules as volumes; each is a file of its own.

import { badRequest } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Caller } from '../../base/op.ts';
import { mustBegin, type SnapshotStatus } from '../../domain/volumes/status.ts';
import { dropJobsOfSnapshot, enqueueJob, isBeingRead } from '../../db/volume-jobs.ts';
import {
  findSnapshot,
  insertSnapshot,
  lockSnapshot,
  type StoredSnapshot,
  updateSnapshot,
} from '../../db/volume-snapshots.ts';
import { lockVolume, type Texts } from '../../db/volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { RuleName } from '../../policies/index.ts';
import type { VolumeParts } from './parts.ts';
import { checkQuota } from './quota.ts';
import { mustMay, seen, snapshotMissing, volumeMissing } from './rules.ts';
import type { Asker } from './volumes.ts';

export interface NewSnapshot {
  readonly volumeId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly metadata: Texts;
  /** Also of a volume that a server has, as its host copies it meanwhile. */
  readonly ofUsed: boolean;
  /** Absent: a new one. */
  readonly id?: string;
  /** For whom it is; absent: for the caller. */
  readonly userId?: string;
  /** The file systems of the guest that has it must be still at that moment; absent: they need not. */
  readonly quiesce?: boolean;
}

/** A snapshot whose bytes are being copied. @throws notFound, forbidden, badRequest, tooLarge */
export async function createSnapshot(
  parts: VolumeParts,
  { caller, requestId }: Asker,
  asked: NewSnapshot,
): Promise<StoredSnapshot> {
  const { allows, clock } = parts;
  const now = clock.now();
  const made = await tx(parts.database, async (t) => {
    const volume = seen(
      allows,
      caller,
      'volume:get',
      await lockVolume(t, asked.volumeId),
      volumeMissing(asked.volumeId),
    );
    mustMay(allows, caller, 'volume:create_snapshot', volume);
    mustBegin(asked.ofUsed ? 'snapshot' : 'snapshotUnused', volume);
    await checkQuota(t, parts.quota, volume.projectId, { snapshots: 1, gigabytes: volume.sizeGb });
    const { name, description, metadata } = asked;
    const { projectId, sizeGb, typeId, bootable, imageMetadata } = volume;
    const snapshot: StoredSnapshot = {
      ...{
        id: asked.id ?? newUuid(),
        volumeId: volume.id,
        projectId,
        userId: asked.userId ?? caller.userId,
        name,
        description,
        sizeGb,
      },
      ...{ status: 'creating', typeId, bootable, metadata, imageMetadata, createdAt: now, updatedAt: now },
    };
    await insertSnapshot(t, snapshot);
    const of = { volumeId: volume.id, snapshotId: snapshot.id, sourceId: volume.id, requestId };
    await enqueueJob(t, { kind: 'snapshot', ...of, args: { quiesce: asked.quiesce ?? false } }, now);
    return snapshot;
  });
  parts.wake();
  return made;
}

/** The snapshot, if the caller may know of it. @throws notFound */
export const seenSnapshot = async (
  { allows, database }: VolumeParts,
  caller: Caller,
  id: string,
): Promise<StoredSnapshot> =>
  seen(allows, caller, 'volume:get_snapshot', await findSnapshot(database.read, id), snapshotMissing(id));

/** Changes a snapshot in one transaction, if the rule allows it. @throws notFound, forbidden, and what `to` throws */
export async function changeSnapshot(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  rule: RuleName,
  to: (snapshot: StoredSnapshot, t: Tx) => Partial<StoredSnapshot> | Promise<Partial<StoredSnapshot>>,
): Promise<StoredSnapshot> {
  const { allows, database, clock } = parts;
  const changed = await tx(database, async (t) => {
    const snapshot = seen(allows, caller, 'volume:get_snapshot', await lockSnapshot(t, id), snapshotMissing(id));
    mustMay(allows, caller, rule, snapshot);
    const fields = { ...(await to(snapshot, t)), updatedAt: clock.now() };
    await updateSnapshot(t, id, fields);
    return { ...snapshot, ...fields };
  });
  parts.wake();
  return changed;
}

const DELETABLE: readonly SnapshotStatus[] = ['available', 'error', 'error_deleting'];

/** @param force whatever its state is */
export async function deleteSnapshot(
  parts: VolumeParts,
  { caller, requestId }: Pick<Asker, 'caller' | 'requestId'>,
  id: string,
  force: boolean,
): Promise<void> {
  const rule = force ? 'volume_extension:snapshot_admin_actions:force_delete' : 'volume:delete_snapshot';
  await changeSnapshot(parts, caller, id, rule, async ({ volumeId, status }, t) => {
    if (!force && !DELETABLE.includes(status)) {
      throw badRequest(`Invalid snapshot: Volume Snapshot status must be available or error, but is ${status}.`);
    }
    if (await isBeingRead(t, id))
      throw badRequest(`Invalid snapshot: ${id} is being copied, so it cannot be deleted now.`);
    // the copy that is left to make would be a file of nothing
    await dropJobsOfSnapshot(t, id);
    await enqueueJob(t, { kind: 'delete_snapshot', volumeId, snapshotId: id, requestId }, parts.clock.now());
    return { status: 'deleting' };
  });
}
