// Why: the routes of snapshots of volumes.

import { badRequest, notFound } from '../../base/errors.ts';
import { snapshotNoun, type StoredSnapshot } from '../../db/volume-snapshots.ts';
import { pageOfRows, type Texts } from '../../db/volumes.ts';
import { snapshotStatuses, type SnapshotStatus } from '../../domain/volumes/status.ts';
import { readJson } from '../../web/json-body.ts';
import { asObject, type Routes } from '../http.ts';
import { listQueryOf, type ListWords, nextLinks } from './list-query.ts';
import { addMetadataRoutes, type MetadataOwner } from './metadata-routes.ts';
import type { VolumeParts } from './parts.ts';
import { targetOf } from './rules.ts';
import { changedSnapshot, newSnapshot, saysYes } from './schemas.ts';
import { changeSnapshot, createSnapshot, deleteSnapshot, seenSnapshot } from './snapshots.ts';
import { snapshotView } from './views.ts';
import { bodyBy, page, projectOf, type Visit } from './web.ts';

const words: ListWords = {
  filters: {
    id: { column: 'id' },
    name: { column: 'name' },
    display_name: { column: 'name' },
    status: { column: 'status' },
    volume_id: { column: 'volume_id' },
    user_id: { column: 'user_id' },
  },
  sorts: {
    id: 'id',
    name: 'name',
    display_name: 'name',
    status: 'status',
    volume_id: 'volume_id',
    created_at: 'created_at',
    updated_at: 'updated_at',
  },
};

interface SnapshotBody {
  readonly snapshot: {
    readonly volume_id: string | null;
    readonly name?: string | null;
    readonly display_name?: string | null;
    readonly description?: string | null;
    readonly display_description?: string | null;
    readonly force?: unknown;
    readonly metadata?: Texts | null;
  };
}

const idOf = ({ params }: Visit): string => params['id'] ?? '';

function addLists(routes: Routes, parts: VolumeParts): void {
  const { database, allows } = parts;
  for (const [path, detailed] of [
    ['/snapshots/detail', true],
    ['/snapshots', false],
  ] as const) {
    page(routes, 'GET', path, { first: 'volume:get_all_snapshots', also: ['volume:get_snapshot'] }, async (visit) => {
      const { choice, page: asked } = listQueryOf(visit, words);
      const found = await pageOfRows(database.read, snapshotNoun, choice, asked);
      if (found === null) throw notFound(`Marker ${asked.marker} could not be found.`);
      const seen = found.filter((snapshot) => allows(visit.caller, 'volume:get_snapshot', targetOf(snapshot)));
      const links = nextLinks(
        visit,
        path,
        found.map(({ id }) => id),
        asked.limit,
      );
      const snapshots = seen.map((snapshot) => snapshotView(visit, snapshot, detailed));
      return { status: 200, body: { snapshots, ...(links.length === 0 ? {} : { snapshots_links: links }) } };
    });
  }
}

function addOne(routes: Routes, parts: VolumeParts): void {
  page(routes, 'POST', '/snapshots', { first: 'volume:create_snapshot', also: ['volume:get'] }, async (visit) => {
    const { snapshot: body } = await bodyBy<SnapshotBody>(visit, newSnapshot);
    const asker = { caller: visit.caller, projectId: projectOf(visit), requestId: visit.ctx.state.requestId };
    const snapshot = await createSnapshot(parts, asker, {
      volumeId: body.volume_id ?? 'None',
      name: body.name ?? body.display_name ?? null,
      description: body.description ?? body.display_description ?? null,
      metadata: body.metadata ?? {},
      // until 3.65 who wants one of a volume in use has to say so
      ofUsed: visit.minor >= 66 || saysYes(body.force),
    });
    return { status: 202, body: { snapshot: snapshotView(visit, snapshot, false) } };
  });

  page(routes, 'GET', '/snapshots/:id', { of: 'volume:get_snapshot' }, async (visit) => ({
    status: 200,
    body: { snapshot: snapshotView(visit, await seenSnapshot(parts, visit.caller, idOf(visit)), true) },
  }));

  page(
    routes,
    'PUT',
    '/snapshots/:id',
    { of: 'volume:update_snapshot', also: ['volume:get_snapshot'] },
    async (visit) => {
      const { snapshot: body } = await bodyBy<SnapshotBody>(visit, changedSnapshot);
      const snapshot = await changeSnapshot(parts, visit.caller, idOf(visit), 'volume:update_snapshot', () => ({
        ...('name' in body || 'display_name' in body ? { name: body.name ?? body.display_name ?? null } : {}),
        ...('description' in body || 'display_description' in body
          ? { description: body.description ?? body.display_description ?? null }
          : {}),
      }));
      return { status: 200, body: { snapshot: snapshotView(visit, snapshot, false) } };
    },
  );

  page(
    routes,
    'DELETE',
    '/snapshots/:id',
    { of: 'volume:delete_snapshot', also: ['volume:get_snapshot'] },
    async (visit) => {
      const { caller, ctx } = visit;
      await deleteSnapshot(parts, { caller, requestId: ctx.state.requestId }, idOf(visit), false);
      return { status: 202 };
    },
  );
}

const described: MetadataOwner<StoredSnapshot> = {
  noun: 'Snapshot',
  path: '/snapshots',
  rules: {
    seeIt: 'volume:get_snapshot',
    see: 'volume:get_snapshot_metadata',
    create: 'volume:update_snapshot_metadata',
    update: 'volume:update_snapshot_metadata',
    delete: 'volume:delete_snapshot_metadata',
  },
  find: seenSnapshot,
  change: changeSnapshot,
};

const admin = 'volume_extension:snapshot_admin_actions';

function addActions(routes: Routes, parts: VolumeParts): void {
  const guard = { of: `${admin}:reset_status`, also: ['volume:get_snapshot', `${admin}:force_delete`] } as const;
  page(routes, 'POST', '/snapshots/:id/action', guard, async (visit) => {
    const body = asObject(await readJson(visit.ctx));
    const [name = '', ...others] = Object.keys(body ?? {});
    const { caller, ctx } = visit;
    if (others.length === 0 && name === 'os-force_delete') {
      await deleteSnapshot(parts, { caller, requestId: ctx.state.requestId }, idOf(visit), true);
      return { status: 202 };
    }
    if (others.length > 0 || name !== 'os-reset_status') {
      throw badRequest(`There is no such action: ${[name, ...others].join(', ').slice(0, 255)}`);
    }
    await changeSnapshot(parts, caller, idOf(visit), `${admin}:reset_status`, () => {
      const status = asObject(body?.[name])?.['status'] as SnapshotStatus;
      if (snapshotStatuses.includes(status)) return { status };
      throw badRequest(`Invalid input for field/attribute status. It must be one of ${snapshotStatuses.join(', ')}.`);
    });
    return { status: 202 };
  });
}

export function addSnapshotRoutes(routes: Routes, parts: VolumeParts): void {
  addLists(routes, parts);
  addOne(routes, parts);
  addMetadataRoutes(routes, parts, described);
  addActions(routes, parts);
}
