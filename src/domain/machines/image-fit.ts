// Why: what an image forbids or asks of the flavor that shall carry it is judged in one place, in Nova's words.

import { isYes } from '../../base/boolean-word.ts';
import type { FlavorSnapshot } from './flavors.ts';
import type { ImageFacts } from './images.ts';
import { knownProperties } from './image-properties.ts';

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
