// Why: production's images are Glance's; this asks it (or anything that speaks Glance v2) what compute asks of images.

import { Fault } from '../base/errors.ts';
import { isUuidLike } from '../base/ids.ts';
import type { ImageFacts } from '../domain/image.ts';
import type { ImageService } from './image.ts';
import { makeNeighbour, type NeighbourOptions, numberOrNull, record, textOf, textOrNull } from './neighbour.ts';

/** Attributes of an image that are not properties. */
const BASE = new Set([
  'id',
  'name',
  'status',
  'visibility',
  'owner',
  'disk_format',
  'container_format',
  'min_disk',
  'min_ram',
  'size',
  'virtual_size',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'os_hidden',
  'protected',
  'tags',
  'created_at',
  'updated_at',
  'self',
  'file',
  'schema',
  'locations',
  'direct_url',
  'stores',
]);

function factsFrom(body: unknown): ImageFacts {
  const image = record(body);
  const properties = Object.entries(image).filter(
    (entry): entry is [string, string] => !BASE.has(entry[0]) && typeof entry[1] === 'string',
  );
  return {
    id: textOf(image['id']),
    name: textOrNull(image['name']),
    status: textOf(image['status']),
    owner: textOrNull(image['owner']),
    visibility: textOf(image['visibility']),
    diskFormat: textOrNull(image['disk_format']),
    containerFormat: textOrNull(image['container_format']),
    minDiskGb: numberOrNull(image['min_disk']) ?? 0,
    minRamMb: numberOrNull(image['min_ram']) ?? 0,
    sizeBytes: numberOrNull(image['size']),
    virtualSizeBytes: numberOrNull(image['virtual_size']),
    checksum: textOrNull(image['checksum']),
    osHashAlgo: textOrNull(image['os_hash_algo']),
    osHashValue: textOrNull(image['os_hash_value']),
    properties: Object.fromEntries(properties),
  };
}

/** An image service over HTTP; `close` ends its connections. */
export function makeGlance(options: NeighbourOptions): ImageService & { close(): Promise<void> } {
  const glance = makeNeighbour('image', options);
  return {
    async find(caller, imageId) {
      if (!isUuidLike(imageId)) return null;
      const answer = await glance.ask(caller, 'GET', `/v2/images/${encodeURIComponent(imageId)}`);
      if (answer.status === 200) return factsFrom(answer.body);
      if (answer.status === 404 || answer.status === 403) return null;
      throw new Fault('unavailable', 'The image service cannot be asked now.', { detail: answer });
    },
    read: (imageId) => glance.stream(`/v2/images/${encodeURIComponent(imageId)}/file`),
    close: () => glance.close(),
  };
}
