// Why: what compute needs to know of an image, and what a server keeps of it.

import { isYes } from '../../base/boolean-word.ts';
import type { FlavorSnapshot } from './flavor.ts';
import { knownProperties } from './image-properties.ts';

export interface ImageFacts {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly owner: string | null;
  readonly visibility: string;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGb: number;
  readonly minRamMb: number;
  /** Bytes as stored. */
  readonly sizeBytes: number | null;
  readonly virtualSizeBytes: number | null;
  readonly checksum: string | null;
  readonly osHashAlgo: string | null;
  readonly osHashValue: string | null;
  /** Everything else, `hw_*` and `os_*` properties, `kernel_id` and `ramdisk_id` among them. */
  readonly properties: Readonly<Record<string, string>>;
}

/** An image that has no data yet. */
export interface NewImage {
  readonly id: string;
  readonly name: string;
  readonly visibility: 'private' | 'shared';
  /** Null: whoever brings the data says it first. */
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly minDiskGb: number;
  readonly minRamMb: number;
  readonly properties: Readonly<Record<string, string>>;
  /** A project that shall see it beside its owner's; only with `shared`. */
  readonly sharedWith: string | null;
}

/** An image as lists show it; times in milliseconds. */
export interface ImageRecord extends ImageFacts {
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Which images, the newest first. */
export interface ImageQuery {
  /** Glance's filters: `name`, `status`, `owner`, `min_ram`, `updated_at` such as `gte:2026-01-01T00:00:00Z`, any property. */
  readonly filters: Readonly<Record<string, string>>;
  readonly limit: number;
  /** The id of the image before the first. */
  readonly marker: string | null;
}

/** The text of Nova's 400 where the image forbids that its disk is resized; null where it does not. */
export const diskConfigProblem = (image: ImageFacts | null, autoDiskConfig: boolean | null): string | null =>
  autoDiskConfig === true && image !== null && knownProperties(image)['hw_auto_disk_config'] === 'Disabled'
    ? `Requested image ${image.id} has automatic disk resize disabled.`
    : null;

/** Whether a server's disk is resized by itself, as Nova settles it: what was asked for, else what the image says, else no. */
export const autoDiskConfigOf = (image: ImageFacts, asked: boolean | null): boolean =>
  asked ?? isYes(knownProperties(image)['hw_auto_disk_config']);

const GIB = 1024 ** 3;

/** Why a flavor cannot carry an image, as the text of Nova's 400 (`_validate_flavor_image`); null when it can. */
export function imageProblem(flavor: FlavorSnapshot, image: ImageFacts): string | null {
  if (flavor.memoryMb < image.minRamMb) return "Flavor's memory is too small for requested image.";
  if (flavor.rootGb === 0) return null;
  const diskBytes = flavor.rootGb * GIB;
  const imageBytes = image.virtualSizeBytes ?? image.sizeBytes ?? 0;
  if (imageBytes > diskBytes) {
    return (
      "Flavor's disk is too small for requested image. " +
      `Flavor disk is ${diskBytes} bytes, image is ${imageBytes} bytes.`
    );
  }
  if (image.minDiskGb > flavor.rootGb) {
    return (
      "Flavor's disk is smaller than the minimum size specified in image metadata. " +
      `Flavor disk is ${diskBytes} bytes, minimum size is ${image.minDiskGb * GIB} bytes.`
    );
  }
  return null;
}
