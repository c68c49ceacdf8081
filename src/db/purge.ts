// Why: the rows of a deleted server stay, for its history and its bill, until an operator wants them gone. What belongs to a server
// is one list, and a test compares it with the schema, so that no later table is forgotten.

import type { Knex } from 'knex';
import type { Database, Reader } from './engine.ts';
import { takeLock } from './named-locks.ts';
import type { Tx } from './tx.ts';

type Key = 'id' | 'uuid' | 'action';

/** What goes with a server, children first, and by what it names the server. */
export const ofServers: readonly { readonly table: string; readonly column: string; readonly by: Key }[] = [
  { table: 'waiting_placements', column: 'action_id', by: 'action' },
  { table: 'instance_action_events', column: 'action_id', by: 'action' },
  { table: 'instance_actions', column: 'server_uuid', by: 'uuid' },
  { table: 'migrations', column: 'server_uuid', by: 'uuid' },
  { table: 'console_auth_tokens', column: 'server_id', by: 'id' },
  { table: 'server_faults', column: 'server_id', by: 'id' },
  { table: 'server_group_members', column: 'server_id', by: 'id' },
  { table: 'server_metadata', column: 'server_id', by: 'id' },
  { table: 'server_nics', column: 'server_id', by: 'id' },
  { table: 'server_passwords', column: 'server_id', by: 'id' },
  { table: 'server_sizes', column: 'server_id', by: 'id' },
  { table: 'server_tags', column: 'server_id', by: 'id' },
  { table: 'backup_schedules', column: 'server_uuid', by: 'uuid' },
  { table: 'server_volumes', column: 'server_id', by: 'id' },
  { table: 'usage_samples', column: 'server_id', by: 'id' },
  { table: 'ssh_ports', column: 'server_id', by: 'id' },
  { table: 'phone_homes', column: 'server_id', by: 'id' },
  { table: 'shelved_servers', column: 'server_id', by: 'id' },
  { table: 'adjust_states', column: 'server_id', by: 'id' },
  { table: 'adjust_decisions', column: 'server_uuid', by: 'uuid' },
  { table: 'servers', column: 'id', by: 'id' },
];

/** What names a server and stays when it goes: somebody may still make a new one of it. */
export const outliving: readonly string[] = ['server_copies'];

/** What keeps a deleted server: it holds something of a host yet, or its usage can still be asked for. */
export const keepers: readonly { readonly table: string; readonly where: string; readonly reason: string }[] = [
  { table: 'claims', where: 'server_id = servers.id', reason: 'holds a claim' },
  { table: 'held_claims', where: 'server_id = servers.id', reason: 'holds a claim of a move' },
  // whoever finds its guest on a host that comes back must know whose it was
  { table: 'remnants', where: 'server_uuid = servers.uuid', reason: 'may have left something on a host' },
  { table: 'instance_actions', where: "server_uuid = servers.uuid and state <> 'done'", reason: 'has an open action' },
  { table: 'volume_attachments', where: 'server_uuid = servers.uuid', reason: 'has a volume' },
  // a period that begins at the limit or later is billed as before; and hours that cost something are recorded first
  {
    table: 'server_sizes',
    where: 'server_id = servers.id and (ended_at is null or ended_at > :beforeMs or settled = 0)',
    reason: 'was billed later',
  },
];

/** What is of no server and goes when its moment is before the limit; what no broker took until then is not told any more. */
export const passing: readonly { readonly table: string; readonly key: string; readonly moment: string }[] = [
  { table: 'console_auth_tokens', key: 'id', moment: 'expires_at' },
  { table: 'identity_revocations', key: 'audit_id', moment: 'expires_at' },
  { table: 'notifications', key: 'id', moment: 'created_at' },
  { table: 'volume_messages', key: 'id', moment: 'expires_at' },
];

/** Rows by table. */
export type RowCounts = Readonly<Record<string, number>>;

export const addCounts = (one: RowCounts, other: RowCounts): RowCounts =>
  Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((table) => [
      table,
      (one[table] ?? 0) + (other[table] ?? 0),
    ]),
  );

const deletedBefore = (reader: Reader, beforeMs: number): Knex.QueryBuilder =>
  reader('servers').where({ deleted: 1 }).where('servers.deleted_at', '<', beforeMs);

/** Of some servers, those that nothing keeps. */
function unkept(reader: Reader, query: Knex.QueryBuilder, beforeMs: number): Knex.QueryBuilder {
  for (const { table, where } of keepers) {
    void query.whereNotExists(reader(table).select(reader.raw('1')).whereRaw(where, { beforeMs }));
  }
  return query;
}

const purgeable = (reader: Reader, beforeMs: number): Knex.QueryBuilder =>
  unkept(reader, deletedBefore(reader, beforeMs), beforeMs);

/** Where a purge stands: servers go in the order of their deletion. */
export interface PurgeCursor {
  readonly deletedAt: number;
  readonly id: number;
}

export interface PurgedBatch {
  readonly rows: RowCounts;
  /** False: nothing is left behind this batch. */
  readonly more: boolean;
  readonly cursor: PurgeCursor | null;
}

