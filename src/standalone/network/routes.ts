// Why: the network API, Neutron v2.0's wire format: every noun is served by the same handful of routes.

import { type Fault, notFound } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Caller } from '../../base/op.ts';
import type { Reader } from '../../db/engine.ts';
import {
  deleteQuotas,
  listRows,
  projectsWithQuotas,
  type RowFilters,
  type RowPage,
  setQuota,
} from '../../db/networks.ts';
import type { SortKey } from '../../db/page.ts';
import type { StoredLimit } from '../../db/qos.ts';
import type { StoredForwarding } from '../../db/port-forwardings.ts';
import { tx } from '../../db/tx.ts';
import { serviceUrl, type WebContext } from '../../web/app.ts';
import { readJson } from '../../web/json-body.ts';
import { distinctWords } from '../../web/query.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Guard } from '../access.ts';
import { lastOf, type Params, type Query, queryOf, type Routes } from '../http.ts';
import { canonicalIp } from '../../base/ip.ts';
import type { Schema } from '../schema.ts';
import { addAddressGroupChanges } from './address-group-changes.ts';
import { addressGroups } from './address-groups.ts';
import { checkForm, readUpdate, valueOf } from './attributes.ts';
import { extensionsOf } from './extensions.ts';
import { floatingNotOffered, invalid, missing, notAllowed, notOffered } from './faults.ts';
import { floatingIps } from './floating-ips.ts';
import { boolean, saying } from './forms.ts';
import { ensureDefaultGroup, groups, rules } from './groups.ts';
import { networks } from './network-noun.ts';
import type { Act, Filter, Noun, Owned } from './noun.ts';
import type { NetworkParts } from './parts.ts';
import { allowedObject, changeObject, createObjects, removeObject, seenObject, updateOf } from './objects.ts';
import { ports } from './port-noun.ts';
import { limitsOf, policies } from './qos.ts';
import { forwardingsOf } from './port-forwardings.ts';
import { checkLimits, defaultQuotas, quotaDetails, quotaLimits, quotaUpdate } from './quotas.ts';
import {
  allowedOf,
  isEverywhere,
  mustMay,
  nounRule,
  ofNew,
  ofObject,
  ownedBy,
  tagRule,
  targetsOf,
  withoutHidden,
} from './rules.ts';
import { revisionAsked } from './revisions.ts';
import { addRouterInterfaces } from './router-interfaces.ts';
import { rbacPolicies } from './rbac.ts';
import { routers } from './router-noun.ts';
import { subnets } from './subnet-noun.ts';
import { addSubnetPoolPrefixes } from './subnet-pool-prefixes.ts';
import { subnetPools } from './subnet-pools.ts';
import { autoAllocate, autoAllocated, checkAutoAllocation } from './topology.ts';

const answerJson = (ctx: WebContext, status: number, body: unknown): void => {
  ctx.status = status;
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(body);
};

/** Collections of things that only a full network service has: there are none, and none can be made. */
const absent: readonly (readonly [singular: string, collection: string])[] = [
  ['address_scope', 'address_scopes'],
  ['agent', 'agents'],
  ['availability_zone', 'availability_zones'],
];

const tagWords = saying({
  '*': `a list of at most ${limits.tagsPerServer} strings of at most ${limits.tagCharacters} characters is wanted.`,
});

/** All tags of an object. */
const tagList: Schema = {
  type: 'object',
  required: ['tags'],
  properties: {
    tags: {
      type: 'array',
      maxItems: limits.tagsPerServer,
      items: { type: 'string', maxLength: limits.tagCharacters, ...tagWords },
      ...tagWords,
    },
  },
  ...tagWords,
};

const pathOf = (collection: string): string => `/v2.0/${collection.replaceAll('_', '-')}`;

function filterValue(filter: Filter, name: string, value: string): string | number {
  if (filter.as === 'bool') return valueOf(boolean, value, name) === true ? 1 : 0;
  if (filter.as === 'number') return /^-?\d{1,12}$/.test(value) ? Number(value) : -2_147_483_648;
  return value;
}

/** Beside `tags`, which an object has all of. */
const tagFilters: Readonly<Record<string, { readonly all: boolean; readonly not: boolean }>> = {
  'tags-any': { all: false, not: false },
  'not-tags': { all: true, not: true },
  'not-tags-any': { all: false, not: true },
};

