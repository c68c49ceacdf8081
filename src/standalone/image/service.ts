// Why: the built-in images as compute asks for them, without a network between; what it says is read as if it had come over HTTP.

import { Fault, notFound, unavailable } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import type { ImageService } from '../../cloud/image.ts';
import { bodyOf, PATCH_TYPE, paramsOf, patchOf } from '../../cloud/image-wire.ts';
import { findImage, type StoredImage } from '../../db/images.ts';
import type { ImageFacts, ImageRecord } from '../../domain/machines/images.ts';
import type { Query } from '../http.ts';
import { changeImage, createImage, findImages, removeImage } from './changes.ts';
import { type DataParts, storeData } from './data.ts';
import { changesFrom, patched } from './patch.ts';
import { seenBy } from './rules.ts';

function recordOf(image: StoredImage): ImageRecord {
  const { protected: _protected, hidden: _hidden, tags: _tags, ...record } = image;
  return record;
}

function factsOf(image: StoredImage): ImageFacts {
  const { createdAt: _created, updatedAt: _updated, ...facts } = recordOf(image);
  return facts;
}

const queryFrom = (params: URLSearchParams): Query => new Map([...params].map(([name, value]) => [name, [value]]));

export function makeImageService(parts: DataParts): ImageService {
  const { database, files, allows } = parts;

  const visible = async (caller: Caller, imageId: string): Promise<StoredImage | null> =>
    (await seenBy(allows, database.read, caller, await findImage(database.read, imageId)))?.image ?? null;

  return {
    async find(caller, imageId) {
      const image = await visible(caller, imageId);
      return image === null ? null : factsOf(image);
    },
    async describe(caller, imageId) {
      const image = await visible(caller, imageId);
      return image === null ? null : recordOf(image);
    },
    async list(caller, query) {
      const { images } = await findImages(parts, caller, queryFrom(paramsOf(query)));
      return images.map(recordOf);
    },
    async create(caller, image) {
      return factsOf(await createImage(parts, caller, bodyOf(image), image.sharedWith));
    },
    async change(caller, imageId, change) {
      const changes = changesFrom(PATCH_TYPE, patchOf(change));
      return factsOf(await changeImage(parts, caller, imageId, 'modify_image', patched(allows, caller, changes)));
    },
    remove: (caller, imageId) => removeImage(parts, caller, imageId),
    async read(imageId) {
      const image = await findImage(database.read, imageId);
      if (image?.status !== 'active') throw notFound(`Image ${imageId} has no data.`);
      return files.read(imageId);
    },
    async write(imageId, pieces) {
      const image = await findImage(database.read, imageId);
      const gone = notFound(`Image ${imageId} could not be found.`);
      if (image === null) throw gone;
      if (image.status === 'active') return;
      if (image.status !== 'queued') {
        throw unavailable(`Image ${imageId} accepts no data now.`, { detail: `it is ${image.status}` });
      }
      await storeData(parts, image, null, pieces).catch((error: unknown) => {
        throw error instanceof Fault && error.kind === 'gone' ? gone : error;
      });
    },
  };
}
