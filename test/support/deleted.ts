// Why: tests and benches of what is removed for good need servers that were deleted long ago, with a row in every table that speaks
// of servers, also in those that come later.

import type { Knex } from 'knex';
import { newUuid } from '../../src/base/ids.ts';
import type { Database } from '../../src/db/engine.ts';
import { insertServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { newServer } from './rows.ts';

export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
}

export interface TableFacts {
  readonly name: string;
  readonly columns: readonly ColumnFacts[];
  /** The column by which its rows belong to a server, and what that holds; null: they belong to none. */
  readonly owner: { readonly column: string; readonly by: 'id' | 'uuid' | 'action' } | null;
}

const OWNERS: readonly (readonly [RegExp, 'id' | 'uuid' | 'action'])[] = [
  [/^(server|instance)_uuid$/, 'uuid'],
  [/^(server|instance)_id$/, 'id'],
  [/^action_id$/, 'action'],
];

/** The tables of a SQLite database. */
export async function readTables(read: Knex): Promise<TableFacts[]> {
  const names: { name: string }[] = await read('sqlite_master')
    .where({ type: 'table' })
    .whereNot('name', 'like', 'sqlite%');
  const tables: TableFacts[] = [];
  for (const { name } of names) {
    const columns = (await read.raw(`pragma table_info(${name})`)) as ColumnFacts[];
    const owner = OWNERS.flatMap(([pattern, by]) =>
      columns.filter((column) => pattern.test(column.name)).map((column) => ({ column: column.name, by })),
    )[0];
    tables.push({ name, columns, owner: owner ?? null });
  }
  return tables;
}

/** A value that fits a column, another one for each number. */
function valueFor({ type }: ColumnFacts, n: number): string | number {
  if (/int|bool/.test(type)) return /bool/.test(type) ? 0 : n;
  return `${n}`;
}

const OPEN = 'instance_actions';

/** A row in each of these tables for a server; what its other columns refer to need not exist. */
export async function fillTables(
  database: Database,
  tables: readonly TableFacts[],
  server: { readonly id: number; readonly uuid: string },
  more: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Promise<void> {
  const mysql = database.engine === 'mysql';
  if (!mysql) await database.write.raw('pragma foreign_keys = off');
  await tx(database, async (t) => {
    if (mysql) await t.raw('set foreign_key_checks = 0');
    const keys: Record<string, unknown> = { ...server, action: server.id };
    for (const { name, columns, owner } of tables) {
      if (owner === null) continue;
      const made = columns
        .filter(({ notnull, pk, dflt_value }) => (notnull === 1 || pk > 0) && dflt_value === null)
        .map((column) => [column.name, valueFor(column, 1_000_000 + server.id)]);
      const state = name === OPEN ? { id: server.id, state: 'done' } : {};
      await t(name).insert({ ...Object.fromEntries(made), ...state, [owner.column]: keys[owner.by], ...more[name] });
    }
    if (mysql) await t.raw('set foreign_key_checks = 1');
  });
  if (!mysql) await database.write.raw('pragma foreign_keys = on');
}

/** A server that was deleted at that moment; null: it lives. */
export async function insertDeleted(
  database: Database,
  deletedAt: number | null,
  more: Parameters<typeof newServer>[0] = {},
): Promise<{ readonly id: number; readonly uuid: string }> {
  const uuid = newUuid();
  const deleted = deletedAt !== null;
  const state = deleted ? { vmState: 'deleted' as const, host: null, node: null } : {};
  const row = newServer({ uuid, deleted, deletedAt, terminatedAt: deletedAt, ...state, ...more });
  return { id: await tx(database, (t) => insertServer(t, row)), uuid };
}