/** The filters of a query, or null where a filter lets nothing through. Parameters that are no filters are ignored. */
function filtersFrom<T extends Owned>(noun: Noun<T>, query: Query): RowFilters | null {
  const oneOf: Record<string, readonly (string | number)[]> = {};
  const addresses: RowFilters['addresses'][number][] = [];
  const listed: Record<string, string[]> = {};
  const tags: RowFilters['tags'][number][] = [];
  let addressPart: string | null = null;
  for (const [name, values] of query) {
    const filter = Object.hasOwn(noun.filters, name) ? noun.filters[name] : undefined;
    if (filter?.always !== undefined && !values.includes(filter.always)) return null;
    if (filter?.column !== undefined) {
      oneOf[filter.column] = values.map((value) => filterValue(filter, name, value));
    }
    if (name === 'tags' && noun.tagsOf !== undefined) {
      listed['tags'] = distinctWords(
        name,
        values.flatMap((value) => value.split(',')),
      );
    }
    if (noun.tagsOf !== undefined && Object.hasOwn(tagFilters, name)) {
      const words = distinctWords(
        name,
        values.flatMap((value) => value.split(',')),
      );
      tags.push({ ...(tagFilters[name] as (typeof tagFilters)['tags-any']), values: words });
    }
    if (noun.collection !== 'ports') continue;
    if (name === 'security_groups') listed['security_groups'] = distinctWords(name, values);
    if (name === 'fixed_ips') {
      for (const kind of ['ip_address', 'subnet_id'] as const) {
        const wanted = values
          .filter((value) => value.startsWith(`${kind}=`))
          .map((value) => value.slice(kind.length + 1));
        const canonical = wanted.map((value) => (kind === 'ip_address' ? (canonicalIp(value) ?? value) : value));
        if (wanted.length > 0) addresses.push({ column: kind, values: canonical });
      }
      const part = values.find((value) => value.startsWith('ip_address_substr='));
      if (part !== undefined) addressPart = part.slice('ip_address_substr='.length);
    }
  }
  for (const [column, value] of Object.entries(noun.within ?? {})) oneOf[column] = [value];
  return { oneOf, addresses, addressPart, listed, tags };
}

function pageFrom<T extends Owned>(noun: Noun<T>, query: Query): RowPage {
  const names = query.get('sort_key') ?? [];
  const directions = query.get('sort_dir') ?? [];
  if (directions.length > 0 && directions.length !== names.length) {
    throw invalid('The number of sort_keys and sort_dirs must be same');
  }
  const sort: SortKey[] = [];
  names.forEach((name, position) => {
    const dir = directions[position] ?? 'asc';
    if (dir !== 'asc' && dir !== 'desc') {
      throw invalid(`Invalid direction '${dir}' for sort_dir, must be 'asc' or 'desc'`);
    }
    if (!noun.sortable.includes(name)) throw invalid(`'${name}' is an invalid attribute for sort key`);
    const column = name === 'tenant_id' ? 'project_id' : name;
    if (!sort.some((key) => key.column === column)) sort.push({ column, dir });
  });
  if (names.length === 0) sort.push({ column: 'created_at', dir: 'asc' });
  if (!sort.some(({ column }) => column === 'id')) sort.push({ column: 'id', dir: 'asc' });
  const limit = lastOf(query, 'limit');
  if (limit !== null && !/^\d{1,9}$/.test(limit)) {
    throw invalid(`Limit must be an integer 0 or greater and not '${limit}'`);
  }
  return {
    sort,
    markerId: lastOf(query, 'marker'),
    limit: limit === null || Number(limit) === 0 ? null : Math.min(Number(limit), limits.pageSize),
  };
}

function withFields(view: Record<string, unknown>, query: Query): Record<string, unknown> {
  const fields = (query.get('fields') ?? []).filter((field) => field !== '');
  if (fields.length === 0) return view;
  return Object.fromEntries(Object.entries(view).filter(([name]) => fields.includes(name)));
}

/** Where objects are that are not by themselves. */
interface Place<T extends Owned> {
  /** The template of their collection, with the parameters of what they are of. */
  readonly path: string;
  /** Rules that are asked about what they are of. */
  readonly asks: readonly RuleName[];
  /** The noun as it is there. @throws notFound where the caller may not see what they are of */
  readonly of: (caller: Caller, params: Params) => Promise<Noun<T>>;
}

const withAsks = (guard: Guard, asks: readonly RuleName[]): Guard =>
  typeof guard === 'string' ? guard : { ...guard, also: [...(guard.also ?? []), ...asks] };

