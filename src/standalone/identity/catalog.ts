// Why: the services of this program come from its configuration, so that the catalog cannot disagree with what runs; what else a cloud
// has (object stores, shares) an administrator adds beside them.

import {
  type CatalogService,
  catalogRegions,
  type Region,
  storedCatalog,
  type StoredCatalog,
  type StoredEndpoint,
} from '../../db/identity-catalog.ts';
import { isNotNo } from '../../base/boolean-word.ts';
import type { Reader } from '../../db/engine.ts';
import { lastOf } from '../http.ts';
import { listReply } from './collection.ts';
import { missing, type Route, type Visit } from './route.ts';
import type { CatalogEndpoint, CatalogEntry, Parts } from './service.ts';

type Viewed = Readonly<Record<string, unknown>>;

export const serviceView = (base: string, { id, type, enabled, extra }: CatalogService): Viewed => ({
  ...extra,
  id,
  type,
  enabled,
  links: { self: `${base}/services/${id}` },
});

const configuredService = ({ id, type, name }: CatalogEntry): CatalogService => ({
  id,
  type,
  enabled: true,
  extra: { name },
});

export const endpointView = (base: string, endpoint: StoredEndpoint): Viewed => ({
  ...endpoint.extra,
  id: endpoint.id,
  interface: endpoint.interface,
  region_id: endpoint.regionId,
  region: endpoint.regionId,
  url: endpoint.url,
  service_id: endpoint.serviceId,
  enabled: endpoint.enabled,
  links: { self: `${base}/endpoints/${endpoint.id}` },
});

const configuredEndpoint = (service: CatalogEntry, endpoint: CatalogEndpoint): StoredEndpoint => ({
  id: endpoint.id,
  interface: endpoint.interface,
  regionId: endpoint.region_id,
  url: endpoint.url,
  serviceId: service.id,
  enabled: true,
  extra: {},
});

export const regionView = (base: string, { id, description, parentRegionId, extra }: Region): Viewed => ({
  ...extra,
  id,
  description,
  parent_region_id: parentRegionId,
  links: { self: `${base}/regions/${id}` },
});

/** What comes of the configuration, in the form of what is stored. */
export function configuredCatalog(entries: readonly CatalogEntry[]): StoredCatalog {
  const endpoints = entries.flatMap((entry) => entry.endpoints.map((one) => configuredEndpoint(entry, one)));
  const ids = new Set(endpoints.flatMap(({ regionId }) => regionId ?? []));
  return {
    services: entries.map(configuredService),
    endpoints,
    regions: [...ids].map((id) => ({ id, description: '', parentRegionId: null, extra: {} })),
  };
}

/** For whom a catalog is: what stands in the templates of endpoints' addresses. */
export interface CatalogScope {
  readonly projectId: string | null;
  readonly userId: string;
}

const TEMPLATE = /[%$]\((\w+)\)s/g;
const WORDS = new Set(['project_id', 'tenant_id', 'user_id']);

/** Whether an endpoint's address has no template but those of projects and users. */
export const isAddress = (url: string): boolean =>
  [...url.matchAll(TEMPLATE)].every(([, word = '']) => WORDS.has(word)) && !/[%$]\(/.test(url.replace(TEMPLATE, ''));

/** An endpoint's address for somebody; null: it is of a project, and he has chosen none. */
function addressFor(url: string, { projectId, userId }: CatalogScope): string | null {
  const isOfProject = /[%$]\((?:project|tenant)_id\)s/.test(url);
  if (isOfProject && projectId === null) return null;
  return url.replace(TEMPLATE, (_, word: string) => (word === 'user_id' ? userId : (projectId ?? '')));
}

/** The catalog that stands in a token: what is enabled. */
export async function catalogFor(
  { catalog, reader }: Pick<Parts, 'catalog' | 'reader'>,
  { urlOf }: Pick<Visit, 'urlOf'>,
  scope: CatalogScope,
): Promise<readonly CatalogEntry[]> {
  const entries = catalog(urlOf);
  const stored = await storedCatalog(reader);
  const added = stored.endpoints.flatMap((endpoint) => {
    const url = endpoint.enabled ? addressFor(endpoint.url, scope) : null;
    const { id, interface: which, regionId, serviceId } = endpoint;
    return url === null
      ? []
      : [{ serviceId, shown: { id, interface: which, region_id: regionId, region: regionId, url } }];
  });
  const of = (serviceId: string): CatalogEndpoint[] =>
    added.filter((one) => one.serviceId === serviceId).map((one) => one.shown);
  const nameOf = ({ extra }: CatalogService): string => (typeof extra['name'] === 'string' ? extra['name'] : '');
  return [
    ...entries.map((entry) => ({ ...entry, endpoints: [...entry.endpoints, ...of(entry.id)] })),
    ...stored.services
      .filter(({ enabled }) => enabled)
      .map((one) => ({ id: one.id, type: one.type, name: nameOf(one), endpoints: of(one.id) })),
  ];
}

/** Those whose properties are as the query asks. */
function filtered(visit: Visit, items: readonly Viewed[], names: readonly string[]): Viewed[] {
  const enabled = lastOf(visit.query, 'enabled');
  return items.filter(
    (item) =>
      (enabled === null || item['enabled'] === isNotNo(enabled)) &&
      names.every((name) => {
        const asked = lastOf(visit.query, name);
        return asked === null || item[name] === asked;
      }),
  );
}

/** Whether there is such a region, of the configuration or stored. */
export async function hasRegion(reader: Reader, configured: StoredCatalog, id: string): Promise<boolean> {
  return configured.regions.some((one) => one.id === id) || (await catalogRegions.find(reader, id)) !== null;
}

export function catalogRoutes({ catalog, reader }: Parts): Route[] {
  const nouns = [
    { noun: 'services', one: 'service', filters: ['type', 'name'], view: serviceView },
    { noun: 'endpoints', one: 'endpoint', filters: ['interface', 'service_id', 'region_id'], view: endpointView },
    { noun: 'regions', one: 'region', filters: ['parent_region_id'], view: regionView },
  ] as const;
  return nouns.flatMap(({ noun, one, filters, view }): Route[] => {
    const all = async ({ base, urlOf }: Visit): Promise<Viewed[]> => {
      const items = [...configuredCatalog(catalog(urlOf))[noun], ...(await storedCatalog(reader))[noun]];
      return items.map((item) => view(base, item as never));
    };
    return [
      {
        method: 'GET',
        path: `/v3/${noun}`,
        guard: { first: `identity:list_${noun}` },
        run: async (visit) => listReply(visit, noun, filtered(visit, await all(visit), filters)),
      },
      {
        method: 'GET',
        path: `/v3/${noun}/:id`,
        guard: { first: `identity:get_${one}` },
        run: async (visit) => {
          const id = visit.params['id'] ?? '';
          const found = (await all(visit)).find((item) => item['id'] === id);
          if (found === undefined) throw missing(`${one}: ${id}`);
          return { status: 200, body: { [one]: found } };
        },
      },
    ];
  });
}
