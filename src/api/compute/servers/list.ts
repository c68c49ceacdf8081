// Why: a query string in, a filter, a sort order and a page out, as GET /servers means them.

import { booleanWord } from '../../../base/boolean-word.ts';
import { badRequest, forbidden } from '../../../base/errors.ts';
import { appearing, derive, history } from '../../../base/history.ts';
import type { FilterValue, ServerFilter, ServerPage } from '../../../db/server-list.ts';
import { statesOfStatus, type TaskState, type VmState } from '../../../domain/servers/servers.ts';
import {
  attributeNamed,
  listAttributes,
  listFilters,
  type Match,
  type ServerAttribute,
} from '../../../domain/servers/list-attributes.ts';
import { distinctWords } from '../../../web/query.ts';
import { type Page, pageOf } from '../../links.ts';
import type { Call, Query } from '../../resource.ts';
import { parseDateTime } from '../../../base/date-time.ts';

/** What everybody may filter by; all else needs `allow_all_filters` and is ignored without it. */
const commonFilters = derive(
  appearing<true>([
    ...['limit', 'marker', 'sort_key', 'sort_dir'].map((name) => [name, '2.1', true] as const),
    ...Object.values(listAttributes)
      .flatMap(({ names }) => Object.entries(names))
      .flatMap(([name, since]) => (since === null ? [] : [[name, since, true] as const])),
    ...Object.entries(listFilters).flatMap(([name, { everybody }]) =>
      everybody === null ? [] : [[name, everybody, true] as const],
    ),
  ]),
  (form) => new Set(Object.keys(form)),
);

/** Named changes of behaviour over the versions. */
const features = history<true>({}, [{ at: '2.38', add: { unknownStatusRefused: true } }]);

/** A filter's value in the column's type; undefined for text that no row can equal. */
function valueOf(match: Match, text: string): FilterValue | undefined {
  if (match === 'number') return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (match === 'flag') return booleanWord(text) ?? undefined;
  if (match === 'second') return parseDateTime(text) ?? undefined;
  return text;
}

export interface ServerList {
  /** Null: nothing can match, so nothing need be asked. */
  readonly filter: ServerFilter | null;
  readonly page: Page;
  readonly sort: ServerPage['sort'];
}

const last = (query: Query, key: string): string | undefined => query[key]?.at(-1);

function timeOf(query: Query, key: string): number | undefined {
  const text = last(query, key);
  if (text === undefined) return undefined;
  const time = parseDateTime(text);
  if (time === null) throw badRequest(`Invalid filter field: ${key}.`);
  return time;
}

/** A server shows the second in which it changed: whoever asks for what changed until then means it too. */
const endOfSecond = (ms: number): number => ms - (ms % 1000) + 999;

function strictBoolean(query: Query, key: string): boolean | undefined {
  const text = last(query, key);
  if (text === undefined) return undefined;
  const value = booleanWord(text);
  if (value === null) {
    throw badRequest(
      `Invalid input received: Unrecognized value '${text}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`,
    );
  }
  return value;
}

const words = (query: Query, key: string): string[] | undefined => {
  const text = last(query, key);
  return text === undefined
    ? undefined
    : distinctWords(
        key,
        text.split(',').filter((word) => word !== ''),
      );
};

function states(query: Query): { vmStates?: VmState[]; taskStates?: (TaskState | null)[]; unknown: boolean } {
  const statuses = query.status;
  if (statuses === undefined) return { unknown: false };
  const vmStates = new Set<VmState>();
  const taskStates = new Set<TaskState | null>();
  for (const status of statuses) {
    const found = statesOfStatus(status);
    for (const state of found.vmStates) vmStates.add(state);
    for (const state of found.taskStates) taskStates.add(state);
  }
  // a status that any task may have (`default`) puts no condition on the task
  return {
    vmStates: [...vmStates],
    ...(taskStates.has(null) ? {} : { taskStates: [...taskStates] }),
    unknown: vmStates.size === 0,
  };
}

/** Tag filters only where the version has them; a schema that is older lets them pass and drops them. */
function tagFilters(query: Query): Partial<ServerFilter> {
  const filters = {
    tags: words(query, 'tags'),
    tagsAny: words(query, 'tags-any'),
    notTags: words(query, 'not-tags'),
    notTagsAny: words(query, 'not-tags-any'),
  };
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
}

