// Why: an administrator adds services, endpoints and regions, and changes what was added; what the configuration says stays as it says.

import { badRequest, conflict, type Fault, forbidden } from '../../base/errors.ts';
import { newHexId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import {
  type CatalogService,
  catalogEndpoints,
  catalogRegions,
  catalogServices,
  type Region,
  type StoredCatalog,
  type StoredEndpoint,
} from '../../db/identity-catalog.ts';
import type { Table } from '../../db/identity.ts';
import type { Tx } from '../../db/tx.ts';
import { configuredCatalog, endpointView, hasRegion, isAddress, regionView, serviceView } from './catalog.ts';
import { extraOf, sameId } from './collection.ts';
import { missing, type Route, type Visit } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';

type Given = Readonly<Record<string, unknown>>;

/** A body in which everything may be left out. */
const open = (noun: string, properties: schemas.Schema): schemas.Schema => ({
  type: 'object',
  properties: { [noun]: { type: 'object', properties } },
});

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const fixed = (noun: string, id: string): Fault =>
  forbidden(`The ${noun} ${id} is from the configuration of the program (api.public_url) and cannot be changed here.`);

/** What a noun's configured ones are, as the caller reaches them. */
const configuredFor = ({ catalog }: Parts, { urlOf }: Visit): StoredCatalog => configuredCatalog(catalog(urlOf));

async function mustHaveRoom<T extends { readonly id: string }>(tx: Tx, table: Table<T>, noun: string): Promise<void> {
  const { length } = await table.list(tx, {}, { limit: limits.catalogEntries, marker: null });
  if (length >= limits.catalogEntries) throw conflict(`The catalog may have ${limits.catalogEntries} ${noun}s.`);
}

const serviceProperties = {
  type: schemas.name(255),
  name: { type: 'string', maxLength: 255 },
  description: schemas.description,
  enabled: schemas.boolean,
};
const serviceNamed = ['type', 'enabled'];

const endpointProperties = {
  service_id: schemas.id,
  interface: { enum: ['public', 'internal', 'admin'] },
  url: { type: 'string', minLength: 1, maxLength: 1024, pattern: '^[a-zA-Z0-9+.-]+:\\S+$' },
  region_id: { type: ['string', 'null'], minLength: 1, maxLength: 255 },
  region: { type: ['string', 'null'], minLength: 1, maxLength: 255 },
  enabled: schemas.boolean,
};
const endpointNamed = Object.keys(endpointProperties);

// an id becomes a part of a path
const regionId = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^/?#\\s]+$' };
const regionProperties = {
  id: regionId,
  description: schemas.description,
  parent_region_id: { type: ['string', 'null'], maxLength: 255 },
};
const regionNamed = ['id', 'description', 'parent_region_id'];

/** The three routes that change a noun of the catalog. */
function changes<T extends { readonly id: string }>(
  parts: Parts,
  noun: {
    readonly one: 'service' | 'endpoint' | 'region';
    readonly table: Table<T>;
    readonly properties: schemas.Schema;
    readonly required: readonly string[];
    /** What is to be stored, of what was there and what is given. @throws what is wrong with it */
    readonly made: (tx: Tx, visit: Visit, old: T | null, given: Given) => Promise<T>;
    readonly remove: (tx: Tx, found: T) => Promise<void>;
    readonly view: (base: string, item: T) => unknown;
  },
): Route[] {
  const { one, table, properties, required, made, remove, view } = noun;
  const given = (visit: Visit): Given => (visit.body as Readonly<Record<string, Given>>)[one] ?? {};
  const mustBeAdded = (visit: Visit, id: string): void => {
    if (configuredFor(parts, visit)[`${one}s`].some((item) => item.id === id)) throw fixed(one, id);
  };
  const path = `/v3/${one}s/:id`;
  return [
    {
      method: 'POST',
      path: `/v3/${one}s`,
      guard: { first: `identity:create_${one}` },
      body: required.length === 0 ? open(one, properties) : schemas.open(one, properties, required),
      run: async (visit) => {
        const item = await write(parts, taken(one), (tx) => add(tx, visit, given(visit)));
        return { status: 201, body: { [one]: view(visit.base, item) } };
      },
    },
    {
      method: 'PATCH',
      path,
      guard: { first: `identity:update_${one}` },
      body: schemas.open(one, properties, []),
      run: async (visit) => {
        const id = visit.params['id'] ?? '';
        mustBeAdded(visit, id);
        sameId(given(visit), id);
        const item = await write(parts, taken(one), async (tx) => {
          const next = await made(tx, visit, await hold(tx, table, one, id), given(visit));
          await table.replace(tx, next);
          return next;
        });
        return { status: 200, body: { [one]: view(visit.base, item) } };
      },
    },
    {
      method: 'DELETE',
      path,
      guard: { first: `identity:delete_${one}` },
      run: async (visit) => {
        const id = visit.params['id'] ?? '';
        mustBeAdded(visit, id);
        await write(parts, '', async (tx) => remove(tx, await hold(tx, table, one, id)));
        return { status: 204 };
      },
    },
  ];

  async function add(tx: Tx, visit: Visit, asked: Given): Promise<T> {
    await mustHaveRoom(tx, table, one);
    const item = await made(tx, visit, null, asked);
    if (configuredFor(parts, visit)[`${one}s`].some(({ id }) => id === item.id)) throw conflict(taken(one));
    await table.insert(tx, item);
    return item;
  }
}

const taken = (noun: string): string => `Conflict occurred attempting to store ${noun} - Duplicate ID.`;

const serviceChanges = (parts: Parts): Route[] =>
  changes<CatalogService>(parts, {
    one: 'service',
    table: catalogServices,
    properties: serviceProperties,
    required: ['type'],
    made: async (_tx, _visit, old, given) => ({
      id: old?.id ?? newHexId(),
      type: text(given['type']) ?? old?.type ?? '',
      enabled: (given['enabled'] as boolean | undefined) ?? old?.enabled ?? true,
      extra: { ...old?.extra, ...extraOf(given, serviceNamed) },
    }),
    async remove(tx, { id }) {
      for (const endpoint of await catalogEndpoints.list(tx, { service_id: id }))
        await catalogEndpoints.remove(tx, endpoint.id);
      await catalogServices.remove(tx, id);
    },
    view: serviceView,
  });

const endpointChanges = (parts: Parts): Route[] =>
  changes<StoredEndpoint>(parts, {
    one: 'endpoint',
    table: catalogEndpoints,
    properties: endpointProperties,
    required: ['service_id', 'interface', 'url'],
    async made(tx, visit, old, given) {
      const configured = configuredFor(parts, visit);
      const serviceId = text(given['service_id']) ?? old?.serviceId ?? '';
      const isConfigured = configured.services.some(({ id }) => id === serviceId);
      // nobody deletes the service meanwhile
      if (!isConfigured && (await catalogServices.hold(tx, serviceId)) === null)
        throw badRequest(`Could not find service: ${serviceId}.`);
      const url = text(given['url']) ?? old?.url ?? '';
      if (!isAddress(url))
        throw badRequest(
          'The url of an endpoint may have %(project_id)s, %(tenant_id)s and %(user_id)s in it, and no other template.',
        );
      const asked = given['region_id'] ?? given['region'];
      const region = asked === undefined ? (old?.regionId ?? null) : ((asked as string | null) ?? null);
      if (region !== null && !(await hasRegion(tx, configured, region)))
        throw badRequest(`Could not find region: ${region}.`);
      return {
        id: old?.id ?? newHexId(),
        serviceId,
        regionId: region,
        interface: (given['interface'] as StoredEndpoint['interface'] | undefined) ?? old?.interface ?? 'public',
        url,
        enabled: (given['enabled'] as boolean | undefined) ?? old?.enabled ?? true,
        extra: { ...old?.extra, ...extraOf(given, endpointNamed) },
      };
    },
    remove: (tx, { id }) => catalogEndpoints.remove(tx, id),
    view: endpointView,
  });

/** A region and all that are within it, however deep. */
async function within(tx: Tx, id: string): Promise<ReadonlySet<string>> {
  const all = await catalogRegions.list(tx, {});
  const found = new Set([id]);
  // a set grows while it is walked, so regions within regions are met too
  for (const outer of found)
    for (const { id: inner, parentRegionId } of all) if (parentRegionId === outer) found.add(inner);
  return found;
}

async function madeRegion(parts: Parts, tx: Tx, visit: Visit, old: Region | null, given: Given): Promise<Region> {
  const id = old?.id ?? text(given['id']) ?? newHexId();
  const asked = given['parent_region_id'];
  const parent = asked === undefined ? (old?.parentRegionId ?? null) : (text(asked) ?? null);
  if (parent !== null) {
    if (!(await hasRegion(tx, configuredFor(parts, visit), parent))) throw missing(`region: ${parent}`);
    if ((await within(tx, id)).has(parent))
      throw badRequest(`The specified parent region ${parent} would create a circular region hierarchy.`);
  }
  return {
    id,
    description: given['description'] === undefined ? (old?.description ?? '') : (text(given['description']) ?? ''),
    parentRegionId: parent,
    extra: { ...old?.extra, ...extraOf(given, regionNamed) },
  };
}

function regionChanges(parts: Parts): Route[] {
  const made = (tx: Tx, visit: Visit, old: Region | null, given: Given) => madeRegion(parts, tx, visit, old, given);
  const common = {
    one: 'region',
    table: catalogRegions,
    properties: regionProperties,
    // all of a region may be left to the service
    required: [],
    made,
    view: regionView,
    async remove(tx: Tx, { id }: Region) {
      const gone = await within(tx, id);
      const used = await catalogEndpoints.list(tx, {});
      if (used.some(({ regionId: region }) => region !== null && gone.has(region)))
        throw forbidden(`Unable to delete region ${id} because it or its child regions have associated endpoints.`);
      for (const one of gone) await catalogRegions.remove(tx, one);
    },
  } as const;
  return [
    ...changes<Region>(parts, common),
    {
      method: 'PUT',
      path: '/v3/regions/:id',
      guard: { first: 'identity:create_region' },
      body: open('region', regionProperties),
      run: async (visit) => {
        const id = visit.params['id'] ?? '';
        const { region: given = {} } = visit.body as { readonly region?: Given };
        if (given['id'] !== undefined && given['id'] !== id)
          throw badRequest('Conflicting region IDs specified: in the URL and in the body.');
        if (!new RegExp(regionId.pattern).test(id) || id.length > regionId.maxLength)
          throw badRequest('An id of a region has 1 to 255 characters and no blanks, slashes, ? or #.');
        const item = await write(parts, taken('region'), async (tx) => {
          await mustHaveRoom(tx, catalogRegions, 'region');
          if (await hasRegion(tx, configuredFor(parts, visit), id)) throw conflict(taken('region'));
          const next = await made(tx, visit, null, { ...given, id });
          await catalogRegions.insert(tx, next);
          return next;
        });
        return { status: 201, body: { region: regionView(visit.base, item) } };
      },
    },
  ];
}

export const catalogChangeRoutes = (parts: Parts): Route[] => [
  ...serviceChanges(parts),
  ...endpointChanges(parts),
  ...regionChanges(parts),
];
