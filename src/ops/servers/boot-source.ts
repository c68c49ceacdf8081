// Why: a server is created and rebuilt from the same things: an image with its kernel and ramdisk, a key, and what it takes along.

import { badRequest } from '../../base/errors.ts';
import type { Caller, Op } from '../../base/op.ts';
import { findKeypair, type Keypair } from '../../db/keypairs.ts';
import type { InjectedFile } from '../../domain/servers/guests.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import type { OpsConfig, OpsDeps } from '../deps.ts';
import { checkBounds } from '../administration/quota-sets.ts';

/** An image as the caller may see it, before anything is refused; null: there is none, or none is named. */
export const bootImage = async (deps: OpsDeps, op: Op, imageRef: string): Promise<ImageFacts | null> =>
  imageRef === '' ? null : deps.image.find(op.caller, imageRef);

/**
 * Throws 400 for an image that is not active, and with the words of `missing` for one that the caller does not see.
 * @param found what was found of it just now; null: nothing was looked for
 */
export async function activeImage(
  deps: OpsDeps,
  caller: Caller,
  imageRef: string,
  missing: string,
  found: ImageFacts | null = null,
): Promise<ImageFacts> {
  const image = found ?? (await deps.image.find(caller, imageRef));
  if (image === null) throw badRequest(missing);
  if (image.status !== 'active') throw badRequest(`Image ${imageRef} is not active.`);
  return image;
}

async function partOf(deps: OpsDeps, caller: Caller, image: ImageFacts, key: string): Promise<ImageFacts | null> {
  const id = image.properties[key];
  if (id === undefined || id === '') return null;
  const part = await deps.image.find(caller, id);
  if (part === null) throw badRequest(`Image ${id} could not be found.`);
  return part;
}

/** The kernel and ramdisk that an image names, each null where it names none. */
export const bootParts = async (
  deps: OpsDeps,
  caller: Caller,
  image: ImageFacts,
): Promise<{ readonly kernel: ImageFacts | null; readonly ramdisk: ImageFacts | null }> => ({
  kernel: await partOf(deps, caller, image, 'kernel_id'),
  ramdisk: await partOf(deps, caller, image, 'ramdisk_id'),
});

/** Whether a server has a config drive without having been asked: files come by it, and some images insist. */
export const needsConfigDrive = (
  { forceConfigDrive }: Pick<OpsConfig, 'forceConfigDrive'>,
  { properties }: ImageFacts,
  files: readonly InjectedFile[],
): boolean => forceConfigDrive || files.length > 0 || properties['img_config_drive'] === 'mandatory';

/** The caller's own key of that name: keys are users', whoever owns the server. */
export async function keypairNamed(deps: OpsDeps, op: Op, name: string): Promise<Keypair> {
  const keypair = await findKeypair(deps.database.read, op.caller.userId, name);
  if (keypair === null) throw badRequest('Invalid key_name provided.');
  return keypair;
}

/** Throws Nova's 403 where a server would take along more than the caller may give it. */
export function checkBelongings(
  deps: OpsDeps,
  op: Op,
  { metadata, files }: { readonly metadata: Readonly<Record<string, string>>; readonly files: readonly InjectedFile[] },
): Promise<void> {
  const longest = (part: 'path' | 'contents') => Math.max(0, ...files.map((file) => file[part].length));
  return checkBounds(deps.database.read, deps.config.quota, op, {
    metadata: Object.keys(metadata).length,
    files: files.length,
    filePathBytes: longest('path'),
    fileContentBytes: longest('contents'),
  });
}
