// Why: a local copy of the monitored tables, updated by the server's notifications, so that differences are found without queries.

import type { Schema } from './operations.ts';
import { decode, patched, type Row, type Value } from './values.ts';

/** A changed row. */
export interface RowChange {
  readonly table: string;
  readonly uuid: string;
  /** Null: it is new. */
  readonly before: Row | null;
  /** Null: it is gone. */
  readonly after: Row | null;
}

export type Tables = ReadonlyMap<string, ReadonlyMap<string, Row>>;

/** The content of an `update2` notification, by table and uuid. */
export type Update2 = Readonly<Record<string, Readonly<Record<string, RowUpdate2>>>>;
interface RowUpdate2 {
  readonly initial?: Readonly<Record<string, unknown>>;
  readonly insert?: Readonly<Record<string, unknown>>;
  readonly modify?: Readonly<Record<string, unknown>>;
  readonly delete?: unknown;
}

export interface Replica {
  readonly tables: Tables;
  /** Applies a notification and returns the changed rows. */
  apply(update: Update2): readonly RowChange[];
}

/** Default values, which the server leaves out. */
const defaults = { integer: 0, real: 0, boolean: false, string: '', uuid: '' } as const;

/** An empty replica of these columns. */
export function makeReplica(schema: Schema, columns: Readonly<Record<string, readonly string[]>>): Replica {
  const tables = new Map(Object.keys(columns).map((table) => [table, new Map<string, Row>()]));

  function initial(table: string, told: Readonly<Record<string, unknown>>): Row {
    return Object.fromEntries(
      (columns[table] ?? []).map((column): [string, Value] => {
        const type = schema[table]?.[column];
        if (type === undefined) throw new TypeError(`the database has no column ${column} of ${table}`);
        const given = told[column];
        if (given !== undefined) return [column, decode(type, given)];
        return [column, type.form === 'set' ? [] : type.form === 'map' ? {} : defaults[type.key]];
      }),
    );
  }

  function modified(table: string, before: Row, told: Readonly<Record<string, unknown>>): Row {
    const after: Record<string, Value> = { ...before };
    for (const [column, value] of Object.entries(told)) {
      const type = schema[table]?.[column];
      if (type !== undefined) after[column] = patched(type, before[column], value);
    }
    return after;
  }

  return {
    tables,
    apply(update) {
      const changes: RowChange[] = [];
      for (const [table, rows] of Object.entries(update)) {
        const kept = tables.get(table);
        if (kept === undefined) continue;
        for (const [uuid, told] of Object.entries(rows)) {
          const before = kept.get(uuid) ?? null;
          const whole = told.initial ?? told.insert;
          let after: Row | null = null;
          if (whole !== undefined) after = initial(table, whole);
          else if (told.modify !== undefined) after = modified(table, before ?? initial(table, {}), told.modify);
          if (after === null) kept.delete(uuid);
          else kept.set(uuid, after);
          changes.push({ table, uuid, before, after });
        }
      }
      return changes;
    },
  };
}
