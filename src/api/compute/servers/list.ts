// Why: a query string in, a filter, a sort order and a page out, as GET /servers means them.

import { badRequest, forbidden } from '../../../base/errors.ts';
import { derive, history } from '../../../base/history.ts';
import type { FilterValue, ServerAttribute, ServerFilter, ServerPage } from '../../../db/server-list.ts';
import { serverFilterAttributes } from '../../../db/server-list.ts';
import { statesOfStatus, type TaskState, type VmState } from '../../../domain/instance.ts';
import { type Page, pageOf } from '../../links.ts';
import { booleanWord } from '../../parameters.ts';
import type { Call, Query } from '../../resource.ts';
import { parseDateTime } from '../../schema.ts';
import { SORT_KEYS } from './list-schema.ts';

/** What anybody may filter by; everything else needs `allow_all_filters` and is ignored without it. */
const commonFilters = derive(
  history<true>(
    {
      reservation_id: true,
      name: true,
      status: true,
      image: true,
      flavor: true,
      ip: true,
      'changes-since': true,
      all_tenants: true,
      limit: true,
      marker: true,
      sort_key: true,
      sort_dir: true,
    },
    [
      { at: '2.5', add: { ip6: true } },
      { at: '2.26', add: { tags: true, 'tags-any': true, 'not-tags': true, 'not-tags-any': true } },
      { at: '2.66', add: { 'changes-before': true } },
      { at: '2.73', add: { locked: true } },
      {
        at: '2.83',
        add: {
          availability_zone: true,
          config_drive: true,
          key_name: true,
          created_at: true,
          launched_at: true,
          terminated_at: true,
          power_state: true,
          task_state: true,
          vm_state: true,
          progress: true,
          user_id: true,
        },
      },
    ],
  ),
  (form) => new Set(Object.keys(form)),
);

/** Wire names that differ from the attribute's. */
const aliases: Readonly<Record<string, ServerAttribute>> = {
  name: 'display_name',
  description: 'display_description',
  image: 'image_ref',
  flavor: 'instance_type_id',
  tenant_id: 'project_id',
};

const numeric = new Set(['launch_index', 'progress', 'power_state']);
const flags = new Set(['config_drive', 'auto_disk_config']);
const times = new Set(['created_at', 'launched_at', 'terminated_at', 'updated_at']);

/** A filter's value in the column's type; undefined for text that no row can equal. */
function valueOf(attribute: string, text: string): FilterValue | undefined {
  if (numeric.has(attribute)) return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (flags.has(attribute)) return booleanWord(text) ?? undefined;
  if (times.has(attribute)) return parseDateTime(text) ?? undefined;
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
  if (time === null)
    throw badRequest(`Invalid input for query parameters ${key}. Value: ${text}. '${text}' is not a 'date-time'`);
  return time;
}

function strictBoolean(query: Query, key: string): boolean | undefined {
  const text = last(query, key);
  if (text === undefined) return undefined;
  const value = booleanWord(text);
  if (value === null) {
    throw badRequest(
      `Unrecognized value '${text}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`,
    );
  }
  return value;
}

const words = (query: Query, key: string): string[] | undefined => {
  const text = last(query, key);
  return text === undefined ? undefined : text.split(',').filter((word) => word !== '');
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
  if (dirs.length > Math.max(keys.length, 1)) throw badRequest('Sort direction size exceeds sort key size');
  for (const dir of dirs)
    if (dir !== 'asc' && dir !== 'desc') throw badRequest('Unknown sort direction, must be one of: asc, desc');
  const adminOnly = keys.filter((key) => key === 'host' || key === 'node');
  if (adminOnly.length > 0 && !call.op.caller.isAdmin)
    throw forbidden(`Only administrators can sort servers by ${adminOnly.join(', ')}`);
  const known = new Set<string>([...SORT_KEYS, 'locked']);
  const dirAt = (index: number) => (dirs[index] ?? dirs.at(-1) ?? 'desc') as 'asc' | 'desc';
  const sort = keys
    .map((key, index) => ({ key: key as ServerAttribute, dir: dirAt(index) }))
    .filter(({ key }) => known.has(key));
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

  const nothing: ServerList = { filter: null, page, sort };
  const { unknown, ...stateFilter } = states(query);
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

  const where: Partial<Record<ServerAttribute, FilterValue | readonly FilterValue[]>> = {};
  for (const [key, texts] of Object.entries(query)) {
    const attribute = (Object.hasOwn(aliases, key) ? aliases[key] : key) as ServerAttribute;
    if (!serverFilterAttributes.includes(attribute)) continue;
    const values = texts.map((text) => valueOf(attribute, text)).filter((value) => value !== undefined);
    if (values.length === 0) return nothing;
    where[attribute] = values.length === 1 ? (values[0] as FilterValue) : values;
  }

  const allTenants = strictBoolean(query, 'all_tenants') ?? false;
  if (allTenants) call.enforce(allTenantsRule, {});
  else if (caller.projectId !== null) where.project_id = caller.projectId;
  else where.user_id = caller.userId;

  const metadata = (query.metadata ?? []).flatMap((text) => metadataPairs(text));
  const ip = last(query, 'ip');
  const ip6 = last(query, 'ip6');
  const locked = strictBoolean(query, 'locked');
  return {
    page,
    sort,
    filter: {
      where,
      deleted,
      ...stateFilter,
      ...tagFilters(query),
      ...(changesSince === undefined ? {} : { changesSince }),
      ...(changesBefore === undefined ? {} : { changesBefore }),
      ...(ip === undefined ? {} : { ip }),
      ...(ip6 === undefined ? {} : { ip6 }),
      ...(locked === undefined ? {} : { locked }),
      ...(metadata.length === 0 ? {} : { metadata }),
    },
  };
}

/** The metadata filter is a JSON object as text: `{"role": "web"}`. */
function metadataPairs(text: string): (readonly [string, string])[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      return Object.entries(parsed).map(([key, value]) => [key, String(value)] as const);
    }
  } catch {
    // refused below
  }
  throw badRequest(`Invalid filter: metadata is a JSON object as text, not '${text}'`);
}
