// Why: what came over the network is an image only if it is the one that the image service has.

import { createHash, getHashes } from 'node:crypto';
import { notFound, unavailable } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { ImageFacts } from '../domain/machines/images.ts';
import type { ImageService } from './image.ts';
import type { ImageSignatures, SignatureCheck } from './image-signatures.ts';

/** The hash that an image's bytes must have; null: the service has none that this program knows. */
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
    // what never ends would fill the disk before it is found to be wrong
    if (image.sizeBytes !== null && bytes > image.sizeBytes) throw damaged(`more than ${image.sizeBytes} bytes`);
    yield piece;
  }
  if (image.sizeBytes !== null && bytes !== image.sizeBytes) throw damaged(`${bytes} bytes of ${image.sizeBytes}`);
  if (hash !== null && hash.digest('hex') !== wanted?.value) throw damaged(`its ${wanted?.algorithm} is another`);
  signature?.end();
}

/**
 * Reads with size and hash held against what the service says of the image: what differs ends in `unavailable`, to be fetched again.
 * @param signatures that images must have; absent: they need none
 */
export const verifiedImages = (
  images: Pick<ImageService, 'find' | 'read' | 'write'>,
  self: Caller,
  signatures?: ImageSignatures,
): Pick<ImageService, 'read' | 'write'> => ({
  async read(imageId) {
    const image = await images.find(self, imageId);
    if (image === null) throw notFound(`Image ${imageId} could not be found.`);
    // before anything is fetched
    const signature = await signatures?.(image);
    return held(await images.read(imageId), image, signature);
  },
  write: (imageId, pieces) => images.write(imageId, pieces),
});
