// Why: lists are paged by "the row after this one". Any number of sort keys, nulls among them, gives the same stable pages on
// both engines, which agree that null is less than everything.

import type { Knex } from 'knex';

export interface SortKey {
  readonly column: string;
  readonly dir: 'asc' | 'desc';
}

type Scalar = string | number | null;

/**
 * Orders a query and, with a marker's row, starts it behind that row. The last key must be unique, else rows may be lost
 * between pages.
 * @param firstNeverNull lets the engine begin its walk through the index at the marker
 */
export function keyset(
  query: Knex.QueryBuilder,
  keys: readonly SortKey[],
  marker: Readonly<Record<string, unknown>> | null,
  firstNeverNull: boolean,
): void {
  for (const { column, dir } of keys) void query.orderBy(column, dir);
  if (marker === null) return;
  const valueOf = (column: string) => (marker[column.slice(column.indexOf('.') + 1)] ?? null) as Scalar;

  const [first] = keys as readonly [SortKey];
  if (firstNeverNull) void query.where(first.column, first.dir === 'asc' ? '>=' : '<=', valueOf(first.column));

  void query.where((any) => {
    keys.forEach((key, index) => {
      void any.orWhere((all) => {
        for (const { column } of keys.slice(0, index)) {
          const value = valueOf(column);
          void (value === null ? all.whereNull(column) : all.where(column, value));
        }
        after(all, key, valueOf(key.column));
      });
    });
  });
}

function after(query: Knex.QueryBuilder, { column, dir }: SortKey, value: Scalar): void {
  if (dir === 'asc') void (value === null ? query.whereNotNull(column) : query.where(column, '>', value));
  else if (value === null) void query.whereRaw('1 = 0');
  else void query.where((either) => void either.where(column, '<', value).orWhereNull(column));
}