/** @param shape the noun, where it does not matter of what it is */
function addNoun<T extends Owned>(
  routes: Routes,
  parts: NetworkParts,
  shape: Noun<T>,
  { path, asks, of }: Place<T> = { path: pathOf(shape.collection), asks: [], of: async () => shape },
): void {
  const { database, allows } = parts;
  const one = `${path}/:id`;
  const about = (rule: RuleName): Guard => withAsks(ofObject(shape, rule), asks);

  const viewsOf = async (reader: Reader, caller: Caller, objects: readonly T[]): Promise<Record<string, unknown>[]> => {
    const targets = await targetsOf(reader, shape, objects, caller);
    const views = await shape.views(reader, caller, objects);
    return views.map((view, at) => withoutHidden(allows, caller, shape, view, targets[at] ?? {}));
  };
  const viewOf = async (reader: Reader, caller: Caller, object: T): Promise<Record<string, unknown>> =>
    (await viewsOf(reader, caller, [object]))[0] ?? {};

  routes.on('GET', path, about(nounRule(shape, 'get')), async (ctx, caller, params) => {
    const noun = await of(caller, params);
    const query = queryOf(ctx);
    if (noun.collection.startsWith('security_group')) {
      await ensureDefaultGroup(parts, caller.projectId ?? '');
    }
    const filters = filtersFrom(noun, query);
    const page = pageFrom(noun, query);
    // a caller without a project owns nothing
    const scope = isEverywhere(allows, caller) ? null : { projectId: caller.projectId ?? '-', alsoShared: true };
    // a marker that the caller may not see is as one that is not there
    if (page.markerId !== null) {
      await seenObject(parts, noun, caller, page.markerId).catch(() => {
        throw notFound(`The resource could not be found.`, { code: 'HTTPNotFound' });
      });
    }
    const found = (filters === null ? [] : await listRows(database.read, noun.rows, scope, filters, page)) ?? [];
    const objects = await allowedOf(allows, database.read, noun, caller, found);
    const all = await viewsOf(database.read, caller, objects);
    // by what a caller may not see nothing is found, or asking often enough would tell it
    const sought = [...query.keys()].filter((name) => name.includes(':') && Object.hasOwn(noun.filters, name));
    const isKept = all.some((view) => sought.some((name) => !(name in view)));
    const views = isKept ? [] : all;
    const last = found.at(-1);
    const next = new URLSearchParams(ctx.querystring);
    if (last !== undefined) next.set('marker', last.id);
    const more = !isKept && page.limit !== null && found.length === page.limit;
    const href = `${serviceUrl(ctx)}${ctx.path}?${next.toString()}`;
    answerJson(ctx, 200, {
      [noun.collection]: views.map((view) => withFields(view, query)),
      ...(more ? { [`${noun.collection}_links`]: [{ rel: 'next', href }] } : {}),
    });
  });

  routes.on('POST', path, withAsks(ofNew(shape), asks), async (ctx, caller, params) => {
    const noun = await of(caller, params);
    const show = (reader: Reader, made: readonly T[]) => viewsOf(reader, caller, made);
    const { shown: views, bulk } = await createObjects(parts, noun, caller, await readJson(ctx), show);
    answerJson(ctx, 201, bulk ? { [noun.collection]: views } : { [noun.singular]: views[0] });
  });

  routes.on('GET', one, about(nounRule(shape, 'get')), async (ctx, caller, params) => {
    const noun = await of(caller, params);
    const { object } = await seenObject(parts, noun, caller, params['id'] ?? '');
    answerJson(ctx, 200, { [noun.singular]: withFields(await viewOf(database.read, caller, object), queryOf(ctx)) });
  });

  routes.on('PUT', one, about(nounRule(shape, 'update')), async (ctx, caller, params) => {
    const noun = await of(caller, params);
    const { id = '' } = params;
    await allowedObject(parts, noun, caller, id, nounRule(noun, 'update'));
    const revision = revisionAsked(ctx);
    const change = { ...updateOf(noun, readUpdate(noun, await readJson(ctx), caller)), revision };
    const show = (reader: Reader, object: T) => viewOf(reader, caller, object);
    answerJson(ctx, 200, { [noun.singular]: await changeObject(parts, noun, caller, id, change, show) });
  });

  routes.on('DELETE', one, about(nounRule(shape, 'delete')), async (ctx, caller, params) => {
    await removeObject(parts, await of(caller, params), caller, params['id'] ?? '', revisionAsked(ctx));
    ctx.status = 204;
  });

  addTags(routes, parts, shape);
}

