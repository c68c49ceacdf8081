// Why: volumes are made, changed and removed by the same rules whether a client asks over HTTP or compute from within the process.
// Each is one transaction that locks the volume first and leaves the work on its file as a job.

import { badRequest } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Caller } from '../../base/op.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import { isOfVolumes } from '../../domain/servers/image-devices.ts';
import type { VolumeSource } from '../../domain/volumes/jobs.ts';
import { mustBegin } from '../../domain/volumes/status.ts';
import { attachmentsOf } from '../../db/volume-attachments.ts';
import { dropJobsOf, enqueueJob, isBeingRead } from '../../db/volume-jobs.ts';
import {
  findSnapshot,
  lockSnapshot,
  snapshotsOf,
  type StoredSnapshot,
  updateSnapshot,
} from '../../db/volume-snapshots.ts';
import { findVolume, insertVolume, lockVolume, type StoredVolume, type Texts, updateVolume } from '../../db/volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { RuleName } from '../../policies/index.ts';
import type { VolumeParts } from './parts.ts';
import { checkQuota } from './quota.ts';
import { mustMay, seen, snapshotMissing, volumeMissing } from './rules.ts';
import { checkPromises, DEFAULT_TYPE, typeFor } from './types.ts';

const GIB = 1024 ** 3;

/** Who asks, and by which request. */
export interface Asker {
  readonly caller: Caller;
  readonly projectId: string;
  readonly requestId: string;
}

export interface NewVolume {
  /** Null: as large as what it is made from. */
  readonly sizeGb: number | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly type: string | null;
  readonly zone: string | null;
  readonly metadata: Texts;
  readonly source: VolumeSource;
}

/** What a new volume takes from its source. */
export interface Origin {
  readonly leastGb: number;
  readonly typeId: string | null;
  readonly bootable: boolean;
  readonly imageMetadata: Texts | null;
}

const NOTHING: Origin = { leastGb: 0, typeId: null, bootable: false, imageMetadata: null };

const gbOf = (bytes: number): number => Math.ceil(bytes / GIB);

/** What Cinder keeps of an image with a volume. */
const imageMetadataOf = (image: ImageFacts): Texts => ({
  ...image.properties,
  image_id: image.id,
  image_name: image.name ?? '',
  checksum: image.checksum ?? '',
  container_format: image.containerFormat ?? '',
  disk_format: image.diskFormat ?? '',
  min_disk: String(image.minDiskGb),
  min_ram: String(image.minRamMb),
  size: String(image.sizeBytes ?? 0),
});

/** What a volume takes of an image. @throws badRequest for one that is not there, or has no data */
export async function originOfImage(
  { images }: VolumeParts,
  { caller }: Pick<Asker, 'caller'>,
  id: string,
): Promise<Origin> {
  const image = await images.find(caller, id);
  if (image === null) throw badRequest(`Invalid image identifier or unable to access requested image: ${id}`);
  if (image.status !== 'active') throw badRequest(`Image ${id} is not active.`);
  if (isOfVolumes(image)) {
    throw badRequest(`Image ${id} has no data: it stands for snapshots of volumes.`);
  }
  const bytes = image.virtualSizeBytes ?? image.sizeBytes ?? 0;
  return {
    leastGb: Math.max(gbOf(bytes), image.minDiskGb),
    typeId: null,
    bootable: true,
    imageMetadata: imageMetadataOf(image),
  };
}

async function originOf(parts: VolumeParts, asker: Pick<Asker, 'caller'>, source: VolumeSource): Promise<Origin> {
  const { allows, database } = parts;
  const { caller } = asker;
  if (source.from === 'nothing') return NOTHING;
  if (source.from === 'image') return originOfImage(parts, asker, source.imageId);
  if (source.from === 'snapshot') {
    const { snapshotId: id } = source;
    const found = seen(
      allows,
      caller,
      'volume:get_snapshot',
      await findSnapshot(database.read, id),
      snapshotMissing(id),
    );
    const { sizeGb, typeId, bootable, imageMetadata } = found;
    return { leastGb: sizeGb, typeId, bootable, imageMetadata };
  }
  const { volumeId: id } = source;
  const found = seen(allows, caller, 'volume:get', await findVolume(database.read, id), volumeMissing(id));
  const { sizeGb, typeId, bootable, imageMetadata } = found;
  return { leastGb: sizeGb, typeId, bootable, imageMetadata };
}

