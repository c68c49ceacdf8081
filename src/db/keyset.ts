// Why: pages are cut by the last row seen, not by counting, so that a page costs the same wherever it lies and no row is
// seen twice when others come and go.

import type { Knex } from 'knex';

export interface SortKey {
  readonly column: string;
  readonly direction: 'asc' | 'desc';
  /** Where a NULL sorts: as this value. */
  readonly whenNull: string | number;
}

/**
 * Orders a query by keys and cuts it after the marker.
 * @param keys the last must be unique (an id), so that the order is total
 * @param marker the row that the page begins after, with the columns named by the keys; null for the first page
 */
export function orderAfter(query: Knex.QueryBuilder, keys: readonly SortKey[], marker: object | null): void {
  for (const key of keys) query.orderByRaw(`coalesce(??, ?) ${key.direction}`, [key.column, key.whenNull]);
  if (marker === null) return;
  const row = marker as Record<string, string | number | null>;
  const valueOf = (key: SortKey): string | number => row[key.column] ?? key.whenNull;
  query.where((any) => {
    keys.forEach((last, position) => {
      any.orWhere((all) => {
        for (const key of keys.slice(0, position)) {
          all.whereRaw('coalesce(??, ?) = ?', [key.column, key.whenNull, valueOf(key)]);
        }
        const beyond = last.direction === 'asc' ? '>' : '<';
        all.whereRaw(`coalesce(??, ?) ${beyond} ?`, [last.column, last.whenNull, valueOf(last)]);
      });
    });
  });
}
