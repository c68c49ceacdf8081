// Why: the query string of an image list, read once into filters, order and page.

import { booleanWord } from '../../base/boolean-word.ts';
import { parseDateTime } from '../../base/date-time.ts';
import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Comparison, ImageFilters } from '../../db/image-list.ts';
import type { SortKey } from '../../db/page.ts';
import { distinctWords } from '../../web/query.ts';
import { lastOf, type Query } from '../http.ts';
import { isProperty, VISIBILITIES } from './shape.ts';

export interface ListQuery {
  readonly filters: ImageFilters;
  readonly sort: readonly SortKey[];
  readonly limit: number;
  readonly markerId: string | null;
}

/** Columns that order a list; NULL sorts before everything. */
const sortable: readonly string[] = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
];

/** Attributes whose filter is one value or `in:` several. */
const choosable = ['id', 'name', 'status', 'disk_format', 'container_format'];
const plain = ['owner', 'checksum', 'os_hash_value', 'os_hash_algo'];
const numeric = ['size', 'min_ram', 'min_disk'];
const COMPARISONS: readonly string[] = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte'];
/** Parameters that are no filters. */
const others = ['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'member_status', 'tag', 'visibility', 'os_hidden'];

/** The values after `in:`: separated by commas, each perhaps in double quotes. */
function choices(text: string): string[] {
  const values: string[] = [];
  for (const match of text.matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)) {
    values.push(match[1]?.replaceAll(/\\(.)/g, '$1') ?? match[2] ?? '');
  }
  return values;
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`Invalid value for option ${name}: ${text}`);
  return Number(text);
}

function timeComparison(column: string, text: string): ImageFilters['compare'][number] {
  const split = text.indexOf(':');
  const prefix = text.slice(0, split);
  const by = COMPARISONS.includes(prefix) ? (prefix as Comparison) : 'eq';
  const given = by === prefix ? text.slice(split + 1) : text;
  const value = parseDateTime(given);
  if (value === null) throw badRequest(`Invalid value for ${column}: ${text}`);
  return { column, by, value: value - (value % 1000) };
}

function sortFrom(query: Query): SortKey[] {
  const asked: { name: string; direction: string }[] = [];
  const combined = query.get('sort');
  const names = query.get('sort_key') ?? [];
  const directions = query.get('sort_dir') ?? [];
  if (combined !== undefined) {
    if (names.length > 0 || directions.length > 0) throw badRequest('Old and new sorting syntax cannot be combined');
    for (const part of (combined.at(-1) ?? '').trim().split(',')) {
      const [name = '', direction = ''] = part.split(':');
      asked.push({ name: name.trim(), direction: direction.trim() || 'desc' });
    }
  } else {
    if (directions.length > 1 && directions.length !== names.length) {
      throw badRequest('Number of sort dirs does not match the number of sort keys');
    }
    names.forEach((name, position) => {
      const direction = directions[position] ?? directions[0] ?? 'desc';
      asked.push({ name: name.trim(), direction: direction.trim() });
    });
    if (names.length === 0) asked.push({ name: 'created_at', direction: directions[0]?.trim() ?? 'desc' });
  }
  const keys: SortKey[] = [];
  const seen = new Set<string>();
  for (const { name, direction } of asked) {
    if (!sortable.includes(name)) {
      throw badRequest(`Invalid sort key: ${name}. It must be one of the following: ${sortable.join(', ')}.`);
    }
    if (direction !== 'asc' && direction !== 'desc') throw badRequest(`Invalid sort direction: ${direction}`);
    if (!seen.has(name)) keys.push({ column: name, dir: direction });
    seen.add(name);
  }
  const last = keys.at(-1)?.dir ?? 'desc';
  for (const name of ['created_at', 'id']) {
    if (!seen.has(name)) keys.push({ column: name, dir: last });
  }
  return keys;
}

function boolean(name: string, text: string): boolean {
  const meant = booleanWord(text);
  if (meant !== null) return meant;
  throw badRequest(
    `Invalid value '${text}' for '${name}' filter. Valid values are case insensitive 'true' or 'false'.`,
  );
}

/** @throws badRequest with Glance's words */
export function listQueryFrom(query: Query): ListQuery {
  const oneOf: Record<string, readonly (string | number)[]> = {};
  const compare: ImageFilters['compare'][number][] = [];
  const properties = new Map<string, string>();
  for (const [name, values] of query) {
    const value = values.at(-1) ?? '';
    if (others.includes(name)) continue;
    if (name === 'changes-since') throw badRequest('The "changes-since" filter is no longer available on v2.');
    if (choosable.includes(name))
      oneOf[name] = value.startsWith('in:') ? distinctWords(name, choices(value.slice(3))) : [value];
    else if (plain.includes(name)) oneOf[name] = [value];
    else if (numeric.includes(name)) oneOf[name] = [wholeNumber(name, value)];
    else if (name === 'protected') oneOf['protected'] = [boolean(name, value) ? 1 : 0];
    else if (name === 'size_min') compare.push({ column: 'size', by: 'gte', value: wholeNumber(name, value) });
    else if (name === 'size_max') compare.push({ column: 'size', by: 'lte', value: wholeNumber(name, value) });
    else if (name === 'created_at' || name === 'updated_at') compare.push(timeComparison(name, value));
    else if (isProperty(name)) properties.set(name, value);
  }
  distinctWords('properties', properties.keys());
  const visibility = lastOf(query, 'visibility');
  if (visibility !== null && visibility !== 'all' && !VISIBILITIES.includes(visibility)) {
    throw badRequest(`Invalid visibility value: ${visibility}`);
  }
  const memberStatus = lastOf(query, 'member_status') ?? 'accepted';
  if (!['pending', 'accepted', 'rejected', 'all'].includes(memberStatus)) {
    throw badRequest(`Invalid status: ${memberStatus}`);
  }
  const limit = lastOf(query, 'limit');
  if (limit !== null && !/^-?\d{1,9}$/.test(limit)) throw badRequest('limit param must be an integer');
  if (limit !== null && Number(limit) < 0) throw badRequest('limit param must be positive');
  const hidden = lastOf(query, 'os_hidden');
  return {
    filters: {
      oneOf,
      compare,
      properties: [...properties],
      tags: distinctWords('tag', query.get('tag') ?? []),
      hidden: hidden === null ? false : boolean('os_hidden', hidden),
      visibility,
      memberStatus,
    },
    sort: sortFrom(query),
    limit: Math.min(limit === null ? limits.imagePageSize : Number(limit), limits.pageSize),
    markerId: lastOf(query, 'marker'),
  };
}
