// Why: services, endpoints and regions come from the configuration, not from a table: they cannot disagree with what runs.

import { lastOf } from '../http.ts';
import { listReply } from './collection.ts';
import { missing, type Route, type Visit } from './route.ts';
import type { Catalog, CatalogEndpoint, CatalogEntry } from './service.ts';

const serviceView = (base: string, { id, type, name }: CatalogEntry) => ({
  id,
  type,
  name,
  enabled: true,
  links: { self: `${base}/services/${id}` },
});

const endpointView = (base: string, service: CatalogEntry, endpoint: CatalogEndpoint) => ({
  ...endpoint,
  service_id: service.id,
  enabled: true,
  links: { self: `${base}/endpoints/${endpoint.id}` },
});

const regionView = (base: string, id: string) => ({
  id,
  description: '',
  parent_region_id: null,
  links: { self: `${base}/regions/${id}` },
});

type Viewed = Readonly<Record<string, unknown>>;

/** Those whose properties are as the query asks. */
function filtered<T extends Viewed>(visit: Visit, items: readonly T[], names: readonly string[]): T[] {
  return items.filter((item) =>
    names.every((name) => {
      const asked = lastOf(visit.query, name);
      return asked === null || item[name] === asked;
    }),
  );
}

export function catalogRoutes(catalog: Catalog): Route[] {
  const all = {
    services: ({ base, urlOf }: Visit): Viewed[] => catalog(urlOf).map((service) => serviceView(base, service)),
    endpoints: ({ base, urlOf }: Visit): Viewed[] =>
      catalog(urlOf).flatMap((service) => service.endpoints.map((endpoint) => endpointView(base, service, endpoint))),
    regions: ({ base, urlOf }: Visit): Viewed[] => {
      const ids = catalog(urlOf).flatMap((service) => service.endpoints.map((endpoint) => endpoint.region_id));
      return [...new Set(ids)].map((id) => regionView(base, id));
    },
  };
  const nouns = [
    { noun: 'services', one: 'service', filters: ['type', 'name'] },
    { noun: 'endpoints', one: 'endpoint', filters: ['interface', 'service_id', 'region_id'] },
    { noun: 'regions', one: 'region', filters: ['parent_region_id'] },
  ] as const;
  return nouns.flatMap(({ noun, one, filters }): Route[] => [
    {
      method: 'GET',
      path: `/v3/${noun}`,
      guard: { first: `identity:list_${noun}` },
      run: async (visit) => listReply(visit, noun, filtered(visit, all[noun](visit), filters)),
    },
    {
      method: 'GET',
      path: `/v3/${noun}/:id`,
      guard: { first: `identity:get_${one}` },
      run: async (visit) => {
        const id = visit.params['id'] ?? '';
        const found = all[noun](visit).find((item) => item['id'] === id);
        if (found === undefined) throw missing(`${one}: ${id}`);
        return { status: 200, body: { [one]: found } };
      },
    },
  ]);
}
