// Why: who has which role where: on a project, on a domain, or on the whole system.

import type { Reader } from '../../db/engine.ts';
import {
  type Assignment,
  type AssignmentFilter,
  assign,
  domains,
  endTokens,
  listAssignments,
  listImplications,
  projects,
  removeCredentials,
  roles,
  SYSTEM,
  type Target,
  type TargetType,
  unassign,
  users,
  withImplied,
} from '../../db/identity.ts';
import type { RuleName } from '../../policies/index.ts';
import { lastOf, type Params } from '../http.ts';
import { listReply } from './collection.ts';
import { findDomain } from './domains.ts';
import { findProject } from './projects.ts';
import { findRole, roleView } from './roles.ts';
import { missing, type Reply, type Route, type Visit } from './route.ts';
import { type Parts, write } from './service.ts';
import { findUser } from './users.ts';

const ofGrants = {
  list: 'identity:list_grants',
  check: 'identity:check_grant',
  create: 'identity:create_grant',
  revoke: 'identity:revoke_grant',
} as const;

const ofSystem = {
  list: 'identity:list_system_grants_for_user',
  check: 'identity:check_system_grant_for_user',
  create: 'identity:create_system_grant_for_user',
  revoke: 'identity:revoke_system_grant_for_user',
} as const;

/** Where each kind of target hangs, and how its id is checked. */
const places: readonly {
  readonly prefix: string;
  /** Keystone has rules of their own for roles on the system. */
  readonly rules: Readonly<Record<'list' | 'check' | 'create' | 'revoke', RuleName>>;
  readonly target: (reader: Reader, params: Params) => Promise<Target>;
}[] = [
  {
    prefix: '/v3/projects/:project_id',
    rules: ofGrants,
    target: async (reader, params) => ({
      type: 'project',
      id: (await findProject(reader, params['project_id'] ?? '')).id,
    }),
  },
  {
    prefix: '/v3/domains/:domain_id',
    rules: ofGrants,
    target: async (reader, params) => ({
      type: 'domain',
      id: (await findDomain(reader, params['domain_id'] ?? '')).id,
    }),
  },
  { prefix: '/v3/system', rules: ofSystem, target: async () => SYSTEM },
];

const noSuch = ({ roleId, userId, target }: Assignment) =>
  missing(
    `role assignment with role: ${roleId}, user or group: ${userId}, project, domain, or system: ${target.type === 'system' ? 'system' : target.id}`,
  );

const pathOf = ({ type, id }: Target): string => (type === 'system' ? 'system' : `${type}s/${id}`);

interface Listed extends Assignment {
  /** The role that brought this one, when it was not given itself. */
  readonly priorRoleId: string | null;
}

/** Names of what assignments speak of, read in four queries however many they are. */
async function namesOf(reader: Reader, listed: readonly Listed[]) {
  const ids = (type: TargetType) => listed.flatMap(({ target }) => (target.type === type ? [target.id] : []));
  const [userRows, roleRows, projectRows] = await Promise.all([
    users.some(
      reader,
      listed.map((one) => one.userId),
    ),
    roles.some(
      reader,
      listed.map((one) => one.roleId),
    ),
    projects.some(reader, ids('project')),
  ]);
  const domainIds = [...userRows, ...projectRows].map((row) => row.domainId);
  const domainRows = await domains.some(reader, [...domainIds, ...ids('domain')]);
  const byId = <T extends { readonly id: string }>(rows: readonly T[]) => new Map(rows.map((row) => [row.id, row]));
  return { user: byId(userRows), role: byId(roleRows), project: byId(projectRows), domain: byId(domainRows) };
}

type Names = Awaited<ReturnType<typeof namesOf>>;

function view(base: string, { userId, target, roleId, priorRoleId }: Listed, names: Names | null) {
  const nameOf = (id: string | undefined, rows: ReadonlyMap<string, { readonly name: string }> | undefined) =>
    id === undefined || rows?.get(id) === undefined ? {} : { name: rows.get(id)?.name };
  const domainOf = (row: { readonly domainId: string } | undefined) =>
    row === undefined ? {} : { domain: { id: row.domainId, ...nameOf(row.domainId, names?.domain) } };
  const role = { id: roleId, ...nameOf(roleId, names?.role) };
  const user = { id: userId, ...nameOf(userId, names?.user), ...domainOf(names?.user.get(userId)) };
  const scopes: Record<TargetType, unknown> = {
    project: {
      project: { id: target.id, ...nameOf(target.id, names?.project), ...domainOf(names?.project.get(target.id)) },
    },
    domain: { domain: { id: target.id, ...nameOf(target.id, names?.domain) } },
    system: { system: { all: true } },
  };
  const assignment = `${base}/${pathOf(target)}/users/${userId}/roles/${priorRoleId ?? roleId}`;
  const prior = priorRoleId === null ? {} : { prior_role: `${base}/prior_role/${priorRoleId}/implies/${roleId}` };
  return { links: { assignment, ...prior }, role, scope: scopes[target.type], user };
}

