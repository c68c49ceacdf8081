// Why: who has which role where: a user or a group, on a project, on a domain, or on the whole system.

import type { Reader } from '../../db/engine.ts';
import {
  assign,
  assignGroup,
  type AssignmentFilter,
  domains,
  endTokens,
  groups,
  listAssignments,
  listGroupAssignments,
  listImplications,
  projects,
  removeCredentials,
  roles,
  SYSTEM,
  type Target,
  type TargetType,
  unassign,
  unassignGroup,
  users,
  withImplied,
} from '../../db/identity.ts';
import { endRights, groupIdsOf, memberIdsOf } from '../../db/identity-groups.ts';
import type { Tx } from '../../db/tx.ts';
import type { RuleName } from '../../policies/index.ts';
import { lastOf, type Params } from '../http.ts';
import { listReply } from './collection.ts';
import { findDomain } from './domains.ts';
import { findGroup } from './groups.ts';
import { findProject } from './projects.ts';
import { findRole, roleView } from './roles.ts';
import { missing, type Reply, type Route, type Visit } from './route.ts';
import { type Parts, write } from './service.ts';
import { findUser } from './users.ts';

type Deeds = Readonly<Record<'list' | 'check' | 'create' | 'revoke', RuleName>>;

const ofGrants: Deeds = {
  list: 'identity:list_grants',
  check: 'identity:check_grant',
  create: 'identity:create_grant',
  revoke: 'identity:revoke_grant',
};

/** Whose role it is, and its id. */
interface Actor {
  readonly kind: 'user' | 'group';
  readonly id: string;
}

/** A role that somebody was given. */
interface Grant {
  readonly actor: Actor;
  readonly target: Target;
  readonly roleId: string;
}

/** What is done with the roles of users and of groups. */
interface ActorKind {
  readonly kind: Actor['kind'];
  /** Keystone has rules of their own for roles on the system. */
  readonly system: Deeds;
  find(reader: Reader, params: Params): Promise<{ readonly id: string }>;
  list(reader: Reader, id: string, target: Partial<Target>, roleId?: string): Promise<Grant[]>;
  give(tx: Tx, grant: Grant): Promise<void>;
  /** False where it was not given. */
  take(parts: Parts, tx: Tx, grant: Grant): Promise<boolean>;
}

const ofUsers: ActorKind = {
  kind: 'user',
  system: {
    list: 'identity:list_system_grants_for_user',
    check: 'identity:check_system_grant_for_user',
    create: 'identity:create_system_grant_for_user',
    revoke: 'identity:revoke_system_grant_for_user',
  },
  find: (reader, params) => findUser(reader, params['user_id'] ?? ''),
  async list(reader, userId, target, roleId) {
    const given = await listAssignments(reader, { userId, target, ...(roleId === undefined ? {} : { roleId }) });
    return given.map((one) => ({ actor: { kind: 'user', id: userId }, target: one.target, roleId: one.roleId }));
  },
  give: (tx, { actor, target, roleId }) => assign(tx, { userId: actor.id, target, roleId }),
  async take({ clock }, tx, { actor: { id: userId }, target, roleId }) {
    // an application credential that is being made now has the role or is made without it
    await users.hold(tx, userId);
    if (!(await unassign(tx, { userId, target, roleId }))) return false;
    await endTokens(tx, userId, target, clock.now());
    if (target.type === 'project') await removeCredentials(tx, { userId, projectId: target.id });
    return true;
  },
};

const ofGroups: ActorKind = {
  kind: 'group',
  system: {
    list: 'identity:list_system_grants_for_group',
    check: 'identity:check_system_grant_for_group',
    create: 'identity:create_system_grant_for_group',
    revoke: 'identity:revoke_system_grant_for_group',
  },
  find: (reader, params) => findGroup(reader, params['group_id'] ?? ''),
  async list(reader, groupId, target, roleId) {
    const filter = { groupIds: [groupId], target, ...(roleId === undefined ? {} : { roleId }) };
    const given = await listGroupAssignments(reader, filter);
    return given.map((one) => ({ actor: { kind: 'group', id: groupId }, target: one.target, roleId: one.roleId }));
  },
  give: (tx, { actor, target, roleId }) => assignGroup(tx, { groupId: actor.id, target, roleId }),
  async take({ clock }, tx, { actor: { id: groupId }, target, roleId }) {
    await groups.hold(tx, groupId);
    if (!(await unassignGroup(tx, { groupId, target, roleId }))) return false;
    const members = await memberIdsOf(tx, groupId);
    for (const userId of members) await users.hold(tx, userId);
    await endRights(tx, members, [target], clock.now());
    return true;
  },
};

/** Where each kind of target hangs, and how its id is checked. */
const places: readonly {
  readonly prefix: string;
  readonly target: (reader: Reader, params: Params) => Promise<Target>;
}[] = [
  {
    prefix: '/v3/projects/:project_id',
    target: async (reader, params) => ({
      type: 'project',
      id: (await findProject(reader, params['project_id'] ?? '')).id,
    }),
  },
  {
    prefix: '/v3/domains/:domain_id',
    target: async (reader, params) => ({
      type: 'domain',
      id: (await findDomain(reader, params['domain_id'] ?? '')).id,
    }),
  },
  { prefix: '/v3/system', target: async () => SYSTEM },
];

