// Why: short lists that are at hand whole are cut by the same words: `limit` and `offset`.

import { limits } from '../base/limits.ts';

/** The part of a list that a query asks for; the query is checked already. */
export function spanned<T>(items: readonly T[], query: Readonly<Record<string, unknown>>): readonly T[] {
  const offset = Number(query['offset'] ?? 0);
  return items.slice(offset, offset + Math.min(Number(query['limit'] ?? limits.pageSize), limits.pageSize));
}
