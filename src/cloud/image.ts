// Why: what compute asks of the image service.

import type { Caller } from '../base/op.ts';
import type { ImageFacts, ImageQuery, ImageRecord, NewImage } from '../domain/machines/images.ts';

export interface ImageChange {
  /** Only before the data is there. */
  readonly formats?: { readonly disk: string; readonly container: string };
  readonly set?: Readonly<Record<string, string>>;
  /** Properties that the image has. */
  readonly drop?: readonly string[];
}

/** Every call rejects with `unavailable` when the service cannot be asked. A caller without a token is the service itself. */
export interface ImageService {
  /** The image as the caller may see it, or null. */
  find(caller: Caller, imageId: string): Promise<ImageFacts | null>;
  /** As `find`, with its times. */
  describe(caller: Caller, imageId: string): Promise<ImageRecord | null>;
  /** Rejects with `badRequest` for a marker or a value that means nothing. */
  list(caller: Caller, query: ImageQuery): Promise<readonly ImageRecord[]>;
  /** A queued image of the caller's project. Rejects with `badRequest` and `forbidden`. */
  create(caller: Caller, image: NewImage): Promise<ImageFacts>;
  /** Rejects with `notFound`, `badRequest` and `forbidden`. */
  change(caller: Caller, imageId: string, change: ImageChange): Promise<ImageFacts>;
  /** Rejects with `notFound` and `forbidden`. */
  remove(caller: Caller, imageId: string): Promise<void>;
  /** The bytes as stored, read by the host's agent with the service's own rights. */
  read(imageId: string): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Stores the bytes of a queued image, which is active then; of one that is active already nothing is read. With the
   * service's own rights. Rejects with `notFound` for an image that is gone, also meanwhile.
   */
  write(imageId: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
}
