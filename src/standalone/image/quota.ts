// Why: images fill the disk that the database lives on, so a project has so many and so much of them, as Glance's unified limits
// say it.

import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Reader } from '../../db/engine.ts';
import { imageUsage, type StoredImage } from '../../db/images.ts';

/** Glance's names; -1 is unlimited. */
export interface ImageQuota {
  readonly image_count_total: number;
  /** In MiB. */
  readonly image_size_total: number;
}

export const unlimited: ImageQuota = { image_count_total: -1, image_size_total: -1 };

const MIB = 1024 * 1024;

const over = (owner: string, resource: keyof ImageQuota, limit: number, used: number, more: number) =>
  new Fault(
    'tooLarge',
    `Project ${owner} is over a limit for [Resource ${resource} is over limit of ${limit} due to current usage ${used} and delta ${more}]`,
  );

/** To be asked once the new image is there, so that of several at once one sees them all. @throws tooLarge */
export async function checkCount(reader: Reader, { image_count_total: most }: ImageQuota, image: StoredImage) {
  if (most < 0 || image.owner === null) return;
  const { count } = await imageUsage(reader, image.owner);
  if (count > most) throw over(image.owner, 'image_count_total', most, count - 1, 1);
}

/**
 * How many bytes an image's data may have.
 * @param atLeast so many are known to come
 * @throws tooLarge when that is more than there is left
 */
export async function bytesLeft(
  reader: Reader,
  { image_size_total: mostMib }: ImageQuota,
  image: StoredImage,
  atLeast: number,
): Promise<number> {
  if (atLeast > limits.imageBytes)
    throw new Fault('tooLarge', `Image exceeds the maximum size of ${limits.imageBytes} bytes`);
  if (mostMib < 0 || image.owner === null) return limits.imageBytes;
  const { bytes } = await imageUsage(reader, image.owner);
  const left = mostMib * MIB - bytes;
  const more = Math.ceil(Math.max(1, atLeast) / MIB);
  if (left < Math.max(1, atLeast)) throw over(image.owner, 'image_size_total', mostMib, Math.ceil(bytes / MIB), more);
  return Math.min(limits.imageBytes, left);
}
