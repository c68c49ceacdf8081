// Why: a program logs in with a credential of its own, with some of its owner's roles in one project, without his password.

import { newSecret } from '../../base/new-secret.ts';
import { parseDateTime } from '../../base/date-time.ts';
import type { Reader } from '../../db/engine.ts';
import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { newHexId } from '../../base/ids.ts';
import { accessRule, type AskedRule, keepRules } from './access-rules.ts';
import {
  type AccessRuleRow,
  accessRules,
  type ApplicationCredential,
  applicationCredentials,
  holdScope,
  type Role,
  roles,
  rolesOn,
} from '../../db/identity.ts';
import type { Params } from '../http.ts';
import { filterOf, pageReply } from './collection.ts';
import { bareRoleView } from './roles.ts';
import { missing, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { type Parts, write } from './service.ts';
import { refuseRestricted } from './restricted.ts';
import { accessRulesOf, bareRuleView, standingOf } from './tokens.ts';
import { findUser } from './users.ts';

const role = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: { id: schemas.id, name: schemas.name(255) },
};

const createBody = schemas.strict(
  'application_credential',
  {
    name: schemas.name(255),
    description: schemas.description,
    secret: { ...schemas.password, type: ['string', 'null'], minLength: 1 },
    expires_at: { type: ['string', 'null'], maxLength: 64 },
    roles: { type: ['array', 'null'], maxItems: 100, items: role },
    unrestricted: { type: ['boolean', 'null'] },
    access_rules: { type: ['array', 'null'], maxItems: limits.accessRulesPerCredential, items: accessRule },
  },
  ['name'],
);

interface CreateBody {
  readonly application_credential: {
    readonly name: string;
    readonly description?: string | null;
    readonly secret?: string | null;
    readonly expires_at?: string | null;
    readonly roles?: readonly { readonly id?: string; readonly name?: string }[] | null;
    readonly unrestricted?: boolean | null;
    readonly access_rules?: readonly AskedRule[] | null;
  };
}

