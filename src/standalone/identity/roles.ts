// Why: roles are names that policies speak of; a role may imply others.

import { newHexId } from '../../base/ids.ts';
import type { Reader } from '../../db/engine.ts';
import { type Implication, imply, listImplications, type Role, roles, unimply } from '../../db/identity.ts';
import { lastOf } from '../http.ts';
import { extraOf, filterOf, listReply, pageReply, partsOf, sameId } from './collection.ts';
import type { Params } from '../http.ts';
import { missing, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';

const properties = {
  name: schemas.name(255),
  description: schemas.description,
  domain_id: { type: 'null' },
  options: schemas.mutableOptions,
};
const named = Object.keys(properties);
const createBody = schemas.open('role', properties, ['name']);
const updateBody = schemas.open('role', properties, []);

interface RoleBody {
  readonly role: { readonly name?: string; readonly description?: string | null } & Readonly<Record<string, unknown>>;
}

/** A role as it stands in an application credential: without links. */
export const bareRoleView = ({ id, name, description, extra }: Role) => ({
  ...extra,
  id,
  name,
  domain_id: null,
  description,
  options: {},
});

export const roleView = (base: string, role: Role) => ({
  ...bareRoleView(role),
  links: { self: `${base}/roles/${role.id}` },
});

const shortView = (base: string, { id, name }: Role) => ({ id, links: { self: `${base}/roles/${id}` }, name });

export async function findRole(reader: Reader, id: string): Promise<Role> {
  const found = await roles.find(reader, id);
  if (found === null) throw missing(`role: ${id}`);
  return found;
}

const taken = (name: string): string =>
  `Conflict occurred attempting to store role - Duplicate entry found with name ${name}.`;

async function pairOf(reader: Reader, params: Params): Promise<{ prior: Role; implied: Role; pair: Implication }> {
  const prior = await findRole(reader, params['role_id'] ?? '');
  const implied = await findRole(reader, params['implied_role_id'] ?? '');
  return { prior, implied, pair: { priorRoleId: prior.id, impliedRoleId: implied.id } };
}

const ONE = '/v3/roles/:role_id/implies/:implied_role_id';

const inference = (base: string, prior: Role, implied: Role) => ({
  role_inference: { prior_role: shortView(base, prior), implies: shortView(base, implied) },
  links: { self: `${base}/roles/${prior.id}/implies/${implied.id}` },
});

const noSuchPair = ({ priorRoleId, impliedRoleId }: Implication) => missing(`${priorRoleId} implies ${impliedRoleId}`);

/** The roles that a role implies. */
async function impliedBy(reader: Reader, id: string): Promise<Role[]> {
  const pairs = (await listImplications(reader)).filter((pair) => pair.priorRoleId === id);
  return roles.some(
    reader,
    pairs.map((pair) => pair.impliedRoleId),
  );
}

/** Every role that implies others, with them. */
async function inferences(reader: Reader, base: string) {
  const pairs = await listImplications(reader);
  const all = new Map((await roles.list(reader, {})).map((role) => [role.id, role]));
  return [...new Set(pairs.map((pair) => pair.priorRoleId))].flatMap((id) => {
    const prior = all.get(id);
    const implied = pairs.filter((pair) => pair.priorRoleId === id).map((pair) => all.get(pair.impliedRoleId));
    if (prior === undefined) return [];
    const implies = implied.filter((role) => role !== undefined).map((role) => shortView(base, role));
    return [{ prior_role: shortView(base, prior), implies }];
  });
}

export const roleRoutes = (parts: Parts): Route[] => [
  ...lookRoutes(parts),
  ...changeRoutes(parts),
  ...impliedRoutes(parts),
];

function lookRoutes({ reader }: Parts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v3/roles',
      guard: { first: 'identity:list_roles' },
      run: async (visit) => {
        // all roles are global; those of a domain are none
        if (lastOf(visit.query, 'domain_id')) return listReply(visit, 'roles', []);
        const { enabled: _, ...where } = filterOf(visit, ['name']);
        const parts = partsOf(visit, ['name']);
        return pageReply(visit, 'roles', { reader, table: roles, where, parts }, (role) => roleView(visit.base, role));
      },
    },
    {
      method: 'GET',
      path: '/v3/roles/:role_id',
      guard: { first: 'identity:get_role' },
      run: async ({ base, params }) => {
        const role = await findRole(reader, params['role_id'] ?? '');
        return { status: 200, body: { role: roleView(base, role) } };
      },
    },
  ];
}

