// Why: users in groups have the roles of the groups, so that a role is given once to many.

import { badRequest, conflict } from '../../base/errors.ts';
import { newHexId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Reader } from '../../db/engine.ts';
import { type Group, groups, listGroupAssignments, users } from '../../db/identity.ts';
import {
  addMember,
  endRights,
  groupsOf,
  isMember,
  memberIdsOf,
  membersOf,
  removeMember,
} from '../../db/identity-groups.ts';
import type { Tx } from '../../db/tx.ts';
import { extraOf, filterOf, listReply, pageReply, pagedReply, partsOf, sameId } from './collection.ts';
import { findDomain } from './domains.ts';
import { missing, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { hold, type Parts, write } from './service.ts';
import { findUser, userView } from './users.ts';

const properties = { name: schemas.name(64), domain_id: schemas.id, description: schemas.description };
const named = Object.keys(properties);
const createBody = schemas.open('group', properties, ['name']);
const updateBody = schemas.open('group', properties, []);

interface GroupBody {
  readonly group: {
    readonly name?: string;
    readonly domain_id?: string;
    readonly description?: string | null;
  } & Readonly<Record<string, unknown>>;
}

const view = (base: string, { id, name, domainId, description, extra }: Group) => ({
  ...extra,
  id,
  name,
  domain_id: domainId,
  description,
  links: { self: `${base}/groups/${id}` },
});

export async function findGroup(reader: Reader, id: string): Promise<Group> {
  const found = await groups.find(reader, id);
  if (found === null) throw missing(`group: ${id}`);
  return found;
}

const taken = (name: string): string =>
  `Conflict occurred attempting to store group - Duplicate entry found with name ${name}.`;

export const groupRoutes = (parts: Parts): Route[] => [
  ...lookRoutes(parts),
  ...changeRoutes(parts),
  ...memberRoutes(parts),
];

function lookRoutes({ reader }: Parts): Route[] {
  return [
    {
      method: 'GET',
      path: '/v3/groups',
      guard: { first: 'identity:list_groups' },
      run: async (visit) => {
        const { enabled: _, ...where } = filterOf(visit, ['name', 'domain_id']);
        const parts = partsOf(visit, ['name']);
        return pageReply(visit, 'groups', { reader, table: groups, where, parts }, (group) => view(visit.base, group));
      },
    },
    {
      method: 'GET',
      path: '/v3/groups/:group_id',
      guard: { first: 'identity:get_group' },
      run: async ({ base, params }) => {
        const group = await findGroup(reader, params['group_id'] ?? '');
        return { status: 200, body: { group: view(base, group) } };
      },
    },
    {
      method: 'GET',
      path: '/v3/users/:user_id/groups',
      guard: { first: 'identity:list_groups_for_user' },
      run: async (visit) => {
        const user = await findUser(reader, visit.params['user_id'] ?? '');
        const found = await groupsOf(reader, user.id);
        return listReply(
          visit,
          'groups',
          found.map((group) => view(visit.base, group)),
        );
      },
    },
  ];
}

function changeRoutes(parts: Parts): Route[] {
  return [
    {
      method: 'POST',
      path: '/v3/groups',
      guard: { first: 'identity:create_group' },
      body: createBody,
      run: async ({ base, body, caller }) => {
        const { group: given } = body as GroupBody;
        const group: Group = {
          id: newHexId(),
          domainId: given.domain_id ?? caller.domainId ?? caller.projectDomainId ?? 'default',
          name: given.name ?? '',
          description: given.description ?? '',
          extra: extraOf(given, named),
        };
        await write(parts, taken(group.name), async (tx) => {
          await findDomain(tx, group.domainId);
          await groups.insert(tx, group);
        });
        return { status: 201, body: { group: view(base, group) } };
      },
    },
    {
      method: 'PATCH',
      path: '/v3/groups/:group_id',
      guard: { first: 'identity:update_group' },
      body: updateBody,
      run: async ({ base, params, body }) => {
        const { group: given } = body as GroupBody;
        const id = params['group_id'] ?? '';
        sameId(given, id);
        const group = await write(parts, taken(given.name ?? ''), async (tx) => {
          const old = await hold(tx, groups, 'group', id);
          if (given.domain_id !== undefined && given.domain_id !== old.domainId)
            throw badRequest('Cannot change the domain of a group.');
          const next: Group = {
            ...old,
            name: given.name ?? old.name,
            description: given.description === undefined ? old.description : (given.description ?? ''),
            extra: { ...old.extra, ...extraOf(given, named) },
          };
          await groups.replace(tx, next);
          return next;
        });
        return { status: 200, body: { group: view(base, group) } };
      },
    },
    {
      method: 'DELETE',
      path: '/v3/groups/:group_id',
      guard: { first: 'identity:delete_group' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const group = await hold(tx, groups, 'group', params['group_id'] ?? '');
          await loseRights(parts, tx, group.id, await memberIdsOf(tx, group.id));
          await groups.remove(tx, group.id);
        });
        return { status: 204 };
      },
    },
  ];
}

/** Ends what some members had by the group. */
async function loseRights({ clock }: Parts, tx: Tx, groupId: string, userIds: readonly string[]): Promise<void> {
  const given = await listGroupAssignments(tx, { groupIds: [groupId] });
  const targets = new Map(given.map(({ target }) => [`${target.type} ${target.id}`, target]));
  // an application credential that is being made now has the role or is made without it
  for (const userId of userIds) await users.hold(tx, userId);
  await endRights(tx, userIds, [...targets.values()], clock.now());
}

function memberRoutes(parts: Parts): Route[] {
  const { reader } = parts;
  const one = '/v3/groups/:group_id/users/:user_id';
  const noSuch = (userId: string, groupId: string) => missing(`user ${userId} in group ${groupId}`);
  return [
    {
      method: 'GET',
      path: '/v3/groups/:group_id/users',
      guard: { first: 'identity:list_users_in_group' },
      run: async (visit) => {
        const group = await findGroup(reader, visit.params['group_id'] ?? '');
        return pagedReply(
          visit,
          'users',
          (page) => membersOf(reader, group.id, page),
          (user) => userView(visit.base, user),
        );
      },
    },
    {
      method: 'GET',
      path: one,
      guard: { first: 'identity:check_user_in_group' },
      run: async ({ params }) => {
        const group = await findGroup(reader, params['group_id'] ?? '');
        const user = await findUser(reader, params['user_id'] ?? '');
        if (!(await isMember(reader, group.id, user.id))) throw noSuch(user.id, group.id);
        return { status: 204 };
      },
    },
    {
      method: 'PUT',
      path: one,
      guard: { first: 'identity:add_user_to_group' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const group = await hold(tx, groups, 'group', params['group_id'] ?? '');
          const user = await findUser(tx, params['user_id'] ?? '');
          const members = await memberIdsOf(tx, group.id);
          if (!members.includes(user.id) && members.length >= limits.groupMembers)
            throw conflict(`A group may have ${limits.groupMembers} members.`);
          await addMember(tx, group.id, user.id);
        });
        return { status: 204 };
      },
    },
    {
      method: 'DELETE',
      path: one,
      guard: { first: 'identity:remove_user_from_group' },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const group = await hold(tx, groups, 'group', params['group_id'] ?? '');
          const user = await findUser(tx, params['user_id'] ?? '');
          if (!(await removeMember(tx, group.id, user.id))) throw noSuch(user.id, group.id);
          await loseRights(parts, tx, group.id, [user.id]);
        });
        return { status: 204 };
      },
    },
  ];
}
