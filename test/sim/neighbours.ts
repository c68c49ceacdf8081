// Why: image and network services are other people's programs: they are slow, away, or do what they were asked and nobody hears of it.

import { notFound, unavailable } from '../../src/base/errors.ts';
import type { ImageService } from '../../src/cloud/image.ts';
import type { ImageFacts, ImageRecord } from '../../src/domain/machines/images.ts';
import { testImage } from '../support/neighbours.ts';
import type { Life } from './life.ts';
import type { Mishaps } from './mishaps.ts';

export interface MemoryImages extends ImageService {
  all(): Promise<readonly ImageFacts[]>;
}

const BYTES_OF_DATA = 512;

/** Images without a file: those of tests lie on a disk, and a disk keeps its own time. */
export function memoryImages(): MemoryImages {
  const images = new Map<string, ImageRecord>();
  const first = testImage();
  images.set(first.id, { ...first, createdAt: 0, updatedAt: 0 });

  const must = (imageId: string): ImageRecord => {
    const image = images.get(imageId);
    if (image === undefined) throw notFound(`No image found with ID ${imageId}`);
    return image;
  };
  const put = (image: ImageRecord): ImageRecord => {
    images.set(image.id, image);
    return image;
  };

  return {
    all: async () => [...images.values()],
    find: async (_caller, imageId) => images.get(imageId) ?? null,
    describe: async (_caller, imageId) => images.get(imageId) ?? null,
    list: async () => [...images.values()],
    async create(caller, image) {
      const known = images.get(image.id);
      if (known !== undefined) return known;
      const fresh = { status: 'queued', sizeBytes: null, virtualSizeBytes: null, owner: caller.projectId };
      return put({ ...testImage(), ...image, ...fresh, createdAt: 0, updatedAt: 0 });
    },
    async change(_caller, imageId, { formats, set = {}, drop = [] }) {
      const image = must(imageId);
      const properties = Object.fromEntries(
        Object.entries({ ...image.properties, ...set }).filter(([key]) => !drop.includes(key)),
      );
      const made = formats === undefined ? {} : { diskFormat: formats.disk, containerFormat: formats.container };
      return put({ ...image, ...made, properties });
    },
    async remove(_caller, imageId) {
      must(imageId);
      images.delete(imageId);
    },
    async read(imageId) {
      must(imageId);
      return (async function* () {
        yield new Uint8Array(BYTES_OF_DATA);
      })();
    },
    async write(imageId, pieces) {
      if (must(imageId).status === 'active') return;
      let sizeBytes = 0;
      for await (const piece of pieces) sizeBytes += piece.length;
      put({ ...must(imageId), status: 'active', sizeBytes, virtualSizeBytes: sizeBytes });
    },
  };
}

type Method = (...words: readonly unknown[]) => unknown;

/** A neighbour as one process meets it: every call takes its time and may go wrong before or after its effect. */
export function neighbourFor<T extends object>(name: string, real: T, life: Life, mishaps: Mishaps): T {
  const away = () => unavailable(`The ${name} service did not answer.`);
  const met = (method: string, ask: Method): Method => {
    return async (...words) => {
      await life.sleep(mishaps.delayMs());
      if (mishaps.happens('neighbourAway', life, `${name} ${method}`)) throw away();
      const answer = await life.heard(Promise.resolve(ask(...words)));
      if (mishaps.happens('neighbourUnheard', life, `${name} ${method}`)) throw away();
      return answer;
    };
  };
  return Object.fromEntries(
    Object.entries(real).map(([method, ask]) => [method, met(method, ask as Method)]),
  ) as unknown as T;
}
