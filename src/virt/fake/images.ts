// Why: a host reads an image once, however many guests are made of it; the fake one reads it too and keeps only its name.

import { type GuestSpec, hasVolumeRoot } from '../../domain/servers/guests.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import type { ImageSource } from '../driver.ts';

export interface FakeImages {
  /** Whether the image was read now; false: it was read before. */
  fetch(image: ImageFacts): Promise<boolean>;
  /** All that a guest is made of. */
  fetchFor(spec: GuestSpec): Promise<void>;
}

/** @param source absent: images are not looked at */
export function fakeImages(source: ImageSource | undefined): FakeImages {
  const cached = new Set<string>();
  async function fetch({ id }: ImageFacts): Promise<boolean> {
    if (cached.has(id)) return false;
    if (source !== undefined) {
      for await (const _chunk of await source.read(id)) {
        // the bytes only have to come through
      }
    }
    cached.add(id);
    return true;
  }
  return {
    fetch,
    async fetchFor({ disks, kernel, ramdisk }) {
      const root = hasVolumeRoot(disks) ? null : disks.image;
      for (const image of [root, kernel, ramdisk]) if (image !== null) await fetch(image);
    },
  };
}