/** What it is made from must be there, and stay as it is until the copy is made. */
async function holdSource(t: Tx, source: VolumeSource): Promise<string | null> {
  if (source.from === 'snapshot') {
    const snapshot = await lockSnapshot(t, source.snapshotId);
    if (snapshot === null) throw snapshotMissing(source.snapshotId);
    if (snapshot.status !== 'available') {
      throw badRequest(`Originating snapshot status must be one of 'available' values. It is ${snapshot.status}.`);
    }
    return snapshot.id;
  }
  if (source.from !== 'volume') return null;
  const volume = await lockVolume(t, source.volumeId);
  if (volume === null) throw volumeMissing(source.volumeId);
  mustBegin('clone', volume);
  return volume.id;
}

function sizeFor({ sizeGb, source }: NewVolume, { leastGb }: Origin): number {
  const size = sizeGb ?? (source.from === 'image' ? null : leastGb);
  if (size === null || size < 1) {
    throw badRequest(`Invalid input received: Volume size '${size}' must be an integer and greater than 0`);
  }
  if (size > limits.volumeGb) throw badRequest(`Invalid input received: a volume has at most ${limits.volumeGb} GB.`);
  if (size >= leastGb) return size;
  const words = {
    image: 'image size',
    snapshot: 'original snapshot size',
    volume: 'original volume size',
    nothing: '',
  };
  throw badRequest(
    `Invalid input received: Volume size ${size}GB cannot be smaller than the ${words[source.from]} ${leastGb}GB. They must be >= ${leastGb}.`,
  );
}

/**
 * A volume as it would be made, once nothing speaks against it but the quota.
 * @param id what it shall be called; default: a new one
 * @throws badRequest, notFound, forbidden
 */
export async function checkedVolume(
  parts: VolumeParts,
  asker: Pick<Asker, 'caller' | 'projectId'> & { readonly userId?: string },
  asked: NewVolume,
  id = newUuid(),
): Promise<StoredVolume> {
  const { database, clock, allows } = parts;
  const { caller, projectId, userId = caller.userId } = asker;
  mustMay(allows, caller, 'volume:create', { projectId, userId: caller.userId });
  if (asked.source.from === 'image') mustMay(allows, caller, 'volume:create_from_image', { projectId });
  if (asked.zone !== null && asked.zone !== parts.zone) {
    throw badRequest(`Availability zone '${asked.zone}' is invalid.`);
  }
  const origin = await originOf(parts, asker, asked.source);
  const sizeGb = sizeFor(asked, origin);
  const named = asked.type === null ? null : await typeFor(database.read, caller, asked.type);
  if (named !== null) checkPromises(named);
  const typeId = named?.id ?? origin.typeId ?? (await typeFor(database.read, caller, DEFAULT_TYPE)).id;
  const { source } = asked;
  const now = clock.now();
  return {
    ...{ id, projectId, userId, name: asked.name, description: asked.description, sizeGb },
    ...{ status: 'creating', previousStatus: null, zone: parts.zone, typeId, readonly: false },
    ...{ bootable: origin.bootable, imageMetadata: origin.imageMetadata, metadata: asked.metadata },
    snapshotId: source.from === 'snapshot' ? source.snapshotId : null,
    sourceVolumeId: source.from === 'volume' ? source.volumeId : null,
    ...{ createdAt: now, updatedAt: now },
  };
}

/** A volume whose bytes are being made. @throws badRequest, notFound, forbidden, tooLarge */
export async function createVolume(parts: VolumeParts, asker: Asker, asked: NewVolume): Promise<StoredVolume> {
  const volume = await checkedVolume(parts, asker, asked);
  await insertNew(parts, volume, asked.source, asker.requestId);
  return volume;
}

/** @throws badRequest for a source that is at something else, tooLarge */
export async function insertNew(
  parts: VolumeParts,
  volume: StoredVolume,
  source: VolumeSource,
  requestId: string,
): Promise<void> {
  const { projectId, sizeGb, createdAt: now } = volume;
  await tx(parts.database, async (t) => {
    const sourceId = await holdSource(t, source);
    await checkQuota(t, parts.quota, projectId, { volumes: 1, gigabytes: sizeGb, volumeGb: sizeGb });
    await insertVolume(t, volume);
    await enqueueJob(t, { kind: 'create', volumeId: volume.id, sourceId, args: { source }, requestId }, now);
  });
  parts.wake();
}

