// Why: the old image calls of the compute API are answered by the image service; here are the few things that compute itself
// says of them.

import { Fault, forbidden, notFound } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { ImageQuery, ImageRecord } from '../../domain/machines/images.ts';
import type { OpsDeps } from '../deps.ts';
import { checkBounds } from '../administration/quota-sets.ts';

type Properties = Readonly<Record<string, string>>;

const missing = () => notFound('Image not found.');

/** Throws Nova's 403 where an image would have more metadata than the quota of metadata items allows. */
export const checkImageMetadata = (deps: OpsDeps, op: Op, metadata: Properties): Promise<void> =>
  checkBounds(deps.database.read, deps.config.quota, op, { imageMetadata: Object.keys(metadata).length });

/** Throws 400 for what the image service does not understand. */
export const listImages = (deps: OpsDeps, op: Op, query: ImageQuery): Promise<readonly ImageRecord[]> =>
  deps.image.list(op.caller, query);

/** Throws 404. */
export async function showImage(deps: OpsDeps, op: Op, imageId: string): Promise<ImageRecord> {
  const image = await deps.image.describe(op.caller, imageId);
  if (image === null) throw missing();
  return image;
}

const refused =
  (words: string) =>
  (error: unknown): never => {
    if (error instanceof Fault && error.kind === 'notFound') throw missing();
    if (error instanceof Fault && error.kind === 'forbidden') throw forbidden(words);
    throw error;
  };

/** Throws 404, and 403 for what is another's or protected. */
export const deleteImage = (deps: OpsDeps, op: Op, imageId: string): Promise<void> =>
  deps.image.remove(op.caller, imageId).catch(refused('You are not allowed to delete the image.'));

/** Sets and drops metadata of an image, and gives all that it has then. Throws 403 (quota, another's image) and 404. */
export async function changeImageMetadata(
  deps: OpsDeps,
  op: Op,
  imageId: string,
  change: (before: Properties) => { readonly set?: Properties; readonly drop?: readonly string[] },
): Promise<Properties> {
  const { properties: before } = await showImage(deps, op, imageId);
  const { set = {}, drop = [] } = change(before);
  const kept = Object.entries(before).filter(([name]) => !drop.includes(name));
  const after = { ...Object.fromEntries(kept), ...set };
  // who only takes away is not kept from it
  if (Object.keys(set).length > 0) await checkImageMetadata(deps, op, after);
  await deps.image.change(op.caller, imageId, { set, drop }).catch(refused(`Not authorized for image ${imageId}.`));
  return after;
}
