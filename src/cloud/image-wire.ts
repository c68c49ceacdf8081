// Why: requests to Glance are written in one place. They go to a Glance over HTTP and to the built-in service, which reads the same JSON
// in process.

import type { ImageQuery, NewImage } from '../domain/machines/images.ts';
import type { ImageChange } from './image.ts';

export const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch';

/** The body of `POST /v2/images`. */
export const bodyOf = (image: NewImage): Record<string, unknown> => ({
  ...image.properties,
  id: image.id,
  name: image.name,
  visibility: image.visibility,
  min_disk: image.minDiskGb,
  min_ram: image.minRamMb,
  ...(image.diskFormat === null ? {} : { disk_format: image.diskFormat }),
  ...(image.containerFormat === null ? {} : { container_format: image.containerFormat }),
});

const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
const add = (name: string, value: string) => ({ op: 'add', path: pointer(name), value });

/** The body of `PATCH /v2/images/{id}`. */
export const patchOf = ({ formats, set = {}, drop = [] }: ImageChange): readonly object[] => [
  ...(formats === undefined ? [] : [add('disk_format', formats.disk), add('container_format', formats.container)]),
  ...drop.map((name) => ({ op: 'remove', path: pointer(name) })),
  ...Object.entries(set).map(([name, value]) => add(name, value)),
];

/** The query of `GET /v2/images`. */
export const paramsOf = ({ filters, limit, marker }: ImageQuery): URLSearchParams =>
  new URLSearchParams({
    ...filters,
    limit: String(limit),
    sort: 'created_at:desc',
    ...(marker === null ? {} : { marker }),
  });