const noSuch = ({ roleId, actor, target }: Grant) =>
  missing(
    `role assignment with role: ${roleId}, user or group: ${actor.id}, project, domain, or system: ${target.type === 'system' ? 'system' : target.id}`,
  );

const pathOf = ({ type, id }: Target): string => (type === 'system' ? 'system' : `${type}s/${id}`);

interface Listed extends Grant {
  /** The role that brought this one, when it was not given itself. */
  readonly priorRoleId: string | null;
  /** The group that brought it to a user. */
  readonly groupId: string | null;
}

/** Names of what assignments speak of, read in five queries however many they are. */
async function namesOf(reader: Reader, listed: readonly Listed[]) {
  const ids = (type: TargetType) => listed.flatMap(({ target }) => (target.type === type ? [target.id] : []));
  const actors = (kind: Actor['kind']) => listed.flatMap(({ actor }) => (actor.kind === kind ? [actor.id] : []));
  const [userRows, groupRows, roleRows, projectRows] = await Promise.all([
    users.some(reader, actors('user')),
    groups.some(reader, actors('group')),
    roles.some(
      reader,
      listed.map((one) => one.roleId),
    ),
    projects.some(reader, ids('project')),
  ]);
  const domainIds = [...userRows, ...groupRows, ...projectRows].map((row) => row.domainId);
  const domainRows = await domains.some(reader, [...domainIds, ...ids('domain')]);
  const byId = <T extends { readonly id: string }>(rows: readonly T[]) => new Map(rows.map((row) => [row.id, row]));
  return {
    user: byId(userRows),
    group: byId(groupRows),
    role: byId(roleRows),
    project: byId(projectRows),
    domain: byId(domainRows),
  };
}

type Names = Awaited<ReturnType<typeof namesOf>>;

function view(base: string, { actor, target, roleId, priorRoleId, groupId }: Listed, names: Names | null) {
  const nameOf = (id: string | undefined, rows: ReadonlyMap<string, { readonly name: string }> | undefined) =>
    id === undefined || rows?.get(id) === undefined ? {} : { name: rows.get(id)?.name };
  const domainOf = (row: { readonly domainId: string } | undefined) =>
    row === undefined ? {} : { domain: { id: row.domainId, ...nameOf(row.domainId, names?.domain) } };
  const role = { id: roleId, ...nameOf(roleId, names?.role) };
  const known = names?.[actor.kind];
  const whose = { id: actor.id, ...nameOf(actor.id, known), ...domainOf(known?.get(actor.id)) };
  const scopes: Record<TargetType, unknown> = {
    project: {
      project: { id: target.id, ...nameOf(target.id, names?.project), ...domainOf(names?.project.get(target.id)) },
    },
    domain: { domain: { id: target.id, ...nameOf(target.id, names?.domain) } },
    system: { system: { all: true } },
  };
  const given = groupId === null ? `${actor.kind}s/${actor.id}` : `groups/${groupId}`;
  const assignment = `${base}/${pathOf(target)}/${given}/roles/${priorRoleId ?? roleId}`;
  const prior = priorRoleId === null ? {} : { prior_role: `${base}/prior_role/${priorRoleId}/implies/${roleId}` };
  const membership = groupId === null ? {} : { membership: `${base}/groups/${groupId}/users/${actor.id}` };
  return { links: { assignment, ...prior, ...membership }, role, scope: scopes[target.type], [actor.kind]: whose };
}

/** A flag in a query: there, with or without a value, and not a word for no. */
const has = (visit: Visit, name: string): boolean => !/^(0|false)$/i.test(lastOf(visit.query, name) ?? '0');

interface Asked {
  readonly userId: string | null;
  readonly groupId: string | null;
  readonly roleId: string | null;
  readonly target: Partial<Target> | null;
}

function askedBy(visit: Visit): Asked {
  const asked = (name: string) => lastOf(visit.query, name);
  const [projectId, domainId, system] = [asked('scope.project.id'), asked('scope.domain.id'), asked('scope.system')];
  const target: Partial<Target> | null =
    projectId !== null
      ? { type: 'project', id: projectId }
      : domainId !== null
        ? { type: 'domain', id: domainId }
        : system !== null
          ? SYSTEM
          : null;
  return { userId: asked('user.id'), groupId: asked('group.id'), roleId: asked('role.id'), target };
}

/** As given: to users and to groups. */
async function givenOf(reader: Reader, asked: Asked, groupIds: readonly string[] | null): Promise<Listed[]> {
  const { userId, roleId, target } = asked;
  const filter: AssignmentFilter = {
    ...(userId === null ? {} : { userId }),
    ...(roleId === null ? {} : { roleId }),
    ...(target === null ? {} : { target }),
  };
  const ofUser = asked.groupId === null ? await listAssignments(reader, filter) : [];
  const { userId: _, ...others } = filter;
  const ofGroup = await listGroupAssignments(reader, { ...others, ...(groupIds === null ? {} : { groupIds }) });
  const plain = { priorRoleId: null, groupId: null };
  return [
    ...ofUser.map((one): Listed => ({ ...plain, ...one, actor: { kind: 'user', id: one.userId } })),
    ...ofGroup.map((one): Listed => ({ ...plain, ...one, groupId: null, actor: { kind: 'group', id: one.groupId } })),
  ];
}

