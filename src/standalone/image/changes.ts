// Why: images are made, changed, shared and removed by the same rules whether a client asks over HTTP or compute asks from
// within the process.

import { badRequest, conflict, Fault, forbidden } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Caller } from '../../base/op.ts';
import { isDuplicate } from '../../db/errors.ts';
import { type FoundImages, listImages } from '../../db/image-list.ts';
import {
  deleteImage,
  findImageRow,
  imageNoun,
  type ImageMember,
  insertImage,
  insertImageMember,
  listImageMembers,
  lockImage,
  replaceImage,
  type StoredImage,
  wasImage,
} from '../../db/images.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { ownTarget } from '../../policies/creds.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Allows } from '../access.ts';
import type { Query } from '../http.ts';
import type { DataParts } from './data.ts';
import { listQueryFrom } from './list-query.ts';
import { checkCount } from './quota.ts';
import { imageMissing, imageTarget, mustMay, mustPublish, type SeenImage, seenBy } from './rules.ts';
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

const taken = (id: string, cause?: unknown) => conflict(`Image ID ${id} already exists!`, { cause });

/** A queued image as the body says, with its first member if one is named. @throws badRequest, forbidden, conflict */
export async function createImage(
  { database, clock, allows, quota, turns }: DataParts,
  caller: Caller,
  body: Readonly<Record<string, unknown>>,
  sharedWith: string | null,
): Promise<StoredImage> {
  const image = imageFromBody(blankImage(caller, clock.now()), body);
  if (image.owner !== caller.projectId && !caller.isAdmin) {
    throw forbidden('You are not permitted to create images owned by another project.');
  }
  const target = imageTarget(image, null);
  mustMay(allows, caller, 'add_image', target);
  mustPublish(allows, caller, image.visibility, target);
  try {
    const insert = () =>
      tx(database, async (trx) => {
        await insertImage(trx, image);
        if (await wasImage(trx, image.id)) throw taken(image.id);
        await checkCount(trx, quota, image);
        if (sharedWith !== null) await insertImageMember(trx, pending(image.id, sharedWith, image.createdAt));
      });
    await turns(image.owner ?? '', insert);
  } catch (error) {
    throw isDuplicate(error) ? taken(image.id, error) : error;
  }
  return image;
}

/** The image, locked, if the caller may see it and the rule allows what is to be done. @throws notFound, forbidden */
async function lockFor(trx: Tx, allows: Allows, caller: Caller, id: string, rule: RuleName): Promise<SeenImage> {
  const seen = await seenBy(allows, trx, caller, await lockImage(trx, id));
  if (seen === null) throw imageMissing(id);
  mustMay(allows, caller, rule, seen.target);
  return seen;
}

/** Changes an image in one transaction, if the rule allows it. @throws notFound, forbidden */
export const changeImage = (
  { database, clock, allows }: DataParts,
  caller: Caller,
  id: string,
  rule: RuleName,
  to: (image: StoredImage, trx: Tx) => StoredImage | Promise<StoredImage>,
): Promise<StoredImage> =>
  tx(database, async (trx) => {
    const { image } = await lockFor(trx, allows, caller, id, rule);
    const next = { ...(await to(image, trx)), updatedAt: clock.now() };
    await replaceImage(trx, next);
    return next;
  });

/** Removes an image and its data. @throws notFound, forbidden */
export async function removeImage(parts: DataParts, caller: Caller, id: string): Promise<void> {
  const { database, files, allows, clock } = parts;
  await tx(database, async (trx) => {
    const { image } = await lockFor(trx, allows, caller, id, 'delete_image');
    if (image.protected) throw forbidden(`Image ${id} is protected and cannot be deleted.`);
    await deleteImage(trx, id, clock.now());
  });
  await files.remove(id);
}

/** Lets a project see a shared image, once it accepts or names it. @throws notFound, forbidden, conflict, tooLarge */
export async function addMember(parts: DataParts, caller: Caller, id: string, projectId: string): Promise<ImageMember> {
  const member = pending(id, projectId, parts.clock.now());
  await changeImage(parts, caller, id, 'add_member', async (image, trx) => {
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

/** One page of the images that the caller may see. @throws badRequest, forbidden */
export async function findImages(parts: DataParts, caller: Caller, query: Query): Promise<FoundImages> {
  const { database, allows } = parts;
  mustMay(allows, caller, 'get_images', ownTarget(caller));
  const { filters, sort, limit, markerId } = listQueryFrom(query);
  const marker = markerId === null ? null : await findImageRow(database.read, markerId);
  const known = marker === null ? null : await seenBy(allows, database.read, caller, imageNoun.fromRow(marker));
  // an image that is another's is as one that is not there
  if (markerId !== null && known === null) throw badRequest('Invalid marker. Image could not be found.');
  const page = { sort, marker, limit };
  const found = await listImages(database.read, caller.projectId, caller.isAdmin, filters, page);
  // what is listed as shared and not one's own is shared with the caller
  const images = found.images.filter((image) => {
    const isMember = image.visibility === 'shared' && image.owner !== caller.projectId;
    return allows(caller, 'get_image', imageTarget(image, isMember ? caller.projectId : null));
  });
  return { images, next: found.next };
}