function sortOf(call: Call): ServerPage['sort'] {
  const keys = (call.query.sort_key ?? []).map((key) => key.trim());
  const dirs = (call.query.sort_dir ?? []).map((dir) => dir.trim());
  const adminOnly = keys.find((key) => key === 'host' || key === 'node');
  if (adminOnly !== undefined && !call.op.caller.isAdmin)
    throw forbidden(`Only administrators can sort servers by ${adminOnly}`);
  for (const dir of dirs)
    if (dir !== 'asc' && dir !== 'desc')
      throw badRequest("Invalid input received: Unknown sort direction, must be 'asc' or 'desc'");
  if (dirs.length > Math.max(keys.length, 1))
    throw badRequest('Invalid input received: Sort direction size exceeds sort key size');
  // keys without a direction of their own take the first
  const dirAt = (index: number) => (dirs[index] ?? dirs[0] ?? 'desc') as 'asc' | 'desc';
  const sort = keys
    .map((key, index) => ({ key: key as ServerAttribute, dir: dirAt(index) }))
    .filter(({ key }) => Object.hasOwn(listAttributes, key) && listAttributes[key].sort !== null);
  return sort.length > 0 ? sort : [{ key: 'created_at', dir: dirAt(0) }];
}

/**
 * What a GET /servers or /servers/detail asks for.
 * @param allTenantsRule the rule that `all_tenants` needs
 * @throws badRequest, and forbidden for what only administrators may list
 */
export function parseList(call: Call, allTenantsRule: string): ServerList {
  const page = pageOf(call.query, call.services.settings.pageSize);
  const sort = sortOf(call);
  const { caller, minor } = call.op;
  const everything = call.allows('os_compute_api:servers:allow_all_filters');
  const allowed = commonFilters.at(minor);
  const query: Query = everything
    ? call.query
    : Object.fromEntries(Object.entries(call.query).filter(([key]) => allowed.has(key)));

  const related = Object.keys(query).find((key) => listFilters[key]?.refused === true || key.startsWith('_'));
  if (related !== undefined) throw badRequest(`Invalid filter field: ${related}.`);

  const nothing: ServerList = { filter: null, page, sort };
  const { unknown, ...stateFilter } = states(query);
  if (unknown && features.at(minor).unknownStatusRefused) throw badRequest('Invalid status value');
  if (unknown) return nothing;

  const changesSince = timeOf(query, 'changes-since');
  const changesBefore = timeOf(query, 'changes-before');
  if (changesSince !== undefined && changesBefore !== undefined && changesSince > changesBefore) {
    throw badRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  let deleted: ServerFilter['deleted'] = changesSince !== undefined || changesBefore !== undefined ? 'any' : false;
  const askedDeleted = last(query, 'deleted');
  if (askedDeleted !== undefined) deleted = booleanWord(askedDeleted) ?? false;
  if (stateFilter.vmStates?.length === 1 && stateFilter.vmStates[0] === 'deleted') {
    if (!caller.isAdmin) throw forbidden('Only administrators may list deleted instances');
    deleted = true;
  }

  // any word at all counts as yes, as in Nova, where absent means yes beside deleted servers and no beside others
  const asked = last(query, 'soft_deleted');
  const softAsDeleted = deleted === true ? asked !== '' : asked === undefined || asked === '';

  const where: Partial<Record<ServerAttribute, FilterValue>> = {};
  for (const [key, texts] of Object.entries(query)) {
    const attribute = attributeNamed.get(key);
    const match = attribute === undefined ? null : listAttributes[attribute].match;
    if (attribute === undefined || match === null) continue;
    // given twice, the last counts
    const value = valueOf(match, texts.at(-1) as string);
    if (value === undefined) return nothing;
    where[attribute] = value;
  }

  // `?all_tenants` and `?all_tenants=` mean yes
  const allTenants = last(query, 'all_tenants') === '' || (strictBoolean(query, 'all_tenants') ?? false);
  if (allTenants) call.enforce(allTenantsRule, {});
  else if (caller.projectId !== null) where.project_id = caller.projectId;
  else where.user_id = caller.userId;

  const ip = last(query, 'ip');
  const ip6 = last(query, 'ip6');
  const locked = strictBoolean(query, 'locked');
  return {
    page,
    sort,
    filter: {
      where,
      deleted,
      softAsDeleted,
      ...stateFilter,
      ...tagFilters(query),
      ...(changesSince === undefined ? {} : { changesSince }),
      ...(changesBefore === undefined ? {} : { changesBefore: endOfSecond(changesBefore) }),
      ...(ip === undefined ? {} : { ip }),
      ...(ip6 === undefined ? {} : { ip6 }),
      ...(locked === undefined ? {} : { locked }),
    },
  };
}
