// Why: the routes of volumes themselves, and of what is said of them.

import { badRequest, notFound } from '../../base/errors.ts';
import { booleanWord } from '../../base/boolean-word.ts';
import { attachmentsOf } from '../../db/volume-attachments.ts';
import { pageOfRows, type StoredVolume, type Texts, usageOf, volumeNoun } from '../../db/volumes.ts';
import { rootSnapshotOf } from '../../domain/servers/image-devices.ts';
import type { VolumeSource } from '../../domain/volumes/jobs.ts';
import type { Routes } from '../http.ts';
import { lastOf } from '../http.ts';
import { listQueryOf, type ListWords, nextLinks } from './list-query.ts';
import { addMetadataRoutes, type MetadataOwner } from './metadata-routes.ts';
import type { VolumeParts } from './parts.ts';
import { targetOf } from './rules.ts';
import { changedVolume, newVolume, saysYes } from './schemas.ts';
import { multiattachNotOffered, typeNamesOf } from './types.ts';
import { madeView, volumeSummary, type VolumeFacts, volumeView, volumeViewRules } from './views.ts';
import { changeVolume, createVolume, deleteVolume, mustRest, seenVolume } from './volumes.ts';
import { bodyBy, page, projectOf, type Visit } from './web.ts';

const words: ListWords = {
  filters: {
    id: { column: 'id' },
    name: { column: 'name' },
    display_name: { column: 'name' },
    status: { column: 'status' },
    size: { column: 'size_gb', as: 'number' },
    bootable: { column: 'bootable', as: 'bool' },
    availability_zone: { column: 'zone' },
    volume_type_id: { column: 'type_id' },
    user_id: { column: 'user_id' },
    snapshot_id: { column: 'snapshot_id' },
    source_volid: { column: 'source_volume_id' },
  },
  sorts: {
    id: 'id',
    name: 'name',
    display_name: 'name',
    status: 'status',
    size: 'size_gb',
    bootable: 'bootable',
    availability_zone: 'zone',
    created_at: 'created_at',
    updated_at: 'updated_at',
  },
};

/** What a view of some volumes needs, by two queries. */
export async function factsOf({ database }: VolumeParts, volumes: readonly StoredVolume[]): Promise<VolumeFacts> {
  const attachments =
    volumes.length === 0
      ? []
      : await attachmentsOf(
          database.read,
          volumes.map(({ id }) => id),
        );
  return {
    typeNames: await typeNamesOf(database.read),
    attachments: Map.groupBy(attachments, ({ volumeId }) => volumeId),
  };
}

export const shown = async (parts: VolumeParts, visit: Visit, volume: StoredVolume): Promise<object> =>
  volumeView(parts.allows, visit, volume, await factsOf(parts, [volume]));

interface VolumeBody {
  readonly volume: Readonly<Record<string, unknown>> & {
    readonly metadata?: Texts | null;
    readonly size?: number | string | null;
  };
}

const textOf = (body: VolumeBody['volume'], ...names: readonly string[]): string | null => {
  const found = names.map((name) => body[name]).find((value) => value !== undefined && value !== null);
  return found === undefined ? null : (found as string);
};

function sourceOf(body: VolumeBody['volume']): VolumeSource {
  const imageId = textOf(body, 'imageRef', 'image_id');
  const snapshotId = textOf(body, 'snapshot_id');
  const volumeId = textOf(body, 'source_volid');
  const given = [imageId, snapshotId, volumeId].filter((one) => one !== null && one !== '');
  if (given.length > 1)
    throw badRequest('Invalid input received: a volume is made from one thing: an image, a snapshot or a volume.');
  // clients name an image by its URL, too
  if (imageId) return { from: 'image', imageId: imageId.split('/').at(-1) ?? '' };
  if (snapshotId) return { from: 'snapshot', snapshotId };
  return volumeId ? { from: 'volume', volumeId } : { from: 'nothing' };
}

/** An image that stands for snapshots of volumes has no data: what is made of it is made of the one to boot from, as Cinder does. */
async function beyondImage({ images }: VolumeParts, { caller }: Visit, source: VolumeSource): Promise<VolumeSource> {
  if (source.from !== 'image') return source;
  const image = await images.find(caller, source.imageId);
  const snapshotId = image === null ? null : rootSnapshotOf(image);
  return snapshotId === null ? source : { from: 'snapshot', snapshotId };
}

/** What this service has none of is refused, and not left out. */
function mustBeOffered(body: VolumeBody['volume']): void {
  if (saysYes(body['multiattach'])) {
    throw multiattachNotOffered();
  }
}

async function create(parts: VolumeParts, visit: Visit) {
  const { volume: body } = await bodyBy<VolumeBody>(visit, newVolume);
  mustBeOffered(body);
  const asker = { caller: visit.caller, projectId: projectOf(visit), requestId: visit.ctx.state.requestId };
  const volume = await createVolume(parts, asker, {
    sizeGb: body.size === undefined || body.size === null ? null : Number(body.size),
    name: textOf(body, 'name', 'display_name'),
    description: textOf(body, 'description', 'display_description'),
    // a dashboard says so what it does not choose
    type: textOf(body, 'volume_type') || null,
    zone: textOf(body, 'availability_zone'),
    metadata: body.metadata ?? {},
    source: await beyondImage(parts, visit, sourceOf(body)),
  });
  return { status: 202, body: { volume: madeView(visit, volume, await factsOf(parts, [volume])) } };
}