/** The volume, if the caller may know of it. @throws notFound */
export const seenVolume = async (
  { allows, database }: VolumeParts,
  caller: Caller,
  id: string,
): Promise<StoredVolume> => seen(allows, caller, 'volume:get', await findVolume(database.read, id), volumeMissing(id));

/**
 * Changes a volume in one transaction, if the rule allows it: what `to` gives is written, whatever else it does is in the same
 * transaction. @throws notFound, forbidden, and what `to` throws
 */
export async function changeVolume(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  rule: RuleName,
  to: (volume: StoredVolume, t: Tx) => Partial<StoredVolume> | Promise<Partial<StoredVolume>>,
): Promise<StoredVolume> {
  const { allows, database, clock } = parts;
  const changed = await tx(database, async (t) => {
    const volume = seen(allows, caller, 'volume:get', await lockVolume(t, id), volumeMissing(id));
    mustMay(allows, caller, rule, volume);
    const fields = { ...(await to(volume, t)), updatedAt: clock.now() };
    await updateVolume(t, id, fields);
    return { ...volume, ...fields };
  });
  parts.wake();
  return changed;
}

/** What keeps a volume from being deleted. @throws badRequest */
async function mustBeFree(t: Tx, volume: StoredVolume, snapshots: readonly StoredSnapshot[]): Promise<void> {
  const attachments = await attachmentsOf(t, [volume.id]);
  if (attachments.length > 0) {
    throw badRequest(`Invalid volume: Volume ${volume.id} is attached or reserved, so it cannot be deleted.`);
  }
  if (snapshots.length > 0) {
    throw badRequest('Invalid volume: Volume status must be available or error, and it must have no snapshots.');
  }
  if (await isBeingRead(t, volume.id)) {
    throw badRequest(`Invalid volume: Volume ${volume.id} is being copied, so it cannot be deleted now.`);
  }
}

/** How a volume is deleted. */
export interface Deletion {
  /** With its snapshots. */
  readonly cascade: boolean;
  /** Whatever its state is. */
  readonly force: boolean;
  /** The rule that must let the caller. */
  readonly rule: RuleName;
}

export const plainDeletion: Deletion = { cascade: false, force: false, rule: 'volume:delete' };

/** @throws notFound, forbidden, badRequest where its state or something that is made of it keeps it */
export async function deleteVolume(
  parts: VolumeParts,
  { caller, requestId }: Pick<Asker, 'caller' | 'requestId'>,
  id: string,
  { cascade, force, rule }: Deletion,
): Promise<void> {
  const now = parts.clock.now();
  await changeVolume(parts, caller, id, rule, async (volume, t) => {
    const snapshots = await snapshotsOf(t, id);
    if (!force) mustBegin('delete', volume);
    await mustBeFree(t, volume, cascade ? [] : snapshots);
    // whatever is left of other work would make its file anew
    await dropJobsOf(t, id);
    for (const snapshot of snapshots) {
      if (await isBeingRead(t, snapshot.id)) throw badRequest(`Snapshot ${snapshot.id} is being copied.`);
      await updateSnapshot(t, snapshot.id, { status: 'deleting', updatedAt: now });
      await enqueueJob(t, { kind: 'delete_snapshot', volumeId: id, snapshotId: snapshot.id, requestId }, now);
    }
    await enqueueJob(t, { kind: 'delete', volumeId: id, requestId }, now);
    return { status: 'deleting' };
  });
}

/** @throws badRequest where the new size is not larger, or the volume is at something else */
export async function extendVolume(
  parts: VolumeParts,
  asker: Asker,
  id: string,
  newGb: number,
  inUse: boolean,
): Promise<void> {
  const { caller, requestId } = asker;
  await changeVolume(
    parts,
    caller,
    id,
    inUse ? 'volume:extend_attached_volume' : 'volume:extend',
    async (volume, t) => {
      mustBegin(inUse ? 'extendInUse' : 'extend', volume);
      if (newGb <= volume.sizeGb) {
        throw badRequest(
          `Invalid input received: New size for extend must be greater than current size. (current: ${volume.sizeGb}, extended: ${newGb}).`,
        );
      }
      if (newGb > limits.volumeGb)
        throw badRequest(`Invalid input received: a volume has at most ${limits.volumeGb} GB.`);
      // it is made larger in place, which a copy of it must not meet
      if (await isBeingRead(t, id)) {
        throw badRequest(`Invalid volume: Volume ${id} is being copied, so it cannot be extended now.`);
      }
      await checkQuota(t, parts.quota, volume.projectId, { gigabytes: newGb - volume.sizeGb, volumeGb: newGb });
      const args = { fromGb: volume.sizeGb };
      await enqueueJob(t, { kind: 'extend', volumeId: id, args, requestId }, parts.clock.now());
      return { status: 'extending', previousStatus: volume.status, sizeGb: newGb };
    },
  );
}