const POLICIES = '/v2.0/qos/policies';

/** What policies say: each rule of one policy. */
const limitsPlace = (parts: NetworkParts): Place<StoredLimit> => ({
  path: `${POLICIES}/:policy_id/bandwidth_limit_rules`,
  asks: [nounRule(policies, 'get')],
  async of(caller, { policy_id: policyId = '' }) {
    return limitsOf((await seenObject(parts, policies, caller, policyId)).object.id);
  },
});

/** Where the ports of floating addresses lead: each of one address. */
const forwardingsPlace = (parts: NetworkParts): Place<StoredForwarding> => ({
  path: `${pathOf(floatingIps.collection)}/:floatingip_id/port_forwardings`,
  asks: [nounRule(floatingIps, 'get')],
  async of(caller, { floatingip_id: floatingIpId = '' }) {
    return forwardingsOf((await seenObject(parts, floatingIps, caller, floatingIpId)).object.id);
  },
});

/** The tags of one of a noun, where it has any. */
function addTags<T extends Owned>(routes: Routes, parts: NetworkParts, noun: Noun<T>): void {
  const { retag, tagsOf } = noun;
  if (retag === undefined || tagsOf === undefined) return;
  const one = `${pathOf(noun.collection)}/:id`;
  const [readTags, writeTags, dropTags] = [tagRule(noun, 'get'), tagRule(noun, 'update'), tagRule(noun, 'delete')];
  const setTags = (
    caller: Caller,
    id: string,
    rule: RuleName,
    set: (tags: readonly string[]) => readonly string[],
  ): Promise<T> => {
    const to = (act: Act, object: T) => retag(act, object, [...new Set(set(tagsOf(object)))]);
    return changeObject(parts, noun, caller, id, { rule, values: {}, to }, async (_reader, object) => object);
  };

  routes.on('GET', `${one}/tags`, ofObject(noun, readTags), async (ctx, caller, { id = '' }) => {
    const { object } = await allowedObject(parts, noun, caller, id, readTags);
    answerJson(ctx, 200, { tags: tagsOf(object) });
  });
  routes.on('PUT', `${one}/tags`, ofObject(noun, writeTags), async (ctx, caller, { id = '' }) => {
    await allowedObject(parts, noun, caller, id, writeTags);
    const body = await readJson(ctx);
    checkForm(tagList, body, 'tags');
    const object = await setTags(caller, id, writeTags, () => (body as { readonly tags: readonly string[] }).tags);
    answerJson(ctx, 200, { tags: tagsOf(object) });
  });
  routes.on('POST', `${one}/tags`, ofObject(noun, writeTags), async (ctx, caller, { id = '' }) => {
    await allowedObject(parts, noun, caller, id, writeTags);
    const body = await readJson(ctx);
    checkForm(tagList, body, 'tags');
    const more = (body as { readonly tags: readonly string[] }).tags;
    const object = await setTags(caller, id, writeTags, (tags) => {
      // in Neutron's order
      const all = [...new Set([...tags, ...more])].toSorted();
      if (all.length > limits.tagsPerServer) throw invalid(`At most ${limits.tagsPerServer} tags are allowed.`);
      return all;
    });
    answerJson(ctx, 201, { tags: tagsOf(object) });
  });
  routes.on('DELETE', `${one}/tags`, ofObject(noun, dropTags), async (ctx, caller, { id = '' }) => {
    await setTags(caller, id, dropTags, () => []);
    ctx.status = 204;
  });
  routes.on('GET', `${one}/tags/:tag`, ofObject(noun, readTags), async (ctx, caller, { id = '', tag = '' }) => {
    const { object } = await allowedObject(parts, noun, caller, id, readTags);
    if (!tagsOf(object).includes(tag)) throw notFound(`Tag ${tag} could not be found.`, { code: 'TagNotFound' });
    ctx.status = 204;
  });
  routes.on('PUT', `${one}/tags/:tag`, ofObject(noun, writeTags), async (ctx, caller, { id = '', tag = '' }) => {
    if (tag.length > limits.tagCharacters) throw invalid(`A tag has at most ${limits.tagCharacters} characters.`);
    await setTags(caller, id, writeTags, (tags) => {
      if (tags.length >= limits.tagsPerServer) throw invalid(`At most ${limits.tagsPerServer} tags are allowed.`);
      return [...tags, tag];
    });
    ctx.status = 201;
    ctx.body = '';
  });
  routes.on('DELETE', `${one}/tags/:tag`, ofObject(noun, dropTags), async (ctx, caller, { id = '', tag = '' }) => {
    await setTags(caller, id, dropTags, (tags) => {
      if (!tags.includes(tag)) throw notFound(`Tag ${tag} could not be found.`, { code: 'TagNotFound' });
      return tags.filter((other) => other !== tag);
    });
    ctx.status = 204;
  });
}