/** Microseconds, and no zone: so Keystone shows this one time. */
const micros = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000`;

function view(
  base: string,
  credential: ApplicationCredential,
  found: readonly Role[],
  rules: readonly AccessRuleRow[] | null,
) {
  return {
    id: credential.id,
    name: credential.name,
    description: credential.description,
    user_id: credential.userId,
    project_id: credential.projectId,
    system: null,
    expires_at: credential.expiresAt === null ? null : micros(credential.expiresAt),
    unrestricted: credential.unrestricted,
    roles: found.map(bareRoleView),
    ...(rules === null ? {} : { access_rules: rules.map(bareRuleView) }),
    links: { self: `${base}/users/${credential.userId}/application_credentials/${credential.id}` },
  };
}

/** The roles that a credential has: those asked for, or all. Throws for one that is not allowed. */
function chosenOf(allowed: readonly Role[], asked: CreateBody['application_credential']['roles']): readonly Role[] {
  if (asked == null || asked.length === 0) return allowed;
  const chosen = asked.map(({ id, name }) => {
    const match = allowed.find((found) => found.id === id || found.name === name);
    if (match === undefined) {
      throw badRequest('Invalid application credential: Cannot create an application credential with unassigned role');
    }
    return match;
  });
  return [...new Set(chosen)];
}

/** A time without a zone is UTC. */
function expiryOf(text: string | null | undefined, now: number): number | null {
  if (text == null) return null;
  const ms = parseDateTime(text);
  if (ms === null) throw badRequest("Timestamp not in expected format: 'expires_at' is to be ISO 8601.");
  if (ms <= now) throw badRequest("The 'expires_at' must not be before now.");
  return ms;
}

async function find(reader: Reader, params: Params): Promise<ApplicationCredential> {
  const id = params['credential_id'] ?? '';
  const found = await applicationCredentials.find(reader, id);
  if (found === null || found.userId !== params['user_id']) throw missing(`Application Credential: ${id}`);
  return found;
}

export const applicationCredentialRoutes = (parts: Parts): Route[] => [...lookRoutes(parts), ...changeRoutes(parts)];

function changeRoutes(parts: Parts): Route[] {
  const { reader, clock, passwords } = parts;
  return [
    {
      method: 'POST',
      path: '/v3/users/:user_id/application_credentials',
      guard: { first: 'identity:create_application_credential' },
      body: createBody,
      run: async (visit) => {
        await refuseRestricted(parts, visit);
        const { application_credential: given } = visit.body as CreateBody;
        const { projectId, userId } = visit.caller;
        if (projectId === null) throw badRequest('Expecting to find a project-scoped token.');
        const mine = await rolesOn(reader, userId, { type: 'project', id: projectId });
        // a credential made by a credential has no more than that one
        const allowed = mine.filter((found) => visit.caller.roles.includes(found.name));
        // refused at once rather than after the hash; what counts is asked again when it is stored
        chosenOf(allowed, given.roles);
        const secret = given.secret ?? newSecret(64);
        const made: Omit<ApplicationCredential, 'roleIds' | 'accessRuleIds'> = {
          id: newHexId(),
          userId,
          projectId,
          name: given.name,
          description: given.description ?? null,
          secretHash: await passwords.hash(secret, visit.turnOf(userId)),
          unrestricted: given.unrestricted ?? false,
          expiresAt: expiryOf(given.expires_at, clock.now()),
        };
        const shown = await write(
          parts,
          'Conflict occurred attempting to store application_credential - Duplicate entry found with that name.',
          async (tx) => {
            // as it is now: the secret waited for its turn, and the owner may be disabled or have other roles since
            await holdScope(tx, userId, projectId);
            const chosen = chosenOf((await standingOf(parts, tx, visit.caller)).roles, given.roles);
            const rules = await keepRules(tx, userId, given.access_rules ?? []);
            const credential = {
              ...made,
              roleIds: chosen.map((found) => found.id),
              accessRuleIds: rules === null ? null : rules.map(({ id }) => id),
            };
            await applicationCredentials.insert(tx, credential);
            return view(visit.base, credential, chosen, rules);
          },
        );
        return { status: 201, body: { application_credential: { ...shown, secret } } };
      },
    },
    {
      method: 'DELETE',
      path: '/v3/users/:user_id/application_credentials/:credential_id',
      guard: { first: 'identity:delete_application_credential' },
      run: async (visit) => {
        await refuseRestricted(parts, visit);
        const credential = await find(reader, visit.params);
        await write(parts, '', (tx) => applicationCredentials.remove(tx, credential.id));
        return { status: 204 };
      },
    },
  ];
}

function lookRoutes({ reader }: Parts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v3/users/:user_id/application_credentials',
      guard: { first: 'identity:list_application_credentials' },
      run: async (visit) => {
        const user = await findUser(reader, visit.params['user_id'] ?? '');
        const all = new Map((await roles.list(reader, {})).map((found) => [found.id, found]));
        const rules = new Map((await accessRules.list(reader, { user_id: user.id })).map((found) => [found.id, found]));
        const { enabled: _, ...where } = { ...filterOf(visit, ['name']), user_id: user.id, enabled: 0 };
        return pageReply(
          visit,
          'application_credentials',
          { reader, table: applicationCredentials, where },
          (credential) =>
            view(
              visit.base,
              credential,
              credential.roleIds.flatMap((id) => all.get(id) ?? []),
              credential.accessRuleIds?.flatMap((id) => rules.get(id) ?? []) ?? null,
            ),
        );
      },
    },
    {
      method: 'GET',
      path: '/v3/users/:user_id/application_credentials/:credential_id',
      guard: { first: 'identity:get_application_credential' },
      run: async ({ base, params }) => {
        const credential = await find(reader, params);
        const found = await roles.some(reader, credential.roleIds);
        const rules = await accessRulesOf(reader, credential);
        return { status: 200, body: { application_credential: view(base, credential, found, rules) } };
      },
    },
  ];
}
