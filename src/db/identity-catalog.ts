// Why: services, endpoints and regions that an administrator added to those of the configuration.

import type { Reader } from './engine.ts';
import { type Extra, makeTable } from './identity.ts';

export interface CatalogService {
  readonly id: string;
  readonly type: string;
  readonly enabled: boolean;
  /** The name and the description are among these, as in Keystone. */
  readonly extra: Extra;
}

export interface StoredEndpoint {
  readonly id: string;
  readonly serviceId: string;
  readonly regionId: string | null;
  readonly interface: 'public' | 'internal' | 'admin';
  /** May have `%(project_id)s` and its like. */
  readonly url: string;
  readonly enabled: boolean;
  readonly extra: Extra;
}

export interface Region {
  readonly id: string;
  readonly description: string;
  readonly parentRegionId: string | null;
  readonly extra: Extra;
}

export const catalogServices = makeTable<CatalogService>('identity_services', {
  id: ['id', 'text'],
  type: ['type', 'text'],
  enabled: ['enabled', 'bool'],
  extra: ['extra', 'json'],
});

export const catalogEndpoints = makeTable<StoredEndpoint>('identity_endpoints', {
  id: ['id', 'text'],
  serviceId: ['service_id', 'text'],
  regionId: ['region_id', 'text'],
  interface: ['interface', 'text'],
  url: ['url', 'text'],
  enabled: ['enabled', 'bool'],
  extra: ['extra', 'json'],
});

export const catalogRegions = makeTable<Region>('identity_regions', {
  id: ['id', 'text'],
  description: ['description', 'text'],
  parentRegionId: ['parent_region_id', 'text'],
  extra: ['extra', 'json'],
});

export interface StoredCatalog {
  readonly services: readonly CatalogService[];
  readonly endpoints: readonly StoredEndpoint[];
  readonly regions: readonly Region[];
}

/** All that was added; there are few of each. */
export async function storedCatalog(reader: Reader): Promise<StoredCatalog> {
  const [services, endpoints, regions] = await Promise.all([
    catalogServices.list(reader, {}),
    catalogEndpoints.list(reader, {}),
    catalogRegions.list(reader, {}),
  ]);
  return { services, endpoints, regions };
}