function addQuotas(routes: Routes, parts: NetworkParts): void {
  const { database, allows } = parts;
  const may = (caller: Caller, rule: RuleName, projectId: string): void =>
    mustMay(allows, caller, rule, ownedBy(projectId));
  routes.on('GET', '/v2.0/quotas', { of: 'get_quota' }, async (ctx, caller) => {
    // of no project: for whoever may see those of all
    mustMay(allows, caller, 'get_quota', {});
    const quotas = [];
    for (const projectId of await projectsWithQuotas(database.read)) {
      quotas.push({
        tenant_id: projectId,
        project_id: projectId,
        ...(await quotaLimits(database.read, parts, projectId)),
      });
    }
    answerJson(ctx, 200, { quotas });
  });
  routes.on('GET', '/v2.0/quotas/:project_id', { of: 'get_quota' }, async (ctx, caller, { project_id = '' }) => {
    may(caller, 'get_quota', project_id);
    answerJson(ctx, 200, { quota: await quotaLimits(database.read, parts, project_id) });
  });
  routes.on(
    'GET',
    '/v2.0/quotas/:project_id/default',
    { of: 'get_quota' },
    async (ctx, caller, { project_id = '' }) => {
      may(caller, 'get_quota', project_id);
      answerJson(ctx, 200, { quota: defaultQuotas(parts) });
    },
  );
  routes.on(
    'GET',
    '/v2.0/quotas/:project_id/details',
    { of: 'get_quota' },
    async (ctx, caller, { project_id = '' }) => {
      may(caller, 'get_quota', project_id);
      answerJson(ctx, 200, { quota: await quotaDetails(database.read, parts, project_id) });
    },
  );
  routes.on('PUT', '/v2.0/quotas/:project_id', { of: 'update_quota' }, async (ctx, caller, { project_id = '' }) => {
    may(caller, 'update_quota', project_id);
    if (project_id.length > 64) throw invalid('Invalid input for project_id.');
    const wanted = quotaUpdate(await readJson(ctx));
    const quota = await tx(database, async (trx) => {
      if (wanted.check) await checkLimits(trx, project_id, wanted.limits);
      for (const [resource, limit] of Object.entries(wanted.limits)) await setQuota(trx, project_id, resource, limit);
      return quotaLimits(trx, parts, project_id);
    });
    answerJson(ctx, 200, { quota });
  });
  routes.on('DELETE', '/v2.0/quotas/:project_id', { of: 'delete_quota' }, async (ctx, caller, { project_id = '' }) => {
    may(caller, 'delete_quota', project_id);
    await tx(database, (trx) => deleteQuotas(trx, project_id));
    ctx.status = 204;
  });
}

function addAbsent(routes: Routes, singular: string, collection: string, refusal: () => Fault): void {
  const path = pathOf(collection);
  // availability zones are the one collection whose path keeps its underscore
  for (const each of collection === 'availability_zones' ? [`/v2.0/${collection}`, path] : [path]) {
    routes.on('GET', each, 'any token', async (ctx) => answerJson(ctx, 200, { [collection]: [] }));
    routes.on('POST', each, 'any token', async () => {
      throw refusal();
    });
    for (const method of ['GET', 'PUT', 'DELETE']) {
      routes.on(method, `${each}/:id`, 'any token', async (_ctx, _caller, { id = '' }) => {
        throw missing(singular, id);
      });
    }
  }
}

