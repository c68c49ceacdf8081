// Why: in production images are Glance's; this is compute's image interface over Glance's v2 API.

import { parseDateTime } from '../base/date-time.ts';
import { Fault, type FaultKind, notFound, unavailable } from '../base/errors.ts';
import { isUuidLike } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { ImageFacts, ImageRecord } from '../domain/machines/images.ts';
import type { ImageService } from './image.ts';
import { bodyOf, PATCH_TYPE, paramsOf, patchOf } from './image-wire.ts';
import { countOrNull, mustHaveId, mustHaveList, record, textOf, textOrNull } from './answer-values.ts';
import { makeNeighbour, type NeighbourAnswer, type NeighbourOptions, wordsOf } from './neighbour.ts';

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
    id: mustHaveId('image', { id: textOf(image['id']) }).id,
    name: textOrNull(image['name']),
    status: textOf(image['status']),
    owner: textOrNull(image['owner']),
    visibility: textOf(image['visibility']),
    diskFormat: textOrNull(image['disk_format']),
    containerFormat: textOrNull(image['container_format']),
    minDiskGb: countOrNull(image['min_disk']) ?? 0,
    minRamMb: countOrNull(image['min_ram']) ?? 0,
    sizeBytes: countOrNull(image['size']),
    virtualSizeBytes: countOrNull(image['virtual_size']),
    checksum: textOrNull(image['checksum']),
    osHashAlgo: textOrNull(image['os_hash_algo']),
    osHashValue: textOrNull(image['os_hash_value']),
    properties: Object.fromEntries(properties),
  };
}

const time = (value: unknown): number => parseDateTime(textOf(value)) ?? 0;

function recordFrom(body: unknown): ImageRecord {
  const image = record(body);
  return { ...factsFrom(image), createdAt: time(image['created_at']), updatedAt: time(image['updated_at']) };
}

/** Fault kinds by HTTP status; 413 is a quota of the image service. */
const refusals: Readonly<Record<number, FaultKind>> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'notFound',
  409: 'conflict',
  410: 'notFound',
  413: 'forbidden',
};

/** The body of a successful answer. @throws the fault for any other */
function accepted(answer: NeighbourAnswer): unknown {
  if (answer.status < 300) return answer.body;
  const kind = refusals[answer.status];
  if (kind === undefined) throw unavailable('The image service is not available now.', { detail: wordsOf(answer) });
  throw new Fault(kind, answer.message || `The image service refused the request (${answer.status}).`);
}

const pathOf = (imageId: string): string => `/v2/images/${encodeURIComponent(imageId)}`;

/** An image service over HTTP; `close` ends its connections. */
export function makeGlance(options: NeighbourOptions): ImageService & { close(): Promise<void> } {
  const glance = makeNeighbour('image', options);

  const describe: ImageService['describe'] = async (caller, imageId) => {
    if (!isUuidLike(imageId)) return null;
    const answer = await glance.ask(caller, 'GET', pathOf(imageId));
    return answer.status === 404 || answer.status === 403 ? null : recordFrom(accepted(answer));
  };

  return {
    describe,
    async find(caller, imageId) {
      const found = await describe(caller, imageId);
      if (found === null) return null;
      const { createdAt: _created, updatedAt: _updated, ...facts } = found;
      return facts;
    },
    async list(caller, query) {
      const found: ImageRecord[] = [];
      for (let marker = query.marker; found.length < query.limit; ) {
        const limit = Math.min(query.limit - found.length, limits.pageSize);
        const params = paramsOf({ ...query, limit, marker });
        const body = record(accepted(await glance.ask(caller, 'GET', `/v2/images?${params.toString()}`)));
        const page = mustHaveList('image', body, 'images');
        found.push(...page.map(recordFrom));
        marker = found.at(-1)?.id ?? null;
        // Glance's pages may be shorter than requested; an empty one is the last
        if (typeof body['next'] !== 'string' || page.length === 0) break;
      }
      return found.slice(0, query.limit);
    },
    async create(caller, image) {
      const made = factsFrom(accepted(await glance.ask(caller, 'POST', '/v2/images', bodyOf(image))));
      if (image.sharedWith === null) return made;
      const member = { member: image.sharedWith };
      accepted(await glance.ask(caller, 'POST', `${pathOf(made.id)}/members`, member));
      return made;
    },
    async change(caller, imageId, change) {
      const contentType = PATCH_TYPE;
      return factsFrom(accepted(await glance.ask(caller, 'PATCH', pathOf(imageId), patchOf(change), { contentType })));
    },
    async remove(caller, imageId) {
      if (!isUuidLike(imageId)) throw notFound(`Image ${imageId} could not be found.`);
      accepted(await glance.ask(caller, 'DELETE', pathOf(imageId)));
    },
    read: (imageId) => glance.stream(`${pathOf(imageId)}/file`),
    async write(imageId, pieces) {
      const { status } = factsFrom(accepted(await glance.ask(null, 'GET', pathOf(imageId))));
      if (status === 'active') return;
      if (status !== 'queued')
        throw unavailable(`Image ${imageId} accepts no data now.`, { detail: `it is ${status}` });
      accepted(await glance.send(`${pathOf(imageId)}/file`, pieces));
    },
    close: () => glance.close(),
  };
}