function addLists(routes: Routes, parts: VolumeParts): void {
  const { database, allows } = parts;
  const list = (path: string, detailed: boolean) =>
    page(routes, 'GET', path, { first: 'volume:get_all', also: ['volume:get', ...volumeViewRules] }, async (visit) => {
      const { choice, page: asked } = listQueryOf(visit, words);
      const found = await pageOfRows(database.read, volumeNoun, choice, asked);
      if (found === null) throw notFound(`Marker ${asked.marker} could not be found.`);
      const volumes = found.filter((volume) => allows(visit.caller, 'volume:get', targetOf(volume)));
      const facts = detailed ? await factsOf(parts, volumes) : null;
      const links = nextLinks(
        visit,
        path,
        found.map(({ id }) => id),
        asked.limit,
      );
      const counted = visit.minor >= 45 && booleanWord(lastOf(visit.query, 'with_count') ?? '') === true;
      return {
        status: 200,
        body: {
          volumes: volumes.map((volume) =>
            facts === null ? volumeSummary(visit, volume) : volumeView(allows, visit, volume, facts),
          ),
          ...(links.length === 0 ? {} : { volumes_links: links }),
          ...(counted ? { count: (await usageOf(database.read, volumeNoun, choice)).count } : {}),
        },
      };
    });
  page(
    routes,
    'GET',
    '/volumes/summary',
    { first: 'volume:get_all' },
    async (visit) => {
      const { choice } = listQueryOf(visit, words);
      const { count, gigabytes } = await usageOf(database.read, volumeNoun, choice);
      return {
        status: 200,
        body: {
          'volume-summary': {
            total_count: count,
            total_size: gigabytes,
            ...(visit.minor >= 36 ? { metadata: {} } : {}),
          },
        },
      };
    },
    { since: 12 },
  );
  list('/volumes/detail', true);
  list('/volumes', false);
}

const flag = ({ query }: Visit, name: string): boolean => booleanWord(lastOf(query, name) ?? '') === true;

function addOne(routes: Routes, parts: VolumeParts): void {
  page(
    routes,
    'POST',
    '/volumes',
    { first: 'volume:create', also: ['volume:create_from_image', ...volumeViewRules] },
    (visit) => create(parts, visit),
  );

  page(routes, 'GET', '/volumes/:id', { of: 'volume:get', also: volumeViewRules }, async (visit) => {
    const volume = await seenVolume(parts, visit.caller, visit.params['id'] ?? '');
    return { status: 200, body: { volume: await shown(parts, visit, volume) } };
  });

  page(
    routes,
    'PUT',
    '/volumes/:id',
    { of: 'volume:update', also: ['volume:get', ...volumeViewRules] },
    async (visit) => {
      const { volume: body } = await bodyBy<VolumeBody>(visit, changedVolume);
      const volume = await changeVolume(parts, visit.caller, visit.params['id'] ?? '', 'volume:update', (before) => {
        mustRest(before);
        const name = 'name' in body || 'display_name' in body ? { name: textOf(body, 'name', 'display_name') } : {};
        const said = 'description' in body || 'display_description' in body;
        const description = said ? { description: textOf(body, 'description', 'display_description') } : {};
        return { ...name, ...description, ...(body.metadata ? { metadata: body.metadata } : {}) };
      });
      return { status: 200, body: { volume: madeView(visit, volume, await factsOf(parts, [volume])) } };
    },
  );

  const rules = ['volume:get', 'volume:force_delete'] as const;
  page(routes, 'DELETE', '/volumes/:id', { of: 'volume:delete', also: rules }, async (visit) => {
    const { caller, ctx } = visit;
    const force = visit.minor >= 23 && flag(visit, 'force');
    const rule = force ? 'volume:force_delete' : 'volume:delete';
    const how = { cascade: flag(visit, 'cascade'), force, rule } as const;
    await deleteVolume(parts, { caller, requestId: ctx.state.requestId }, visit.params['id'] ?? '', how);
    return { status: 202 };
  });
}

const described: MetadataOwner<StoredVolume> = {
  noun: 'Volume',
  path: '/volumes',
  rules: {
    seeIt: 'volume:get',
    see: 'volume:get_volume_metadata',
    create: 'volume:create_volume_metadata',
    update: 'volume:update_volume_metadata',
    delete: 'volume:delete_volume_metadata',
  },
  find: seenVolume,
  change: changeVolume,
  mustBeChangeable: mustRest,
};

export function addVolumeRoutes(routes: Routes, parts: VolumeParts): void {
  addLists(routes, parts);
  addOne(routes, parts);
  addMetadataRoutes(routes, parts, described);
}
