// Why: a list of servers with everything that Nova's list allows: filters, sort keys and pages behind a marker.
//
// Text filters that Nova gives to MySQL as regular expressions are patterns here (src/db/regexp.ts says which). A pattern
// without special characters is a search for the text; others use the engine's REGEXP, on SQLite our own.

import type { Knex } from 'knex';
import { badRequest } from '../base/errors.ts';
import type { Server, TaskState, VmState } from '../domain/servers/servers.ts';
import { type ListAttribute, listAttributes, type ServerAttribute } from '../domain/servers/list-attributes.ts';
import { toBool } from './codec.ts';
import { isMysql, readQuery, type Reader } from './engine.ts';
import { keyset, type SortKey, wherePattern } from './page.ts';
import { decodeServers, serverColumns } from './servers.ts';

export interface ServerFilter {
  /** Every attribute must match; a list means any of its values. Times are milliseconds since the epoch. */
  readonly where?: Partial<Record<ServerAttribute, FilterValue | readonly FilterValue[]>>;
  /** Default false. */
  readonly deleted?: boolean | 'any';
  /** Servers that were deleted softly count as deleted ones: shown with those and not without. */
  readonly softAsDeleted?: boolean;
  /** Any of these; what a status became (`statesOfStatus`). */
  readonly vmStates?: readonly VmState[];
  readonly taskStates?: readonly (TaskState | null)[];
  /** Part of a fixed address. */
  readonly ip?: string;
  readonly ip6?: string;
  /** Pairs that the server's metadata all hold. */
  readonly metadata?: readonly (readonly [key: string, value: string])[];
  /** Holds all / holds any / lacks at least one / lacks all. */
  readonly tags?: readonly string[];
  readonly tagsAny?: readonly string[];
  readonly notTags?: readonly string[];
  readonly notTagsAny?: readonly string[];
  /** `updated_at` at or after / at or before, in milliseconds. */
  readonly changesSince?: number;
  readonly changesBefore?: number;
  readonly locked?: boolean;
  /** Only servers whose size may change. */
  readonly elastic?: true;
}

export type FilterValue = string | number | boolean | null;

export interface ServerPage {
  readonly limit: number;
  /** The uuid of the last server of the page before. */
  readonly marker: string | null;
  readonly sort: readonly { readonly key: ServerAttribute; readonly dir: 'asc' | 'desc' }[];
  /** Also read `userData` and `keyData`. */
  readonly bulk?: boolean;
}

const columnOf = ({ column }: ListAttribute): string => `servers.${column}`;

function matches(query: Knex.QueryBuilder, rule: ListAttribute, value: FilterValue): void {
  const { match } = rule;
  const name = columnOf(rule);
  if (value === null) void query.whereNull(name);
  else if (match === 'pattern') wherePattern(query, name, String(value));
  else if (match === 'flag') void query.where(name, toBool(value === true));
  else if (match === 'second') void query.whereBetween(name, [Number(value), Number(value) + 999]);
  else void query.where(name, match === 'number' ? Number(value) : String(value));
}

const TAG_TABLE = 'server_tags';

function withTag(reader: Reader, tags: readonly string[]): Knex.QueryBuilder {
  return reader(TAG_TABLE)
    .select('server_id')
    .whereIn('tag', [...tags]);
}

/** The servers that hold every one of the tags. */
function withAllTags(reader: Reader, tags: readonly string[]): Knex.QueryBuilder {
  const distinct = [...new Set(tags)];
  return withTag(reader, distinct).groupBy('server_id').havingRaw('count(*) = ?', [distinct.length]);
}

