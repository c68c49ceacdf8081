// Why: who may see and change which image, as Glance's default policies say; every route asks here.

import { forbidden, notFound } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import { findImage, findImageMember, type StoredImage } from '../../db/images.ts';
import type { Reader } from '../../db/engine.ts';

export const imageMissing = (id: string) => notFound(`Failed to find image ${id}`);

const DISALLOWED = 'You are not authorized to complete this action.';

/** Whether the caller owns the image or is an administrator. */
const mayChange = (caller: Caller, image: StoredImage): boolean =>
  caller.isAdmin || (caller.projectId !== null && image.owner === caller.projectId);

export async function maySee(reader: Reader, caller: Caller, image: StoredImage): Promise<boolean> {
  if (mayChange(caller, image)) return true;
  if (image.visibility === 'public' || image.visibility === 'community') return true;
  if (image.visibility !== 'shared' || caller.projectId === null) return false;
  return (await findImageMember(reader, image.id, caller.projectId)) !== null;
}

/** The image as the caller may see it. @throws notFound, also for what is another's */
export async function visibleImage(reader: Reader, caller: Caller, id: string): Promise<StoredImage> {
  const image = await findImage(reader, id);
  if (image === null || !(await maySee(reader, caller, image))) throw imageMissing(id);
  return image;
}

/** @throws forbidden unless the caller owns the image or is an administrator */
export function mustChange(caller: Caller, image: StoredImage): void {
  if (!mayChange(caller, image)) throw forbidden(DISALLOWED);
}

/** @throws forbidden when somebody else than an administrator makes an image public */
export function mustPublish(caller: Caller, visibility: string): void {
  if (visibility === 'public' && !caller.isAdmin) throw forbidden(DISALLOWED);
}

export function mustBeAdmin(caller: Caller): void {
  if (!caller.isAdmin) throw forbidden(DISALLOWED);
}
