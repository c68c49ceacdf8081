// Why: downloaded data is used only if it is what the image service has: size, hash and, where required, signature are verified.

import { createHash, getHashes } from 'node:crypto';
import { notFound, unavailable } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { ImageFacts } from '../domain/machines/images.ts';
import type { ImageService } from './image.ts';
import type { ImageSignatures, SignatureCheck } from './image-signatures.ts';

/** The expected hash of an image's data; null: the service has none with a known algorithm. */
function hashOf({ osHashAlgo, osHashValue, checksum }: ImageFacts): { algorithm: string; value: string } | null {
  if (osHashAlgo && osHashValue && getHashes().includes(osHashAlgo))
    return { algorithm: osHashAlgo, value: osHashValue };
  return checksum ? { algorithm: 'md5', value: checksum } : null;
}

async function* held(
  pieces: AsyncIterable<Uint8Array>,
  image: ImageFacts,
  signature?: SignatureCheck,
): AsyncIterable<Uint8Array> {
  const wanted = hashOf(image);
  const hash = wanted === null ? null : createHash(wanted.algorithm);
  const damaged = (detail: string) => unavailable(`Image ${image.id} came damaged.`, { code: 'image.damaged', detail });
  let bytes = 0;
  for await (const piece of pieces) {
    hash?.update(piece);
    signature?.update(piece);
    bytes += piece.byteLength;
    // a stream that never ends would fill the disk before its hash is checked
    if (image.sizeBytes !== null && bytes > image.sizeBytes) throw damaged(`more than ${image.sizeBytes} bytes`);
    yield piece;
  }
  if (image.sizeBytes !== null && bytes !== image.sizeBytes) throw damaged(`${bytes} bytes of ${image.sizeBytes}`);
  if (hash !== null && hash.digest('hex') !== wanted?.value) throw damaged(`its ${wanted?.algorithm} is another`);
  signature?.end();
}

/**
 * Verifies size and hash of an image while it is read: a difference ends in `unavailable`, and the image is downloaded again.
 * @param signatures required of all images; absent: none are required
 */
export const verifiedImages = (
  images: Pick<ImageService, 'find' | 'read' | 'write'>,
  self: Caller,
  signatures?: ImageSignatures,
): Pick<ImageService, 'read' | 'write'> => ({
  async read(imageId) {
    const image = await images.find(self, imageId);
    if (image === null) throw notFound(`Image ${imageId} could not be found.`);
    // before anything is downloaded
    const signature = await signatures?.(image);
    return held(await images.read(imageId), image, signature);
  },
  write: (imageId, pieces) => images.write(imageId, pieces),
});
