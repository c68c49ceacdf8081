// Why: until 2.35 clients asked compute for images. What they see is the image service's, in compute's older words.

import { booleanWord } from '../../base/boolean-word.ts';
import { isoSeconds } from '../../base/clock.ts';
import type { ImageQuery, ImageRecord } from '../../domain/machines/images.ts';
import { type Link, memberLinks, nextLinks, pageOf } from '../links.ts';
import { multi, positiveInteger, query } from '../parameters.ts';
import { type Call, type Query, resource, route } from '../resource.ts';

const UNTIL = '2.35';
const PROPERTY = 'property-';

/** Compute's filters by the image service's names. */
const filters: Readonly<Record<string, string>> = {
  name: 'name',
  status: 'status',
  'changes-since': 'updated_at',
  server: 'instance_uuid',
  type: 'image_type',
  minRam: 'min_ram',
  minDisk: 'min_disk',
};

const listQuery = {
  ...query(
    {
      ...Object.fromEntries(Object.keys(filters).map((key) => [key, {}])),
      limit: multi(positiveInteger),
      page_size: multi(positiveInteger),
      marker: {},
      offset: multi(positiveInteger),
    },
    'lenient',
  ),
  patternProperties: { [`^${PROPERTY}.*$`]: {} },
};

/** How the value of a filter reads there. */
const values: Readonly<Record<string, (value: string) => string>> = {
  status: (value) => value.toLowerCase(),
  updated_at: (value) => `gte:${value}`,
  // a server is named by its id or its address
  instance_uuid: (value) => value.slice(value.lastIndexOf('/') + 1),
};

function filtersOf(asked: Query): ImageQuery['filters'] {
  const found = Object.entries(asked).flatMap(([key, given]) => {
    const name = key.startsWith(PROPERTY) ? key.slice(PROPERTY.length) : filters[key];
    const value = given.at(-1);
    if (name === undefined || value === undefined) return [];
    return [[name, values[name]?.(value) ?? value] as const];
  });
  return Object.fromEntries(found);
}

/** Status and progress of an image by its status at the image service. */
const states: Readonly<Record<string, readonly [status: string, progress: number]>> = {
  active: ['ACTIVE', 100],
  queued: ['SAVING', 25],
  saving: ['SAVING', 50],
  deleted: ['DELETED', 0],
  pending_delete: ['DELETED', 0],
  killed: ['ERROR', 0],
};

type Subject = Pick<Call, 'url'>;

const links = ({ url }: Subject, id: string): (Link & { readonly type?: string })[] => [
  ...memberLinks(url, 'images', id),
  { rel: 'alternate', type: 'application/vnd.openstack.image', href: `${url.image}/images/${id}` },
];

const basic = (image: ImageRecord, call: Subject) => ({
  id: image.id,
  name: image.name,
  links: links(call, image.id),
});

/** Properties that hold JSON and are shown as what it says. */
const STRUCTURED = ['block_device_mapping', 'mappings'];

function valueOf(name: string, value: string): unknown {
  if (!STRUCTURED.includes(name)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function detailed(image: ImageRecord, call: Subject) {
  const { properties } = image;
  const { instance_uuid: server, auto_disk_config: auto } = properties;
  const [status, progress] = states[image.status] ?? ['UNKNOWN', 0];
  return {
    ...basic(image, call),
    minRam: image.minRamMb,
    minDisk: image.minDiskGb,
    metadata: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, valueOf(name, value)])),
    created: isoSeconds(image.createdAt),
    updated: isoSeconds(image.updatedAt),
    status,
    progress,
    'OS-EXT-IMG-SIZE:size': image.sizeBytes ?? 0,
    ...(server === undefined ? {} : { server: { id: server, links: memberLinks(call.url, 'servers', server) } }),
    ...(auto === undefined ? {} : { 'OS-DCF:diskConfig': booleanWord(auto) === true ? 'AUTO' : 'MANUAL' }),
  };
}

const list = ({ op, services, query: asked }: Call): Promise<readonly ImageRecord[]> =>
  services.ops.listImages(op, { filters: filtersOf(asked), ...pageOf(asked, services.settings.pageSize) });

const listView =
  (view: (image: ImageRecord, call: Subject) => object) =>
  (found: readonly ImageRecord[], call: Call): object => {
    const maximum = call.services.settings.pageSize;
    const ids = found.map(({ id }) => id);
    const next = nextLinks(call.url, call.query, pageOf(call.query, maximum), maximum, ids);
    return {
      images: found.map((image) => view(image, call)),
      ...(next.length === 0 ? {} : { images_links: next }),
    };
  };

export default resource({
  'GET /images': route()({
    summary: 'List images; use the image service instead.',
    policy: null,
    until: UNTIL,
    query: listQuery,
    status: 200,
    run: list,
    view: listView(basic),
  }),
  'GET /images/detail': route()({
    summary: 'List images with all that is known of them; use the image service instead.',
    policy: null,
    until: UNTIL,
    query: listQuery,
    status: 200,
    run: list,
    view: listView(detailed),
  }),
  'GET /images/:id': route()({
    summary: 'Show an image; use the image service instead.',
    policy: null,
    until: UNTIL,
    query: query({}, 'lenient'),
    status: 200,
    run: ({ op, services, params }) => services.ops.showImage(op, params['id'] as string),
    view: (image, call) => ({ image: detailed(image, call) }),
  }),
  'DELETE /images/:id': route()({
    summary: 'Delete an image; use the image service instead.',
    policy: null,
    until: UNTIL,
    status: 204,
    run: ({ op, services, params }) => services.ops.deleteImage(op, params['id'] as string),
  }),
});