export function addNetworkRoutes(routes: Routes, parts: NetworkParts): void {
  routes.open('GET', '/', (ctx) => {
    const links = [{ rel: 'self', href: `${serviceUrl(ctx)}/v2.0/` }];
    answerJson(ctx, 200, { versions: [{ id: 'v2.0', status: 'CURRENT', links }] });
  });
  const nouns: readonly (readonly [string, string])[] = [
    ...[networks, subnets, ports, groups, rules].map((noun) => [noun.singular, noun.collection] as const),
    ...(parts.floatingIps ? [[floatingIps.singular, floatingIps.collection] as const] : []),
    ...(parts.engine.kind === 'ovn' ? [[routers.singular, routers.collection] as const] : []),
    ['quota', 'quotas'],
    ['extension', 'extensions'],
  ];
  routes.open('GET', '/v2.0', (ctx) => {
    const resources = nouns.map(([name, collection]) => ({
      name,
      collection: collection.replaceAll('_', '-'),
      links: [{ rel: 'self', href: `${serviceUrl(ctx)}${pathOf(collection)}` }],
    }));
    answerJson(ctx, 200, { resources });
  });

  routes.on('GET', '/v2.0/extensions', 'any token', async (ctx) =>
    answerJson(ctx, 200, { extensions: extensionsOf(parts) }),
  );
  routes.on('GET', '/v2.0/extensions/:alias', 'any token', async (ctx, _caller, { alias = '' }) => {
    const extension = extensionsOf(parts).find((one) => one.alias === alias);
    if (extension === undefined) {
      throw notFound(`Extension with alias ${alias} does not exist`, { code: 'ExtensionNotFound' });
    }
    answerJson(ctx, 200, { extension });
  });

  addNoun(routes, parts, networks);
  addNoun(routes, parts, subnets);
  addNoun(routes, parts, ports);
  addNoun(routes, parts, groups);
  addNoun(routes, parts, rules);
  addQuotas(routes, parts);
  addNoun(routes, parts, addressGroups);
  addAddressGroupChanges(routes, parts);
  addNoun(routes, parts, rbacPolicies);
  addNoun(routes, parts, subnetPools);
  addSubnetPoolPrefixes(routes, parts);
  addNoun(routes, parts, policies, { path: POLICIES, asks: [], of: async () => policies });
  addNoun(routes, parts, limitsOf(''), limitsPlace(parts));
  routes.on('GET', '/v2.0/qos/rule-types', 'any token', async (ctx) => {
    const types = parts.engine.kind === 'ovn' ? [{ type: 'bandwidth_limit' }] : [];
    answerJson(ctx, 200, { rule_types: types });
  });

  for (const [singular, collection] of absent) addAbsent(routes, singular, collection, () => notOffered(collection));
  if (parts.engine.kind === 'ovn') {
    addNoun(routes, parts, routers);
    addRouterInterfaces(routes, parts);
  } else addAbsent(routes, routers.singular, routers.collection, () => notOffered(routers.collection));
  if (parts.floatingIps) {
    addNoun(routes, parts, floatingIps);
    addNoun(routes, parts, forwardingsOf(''), forwardingsPlace(parts));
  } else addAbsent(routes, floatingIps.singular, floatingIps.collection, floatingNotOffered);

  // as in Neutron, whoever may see a project's own network makes it by asking, readers too; there is no other way to ask for it
  const topology: Guard = { of: 'get_auto_allocated_topology' };
  routes.on('GET', '/v2.0/auto-allocated-topology/:project_id', topology, async (ctx, caller, { project_id = '' }) => {
    const projectId = project_id === 'None' || project_id === 'null' ? (caller.projectId ?? '') : project_id;
    mustMay(parts.allows, caller, 'get_auto_allocated_topology', ownedBy(projectId));
    // as in Neutron, whatever the rule says
    if (!caller.isAdmin && projectId !== caller.projectId) throw notAllowed('get_auto_allocated_topology');
    if (projectId === '' || projectId.length > 64) throw invalid('Invalid input for project_id.');
    const dry = queryOf(ctx).get('fields')?.includes('dry-run') ?? false;
    if (dry) await checkAutoAllocation(parts, projectId);
    const id = dry ? 'dry-run=pass' : (await autoAllocate(parts, projectId)).id;
    answerJson(ctx, 200, { auto_allocated_topology: { id, tenant_id: projectId, project_id: projectId } });
  });
  const dropping: Guard = {
    of: 'delete_auto_allocated_topology',
    also: [nounRule(networks, 'get'), nounRule(networks, 'delete')],
  };
  routes.on('DELETE', '/v2.0/auto-allocated-topology/:project_id', dropping, async (ctx, caller, { project_id }) => {
    const projectId = project_id === 'None' || project_id === 'null' ? (caller.projectId ?? '') : (project_id ?? '');
    mustMay(parts.allows, caller, 'delete_auto_allocated_topology', ownedBy(projectId));
    // as in Neutron, where there is none there is nothing to do
    const network = await autoAllocated(parts, projectId);
    if (network !== null) await removeObject(parts, networks, caller, network.id);
    ctx.status = 204;
  });
}
