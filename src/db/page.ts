// Why: lists are paged by "the row after this one". Any number of sort keys, nulls among them, gives the same stable pages on
// both engines, which agree that null is less than everything.

import type { Knex } from 'knex';
import { anchoredLike, compilePattern, isPlainText, withLiteralBars } from './regexp.ts';

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

/**
 * A column must match a pattern (src/db/regexp.ts) somewhere, in letters of either case, as with MySQL's usual comparison; the
 * empty one matches all. Throws a badRequest Fault for one
 * that is not understood, before an engine sees it.
 */
export function wherePattern(query: Knex.QueryBuilder, name: string, value: string): void {
  if (value === '') return;
  if (isPlainText(value)) {
    void query.whereRaw('instr(lower(??), ?) > 0', [name, value.toLowerCase()]);
    return;
  }
  const like = anchoredLike(value);
  if (like !== null) {
    void query.whereRaw("lower(??) like ? escape '!'", [name, like]);
    return;
  }
  compilePattern(value);
  // both engines shall read a bar as a letter, as ours does
  void query.whereRaw('?? REGEXP ?', [name, `(?i)${withLiteralBars(value)}`]);
}
