// Why: a volume may get an image's data in place of its own. Its file is made anew beside the old one and takes its name when it is whole,
// so that what fails leaves the data of before.

import { badRequest } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import { systemCaller } from '../../base/op.ts';
import { attachmentsOf } from '../../db/volume-attachments.ts';
import { dropJobsOfKind, enqueueJob } from '../../db/volume-jobs.ts';
import { lockVolume, type StoredVolume, updateVolume } from '../../db/volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { mustBegin, type VolumeVerb } from '../../domain/volumes/status.ts';
import { statusWith } from './attachments.ts';
import { formatOf } from './formats.ts';
import type { VolumeParts } from './parts.ts';
import { mustMay, volumeMissing } from './rules.ts';
import { type Asker, changeVolume, type Origin, originOfImage, seenVolume } from './volumes.ts';

/** What the volume keeps of an image that it has room for. @throws badRequest */
async function fittingImage(
  parts: VolumeParts,
  caller: Caller,
  { sizeGb }: StoredVolume,
  imageId: string,
): Promise<Origin> {
  const origin = await originOfImage(parts, { caller }, imageId);
  formatOf(origin.imageMetadata?.['disk_format'] ?? null);
  if (origin.leastGb > sizeGb) {
    throw badRequest(
      `Invalid input received: Volume size ${sizeGb}GB cannot be smaller than the image size ${origin.leastGb}GB.`,
    );
  }
  return origin;
}

async function begin(
  t: Tx,
  { clock }: VolumeParts,
  volume: StoredVolume,
  image: { readonly imageId: string; readonly origin: Origin },
  requestId: string,
): Promise<Partial<StoredVolume>> {
  const args = { imageId: image.imageId, imageMetadata: image.origin.imageMetadata ?? {} };
  await enqueueJob(t, { kind: 'reimage', volumeId: volume.id, args, requestId }, clock.now());
  return { status: 'downloading', previousStatus: volume.status };
}

/**
 * Begins to put an image's data on a volume that nobody has.
 * @param reserved also on one that is kept for somebody
 * @throws notFound, forbidden, badRequest
 */
export async function reimageVolume(
  parts: VolumeParts,
  { caller, requestId }: Pick<Asker, 'caller' | 'requestId'>,
  id: string,
  imageId: string,
  reserved: boolean,
): Promise<void> {
  const before = await seenVolume(parts, caller, id);
  const verb: VolumeVerb = reserved ? 'reimageReserved' : 'reimage';
  mustBegin(verb, before);
  const rule = before.status === 'reserved' ? 'volume:reimage_reserved' : 'volume:reimage';
  const origin = await fittingImage(parts, caller, before, imageId);
  await changeVolume(parts, caller, id, rule, async (volume, t) => {
    mustBegin(verb, volume);
    // what failed before, or has its status by hand, may be a server's still, which may have it open
    const held = await attachmentsOf(t, [id]);
    if (held.some(({ status }) => volume.status === 'error' || status !== 'reserved')) {
      throw badRequest(`Invalid volume: Volume ${id} is attached or reserved: rebuild its server.`);
    }
    return begin(t, parts, volume, { imageId, origin }, requestId);
  });
}

/** Throws as `reimageForServer` would, and where the caller may not. */
export async function checkReimage(parts: VolumeParts, caller: Caller, id: string, imageId: string): Promise<void> {
  const volume = await seenVolume(parts, caller, id);
  mustMay(parts.allows, caller, 'volume:reimage_reserved', volume);
  mustBegin('reimageUsed', volume);
  await fittingImage(parts, caller, volume, imageId);
}

/** The same for the volume of a server, which is off meanwhile; under way already: nothing happens. */
export async function reimageForServer(
  parts: VolumeParts,
  id: string,
  imageId: string,
  requestId: string,
): Promise<void> {
  const before = await seenVolume(parts, systemCaller, id);
  const origin = await fittingImage(parts, systemCaller, before, imageId);
  await tx(parts.database, async (t) => {
    const volume = await lockVolume(t, id);
    if (volume === null) throw volumeMissing(id);
    if (volume.status === 'downloading') return;
    mustBegin('reimageUsed', volume);
    const fields = await begin(t, parts, volume, { imageId, origin }, requestId);
    await updateVolume(t, id, { ...fields, updatedAt: parts.clock.now() });
  });
  parts.wake();
}

/** Gives it up where it is under way: the volume is what it was. */
export async function endReimage({ database, clock }: VolumeParts, id: string): Promise<void> {
  await tx(database, async (t) => {
    const volume = await lockVolume(t, id);
    if (volume?.status !== 'downloading') return;
    await dropJobsOfKind(t, id, 'reimage');
    const status = statusWith(await attachmentsOf(t, [id]));
    await updateVolume(t, id, { status, previousStatus: null, updatedAt: clock.now() });
  });
}
