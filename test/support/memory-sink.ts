// Why: what drivers bring as images is looked at by tests.

import type { ImageSink } from '../../src/virt/driver.ts';

/** Keeps the bytes of images in a map; one that is there already is not read again. */
export const memorySink = (stored: Map<string, Buffer>): ImageSink => ({
  async write(imageId, pieces) {
    if (stored.has(imageId)) return;
    const parts: Uint8Array[] = [];
    for await (const piece of pieces) parts.push(piece);
    stored.set(imageId, Buffer.concat(parts));
  },
});
