// Why: lists of volumes, snapshots and the rest are asked for by the same words: a page, an order, filters.

import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { booleanWord } from '../../base/boolean-word.ts';
import type { RowChoice, RowPage, Texts } from '../../db/volumes.ts';
import { lastOf } from '../http.ts';
import type { Visit } from './web.ts';

/** What a list may be narrowed and ordered by: names that clients use, with the column. */
export interface ListWords {
  readonly filters: Readonly<Record<string, { readonly column: string; readonly as?: 'bool' | 'number' }>>;
  readonly sorts: Readonly<Record<string, string>>;
}

export interface ListQuery {
  readonly choice: RowChoice;
  readonly page: RowPage;
  /** `all_tenants` was asked for, by whoever may. */
  readonly everywhere: boolean;
}

const PAGING = new Set([
  'limit',
  'marker',
  'offset',
  'sort',
  'sort_key',
  'sort_dir',
  'all_tenants',
  'with_count',
  'metadata',
  'project_id',
]);

function wholeNumber({ query }: Visit, name: string, fallback: number): number {
  const text = lastOf(query, name);
  if (text === null) return fallback;
  if (!/^\d{1,9}$/.test(text))
    throw badRequest(`${name} param must be an integer of at least 0, not ${text.slice(0, 32)}.`);
  return Number(text);
}

/** Pairs of names and directions: `sort=name:asc,size`, or the older `sort_key` and `sort_dir`. */
function sortOf(visit: Visit, { sorts }: ListWords): RowPage['sort'] {
  const { query } = visit;
  const older = lastOf(query, 'sort_key');
  const asked =
    lastOf(query, 'sort') ??
    (older === null
      ? null
      : older
          .split(',')
          .map((key) => `${key}:${lastOf(query, 'sort_dir') ?? 'desc'}`)
          .join(','));
  const keys = (asked ?? 'created_at:desc')
    .split(',')
    .slice(0, Object.keys(sorts).length)
    .map((part) => {
      const [key = '', dir = 'desc'] = part.trim().split(':');
      const column = Object.hasOwn(sorts, key) ? sorts[key] : undefined;
      if (column === undefined) throw badRequest(`Invalid sort key: ${key.slice(0, 64)}`);
      if (dir !== 'asc' && dir !== 'desc') throw badRequest(`Invalid sort direction: ${dir.slice(0, 16)}`);
      return { column, dir } as const;
    });
  return keys.some(({ column }) => column === 'id')
    ? keys
    : [...keys, { column: 'id', dir: keys.at(-1)?.dir ?? 'desc' }];
}

/** Texts as Python writes them: `'a'`, `u'a'`. One that does not end goes to the end, so that no text is looked at twice. */
const PYTHON_TEXT = /u?'((?:[^'\\]|\\(?:.|$))*)(?:'|$)/gs;

/** Clients write it as JSON or as Python does. */
function metadataOf(visit: Visit): Texts {
  const text = lastOf(visit.query, 'metadata');
  if (text === null) return {};
  const wrong = badRequest(`Invalid filter metadata: ${text.slice(0, 255)}`);
  let parsed: unknown;
  try {
    const asJson = text.includes('"')
      ? text
      : text.replaceAll(PYTHON_TEXT, (_, inner: string) => JSON.stringify(inner.replaceAll(/\\(.)/gs, '$1')));
    parsed = JSON.parse(asJson);
  } catch {
    throw wrong;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong;
  const pairs = Object.entries(parsed);
  if (pairs.length > limits.volumeMetadata || pairs.some(([, value]) => typeof value !== 'string')) throw wrong;
  return parsed as Texts;
}

/**
 * What a list asks for.
 * @throws badRequest for what is not understood: unknown filters from 3.31 on (before, they are ignored)
 */
export function listQueryOf(visit: Visit, words: ListWords): ListQuery {
  const { query, caller, minor } = visit;
  const columns: Record<string, (string | number)[]> = {};
  for (const [name, values] of query) {
    if (PAGING.has(name)) continue;
    const filter = Object.hasOwn(words.filters, name) ? words.filters[name] : undefined;
    if (filter === undefined) {
      if (minor >= 31) throw badRequest(`Invalid filters ${name.slice(0, 64)} are found in query options.`);
      continue;
    }
    columns[filter.column] = values.map((value) => {
      if (filter.as === 'bool') return booleanWord(value) === true ? 1 : 0;
      if (filter.as === 'number') return /^\d{1,9}$/.test(value) ? Number(value) : -1;
      return value;
    });
  }
  const all = lastOf(query, 'all_tenants');
  const everywhere =
    caller.isAdmin && (visit.projectId === null || (all !== null && (booleanWord(all) ?? all === '1')));
  const project = lastOf(query, 'project_id');
  const limit = Math.min(wholeNumber(visit, 'limit', limits.pageSize), limits.pageSize);
  return {
    everywhere,
    choice: {
      projectId: everywhere ? project : (visit.projectId ?? ''),
      columns,
      metadata: metadataOf(visit),
    },
    page: {
      sort: sortOf(visit, words),
      marker: lastOf(query, 'marker'),
      limit,
      offset: wholeNumber(visit, 'offset', 0),
    },
  };
}

/** One page of what an administrator makes, of which there are few; after a marker that is not there comes nothing. */
export function pageOfFew<T extends { readonly id: string }>(visit: Visit, items: readonly T[]): readonly T[] {
  const marker = lastOf(visit.query, 'marker');
  const at = items.findIndex(({ id }) => id === marker);
  const rest = marker === null ? items : at < 0 ? [] : items.slice(at + 1);
  const offset = wholeNumber(visit, 'offset', 0);
  return rest.slice(offset, offset + wholeNumber(visit, 'limit', limits.pageSize));
}

/** `volumes_links`, where a page is full and there may be more. */
export function nextLinks({ ctx, query, base }: Visit, path: string, ids: readonly string[], limit: number): object[] {
  if (limit === 0 || ids.length < limit || !query.has('limit')) return [];
  const next = new URLSearchParams(ctx.querystring);
  next.delete('offset');
  next.set('marker', ids.at(-1) ?? '');
  return [{ rel: 'next', href: `${base}${path}?${next.toString()}` }];
}
