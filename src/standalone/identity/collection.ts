// Why: Keystone's lists look alike: the items, and links to this page and the next.

import { isNotNo } from '../../base/boolean-word.ts';
import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Page, Table, TextPart } from '../../db/identity.ts';
import type { Reader } from '../../db/engine.ts';
import { lastOf } from '../http.ts';
import type { Reply, Visit } from './route.ts';

/** A list that is whole. */
export const listReply = (
  visit: Visit,
  noun: string,
  items: readonly unknown[],
  next: string | null = null,
): Reply => ({
  status: 200,
  body: {
    [noun]: items,
    links: { next, self: visit.self, previous: null },
    ...(next === null ? {} : { truncated: true }),
  },
});

function pageOf(visit: Visit): Page {
  const asked = lastOf(visit.query, 'limit');
  const marker = lastOf(visit.query, 'marker');
  if (asked === null) return { limit: limits.pageSize, marker };
  if (!/^\d{1,9}$/.test(asked)) throw badRequest('limit must be a whole number, 0 or more');
  const limit = Number(asked);
  return { limit: limit === 0 ? limits.pageSize : Math.min(limit, limits.pageSize), marker };
}

/** One page of a table in the order of ids, with the address of the next when there is more. */
export async function pageReply<T extends { readonly id: string }>(
  visit: Visit,
  noun: string,
  source: {
    readonly reader: Reader;
    readonly table: Table<T>;
    readonly where: Parameters<Table<T>['list']>[1];
    readonly parts?: readonly (readonly TextPart[])[];
  },
  view: (item: T) => unknown,
): Promise<Reply> {
  const { reader, table, where, parts } = source;
  return pagedReply(visit, noun, (page) => table.list(reader, where, page, parts), view);
}

/** As `pageReply`, of what `list` has after a marker. */
export async function pagedReply<T extends { readonly id: string }>(
  visit: Visit,
  noun: string,
  list: (page: Page) => Promise<T[]>,
  view: (item: T) => unknown,
): Promise<Reply> {
  const page = pageOf(visit);
  const found = await list({ ...page, limit: page.limit + 1 });
  const items = found.slice(0, page.limit);
  const last = items.at(-1);
  let next: string | null = null;
  if (found.length > items.length && last !== undefined) {
    const url = new URL(visit.self);
    url.searchParams.set('limit', String(page.limit));
    url.searchParams.set('marker', last.id);
    next = url.href;
  }
  return listReply(visit, noun, items.map(view), next);
}

/** `?name=a&domain_id=b` as columns; parameters that are not named here do not filter. */
export function filterOf(visit: Visit, names: readonly string[]): Record<string, string | number> {
  const where: Record<string, string | number> = {};
  for (const name of names) {
    const value = lastOf(visit.query, name);
    if (value !== null) where[name] = value;
  }
  const enabled = lastOf(visit.query, 'enabled');
  if (enabled !== null) where['enabled'] = isNotNo(enabled) ? 1 : 0;
  return where;
}

const COMPARATOR = /^(i?)(contains|startswith|endswith)$/;

/** `?name__contains=a`, `name__istartswith`, `name__endswith` and so on as parts of texts. An empty one is in every text. */
export function partsOf({ query }: Visit, names: readonly string[]): TextPart[][] {
  const parts: TextPart[][] = [];
  for (const [word, values] of query) {
    const [name = '', comparator = ''] = word.split('__', 2);
    const [, any, where] = COMPARATOR.exec(comparator) ?? [];
    if (where === undefined || !names.includes(name)) continue;
    for (const part of values.filter((value) => value !== ''))
      parts.push([{ column: name, where: where as TextPart['where'], part, anyCase: any === 'i' }]);
  }
  return parts;
}

/** The properties of a body that are not named ones, to be stored beside them. */
export function extraOf(given: Readonly<Record<string, unknown>>, named: readonly string[]): Record<string, unknown> {
  const reserved = new Set([...named, 'id', 'links']);
  return Object.fromEntries(Object.entries(given).filter(([name]) => !reserved.has(name)));
}

/** A PATCH may repeat the id but not change it. */
export function sameId(given: Readonly<Record<string, unknown>>, id: string): void {
  if (given['id'] !== undefined && given['id'] !== id) throw badRequest('Cannot change the id of a resource.');
}
