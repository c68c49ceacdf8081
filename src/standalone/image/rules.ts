// Why: who may see and change which image: a project knows of what is its own, public, of the community or shared with it, and
// what it may do with that Glance's rules say. Every route asks here.

import { forbidden, notFound } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import { findImage, findImageMember, type StoredImage } from '../../db/images.ts';
import type { Target } from '../../policies/engine.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Allows } from '../access.ts';

export const imageMissing = (id: string) => notFound(`Failed to find image ${id}`);

export const refusal = (rule: RuleName) => forbidden(`You are not authorized to complete ${rule} action.`);

/** What rules may say of an image; what it has not is left out, so that no rule holds for it. */
export const imageTarget = (image: StoredImage, memberId: string | null): Target => ({
  ...(image.owner === null ? {} : { project_id: image.owner, owner: image.owner }),
  ...(memberId === null ? {} : { member_id: memberId }),
  image_id: image.id,
  visibility: image.visibility,
  status: image.status,
  protected: image.protected,
});

/** An image with what rules may say of it to one caller. */
export interface SeenImage {
  readonly image: StoredImage;
  readonly target: Target;
}

/** The image as the caller may see it, or null. */
export async function seenBy(
  allows: Allows,
  reader: Reader,
  caller: Caller,
  image: StoredImage | null,
): Promise<SeenImage | null> {
  if (image === null) return null;
  const { projectId } = caller;
  const owns = projectId !== null && image.owner === projectId;
  const isMember =
    !owns &&
    projectId !== null &&
    image.visibility === 'shared' &&
    (await findImageMember(reader, image.id, projectId)) !== null;
  const isForAll = image.visibility === 'public' || image.visibility === 'community';
  const knows = owns || isMember || isForAll || caller.isAdmin || allows(caller, 'service_api', {});
  const target = imageTarget(image, isMember ? projectId : null);
  return knows && allows(caller, 'get_image', target) ? { image, target } : null;
}

/** @throws notFound, also for what is another's */
export async function visibleImage(allows: Allows, reader: Reader, caller: Caller, id: string): Promise<SeenImage> {
  const seen = await seenBy(allows, reader, caller, await findImage(reader, id));
  if (seen === null) throw imageMissing(id);
  return seen;
}

/** @throws forbidden unless the rule lets the caller */
export function mustMay(allows: Allows, caller: Caller, rule: RuleName, target: Target): void {
  if (!allows(caller, rule, target)) throw refusal(rule);
}

/** @throws forbidden where the caller may not give an image this visibility */
export function mustPublish(allows: Allows, caller: Caller, visibility: string, target: Target): void {
  if (visibility === 'public') mustMay(allows, caller, 'publicize_image', target);
  if (visibility === 'community') mustMay(allows, caller, 'communitize_image', target);
}
