// Why: an application credential may be made for some requests alone. The rules are its owner's, are shared by his credentials, and stay
// until they are deleted.

import { badRequest, forbidden } from '../../base/errors.ts';
import { newHexId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Reader } from '../../db/engine.ts';
import { type AccessRuleRow, accessRules, applicationCredentials, users } from '../../db/identity.ts';
import type { Tx } from '../../db/tx.ts';
import type { Params } from '../http.ts';
import { filterOf, pageReply } from './collection.ts';
import { refuseRestricted } from './restricted.ts';
import { missing, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { type Parts, write } from './service.ts';
import { bareRuleView } from './tokens.ts';
import { findUser } from './users.ts';

/** A rule that is asked for: one that is there already, or a new one. */
export type AskedRule = { readonly id: string } | Omit<AccessRuleRow, 'id' | 'userId'>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** In the body of an application credential. */
export const accessRule: schemas.Schema = {
  type: 'object',
  oneOf: [
    { required: ['id'], additionalProperties: false, properties: { id: schemas.id } },
    {
      required: ['service', 'method', 'path'],
      additionalProperties: false,
      properties: {
        service: { type: 'string', minLength: 1, maxLength: 64 },
        method: { enum: METHODS },
        path: { type: 'string', minLength: 1, maxLength: 128, pattern: '^/' },
      },
    },
  ],
};

/**
 * The rules that a new credential has, of which those are made that are not there; its user's row is held.
 * @returns null: none were asked for, so it may do whatever its roles allow
 */
export async function keepRules(
  tx: Tx,
  userId: string,
  asked: readonly AskedRule[],
): Promise<readonly AccessRuleRow[] | null> {
  if (asked.length === 0) return null;
  const known = await accessRules.list(tx, { user_id: userId });
  const chosen: AccessRuleRow[] = [];
  // lists are in the order of ids; a credential's rules come as they were asked for, as Keystone lists them
  const ids = asked.map(newHexId).toSorted();
  for (const [at, one] of asked.entries()) {
    const fits = (rule: AccessRuleRow): boolean =>
      'id' in one
        ? rule.id === one.id
        : rule.service === one.service && rule.method === one.method && rule.path === one.path;
    const found = known.find(fits);
    if (found !== undefined) {
      if (!chosen.includes(found)) chosen.push(found);
      continue;
    }
    if ('id' in one) throw badRequest(`Invalid application credential: access rule ${one.id} could not be found.`);
    if (known.length >= limits.accessRulesPerUser)
      throw badRequest(`A user may have ${limits.accessRulesPerUser} access rules: delete some that are not in use.`);
    const made = { id: ids[at] as string, userId, service: one.service, method: one.method, path: one.path };
    await accessRules.insert(tx, made);
    known.push(made);
    chosen.push(made);
  }
  return chosen;
}

async function find(reader: Reader, params: Params): Promise<AccessRuleRow> {
  const id = params['access_rule_id'] ?? '';
  const found = await accessRules.find(reader, id);
  if (found === null || found.userId !== params['user_id']) throw missing(`Access Rule: ${id}`);
  return found;
}

const view = (base: string, rule: AccessRuleRow) => ({
  ...bareRuleView(rule),
  links: { self: `${base}/users/${rule.userId}/access_rules/${rule.id}` },
});

export function accessRuleRoutes(parts: Parts): Route[] {
  const { reader } = parts;
  const one = '/v3/users/:user_id/access_rules/:access_rule_id';
  return [
    {
      method: 'GET',
      path: '/v3/users/:user_id/access_rules',
      guard: { first: 'identity:list_access_rules' },
      run: async (visit) => {
        const user = await findUser(reader, visit.params['user_id'] ?? '');
        const { enabled: _, ...asked } = filterOf(visit, ['service', 'path', 'method']);
        const where = { ...asked, user_id: user.id };
        return pageReply(visit, 'access_rules', { reader, table: accessRules, where }, (rule) =>
          view(visit.base, rule),
        );
      },
    },
    {
      method: 'GET',
      path: one,
      guard: { first: 'identity:get_access_rule' },
      run: async ({ base, params }) => ({
        status: 200,
        body: { access_rule: view(base, await find(reader, params)) },
      }),
    },
    {
      method: 'DELETE',
      path: one,
      guard: { first: 'identity:delete_access_rule' },
      run: async (visit) => {
        await refuseRestricted(parts, visit);
        await write(parts, '', async (tx) => {
          // no credential is made with it meanwhile
          await users.hold(tx, visit.params['user_id'] ?? '');
          const rule = await find(tx, visit.params);
          const credentials = await applicationCredentials.list(tx, { user_id: rule.userId });
          if (credentials.some(({ accessRuleIds }) => accessRuleIds?.includes(rule.id)))
            throw forbidden(
              `You are not authorized to perform the requested action: access rule ${rule.id} is in use by an application credential.`,
            );
          await accessRules.remove(tx, rule.id);
        });
        return { status: 204 };
      },
    },
  ];
}
