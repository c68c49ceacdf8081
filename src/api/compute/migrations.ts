// Why: operators see which servers moved between hosts, how, and how it ended.

import { badRequest, notFound } from '../../base/errors.ts';
import { derive, history, versioned } from '../../base/history.ts';
import { findMigration, findMigrationByUuid, listMigrations, type MigrationFilter } from '../../db/migrations.ts';
import { isLiveInProgress, type ServerMigration } from '../../domain/servers/migrations.ts';
import { memberLinks, nextLinks, pageOf } from '../links.ts';
import { dateTime, multi, nonNegativeInteger, query, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { parseDateTime } from '../../base/date-time.ts';
import { viewOf } from '../view.ts';
import { migrationChanges, type MigrationField, migrationFields } from './migration-fields.ts';

const once = (item: object) => ({ type: 'array', items: item, maxItems: 1 });

const filters = {
  hidden: multi(text),
  host: multi(text),
  instance_uuid: multi(text),
  source_compute: multi(text),
  status: multi(text),
  migration_type: multi(text),
};

const paged = derive(
  history<unknown>(
    { ...filters, limit: once(nonNegativeInteger), marker: once(text), 'changes-since': once(dateTime) },
    [
      { at: '2.66', add: { 'changes-before': once(dateTime) } },
      { at: '2.80', add: { user_id: once(text), project_id: once(text) } },
    ],
  ),
  (form) => query(form, 'strict'),
);
const listQuery = versioned(
  query(filters, 'lenient'),
  ...(['2.59', '2.66', '2.80'] as const).map((at) => [at, paged.at(Number(at.slice(2)))] as const),
);

/** Named changes of behaviour over the versions. */
const features = history<true>({}, [{ at: '2.59', add: { paging: true } }]);

const fields = history<MigrationField>(
  {
    ...migrationFields,
    instance_uuid: (move) => move.serverUuid,
    old_instance_type_id: (move) => move.oldFlavorId,
    new_instance_type_id: (move) => move.newFlavorId,
  },
  [
    {
      at: '2.23',
      add: {
        migration_type: (move) => move.type,
        links: (move, { url }) =>
          isLiveInProgress(move)
            ? memberLinks(url, `servers/${move.serverUuid}/migrations`, String(move.id))
            : undefined,
      },
    },
    ...migrationChanges,
  ],
);

/** Filters of the query by their fields; `source_compute` counts only without `host`, as in Nova. */
const filterNames = [
  ['status', 'status'],
  ['host', 'host'],
  ['type', 'migration_type'],
  ['serverUuid', 'instance_uuid'],
  ['userId', 'user_id'],
  ['projectId', 'project_id'],
] as const satisfies readonly (readonly [keyof MigrationFilter, string])[];

function filterOf({ query: asked }: Call): MigrationFilter {
  const filter: Record<string, string | number> = {};
  for (const [field, name] of filterNames) {
    const value = asked[name]?.at(-1);
    if (value !== undefined) filter[field] = value;
  }
  const source = asked['source_compute']?.at(-1);
  if (source !== undefined && filter['host'] === undefined) filter['sourceCompute'] = source;
  const [since, before] = ['changes-since', 'changes-before'].map((key) => {
    const value = asked[key]?.[0];
    return value === undefined ? null : parseDateTime(value);
  }) as [number | null, number | null];
  if (since !== null && before !== null && before < since) {
    throw badRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  if (since !== null) filter['changesSince'] = since;
  if (before !== null) filter['changesBefore'] = before;
  return filter;
}

const NOT_HIDDEN: ReadonlySet<string> = new Set(['0', 'False', 'false']);

async function list(call: Call): Promise<readonly ServerMigration[]> {
  const { op, query: asked, services } = call;
  // who asks for less than all must say so
  if (asked['project_id']?.at(-1) !== op.caller.projectId)
    call.enforce('os_compute_api:os-migrations:index:all_projects');
  const filter = filterOf(call);
  // none is hidden here
  const hidden = asked['hidden']?.at(-1);
  if (hidden !== undefined && !NOT_HIDDEN.has(hidden)) return [];
  const page = features.at(op.minor).paging ? pageOf(asked, services.settings.pageSize) : null;
  return listMigrations(services.db, filter, page);
}

type AnyCall = Pick<Call, 'op' | 'url' | 'allows'>;

const SEES_ALL = 'os_compute_api:os-migrations:index:all_projects';
const SEES_HOSTS = 'os_compute_api:os-migrations:index:host';

/** Whether a caller sees a move: one that his project asked for, unless he sees all. */
const isSeen = (call: AnyCall, move: ServerMigration): boolean =>
  call.allows(SEES_ALL) || move.projectId === call.op.caller.projectId;

/** The move that the path names by its uuid or its number. */
async function show(call: Call): Promise<ServerMigration> {
  const id = call.params['migration_id'] ?? '';
  const { db } = call.services;
  const found = await (/^\d{1,9}$/.test(id) ? findMigration(db, Number(id)) : findMigrationByUuid(db, id));
  if (found === null || !isSeen(call, found)) throw notFound(`Migration ${id} could not be found.`);
  return found;
}

/** A move with how much of it went, in bytes. */
function moveView(move: ServerMigration, call: AnyCall) {
  const { memory, disk } = move;
  const shown = viewOf(fields, call.op.minor, { url: call.url, hosts: call.allows(SEES_HOSTS) })(move);
  const progress = {
    memory_total_bytes: memory.total,
    memory_processed_bytes: memory.processed,
    memory_remaining_bytes: memory.remaining,
    disk_total_bytes: disk.total,
    disk_processed_bytes: disk.processed,
    disk_remaining_bytes: disk.remaining,
  };
  return { ...shown, uuid: move.uuid, migration_type: move.type, progress };
}

export default resource({
  'GET /os-xloud-migrations/:migration_id': route()({
    summary: 'Show one move of a server, which may be over, by its uuid or its number.',
    policy: 'os_compute_api:os-migrations:index',
    alsoAsks: [SEES_ALL, SEES_HOSTS],
    status: 200,
    run: show,
    view: (move, call) => ({ migration: moveView(move, call) }),
  }),
  'GET /servers/:server_id/os-xloud-migrations': route<'server'>()({
    summary: 'List the newest moves of a server, those that are over among them, the newest first.',
    policy: 'os_compute_api:os-migrations:index',
    alsoAsks: [SEES_ALL, SEES_HOSTS],
    target: 'server',
    status: 200,
    run: async (call) => {
      const page = { limit: call.services.settings.pageSize, marker: null };
      const moves = await listMigrations(call.services.db, { serverUuid: call.target.uuid }, page);
      return moves.filter((move) => isSeen(call, move));
    },
    view: (moves, call) => ({ migrations: moves.map((move) => moveView(move, call)) }),
  }),
  'GET /os-migrations': route()({
    summary: 'List moves of servers between hosts.',
    policy: 'os_compute_api:os-migrations:index',
    alsoAsks: ['os_compute_api:os-migrations:index:all_projects', 'os_compute_api:os-migrations:index:host'],
    query: listQuery,
    status: 200,
    run: list,
    shows: fields,
    view: (moves, call) => {
      const { op, url, query: asked, services } = call;
      const { pageSize } = services.settings;
      const hosts = call.allows('os_compute_api:os-migrations:index:host');
      const ids = moves.map(({ uuid }) => uuid);
      const links = features.at(op.minor).paging ? nextLinks(url, asked, pageOf(asked, pageSize), pageSize, ids) : [];
      return {
        migrations: moves.map(viewOf(fields, op.minor, { url, hosts })),
        ...(links.length === 0 ? {} : { migrations_links: links }),
      };
    },
  }),
});
