// Why: a query string in, a filter, a sort order and a page out, as GET /servers means them.

import { booleanWord } from '../../../base/boolean-word.ts';
import { badRequest, forbidden } from '../../../base/errors.ts';
import { derive, history } from '../../../base/history.ts';
import type { FilterValue, ServerAttribute, ServerFilter, ServerPage } from '../../../db/server-list.ts';
import { serverFilterAttributes } from '../../../db/server-list.ts';
import { statesOfStatus, type TaskState, type VmState } from '../../../domain/servers/instance.ts';
import { distinctWords } from '../../../web/query.ts';
import { type Page, pageOf } from '../../links.ts';
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
      { at: '2.90', add: { hostname: true } },
    ],
  ),
  (form) => new Set(Object.keys(form)),
);

/** Named changes of behaviour over the versions. */
const features = history<true>({}, [{ at: '2.38', add: { unknownStatusRefused: true } }]);

/** What the schema still takes and Nova refuses by name: relations of a server, which are no columns of it. */
const relations = new Set([
  'block_device_mapping',
  'services',
  'metadata',
  'system_metadata',
  'info_cache',
  'security_groups',
  'pci_devices',
]);

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
  if (time === null) throw badRequest(`Invalid filter field: ${key}.`);
  return time;
}

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
  const known = new Set<string>([...SORT_KEYS, 'locked']);
  // keys without a direction of their own take the first
  const dirAt = (index: number) => (dirs[index] ?? dirs[0] ?? 'desc') as 'asc' | 'desc';
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

  const related = Object.keys(query).find((key) => relations.has(key) || key.startsWith('_'));
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
    const attribute = (Object.hasOwn(aliases, key) ? aliases[key] : key) as ServerAttribute;
    if (!serverFilterAttributes.includes(attribute)) continue;
    // given twice, the last counts
    const value = valueOf(attribute, texts.at(-1) as string);
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
      ...(changesBefore === undefined ? {} : { changesBefore }),
      ...(ip === undefined ? {} : { ip }),
      ...(ip6 === undefined ? {} : { ip6 }),
      ...(locked === undefined ? {} : { locked }),
    },
  };
}