function applyFilter(reader: Reader, query: Knex.QueryBuilder, filter: ServerFilter): void {
  const { deleted = false, softAsDeleted = false } = filter;
  if (deleted !== 'any') {
    // few are on one host: by a term, or SQLite would walk through all servers in their order
    const ofHost = typeof filter.where?.host === 'string';
    void query.where((either) => {
      if (ofHost) void either.whereRaw('servers.deleted + 0 = ?', [toBool(deleted)]);
      else void either.where('servers.deleted', toBool(deleted));
      if (softAsDeleted && deleted) void either.orWhere('servers.vm_state', 'soft-delete');
    });
    if (softAsDeleted && !deleted) void query.whereNot('servers.vm_state', 'soft-delete');
  }
  for (const [name, wanted] of Object.entries(filter.where ?? {})) {
    const rule = listAttributes[name as ServerAttribute];
    if (rule.match === null) throw badRequest(`Invalid filter: ${name}`);
    const values = Array.isArray(wanted) ? (wanted as readonly FilterValue[]) : [wanted as FilterValue];
    if (values.length === 0) void query.whereRaw('1 = 0');
    else void query.where((any) => values.forEach((value) => void any.orWhere((one) => matches(one, rule, value))));
  }
  if (filter.vmStates !== undefined) void query.whereIn('servers.vm_state', [...filter.vmStates]);
  const tasks = filter.taskStates;
  if (tasks !== undefined) {
    void query.where((any) => {
      void any.whereIn(
        'servers.task_state',
        tasks.filter((task) => task !== null),
      );
      if (tasks.includes(null)) void any.orWhereNull('servers.task_state');
    });
  }
  if (filter.locked !== undefined) {
    void (filter.locked ? query.whereNotNull('servers.locked_by') : query.whereNull('servers.locked_by'));
  }
  if (filter.elastic) void query.where('servers.elastic', toBool(true));
  if (filter.changesSince !== undefined) void query.where('servers.updated_at', '>=', filter.changesSince);
  if (filter.changesBefore !== undefined) void query.where('servers.updated_at', '<=', filter.changesBefore);
  const isBounded =
    !isMysql(reader) &&
    ['project_id', 'host', 'uuid'].some((key) => typeof filter.where?.[key as ServerAttribute] === 'string');
  for (const [address, name] of [
    [filter.ip, 'addresses_v4'],
    [filter.ip6, 'addresses_v6'],
  ] as const) {
    if (address === undefined) continue;
    const holds = reader('server_nics').whereRaw('instr(??, ?) > 0', [name, address.toLowerCase()]);
    // of somebody's servers SQLite looks at their own interfaces; MariaDB finds the shorter way by itself
    const own = holds.clone().whereRaw('server_nics.server_id = servers.id').count();
    if (isBounded) void query.whereRaw('(?) > 0', [own]);
    else void query.whereIn('servers.id', holds.select('server_id'));
  }
  for (const [key, value] of filter.metadata ?? []) {
    void query.whereIn('servers.id', reader('server_metadata').select('server_id').where({ key, value }));
  }
  // one by one: the engine may begin with those that hold one of them
  for (const tag of new Set(filter.tags)) void query.whereIn('servers.id', withTag(reader, [tag]));
  if (filter.tagsAny?.length) void query.whereIn('servers.id', withTag(reader, filter.tagsAny));
  if (filter.notTags?.length) void query.whereNotIn('servers.id', withAllTags(reader, filter.notTags));
  if (filter.notTagsAny?.length) void query.whereNotIn('servers.id', withTag(reader, filter.notTagsAny));
}

/** The keys asked for, then creation and number: what Nova appends so that the order is total. */
function sortKeys(sort: ServerPage['sort']): SortKey[] {
  const keys: SortKey[] = [];
  for (const { key, dir } of sort) {
    const rule = listAttributes[key];
    if (rule?.sort == null) throw badRequest(`Invalid input for field/attribute sort_key. Value: ${key}.`);
    const column = columnOf(rule);
    // given twice, the first decides: the other could order nothing
    if (!keys.some((known) => known.column === column)) keys.push({ column, dir });
  }
  const dir = sort[0]?.dir ?? 'desc';
  for (const name of [listAttributes.created_at, listAttributes.id].map(columnOf)) {
    if (!keys.some((key) => key.column === name)) keys.push({ column: name, dir });
  }
  return keys;
}

/** States that many servers are in: their lists are pages of all servers in their order. */
const common: readonly VmState[] = ['active', 'stopped'];

/**
 * The table, with a word to the engine where it would walk through all servers in their order. MariaDB does so for a project that has a
 * tenth of all, though the project's own index has the same order; SQLite, which knows nothing of how many are in a state, for states
 * that few are in.
 */
function serversFor(reader: Reader, { where, vmStates, deleted = false }: ServerFilter): Knex.QueryBuilder {
  if (isMysql(reader)) {
    const ofProject = typeof where?.project_id === 'string';
    return reader(ofProject ? reader.raw('servers ignore index (servers_deleted_created_at_id_index)') : 'servers');
  }
  const isRare = deleted === false && vmStates?.every((state) => !common.includes(state));
  const narrower = where?.host !== undefined || where?.uuid !== undefined;
  if (!isRare || narrower) return reader('servers');
  return reader(reader.raw('servers indexed by servers_deleted_vm_state_task_state_index'));
}

/** The query of a list (boxed, since a bare one would be run by `await`); a test asks the engine for its plan. */
export async function serverListQuery(
  reader: Reader,
  filter: ServerFilter,
  page: ServerPage,
): Promise<{ readonly query: Knex.QueryBuilder }> {
  const keys = sortKeys(page.sort);
  let marker: Readonly<Record<string, unknown>> | null = null;
  if (page.marker !== null) {
    const query = reader('servers')
      .select(keys.map((key) => key.column))
      .where('uuid', page.marker);
    // what bounds the list to somebody bounds its marker: one of another's is as one that is not there
    for (const column of ['project_id', 'user_id'] as const) {
      const whose = filter.where?.[column];
      if (typeof whose === 'string') void query.where(column, whose);
    }
    marker = (await query.first()) ?? null;
    if (marker === null) throw badRequest(`marker [${page.marker}] not found`);
  }
  const query = serversFor(reader, filter)
    .select(serverColumns(page.bulk ?? false))
    .limit(page.limit);
  applyFilter(reader, query, filter);
  const first = Object.values(listAttributes).find((rule) => columnOf(rule) === keys[0]?.column);
  keyset(query, keys, marker, first !== undefined && !first.nullable);
  return { query };
}

/**
 * One page of servers. Throws a badRequest Fault for a marker that is not there, a key that may not sort and a pattern that
 * is not understood.
 */
export async function listServers(reader: Reader, filter: ServerFilter, page: ServerPage): Promise<Server[]> {
  if (page.limit === 0) return [];
  const { query } = await serverListQuery(reader, filter, page);
  return decodeServers(reader, await readQuery(reader, query));
}