/** Puts a volume back to its newest snapshot. */
export async function revertVolume(
  parts: VolumeParts,
  { caller, requestId }: Asker,
  id: string,
  snapshotId: string,
): Promise<void> {
  await changeVolume(parts, caller, id, 'volume:revert_to_snapshot', async (volume, t) => {
    mustBegin('revert', volume);
    const snapshots = await snapshotsOf(t, id);
    const newest = snapshots.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))[0];
    if (newest?.id !== snapshotId) {
      throw badRequest(`Invalid snapshot: Specified snapshot ${snapshotId} is not the latest one of volume ${id}.`);
    }
    if (newest.status !== 'available') throw badRequest(`Invalid snapshot: its status is ${newest.status}.`);
    if (newest.sizeGb !== volume.sizeGb) {
      throw badRequest(
        'Invalid volume: the volume was extended after the snapshot was made, so it cannot go back to it.',
      );
    }
    await enqueueJob(t, { kind: 'revert', volumeId: id, sourceId: snapshotId, requestId }, parts.clock.now());
    return { status: 'reverting' };
  });
}

export interface UploadRequest {
  readonly imageName: string;
  readonly diskFormat: 'raw' | 'qcow2';
  readonly containerFormat: string;
  readonly visibility: 'private' | 'shared';
}

/** Makes an image of a volume; it is queued until its bytes are there. Resolves to the image's id. */
export async function uploadVolume(
  parts: VolumeParts,
  asker: Asker,
  id: string,
  asked: UploadRequest,
): Promise<[StoredVolume, string]> {
  const { caller, requestId } = asker;
  const before = await seenVolume(parts, caller, id);
  mustMay(parts.allows, caller, 'volume_extension:volume_actions:upload_image', before);
  mustBegin('upload', before);
  const imageId = newUuid();
  await parts.images.create(caller, {
    ...{ id: imageId, name: asked.imageName, visibility: asked.visibility, diskFormat: asked.diskFormat },
    ...{ containerFormat: asked.containerFormat, minDiskGb: before.sizeGb, minRamMb: 0, sharedWith: null },
    properties: ownProperties(before),
  });
  try {
    const volume = await changeVolume(
      parts,
      caller,
      id,
      'volume_extension:volume_actions:upload_image',
      async (now, t) => {
        mustBegin('upload', now);
        const args = { imageId, format: asked.diskFormat };
        await enqueueJob(t, { kind: 'upload', volumeId: id, args, requestId }, parts.clock.now());
        return { status: 'uploading', previousStatus: now.status };
      },
    );
    return [volume, imageId];
  } catch (error) {
    await parts.images.remove(caller, imageId).catch(() => undefined);
    throw error;
  }
}

/** What Glance says of every image by itself is no property of the new one. */
const GLANCES = new Set([
  'image_id',
  'image_name',
  'checksum',
  'container_format',
  'disk_format',
  'min_disk',
  'min_ram',
  'size',
]);

const ownProperties = ({ imageMetadata }: StoredVolume): Texts =>
  Object.fromEntries(Object.entries(imageMetadata ?? {}).filter(([name]) => !GLANCES.has(name)));

/** Sets a state by hand. @throws badRequest for one that is free, of a volume that somebody has */
export async function resetStatus(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  status: StoredVolume['status'],
): Promise<void> {
  await changeVolume(parts, caller, id, 'volume_extension:volume_admin_actions:reset_status', async (_before, t) => {
    if (status === 'available' && (await attachmentsOf(t, [id])).length > 0) {
      throw badRequest(`Invalid volume: Volume ${id} is attached or reserved, so it is not available.`);
    }
    return { status, previousStatus: null };
  });
}

/** A volume that nothing is under way with, for a change of what is said of it. */
export function mustRest(volume: StoredVolume): void {
  if (['deleting', 'maintenance'].includes(volume.status)) {
    throw badRequest(`Invalid volume: Volume ${volume.id} is ${volume.status}.`);
  }
}
