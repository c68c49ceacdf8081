// Why: the moves of servers between hosts: their history for operators, and what confirmation, revert and recovery read.

import { invariant } from '../base/invariant.ts';
import { badRequest } from '../base/errors.ts';
import {
  type Before,
  liveInProgress,
  type MigrationStatus,
  overStatuses,
  type ServerMigration,
} from '../domain/servers/migrations.ts';
import { type Codec, fromJson, toNullableJson } from './codec.ts';
import type { Reader, Row } from './engine.ts';
import { upHosts } from './hosts.ts';
import { keyset } from './page.ts';
import { flavorShape, unversioned, versioned } from './shapes.ts';
import { defineNoun, findRow, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

/** SQL's null where a move changes nothing that would have to be put back. */
const beforeCodec: Codec<Before | null> = {
  read(cell) {
    if (cell == null) return null;
    const { flavor, ...rest } = fromJson<Before>(cell);
    return { ...rest, flavor: unversioned(flavorShape, flavor) };
  },
  write: (before) => toNullableJson(before && { ...before, flavor: versioned(flavorShape, before.flavor) }),
};

const migrationNoun = defineNoun<ServerMigration>({
  table: 'migrations',
  columns: {
    id: ['id', 'number'],
    uuid: ['uuid', 'text'],
    serverUuid: ['server_uuid', 'text'],
    type: ['migration_type', 'text'],
    status: ['status', 'text'],
    sourceCompute: ['source_compute', 'text'],
    sourceNode: ['source_node', 'text'],
    destCompute: ['dest_compute', 'text'],
    destNode: ['dest_node', 'text'],
    destHost: ['dest_host', 'text'],
    oldFlavorId: ['old_flavor_id', 'number'],
    newFlavorId: ['new_flavor_id', 'number'],
    userId: ['user_id', 'text'],
    projectId: ['project_id', 'text'],
    memory: {
      total: ['memory_total', 'number'],
      processed: ['memory_processed', 'number'],
      remaining: ['memory_remaining', 'number'],
    },
    disk: {
      total: ['disk_total', 'number'],
      processed: ['disk_processed', 'number'],
      remaining: ['disk_remaining', 'number'],
    },
    steering: ['wish', 'text'],
    before: ['before', beforeCodec],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export interface MigrationFilter {
  readonly status?: string;
  /** As source or destination. */
  readonly host?: string;
  readonly sourceCompute?: string;
  readonly type?: string;
  readonly serverUuid?: string;
  readonly userId?: string;
  readonly projectId?: string;
  /** `updated_at` at or after / at or before, in milliseconds. */
  readonly changesSince?: number;
  readonly changesBefore?: number;
}

const equals: readonly (readonly [keyof MigrationFilter, string])[] = [
  ['status', 'status'],
  ['sourceCompute', 'source_compute'],
  ['type', 'migration_type'],
  ['serverUuid', 'server_uuid'],
  ['userId', 'user_id'],
  ['projectId', 'project_id'],
];

/**
 * Moves by filter. With a page the newest first; without one all, the oldest first. Throws a badRequest Fault for a marker that
 * is not there.
 */
export async function listMigrations(
  reader: Reader,
  filter: MigrationFilter,
  page: { readonly limit: number; readonly marker: string | null } | null,
): Promise<ServerMigration[]> {
  if (page?.limit === 0) return [];
  const query = reader('migrations').select(migrationNoun.columns);
  for (const [field, column] of equals) {
    const value = filter[field];
    if (value !== undefined) void query.where(column, value);
  }
  const { host } = filter;
  if (host !== undefined) {
    void query.where((any) => void any.where('source_compute', host).orWhere('dest_compute', host));
  }
  if (filter.changesSince !== undefined) void query.where('updated_at', '>=', filter.changesSince);
  if (filter.changesBefore !== undefined) void query.where('updated_at', '<=', filter.changesBefore);
  if (page === null) void query.orderBy('id');
  else {
    let marker: Row | null = null;
    if (page.marker !== null) {
      const behind = reader('migrations').select('created_at', 'id').where({ uuid: page.marker });
      if (filter.projectId !== undefined) void behind.where({ project_id: filter.projectId });
      marker = (await behind.first()) ?? null;
      if (marker === null) throw badRequest(`Marker ${page.marker} could not be found.`);
    }
    void query.limit(page.limit);
    const newestFirst = [
      { column: 'created_at', dir: 'desc' },
      { column: 'id', dir: 'desc' },
    ] as const;
    keyset(query, newestFirst, marker, true);
  }
  return migrationNoun.fromRows(await query);
}

export const findMigration = (reader: Reader, id: number): Promise<ServerMigration | null> =>
  findRow(reader, migrationNoun, { id });

export const findMigrationByUuid = (reader: Reader, uuid: string): Promise<ServerMigration | null> =>
  findRow(reader, migrationNoun, { uuid });

/** The newest move of a server in one of these states. */
export async function findMigrationIn(
  reader: Reader,
  serverUuid: string,
  statuses: readonly MigrationStatus[],
): Promise<ServerMigration | null> {
  const row: Row | undefined = await reader('migrations')
    .select(migrationNoun.columns)
    .where({ server_uuid: serverUuid })
    .whereIn('status', [...statuses])
    .orderBy('id', 'desc')
    .first();
  return row === undefined ? null : migrationNoun.fromRow(row);
}

/** A server's moves that are not over. */
export async function openMigrations(reader: Reader, serverUuid: string): Promise<ServerMigration[]> {
  const rows: Row[] = await reader('migrations')
    .select(migrationNoun.columns)
    .where({ server_uuid: serverUuid })
    .whereNotIn('status', [...overStatuses])
    .orderBy('id');
  return migrationNoun.fromRows(rows);
}

/** A server's moves that are not over, or that hold a claim all the same. */
export async function unfinishedMoves(
  reader: Reader,
  { id, uuid }: { readonly id: number; readonly uuid: string },
): Promise<ServerMigration[]> {
  const holding = reader('held_claims').select('migration_id').where({ server_id: id });
  const rows: Row[] = await reader('migrations')
    .select(migrationNoun.columns)
    .where({ server_uuid: uuid })
    .where((any) => void any.whereNotIn('status', [...overStatuses]).orWhereIn('id', holding))
    .orderBy('id');
  return migrationNoun.fromRows(rows);
}

/** A server's live migrations that are under way. */
export async function liveMigrationsOf(reader: Reader, serverUuid: string): Promise<ServerMigration[]> {
  const rows: Row[] = await reader('migrations')
    .select(migrationNoun.columns)
    .where({ server_uuid: serverUuid, migration_type: 'live-migration' })
    .whereIn('status', [...liveInProgress])
    .orderBy('id');
  return migrationNoun.fromRows(rows);
}

/** A resize that waits for its confirmation. */
export interface UnconfirmedMove extends Pick<ServerMigration, 'id' | 'serverUuid' | 'sourceCompute'> {
  /** Whether its server waits for it too: one whose state was set by hand, or that is gone, does not. */
  readonly awaited: boolean;
}

/**
 * Resizes that wait since before a moment, the oldest first, but for those of which nothing can be done now: their servers have a
 * task, or the old host is none of those that are `up`.
 */
export async function unconfirmedSince(
  reader: Reader,
  beforeMs: number,
  upSinceMs: number,
  limit: number,
): Promise<UnconfirmedMove[]> {
  const rows: Row[] = await reader('migrations as m')
    .leftJoin('servers as s', (on) => void on.on('s.uuid', 'm.server_uuid').andOnVal('s.deleted', 0))
    .select('m.id', 'm.server_uuid', 'm.source_compute', 's.vm_state')
    .where('m.status', 'finished')
    .where('m.updated_at', '<=', beforeMs)
    .whereNull('s.task_state')
    .where(
      (any) =>
        void any
          .whereNull('s.vm_state')
          .orWhereNot('s.vm_state', 'resized')
          .orWhereIn('m.source_compute', upHosts(reader, upSinceMs)),
    )
    .orderBy('m.updated_at')
    .limit(limit);
  return rows.map((row) => ({
    id: row['id'] as number,
    serverUuid: row['server_uuid'] as string,
    sourceCompute: row['source_compute'] as string,
    awaited: row['vm_state'] === 'resized',
  }));
}

/** Whether a host is source or destination of a move that is not over. */
export async function isMoving(reader: Reader, host: string): Promise<boolean> {
  const row: Row | undefined = await reader('migrations')
    .select('id')
    .where((any) => void any.where('source_compute', host).orWhere('dest_compute', host))
    .whereNotIn('status', [...overStatuses])
    .first();
  return row !== undefined;
}

export type NewMigration = Pick<
  ServerMigration,
  | 'uuid'
  | 'serverUuid'
  | 'type'
  | 'sourceCompute'
  | 'sourceNode'
  | 'oldFlavorId'
  | 'newFlavorId'
  | 'userId'
  | 'projectId'
  | 'before'
> & { readonly nowMs: number };

/** Notes a move that was accepted. Returns its number. */
export const insertMigration = (tx: Tx, { nowMs, ...move }: NewMigration): Promise<number> =>
  insertRow(tx, migrationNoun, { ...move, status: 'accepted', createdAt: nowMs, updatedAt: nowMs });

/** What of a move changes. */
export type MigrationPatch = Partial<
  Pick<ServerMigration, 'status' | 'destCompute' | 'destNode' | 'destHost' | 'steering' | 'memory' | 'disk'>
>;

export async function updateMigration(tx: Tx, id: number, patch: MigrationPatch, nowMs: number): Promise<void> {
  const touched = await updateRows(tx, migrationNoun, { id }, { ...patch, updatedAt: nowMs });
  invariant(touched === 1, `migration ${id}, which changes, has a row`);
}

/** Evacuations whose dead host is back and clean are `completed`. */
export async function completeEvacuations(tx: Tx, serverUuid: string, host: string, nowMs: number): Promise<void> {
  await tx('migrations')
    .where({ server_uuid: serverUuid, source_compute: host, migration_type: 'evacuation', status: 'done' })
    .update({ status: 'completed', updated_at: nowMs });
}