/** Removes up to `limit` servers that were deleted before a moment, with all that is theirs. */
export async function purgeServers(
  tx: Tx,
  beforeMs: number,
  after: PurgeCursor | null,
  limit: number,
): Promise<PurgedBatch> {
  await takeLock(tx, 'purge');
  const query = deletedBefore(tx, beforeMs)
    .select('servers.id', 'servers.uuid', 'servers.deleted_at')
    .orderBy(['servers.deleted_at', 'servers.id'])
    .limit(limit);
  if (after !== null) {
    void query
      .where('servers.deleted_at', '>=', after.deletedAt)
      .where((any) => void any.where('servers.deleted_at', '>', after.deletedAt).orWhere('servers.id', '>', after.id));
  }
  const looked = (await query) as { id: number; uuid: string; deleted_at: number }[];
  const last = looked.at(-1);
  if (last === undefined) return { rows: {}, more: false, cursor: after };
  // by their numbers alone: MariaDB would look through all that were deleted before
  const these = tx('servers').whereIn(
    'servers.id',
    looked.map(({ id }) => id),
  );
  const free = unkept(tx, these, beforeMs);
  const found = (await free.select('servers.id', 'servers.uuid')) as { id: number; uuid: string }[];
  const rows = await removeServerRows(tx, found);
  return { rows, more: looked.length === limit, cursor: { deletedAt: Number(last.deleted_at), id: last.id } };
}

/** Removes servers with all that is theirs; they claim nothing and count for nothing. */
export async function removeServerRows(
  tx: Tx,
  servers: readonly { readonly id: number; readonly uuid: string }[],
): Promise<RowCounts> {
  const uuids = servers.map(({ uuid }) => uuid);
  const actions: { id: number }[] = await tx('instance_actions').select('id').whereIn('server_uuid', uuids);
  const keys: Readonly<Record<Key, readonly (string | number)[]>> = {
    id: servers.map(({ id }) => id),
    uuid: uuids,
    action: actions.map(({ id }) => id),
  };
  const rows: Record<string, number> = {};
  for (const { table, column, by } of ofServers) rows[table] = await removeRows(tx, table, column, keys[by]);
  return rows;
}

/** Values in one statement; SQLite takes a bounded number of them. */
const VALUES_AT_ONCE = 500;

async function removeRows(
  tx: Tx,
  table: string,
  column: string,
  values: readonly (string | number)[],
): Promise<number> {
  let count = 0;
  for (let at = 0; at < values.length; at += VALUES_AT_ONCE) {
    count += await tx(table)
      .whereIn(column, values.slice(at, at + VALUES_AT_ONCE))
      .delete();
  }
  return count;
}

/** Removes up to `limit` rows of one of `passing`. */
export async function purgePassing(
  tx: Tx,
  { table, key, moment }: (typeof passing)[number],
  beforeMs: number,
  limit: number,
): Promise<Omit<PurgedBatch, 'cursor'>> {
  await takeLock(tx, 'purge');
  const found: string[] | number[] = await tx(table).where(moment, '<', beforeMs).limit(limit).pluck(key);
  return { rows: { [table]: await removeRows(tx, table, key, found) }, more: found.length === limit };
}

async function counted(query: Knex.QueryBuilder): Promise<number> {
  const [row] = (await query.count({ count: '*' })) as [{ count: number | string }];
  return Number(row.count);
}

/** How many servers a purge would remove. */
export const countPurgeableServers = (reader: Reader, beforeMs: number): Promise<number> =>
  counted(purgeable(reader, beforeMs));

/** How many rows a purge would remove, by table. */
export async function countPurgeable(reader: Reader, beforeMs: number): Promise<RowCounts> {
  const servers = (key: 'id' | 'uuid') => purgeable(reader, beforeMs).select(`servers.${key}`);
  const keys: Readonly<Record<Key, () => Knex.QueryBuilder>> = {
    id: () => servers('id'),
    uuid: () => servers('uuid'),
    action: () => reader('instance_actions').select('instance_actions.id').whereIn('server_uuid', servers('uuid')),
  };
  const rows: Record<string, number> = {};
  for (const { table, column, by } of ofServers) rows[table] = await counted(reader(table).whereIn(column, keys[by]()));
  for (const { table, moment } of passing) {
    const query = reader(table).where(moment, '<', beforeMs);
    // those of purgeable servers are counted already
    const own = ofServers.find((one) => one.table === table);
    if (own !== undefined) void query.whereNotIn(own.column, keys[own.by]());
    rows[table] = (rows[table] ?? 0) + (await counted(query));
  }
  return rows;
}

/** How many deleted servers of before the limit are kept, by reason; one may be kept for several. */
export async function countKept(reader: Reader, beforeMs: number): Promise<RowCounts> {
  const kept: Record<string, number> = {};
  for (const { table, where, reason } of keepers) {
    const holds = reader(table).select(reader.raw('1')).whereRaw(where, { beforeMs });
    const count = await counted(deletedBefore(reader, beforeMs).whereExists(holds));
    if (count > 0) kept[reason] = count;
  }
  return kept;
}

/** What knex does not say of its client: one connection of its pool, for this caller alone. */
interface Connections {
  acquireConnection(): Promise<{ pragma(text: string, how?: { simple: true }): unknown }>;
  releaseConnection(connection: unknown): Promise<void>;
}

/**
 * Has SQLite write its log into the file and empty it: the file's freed pages are overwritten, and the log has them as they were.
 * @returns false where somebody reads or writes at this moment; true on MySQL, where there is nothing to do
 */
export async function emptyLog({ engine, write }: Database): Promise<boolean> {
  if (engine === 'mysql') return true;
  const client = write.client as Connections;
  const connection = await client.acquireConnection();
  try {
    return connection.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) === 0;
  } finally {
    await client.releaseConnection(connection);
  }
}