/** What everybody has in the end: of groups by their members, and with what roles imply. */
async function effectiveOf(reader: Reader, asked: Asked): Promise<Listed[]> {
  const { userId, roleId } = asked;
  const groupIds = asked.groupId !== null ? [asked.groupId] : userId === null ? null : await groupIdsOf(reader, userId);
  const given = await givenOf(reader, { ...asked, roleId: null }, groupIds);
  const members = new Map<string, readonly string[]>();
  const ofUsersAlone: Listed[] = [];
  for (const one of given) {
    if (one.actor.kind === 'user') {
      ofUsersAlone.push(one);
      continue;
    }
    const groupId = one.actor.id;
    if (!members.has(groupId)) members.set(groupId, await memberIdsOf(reader, groupId));
    for (const id of members.get(groupId) ?? [])
      if (userId === null || id === userId) ofUsersAlone.push({ ...one, actor: { kind: 'user', id }, groupId });
  }
  const implications = await listImplications(reader);
  const listed = [...ofUsersAlone];
  const seen = new Set(ofUsersAlone.map(keyOf));
  for (const one of ofUsersAlone) {
    for (const id of withImplied([one.roleId], implications)) {
      const implied = { ...one, roleId: id };
      if (seen.has(keyOf(implied))) continue;
      seen.add(keyOf(implied));
      listed.push({ ...implied, priorRoleId: one.roleId });
    }
  }
  return roleId === null ? listed : listed.filter((one) => one.roleId === roleId);
}

async function list(reader: Reader, visit: Visit): Promise<Reply> {
  const asked = askedBy(visit);
  // a user's own are asked for: those of his groups are among them only where what is effective is
  const groupIds = asked.groupId !== null ? [asked.groupId] : asked.userId === null ? null : [];
  const listed = has(visit, 'effective') ? await effectiveOf(reader, asked) : await givenOf(reader, asked, groupIds);
  const names = has(visit, 'include_names') ? await namesOf(reader, listed) : null;
  return listReply(
    visit,
    'role_assignments',
    listed.map((one) => view(visit.base, one, names)),
  );
}

export function assignmentRoutes(parts: Parts): Route[] {
  const pairs = places.flatMap((place) => [ofUsers, ofGroups].map((actors) => ({ place, actors })));
  return [
    {
      method: 'GET',
      path: '/v3/role_assignments',
      guard: { first: 'identity:list_role_assignments' },
      run: (visit) => list(parts.reader, visit),
    },
    ...pairs.flatMap(({ place, actors }) => grantRoutes(parts, place, actors)),
  ];
}

/** The roles of users, or of groups, at one place. */
function grantRoutes(parts: Parts, { prefix, target }: (typeof places)[number], actors: ActorKind): Route[] {
  const { reader } = parts;
  const { kind } = actors;
  const rules = prefix === '/v3/system' ? actors.system : ofGrants;
  const all = `${prefix}/${kind}s/:${kind}_id/roles`;
  const one = `${all}/:role_id`;
  const find = async (from: Reader, params: Params): Promise<Grant> => {
    const role = await findRole(from, params['role_id'] ?? '');
    const { id } = await actors.find(from, params);
    return { actor: { kind, id }, roleId: role.id, target: await target(from, params) };
  };
  return [
    {
      method: 'GET',
      path: all,
      guard: { first: rules.list },
      run: async (visit) => {
        const { id } = await actors.find(reader, visit.params);
        const given = await actors.list(reader, id, await target(reader, visit.params));
        const found = await roles.some(
          reader,
          given.map((grant) => grant.roleId),
        );
        const sorted = found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
        return listReply(
          visit,
          'roles',
          sorted.map((role) => roleView(visit.base, role)),
        );
      },
    },
    {
      method: 'GET',
      path: one,
      guard: { first: rules.check },
      run: async ({ params }) => {
        const grant = await find(reader, params);
        if ((await actors.list(reader, grant.actor.id, grant.target, grant.roleId)).length === 0) throw noSuch(grant);
        return { status: 204 };
      },
    },
    {
      method: 'PUT',
      path: one,
      guard: { first: rules.create },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => actors.give(tx, await find(tx, params)));
        return { status: 204 };
      },
    },
    {
      method: 'DELETE',
      path: one,
      guard: { first: rules.revoke },
      run: async ({ params }) => {
        await write(parts, '', async (tx) => {
          const grant = await find(tx, params);
          if (!(await actors.take(parts, tx, grant))) throw noSuch(grant);
        });
        return { status: 204 };
      },
    },
  ];
}

const keyOf = ({ actor, target, roleId }: Grant): string =>
  `${actor.kind} ${actor.id} ${target.type} ${target.id} ${roleId}`;
