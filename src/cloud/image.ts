// Why: what compute asks of the image service.

import type { Caller } from '../base/op.ts';
import type { ImageFacts, ImageQuery, ImageRecord, NewImage } from '../domain/machines/images.ts';

export interface ImageChange {
  /** Only while the image has no data yet. */
  readonly formats?: { readonly disk: string; readonly container: string };
  readonly set?: Readonly<Record<string, string>>;
  /** Properties that the image has. */
  readonly drop?: readonly string[];
}

/** Every call rejects with `unavailable` if the service cannot be reached. A caller without a token is the service itself. */
export interface ImageService {
  /** The image as the caller may see it, or null. */
  find(caller: Caller, imageId: string): Promise<ImageFacts | null>;
  /** As `find`, with its times. */
  describe(caller: Caller, imageId: string): Promise<ImageRecord | null>;
  /** Rejects with `badRequest` for an unknown marker or an invalid value. */
  list(caller: Caller, query: ImageQuery): Promise<readonly ImageRecord[]>;
  /** A queued image of the caller's project. Rejects with `badRequest` and `forbidden`. */
  create(caller: Caller, image: NewImage): Promise<ImageFacts>;
  /** Rejects with `notFound`, `badRequest` and `forbidden`. */
  change(caller: Caller, imageId: string, change: ImageChange): Promise<ImageFacts>;
  /** Rejects with `notFound` and `forbidden`. */
  remove(caller: Caller, imageId: string): Promise<void>;
  /** The data as stored, read with the service's own token. */
  read(imageId: string): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Uploads the data of a queued image, which then becomes active; does nothing for an active one. Uses the service's own token.
   * Rejects with `notFound` if the image is gone, even if it was deleted during the upload.
   */
  write(imageId: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
}