function changeRoutes(parts: Parts): Route[] {
  return [
    {
      method: 'POST',
      path: '/v3/roles',
      guard: { first: 'identity:create_role' },
      body: createBody,
      run: async ({ base, body }) => {
        const { role: given } = body as RoleBody;
        const role: Role = {
          id: newHexId(),
          name: given.name ?? '',
          description: given.description ?? null,
          extra: extraOf(given, named),
        };
        await write(parts, taken(role.name), (tx) => roles.insert(tx, role));
        return { status: 201, body: { role: roleView(base, role) } };
      },
    },
    {
      method: 'PATCH',
      path: '/v3/roles/:role_id',
      guard: { first: 'identity:update_role' },
      body: updateBody,
      run: async ({ base, params, body }) => {
        const { role: given } = body as RoleBody;
        const id = params['role_id'] ?? '';
        sameId(given, id);
        const role = await write(parts, taken(given.name ?? ''), async (tx) => {
          const old = await hold(tx, roles, 'role', id);
          const next: Role = {
            id,
            name: given.name ?? old.name,
            description: given.description === undefined ? old.description : given.description,
            extra: { ...old.extra, ...extraOf(given, named) },
          };
          await roles.replace(tx, next);
          return next;
        });
        return { status: 200, body: { role: roleView(base, role) } };
      },
    },
    {
      method: 'DELETE',
      path: '/v3/roles/:role_id',
      guard: { first: 'identity:delete_role' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const role = await findRole(tx, params['role_id'] ?? '');
          await roles.remove(tx, role.id);
        });
        return { status: 204 };
      },
    },
  ];
}

function impliedRoutes(parts: Parts): Route[] {
  const { reader } = parts;
  return [
    {
      method: 'GET',
      path: '/v3/roles/:role_id/implies',
      guard: { first: 'identity:list_implied_roles' },
      run: async ({ base, params, self }) => {
        const prior = await findRole(reader, params['role_id'] ?? '');
        const implies = (await impliedBy(reader, prior.id)).map((role) => shortView(base, role));
        const body = { role_inference: { prior_role: shortView(base, prior), implies }, links: { self } };
        return { status: 200, body };
      },
    },
    {
      method: 'GET',
      path: ONE,
      guard: { first: 'identity:get_implied_role' },
      run: async ({ base, params }) => {
        const { prior, implied, pair } = await pairOf(reader, params);
        if (!(await impliedBy(reader, prior.id)).some((role) => role.id === implied.id)) throw noSuchPair(pair);
        return { status: 200, body: inference(base, prior, implied) };
      },
    },
    {
      method: 'PUT',
      path: ONE,
      guard: { first: 'identity:create_implied_role' },
      run: async ({ base, params }) => {
        const { prior, implied, pair } = await pairOf(reader, params);
        await write(parts, '', (tx) => imply(tx, pair));
        return { status: 201, body: inference(base, prior, implied) };
      },
    },
    {
      method: 'DELETE',
      path: ONE,
      guard: { first: 'identity:delete_implied_role' },
      run: async ({ params }) => {
        const { pair } = await pairOf(reader, params);
        if (!(await write(parts, '', (tx) => unimply(tx, pair)))) throw noSuchPair(pair);
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/v3/role_inferences',
      guard: { first: 'identity:list_role_inference_rules' },
      run: async ({ base }) => {
        return { status: 200, body: { role_inferences: await inferences(reader, base) } };
      },
    },
  ];
}
