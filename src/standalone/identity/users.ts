// Why: users log in; a changed password or a disabled account ends the tokens made before.

import { badRequest } from '../../base/errors.ts';
import { newHexId } from '../../base/ids.ts';
import type { Reader } from '../../db/engine.ts';
import { removeCredentials, type User, users } from '../../db/identity.ts';
import { extraOf, filterOf, pageReply, partsOf, sameId } from './collection.ts';
import { findDomain } from './domains.ts';
import { provePassword, refused } from './login.ts';
import { missing, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';
import { activeUser, standingOf } from './tokens.ts';

// Options of Keystone's lockout and password-expiry rules. There are no such rules here, so these change nothing and are
// kept for the client; those that would have to change something are refused.
const flag = { type: ['boolean', 'null'] };
const options = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ignore_change_password_upon_first_use: flag,
    ignore_password_expiry: flag,
    ignore_lockout_failure_attempts: flag,
    ignore_user_inactivity: flag,
    multi_factor_auth_enabled: { enum: [false, null] },
    lock_password: { enum: [false, null] },
  },
};

const properties = {
  name: schemas.name(255),
  domain_id: schemas.id,
  default_project_id: schemas.nullableId,
  enabled: schemas.boolean,
  password: { ...schemas.password, type: ['string', 'null'] },
  options,
};
const named = ['name', 'domain_id', 'default_project_id', 'enabled', 'password', 'password_expires_at'];
const createBody = schemas.open('user', properties, ['name']);
const updateBody = schemas.open('user', properties, []);
const passwordBody = schemas.strict(
  'user',
  { original_password: schemas.password, password: { ...schemas.password, minLength: 1 } },
  ['original_password', 'password'],
);

interface UserBody {
  readonly user: {
    readonly name?: string;
    readonly domain_id?: string;
    readonly default_project_id?: string | null;
    readonly enabled?: boolean;
    readonly password?: string | null;
  } & Readonly<Record<string, unknown>>;
}

interface PasswordBody {
  readonly user: { readonly original_password: string; readonly password: string };
}

export const userView = (base: string, user: User) => ({
  options: {},
  ...user.extra,
  id: user.id,
  name: user.name,
  domain_id: user.domainId,
  ...(user.defaultProjectId === null ? {} : { default_project_id: user.defaultProjectId }),
  enabled: user.enabled,
  password_expires_at: null,
  links: { self: `${base}/users/${user.id}` },
});

export async function findUser(reader: Reader, id: string): Promise<User> {
  const found = await users.find(reader, id);
  if (found === null) throw missing(`user: ${id}`);
  return found;
}

const taken = (name: string): string =>
  `Conflict occurred attempting to store user - Duplicate entry found with name ${name}.`;

export const userRoutes = (parts: Parts): Route[] => [
  ...lookRoutes(parts),
  ...changeRoutes(parts),
  passwordRoute(parts),
];

function lookRoutes({ reader }: Parts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v3/users',
      guard: { first: 'identity:list_users' },
      run: (visit) =>
        pageReply(
          visit,
          'users',
          { reader, table: users, where: filterOf(visit, ['name', 'domain_id']), parts: partsOf(visit, ['name']) },
          (user) => userView(visit.base, user),
        ),
    },
    {
      method: 'GET',
      path: '/v3/users/:user_id',
      guard: { first: 'identity:get_user' },
      run: async ({ base, params }) => {
        const user = await findUser(reader, params['user_id'] ?? '');
        return { status: 200, body: { user: userView(base, user) } };
      },
    },
  ];
}

function changeRoutes(parts: Parts): Route[] {
  const { passwords, clock } = parts;
  return [
    {
      method: 'POST',
      path: '/v3/users',
      guard: { first: 'identity:create_user' },
      body: createBody,
      run: async ({ base, body, caller, turnOf }) => {
        const { user: given } = body as UserBody;
        const user: User = {
          id: newHexId(),
          domainId: given.domain_id ?? caller.domainId ?? caller.projectDomainId ?? 'default',
          name: given.name ?? '',
          defaultProjectId: given.default_project_id ?? null,
          enabled: given.enabled ?? true,
          passwordHash: given.password == null ? null : await passwords.hash(given.password, turnOf(caller.userId)),
          tokensValidFrom: clock.now(),
          extra: extraOf(given, named),
        };
        await write(parts, taken(user.name), async (tx) => {
          await standingOf(parts, tx, caller);
          await findDomain(tx, user.domainId);
          await users.insert(tx, user);
        });
        return { status: 201, body: { user: userView(base, user) } };
      },
    },
    {
      method: 'PATCH',
      path: '/v3/users/:user_id',
      guard: { first: 'identity:update_user' },
      body: updateBody,
      run: async ({ base, params, body, caller, turnOf }) => {
        const { user: given } = body as UserBody;
        const id = params['user_id'] ?? '';
        sameId(given, id);
        const hash = given.password == null ? null : await passwords.hash(given.password, turnOf(caller.userId));
        const user = await write(parts, taken(given.name ?? ''), async (tx) => {
          const old = await hold(tx, users, 'user', id);
          await standingOf(parts, tx, caller);
          if (given.domain_id !== undefined && given.domain_id !== old.domainId)
            throw badRequest('Cannot change the domain of a user.');
          const endsTokens = given.password !== undefined || (given.enabled === false && old.enabled);
          const next: User = {
            ...old,
            name: given.name ?? old.name,
            defaultProjectId: given.default_project_id === undefined ? old.defaultProjectId : given.default_project_id,
            enabled: given.enabled ?? old.enabled,
            passwordHash: given.password === undefined ? old.passwordHash : hash,
            tokensValidFrom: endsTokens ? clock.now() + 1 : old.tokensValidFrom,
            extra: { ...old.extra, ...extraOf(given, named) },
          };
          await users.replace(tx, next);
          if (old.enabled && !next.enabled) await removeCredentials(tx, { userId: id });
          return next;
        });
        return { status: 200, body: { user: userView(base, user) } };
      },
    },
    {
      method: 'DELETE',
      path: '/v3/users/:user_id',
      guard: { first: 'identity:delete_user' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const user = await hold(tx, users, 'user', params['user_id'] ?? '');
          await users.remove(tx, user.id);
        });
        return { status: 204 };
      },
    },
  ];
}

/** The old password is the proof, so that somebody whose tokens have ended can still change it. */
function passwordRoute(parts: Parts): Route {
  const { passwords, clock } = parts;
  return {
    method: 'POST',
    path: '/v3/users/:user_id/password',
    guard: 'no token',
    body: passwordBody,
    run: async ({ params, body, turnOf }) => {
      const { user: given } = body as PasswordBody;
      const id = params['user_id'] ?? '';
      const proof = await provePassword(parts, id, given.original_password, turnOf(id));
      const hash = await passwords.hash(given.password, turnOf(id));
      await write(parts, '', async (tx) => {
        // who was disabled, or whose password was replaced, while this one waited has not proved himself
        const old = await users.hold(tx, id);
        if (old === null || !proof.holds(old) || (await activeUser(tx, id)) === null) throw refused();
        await users.replace(tx, { ...old, passwordHash: hash, tokensValidFrom: clock.now() + 1 });
      });
      return { status: 204 };
    },
  };
}
