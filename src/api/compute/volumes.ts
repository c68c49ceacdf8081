// Why: until 2.35 volumes and their snapshots were had from compute, which asks the volume service.

import { isoMicros } from '../../base/clock.ts';
import type { NewVolumeRequest, Volume, VolumeSnapshot } from '../../ops/index.ts';
import { boolean, anyQuery, closed, query, span, text, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';
import { spanned } from '../span.ts';

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
  readonly volume: {
    readonly size: number | string;
    readonly snapshot_id?: string;
    readonly volume_type?: string;
    readonly availability_zone?: string;
    readonly display_name?: string;
    readonly display_description?: string;
    readonly metadata?: Readonly<Record<string, string>>;
  };
}

const snapshotBody = wrapped(
  'snapshot',
  closed({ volume_id: text, force: boolean, display_name: text, display_description: text }, ['volume_id']),
);

interface SnapshotBody {
  readonly snapshot: {
    readonly volume_id: string;
    readonly display_name?: string;
    readonly display_description?: string;
  };
}

const time = (ms: number): string => isoMicros(ms).replace(/Z$/, '');

/** In Nova's older names. */
const volumeView = (volume: Volume) => ({
  id: volume.id,
  status: volume.status,
  size: volume.sizeGb,
  availabilityZone: volume.zone,
  createdAt: time(volume.createdAt),
  attachments:
    volume.attachments.length === 0
      ? [{}]
      : volume.attachments.map(({ serverUuid, device }) => ({
          id: volume.id,
          volumeId: volume.id,
          serverId: serverUuid,
          device,
        })),
  displayName: volume.name,
  displayDescription: volume.description,
  volumeType: volume.type ?? '',
  snapshotId: volume.snapshotId,
  metadata: volume.metadata,
});

const snapshotView = (snapshot: VolumeSnapshot) => ({
  id: snapshot.id,
  volumeId: snapshot.volumeId,
  status: snapshot.status,
  size: snapshot.sizeGb,
  createdAt: time(snapshot.createdAt),
  displayName: snapshot.name,
  displayDescription: snapshot.description,
});

const requestOf = (volume: VolumeBody['volume']): NewVolumeRequest => ({
  sizeGb: Number(volume.size),
  name: volume.display_name ?? null,
  description: volume.display_description ?? null,
  type: volume.volume_type ?? null,
  zone: volume.availability_zone ?? null,
  metadata: volume.metadata ?? {},
  imageId: null,
  snapshotId: volume.snapshot_id ?? null,
});

const listQuery = query(span, 'lenient');

const volumes = (detail: '' | '/detail') =>
  route()({
    summary: 'List volumes.',
    policy: rule(detail === '' ? 'list' : 'detail'),
    until: UNTIL,
    query: listQuery,
    status: 200,
    run: async ({ op, services, query: asked }) => spanned(await services.ops.listVolumes(op), asked),
    view: (found) => ({ volumes: found.map(volumeView) }),
  });

const snapshots = (detail: '' | '/detail') =>
  route()({
    summary: 'List snapshots of volumes.',
    policy: rule(detail === '' ? 'snapshots:list' : 'snapshots:detail'),
    until: UNTIL,
    query: listQuery,
    status: 200,
    run: async ({ op, services, query: asked }) => spanned(await services.ops.listSnapshots(op), asked),
    view: (found) => ({ snapshots: found.map(snapshotView) }),
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
    run: ({ op, services, body: { volume } }) => services.ops.createVolume(op, requestOf(volume)),
    view: (volume) => ({ volume: volumeView(volume) }),
  }),
  'GET /os-volumes/:id': route()({
    summary: 'Show a volume.',
    policy: rule('show'),
    until: UNTIL,
    query: anyQuery,
    status: 200,
    run: ({ op, services, params }) => services.ops.showVolume(op, params['id'] as string),
    view: (volume) => ({ volume: volumeView(volume) }),
  }),
  'DELETE /os-volumes/:id': route()({
    summary: 'Delete a volume.',
    policy: rule('delete'),
    until: UNTIL,
    status: 202,
    run: ({ op, services, params }) => services.ops.deleteVolume(op, params['id'] as string),
  }),
  'GET /os-snapshots': snapshots(''),
  'GET /os-snapshots/detail': snapshots('/detail'),
  'POST /os-snapshots': route<'none', SnapshotBody>()({
    summary: 'Make a snapshot of a volume.',
    policy: rule('snapshots:create'),
    until: UNTIL,
    body: snapshotBody,
    status: 200,
    run: ({ op, services, body: { snapshot } }) =>
      services.ops.createSnapshot(op, {
        volumeId: snapshot.volume_id,
        name: snapshot.display_name ?? null,
        description: snapshot.display_description ?? null,
      }),
    view: (snapshot) => ({ snapshot: snapshotView(snapshot) }),
  }),
  'GET /os-snapshots/:id': route()({
    summary: 'Show a snapshot of a volume.',
    policy: rule('snapshots:show'),
    until: UNTIL,
    query: anyQuery,
    status: 200,
    run: ({ op, services, params }) => services.ops.showSnapshot(op, params['id'] as string),
    view: (snapshot) => ({ snapshot: snapshotView(snapshot) }),
  }),
  'DELETE /os-snapshots/:id': route()({
    summary: 'Delete a snapshot of a volume.',
    policy: rule('snapshots:delete'),
    until: UNTIL,
    status: 202,
    run: ({ op, services, params }) => services.ops.deleteSnapshot(op, params['id'] as string),
  }),
});