/** A flag in a query: there, with or without a value, and not a word for no. */
const has = (visit: Visit, name: string): boolean => !/^(0|false)$/i.test(lastOf(visit.query, name) ?? '0');

function filterOf(visit: Visit): AssignmentFilter {
  const asked = (name: string) => lastOf(visit.query, name);
  const [userId, roleId] = [asked('user.id'), asked('role.id')];
  const [projectId, domainId, system] = [asked('scope.project.id'), asked('scope.domain.id'), asked('scope.system')];
  const target: Partial<Target> | null =
    projectId !== null
      ? { type: 'project', id: projectId }
      : domainId !== null
        ? { type: 'domain', id: domainId }
        : system !== null
          ? SYSTEM
          : null;
  return {
    ...(userId === null ? {} : { userId }),
    ...(roleId === null ? {} : { roleId }),
    ...(target === null ? {} : { target }),
  };
}

export function assignmentRoutes(parts: Parts): Route[] {
  const { reader } = parts;

  async function list(visit: Visit): Promise<Reply> {
    // there are no groups, so no group has a role
    if (lastOf(visit.query, 'group.id') !== null) return listReply(visit, 'role_assignments', []);
    const { roleId, ...filter } = filterOf(visit);
    const given = await listAssignments(
      reader,
      has(visit, 'effective') || roleId === undefined ? filter : { ...filter, roleId },
    );
    let listed: Listed[] = given.map((one) => ({ ...one, priorRoleId: null }));
    if (has(visit, 'effective')) {
      const implications = await listImplications(reader);
      const seen = new Set(given.map(keyOf));
      for (const one of given) {
        for (const id of withImplied([one.roleId], implications)) {
          const implied = { ...one, roleId: id };
          if (seen.has(keyOf(implied))) continue;
          seen.add(keyOf(implied));
          listed.push({ ...implied, priorRoleId: one.roleId });
        }
      }
      if (roleId !== undefined) listed = listed.filter((one) => one.roleId === roleId);
    }
    const names = has(visit, 'include_names') ? await namesOf(reader, listed) : null;
    return listReply(
      visit,
      'role_assignments',
      listed.map((one) => view(visit.base, one, names)),
    );
  }

  return [
    { method: 'GET', path: '/v3/role_assignments', guard: { first: 'identity:list_role_assignments' }, run: list },
    ...places.flatMap(({ prefix, rules, target }): Route[] => {
      const one = `${prefix}/users/:user_id/roles/:role_id`;
      const find = async (from: Reader, params: Params): Promise<Assignment> => {
        const role = await findRole(from, params['role_id'] ?? '');
        const user = await findUser(from, params['user_id'] ?? '');
        return { userId: user.id, roleId: role.id, target: await target(from, params) };
      };
      return [
        {
          method: 'GET',
          path: `${prefix}/users/:user_id/roles`,
          guard: { first: rules.list },
          run: async (visit) => {
            const user = await findUser(reader, visit.params['user_id'] ?? '');
            const where = await target(reader, visit.params);
            const given = await listAssignments(reader, { userId: user.id, target: where });
            const found = await roles.some(
              reader,
              given.map((assignment) => assignment.roleId),
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
            const assignment = await find(reader, params);
            if ((await listAssignments(reader, assignment)).length === 0) throw noSuch(assignment);
            return { status: 204 };
          },
        },
        {
          method: 'PUT',
          path: one,
          guard: { first: rules.create },
          run: async ({ params }) => {
            await write(parts, '', async (tx) => assign(tx, await find(tx, params)));
            return { status: 204 };
          },
        },
        {
          method: 'DELETE',
          path: one,
          guard: { first: rules.revoke },
          run: async ({ params }) => {
            await write(parts, '', async (tx) => {
              const assignment = await find(tx, params);
              // an application credential that is being made now has the role or is made without it
              await users.hold(tx, assignment.userId);
              if (!(await unassign(tx, assignment))) throw noSuch(assignment);
              const { userId, target: where } = assignment;
              await endTokens(tx, userId, where, parts.clock.now());
              if (where.type === 'project') await removeCredentials(tx, { userId, projectId: where.id });
            });
            return { status: 204 };
          },
        },
      ];
    }),
  ];
}

const keyOf = ({ userId, target, roleId }: Assignment): string => `${userId} ${target.type} ${target.id} ${roleId}`;
