// Why: domains are the namespaces of users and projects.

import { badRequest, forbidden } from '../../base/errors.ts';
import { newHexId } from '../../base/ids.ts';
import type { Reader } from '../../db/engine.ts';
import { type Domain, domains, endTokens, removeDomain, removeDomainCredentials } from '../../db/identity.ts';
import { extraOf, filterOf, pageReply, partsOf, sameId } from './collection.ts';
import { missing, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';

const properties = {
  name: schemas.name(64),
  description: schemas.description,
  enabled: schemas.boolean,
  tags: { type: 'array', maxItems: 0 },
  options: schemas.mutableOptions,
};
const named = Object.keys(properties);
const createBody = schemas.open('domain', properties, ['name']);
const updateBody = schemas.open('domain', properties, []);

interface DomainBody {
  readonly domain: {
    readonly id?: string;
    readonly name?: string;
    readonly description?: string | null;
    readonly enabled?: boolean;
  } & Readonly<Record<string, unknown>>;
}

export const domainView = (base: string, { id, name, description, enabled, extra }: Domain) => ({
  ...extra,
  id,
  name,
  description,
  enabled,
  tags: [],
  options: {},
  links: { self: `${base}/domains/${id}` },
});

export async function findDomain(reader: Reader, id: string): Promise<Domain> {
  const found = await domains.find(reader, id);
  if (found === null) throw missing(`domain: ${id}`);
  return found;
}

const taken = (name: string): string =>
  `Conflict occurred attempting to store domain - it is not permitted to have two domains with the same name: ${name}.`;

export function domainRoutes(parts: Parts): Route[] {
  const { reader } = parts;
  return [
    {
      method: 'GET',
      path: '/v3/domains',
      guard: { first: 'identity:list_domains' },
      run: (visit) =>
        pageReply(
          visit,
          'domains',
          { reader, table: domains, where: filterOf(visit, ['name']), parts: partsOf(visit, ['name']) },
          (domain) => domainView(visit.base, domain),
        ),
    },
    {
      method: 'GET',
      path: '/v3/domains/:domain_id',
      guard: { first: 'identity:get_domain' },
      run: async ({ base, params }) => {
        const domain = await findDomain(reader, params['domain_id'] ?? '');
        return { status: 200, body: { domain: domainView(base, domain) } };
      },
    },
    {
      method: 'POST',
      path: '/v3/domains',
      guard: { first: 'identity:create_domain' },
      body: createBody,
      run: async ({ base, body }) => {
        const { domain: given } = body as DomainBody;
        const domain: Domain = {
          id: newHexId(),
          name: given.name ?? '',
          description: given.description ?? '',
          enabled: given.enabled ?? true,
          extra: extraOf(given, named),
        };
        await write(parts, taken(domain.name), (tx) => domains.insert(tx, domain));
        return { status: 201, body: { domain: domainView(base, domain) } };
      },
    },
    {
      method: 'PATCH',
      path: '/v3/domains/:domain_id',
      guard: { first: 'identity:update_domain' },
      body: updateBody,
      run: async ({ base, params, body }) => {
        const { domain: given } = body as DomainBody;
        const id = params['domain_id'] ?? '';
        sameId(given, id);
        const domain = await write(parts, taken(given.name ?? ''), async (tx) => {
          const old = await hold(tx, domains, 'domain', id);
          if (id === 'default' && given.enabled === false) throw badRequest('The default domain cannot be disabled.');
          const next: Domain = {
            id,
            name: given.name ?? old.name,
            description: given.description === undefined ? old.description : (given.description ?? ''),
            enabled: given.enabled ?? old.enabled,
            extra: { ...old.extra, ...extraOf(given, named) },
          };
          await domains.replace(tx, next);
          if (old.enabled && !next.enabled) {
            await endTokens(tx, null, { type: 'domain', id }, parts.clock.now());
            await removeDomainCredentials(tx, id);
          }
          return next;
        });
        return { status: 200, body: { domain: domainView(base, domain) } };
      },
    },
    {
      method: 'DELETE',
      path: '/v3/domains/:domain_id',
      guard: { first: 'identity:delete_domain' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const domain = await hold(tx, domains, 'domain', params['domain_id'] ?? '');
          if (domain.enabled) throw forbidden('Cannot delete a domain that is enabled, please disable it first.');
          await removeDomain(tx, domain.id);
        });
        return { status: 204 };
      },
    },
  ];
}
