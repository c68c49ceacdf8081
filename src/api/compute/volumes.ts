// Why: until 2.35 volumes and their snapshots were had from compute, which asked the block storage service; there is none here, so
// there is nothing to list and nothing to find.

import { boolean, anyQuery, closed, query, span, text, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';

const UNTIL = '2.35';
const rule = (name: string): string => `os_compute_api:os-volumes:${name}`;

const volumeBody = wrapped(
  'volume',
  closed(
    {
      volume_type: text,
      metadata: { type: 'object', properties: {}, additionalProperties: true },
      snapshot_id: text,
      size: { type: ['integer', 'string'], pattern: '^[0-9]+$', minimum: 1 },
      availability_zone: text,
      display_name: text,
      display_description: text,
    },
    ['size'],
  ),
);

interface VolumeBody {
  readonly volume: { readonly snapshot_id?: string };
}

const snapshotBody = wrapped(
  'snapshot',
  closed({ volume_id: text, force: boolean, display_name: text, display_description: text }, ['volume_id']),
);

interface SnapshotBody {
  readonly snapshot: { readonly volume_id: string };
}

const listQuery = query(span, 'lenient');

const volumes = (detail: '' | '/detail') =>
  route()({
    summary: 'List volumes.',
    policy: rule(detail === '' ? 'list' : 'detail'),
    until: UNTIL,
    query: listQuery,
    status: 200,
    run: ({ op, services }) => services.ops.listVolumes(op),
    view: (found) => ({ volumes: found }),
  });

const snapshots = (detail: '' | '/detail') =>
  route()({
    summary: 'List snapshots of volumes.',
    policy: rule(detail === '' ? 'snapshots:list' : 'snapshots:detail'),
    until: UNTIL,
    query: listQuery,
    status: 200,
    run: ({ op, services }) => services.ops.listSnapshots(op),
    view: (found) => ({ snapshots: found }),
  });

export default resource({
  'GET /os-volumes': volumes(''),
  'GET /os-volumes/detail': volumes('/detail'),
  'POST /os-volumes': route<'none', VolumeBody>()({
    summary: 'Create a volume.',
    policy: rule('create'),
    until: UNTIL,
    body: volumeBody,
    status: 200,
    run: ({ op, services, body }) => services.ops.createVolume(op, body.volume.snapshot_id ?? null),
    view: (volume) => ({ volume }),
  }),
  'GET /os-volumes/:id': route()({
    summary: 'Show a volume.',
    policy: rule('show'),
    until: UNTIL,
    query: anyQuery,
    status: 200,
    run: ({ op, services, params }) => services.ops.showVolume(op, params['id'] as string),
    view: (volume) => ({ volume }),
  }),
  'DELETE /os-volumes/:id': route()({
    summary: 'Delete a volume.',
    policy: rule('delete'),
    until: UNTIL,
    status: 202,
    run: ({ op, services, params }) => services.ops.showVolume(op, params['id'] as string),
  }),
  'GET /os-snapshots': snapshots(''),
  'GET /os-snapshots/detail': snapshots('/detail'),
  'POST /os-snapshots': route<'none', SnapshotBody>()({
    summary: 'Make a snapshot of a volume.',
    policy: rule('snapshots:create'),
    until: UNTIL,
    body: snapshotBody,
    status: 200,
    run: ({ op, services, body }) => services.ops.createSnapshot(op, body.snapshot.volume_id),
    view: (snapshot) => ({ snapshot }),
  }),
  'GET /os-snapshots/:id': route()({
    summary: 'Show a snapshot of a volume.',
    policy: rule('snapshots:show'),
    until: UNTIL,
    query: anyQuery,
    status: 200,
    run: ({ op, services, params }) => services.ops.showSnapshot(op, params['id'] as string),
    view: (snapshot) => ({ snapshot }),
  }),
  'DELETE /os-snapshots/:id': route()({
    summary: 'Delete a snapshot of a volume.',
    policy: rule('snapshots:delete'),
    until: UNTIL,
    status: 202,
    run: ({ op, services, params }) => services.ops.showSnapshot(op, params['id'] as string),
  }),
});
