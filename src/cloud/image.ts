// Why: what compute asks of the image service.

import type { Caller } from '../base/op.ts';
import type { ImageFacts } from '../domain/image.ts';

export interface ImageService {
  /** The image as the caller may see it, or null. Rejects with `unavailable` when the service cannot be asked. */
  find(caller: Caller, imageId: string): Promise<ImageFacts | null>;
  /** The bytes as stored, read by the host's agent with the service's own rights. */
  read(imageId: string): Promise<AsyncIterable<Uint8Array>>;
}
