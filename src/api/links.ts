// Why: links and pages have one form in every collection.

import { badRequest } from '../base/errors.ts';
import type { CallUrl, Query } from './resource.ts';

export interface Link {
  readonly rel: string;
  readonly href: string;
}

/** `self` and `bookmark` of one member of a collection (`servers`, `flavors`, `images`). */
export function memberLinks(url: CallUrl, collection: string, id: string): Link[] {
  return [
    { rel: 'self', href: `${url.versioned}/${collection}/${id}` },
    { rel: 'bookmark', href: `${url.bookmark}/${collection}/${id}` },
  ];
}

export interface Page {
  readonly limit: number;
  readonly marker: string | null;
}

/**
 * The page that a query asks for.
 * @throws badRequest with Nova's text for a limit that is no whole number
 */
export function pageOf(query: Query, maximum: number): Page {
  const text = query.limit?.at(-1);
  if (text !== undefined && !/^\d+$/.test(text)) throw badRequest('limit param must be an integer');
  const asked = text === undefined ? maximum : Number(text);
  return { limit: Math.min(asked, maximum), marker: query.marker?.at(-1) ?? null };
}

/** The part of a list that `limit` and `offset` ask for, where pages have no marker; a limit of 0 is none. */
export function spanOf(query: Query, maximum: number): { readonly limit: number; readonly offset: number } {
  const { limit } = pageOf(query, maximum);
  // no list is longer, and the engines count no further
  const offset = Math.min(Number(query['offset']?.at(-1) ?? 0), Number.MAX_SAFE_INTEGER);
  return { limit: limit === 0 ? maximum : limit, offset };
}

/**
 * The `next` link of a page, as a list to spread into the body; empty for the last page. A page is not the last when it is
 * full and the caller gave a limit (as Nova: the guess may lead to one empty page).
 */
export function nextLinks(url: CallUrl, query: Query, page: Page, maximum: number, ids: readonly string[]): Link[] {
  const full = ids.length > 0 && ids.length >= page.limit && (query.limit !== undefined || page.limit === maximum);
  if (!full) return [];
  const params = new URLSearchParams();
  for (const [key, values] of Object.entries(query)) {
    if (key !== 'marker') for (const value of values) params.append(key, value);
  }
  params.append('marker', ids.at(-1) as string);
  return [{ rel: 'next', href: `${url.versioned}${url.path}?${params.toString()}` }];
}
