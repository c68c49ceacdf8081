// Why: a bench with 100,000 servers cannot wait until they were built, nor until their rows were written one by one. One server is
// made through the API, and every row that it left is copied, many of them in a statement.

import type { Database } from '../../src/db/engine.ts';
import { ofServers } from '../../src/db/purge.ts';
import { insertRows, tx } from '../../src/db/tx.ts';

export type Columns = Readonly<Record<string, unknown>>;

interface Place {
  readonly table: string;
  readonly column: string;
  /** By what its rows name the server. */
  readonly by: 'id' | 'uuid' | 'action' | 'port';
}

/** All rows of a server, children first; those that a deleted one has no more stand at the beginning. */
const places: readonly Place[] = [
  { table: 'ip_allocations', column: 'port_id', by: 'port' },
  { table: 'ports', column: 'id', by: 'port' },
  { table: 'claims', column: 'server_id', by: 'id' },
  ...ofServers,
];

/** A server with all its rows, by table. */
export interface Model {
  readonly actions: readonly unknown[];
  readonly rows: ReadonlyMap<string, readonly Columns[]>;
}

/** The rows that a real server, made through the service, has or left. */
export async function modelOf({ read }: Database, uuid: string): Promise<Model> {
  const { id } = (await read('servers').where({ uuid }).first('id')) as { id: number };
  const keys = {
    id: [id],
    uuid: [uuid],
    action: (await read('instance_actions').where({ server_uuid: uuid }).pluck('id')) as number[],
    port: (await read('ports').where({ device_id: uuid }).pluck('id')) as string[],
  };
  const rows = new Map<string, readonly Columns[]>();
  for (const { table, column, by } of places) rows.set(table, await read(table).whereIn(column, keys[by]));
  return { actions: keys.action, rows };
}

/** In what a copy differs from its model. */
export interface Copy {
  readonly uuid: string;
  /** Words of the model's texts with those that stand in their place. */
  readonly words?: readonly (readonly [word: string, other: string])[];
  /** Columns of its rows in a table; null: it has no rows there. */
  readonly columns?: (table: string) => Columns | null;
}

const AT_ONCE = 500;
/** Numbers far from those that the service gives. */
const FIRST = 1_000_000;
const ACTIONS_EACH = 10;

/** The number of the n-th copy's row in `servers`. */
export const copyId = (n: number): number => FIRST + n;

/** Writes the copies with the numbers from `first` on. */
export async function addCopiesOf(
  database: Database,
  { actions, rows }: Model,
  first: number,
  count: number,
  copyOf: (n: number) => Copy,
): Promise<void> {
  const known = (copyOf(first).words ?? []).map(([word]) => word);
  /** The columns of a row in which some word stands. */
  const wordy = (row: Columns): string[] =>
    Object.entries(row)
      .filter(([, value]) => typeof value === 'string' && known.some((word) => value.includes(word)))
      .map(([name]) => name);
  const sources = places.toReversed().map(({ table, column }) => ({
    ...{ table, column },
    rows: (rows.get(table) ?? []).map((row) => ({ row, texts: wordy(row) })),
  }));
  for (let from = first; from < first + count; from += AT_ONCE) {
    const copies = Array.from({ length: Math.min(AT_ONCE, first + count - from) }, (_, index) => ({
      n: from + index,
      ...copyOf(from + index),
    }));
    await tx(database, async (t) => {
      for (const { table, column, rows: models } of sources) {
        const written: Columns[] = [];
        for (const { n, uuid, words = [], columns } of copies) {
          const more = columns === undefined ? {} : columns(table);
          if (more === null) continue;
          const action = copyId(n) * ACTIONS_EACH;
          for (const [index, { row, texts }] of models.entries()) {
            const { id, ...rest } = row;
            const said = (name: string): string =>
              words.reduce((text, [word, other]) => text.replaceAll(word, other), String(row[name]));
            written.push({
              ...(typeof id === 'string' ? row : rest),
              ...Object.fromEntries(texts.map((name) => [name, said(name)])),
              ...(column === 'server_uuid' ? { server_uuid: uuid } : {}),
              ...(column === 'server_id' ? { server_id: copyId(n) } : {}),
              ...(column === 'action_id' ? { action_id: action + actions.indexOf(row['action_id']) } : {}),
              ...(table === 'instance_actions' ? { id: action + index } : {}),
              ...(table === 'servers' ? { id: copyId(n), uuid } : {}),
              ...(table === 'ports' ? { device_id: uuid } : {}),
              ...more,
            });
          }
        }
        await insertRows(t, table, written);
      }
    });
  }
}
