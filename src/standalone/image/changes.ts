// Why: images are made, changed, shared and removed by the same rules whether a client asks over HTTP or compute asks from
// within the process.

import { badRequest, conflict, Fault, forbidden } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Caller } from '../../base/op.ts';
import { isDuplicate } from '../../db/errors.ts';
import {
  deleteImage,
  findImageRow,
  imageFromRow,
  type ImageMember,
  insertImage,
  insertImageMember,
  listImageMembers,
  listImages,
  lockImage,
  replaceImage,
  type StoredImage,
} from '../../db/images.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { Query } from '../http.ts';
import type { DataParts } from './data.ts';
import { type ListQuery, listQueryFrom } from './list-query.ts';
import { imageMissing, maySee, mustChange, mustPublish } from './rules.ts';
import { imageFromBody } from './shape.ts';

/** An image with every default, as the caller's next one begins. */
const blankImage = (caller: Caller, now: number): StoredImage => ({
  id: newUuid(),
  name: null,
  status: 'queued',
  visibility: 'shared',
  owner: caller.projectId,
  diskFormat: null,
  containerFormat: null,
  minDiskGb: 0,
  minRamMb: 0,
  sizeBytes: null,
  virtualSizeBytes: null,
  checksum: null,
  osHashAlgo: null,
  osHashValue: null,
  protected: false,
  hidden: false,
  properties: {},
  tags: [],
  createdAt: now,
  updatedAt: now,
});

const pending = (imageId: string, member: string, now: number): ImageMember => ({
  imageId,
  member,
  status: 'pending',
  createdAt: now,
  updatedAt: now,
});

/** A queued image as the body says, with its first member if one is named. @throws badRequest, forbidden, conflict */
export async function createImage(
  { database, clock }: DataParts,
  caller: Caller,
  body: Readonly<Record<string, unknown>>,
  sharedWith: string | null,
): Promise<StoredImage> {
  const image = imageFromBody(blankImage(caller, clock.now()), body);
  if (image.owner !== caller.projectId && !caller.isAdmin) {
    throw forbidden('You are not permitted to create images owned by another project.');
  }
  mustPublish(caller, image.visibility);
  try {
    await tx(database, async (trx) => {
      await insertImage(trx, image);
      if (sharedWith !== null) await insertImageMember(trx, pending(image.id, sharedWith, image.createdAt));
    });
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    throw conflict(`Image ID ${image.id} already exists!`, { cause: error });
  }
  return image;
}

/** Changes an image that the caller may change, in one transaction. @throws notFound, forbidden */
export const changeImage = (
  { database, clock }: DataParts,
  caller: Caller,
  id: string,
  to: (image: StoredImage, trx: Tx) => StoredImage | Promise<StoredImage>,
): Promise<StoredImage> =>
  tx(database, async (trx) => {
    const image = await lockImage(trx, id);
    if (image === null || !(await maySee(trx, caller, image))) throw imageMissing(id);
    mustChange(caller, image);
    const next = { ...(await to(image, trx)), updatedAt: clock.now() };
    await replaceImage(trx, next);
    return next;
  });

/** Removes an image and its data. @throws notFound, forbidden */
export async function removeImage({ database, files }: DataParts, caller: Caller, id: string): Promise<void> {
  await tx(database, async (trx) => {
    const image = await lockImage(trx, id);
    if (image === null || !(await maySee(trx, caller, image))) throw imageMissing(id);
    mustChange(caller, image);
    if (image.protected) throw forbidden(`Image ${id} is protected and cannot be deleted.`);
    await deleteImage(trx, id);
  });
  await files.remove(id);
}

/** Lets a project see a shared image, once it accepts or names it. @throws notFound, forbidden, conflict, tooLarge */
export async function addMember(parts: DataParts, caller: Caller, id: string, projectId: string): Promise<ImageMember> {
  const member = pending(id, projectId, parts.clock.now());
  await changeImage(parts, caller, id, async (image, trx) => {
    if (image.visibility !== 'shared') throw forbidden('Only shared images have members.');
    const members = await listImageMembers(trx, id);
    if (members.length >= limits.imageMembers) {
      throw new Fault(
        'tooLarge',
        `The limit has been exceeded on the number of allowed image members for this image. Maximum: ${limits.imageMembers}`,
      );
    }
    if (members.some((other) => other.member === projectId)) {
      throw conflict(`Member ${projectId} is duplicated for image ${id}`);
    }
    await insertImageMember(trx, member);
    return image;
  });
  return member;
}

export interface FoundImages {
  readonly images: readonly StoredImage[];
  readonly asked: ListQuery;
}

/** One page of the images that the caller may see. @throws badRequest */
export async function findImages({ database }: DataParts, caller: Caller, query: Query): Promise<FoundImages> {
  const asked = listQueryFrom(query);
  const { filters, sort, limit, markerId } = asked;
  const marker = markerId === null ? null : await findImageRow(database.read, markerId);
  if (markerId !== null && (marker === null || !(await maySee(database.read, caller, imageFromRow(marker))))) {
    throw badRequest('Invalid marker. Image could not be found.');
  }
  const page = { sort, marker, limit };
  return { images: await listImages(database.read, caller.projectId, caller.isAdmin, filters, page), asked };
}
