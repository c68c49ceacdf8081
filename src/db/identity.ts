// Why: the rows of the built-in identity service: domains, projects, users, roles, who has which role where, and what was
// revoked.

import { fromTime, holdsText } from './codec.ts';
import type { Reader, Row } from './engine.ts';
import { type Columns, defineNoun, findRow, insertRow, lockRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

/** Properties that a client stored beside the named ones. */
export type Extra = Readonly<Record<string, unknown>>;

export interface Domain {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly extra: Extra;
}

export interface Project {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly tags: readonly string[];
  readonly extra: Extra;
}

export interface User {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly defaultProjectId: string | null;
  readonly enabled: boolean;
  /** Null for a user who cannot log in with a password. */
  readonly passwordHash: string | null;
  /** Milliseconds since the epoch; tokens issued before are no longer good. */
  readonly tokensValidFrom: number;
  readonly extra: Extra;
}

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly extra: Extra;
}

export type TargetType = 'project' | 'domain' | 'system';

/** What a role is given on; the system's id is `all`. */
export interface Target {
  readonly type: TargetType;
  readonly id: string;
}

export interface Assignment {
  readonly userId: string;
  readonly target: Target;
  readonly roleId: string;
}

export interface ApplicationCredential {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string;
  readonly name: string;
  readonly description: string | null;
  readonly secretHash: string;
  readonly roleIds: readonly string[];
  readonly unrestricted: boolean;
  /** Milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null;
  /** The access rules that bound what its tokens may ask for; null: there are none. */
  readonly accessRuleIds: readonly string[] | null;
}

/** One request that an application credential may make; service is a type of the catalog. */
export interface AccessRuleRow {
  readonly id: string;
  readonly userId: string;
  readonly service: string;
  readonly method: string;
  readonly path: string;
}

export interface Group {
  readonly id: string;
  readonly domainId: string;
  readonly name: string;
  readonly description: string;
  readonly extra: Extra;
}

/** A role that whoever is in the group has. */
export interface GroupAssignment {
  readonly groupId: string;
  readonly target: Target;
  readonly roleId: string;
}

export interface Implication {
  readonly priorRoleId: string;
  readonly impliedRoleId: string;
}

export const SYSTEM: Target = { type: 'system', id: 'all' };

type Cell = string | number | null;

/** A part of a text that a column shall have, in upper and lower case as it is, or without minding it; or a text of its list. */
export interface TextPart {
  readonly column: string;
  readonly where: 'contains' | 'startswith' | 'endswith' | 'holds';
  readonly part: string;
  readonly anyCase: boolean;
  /** The rows that have it not. */
  readonly not?: boolean;
}

export interface Page {
  readonly limit: number;
  /** The id after which the page begins. */
  readonly marker: string | null;
}

/** Rows of one table with an id, as values. Lists are in the order of ids. */
export interface Table<T extends { readonly id: string }> {
  find(reader: Reader, id: string): Promise<T | null>;
  /** As `find`, and nobody else changes the row until the transaction ends: for what is written because of what is read. */
  hold(tx: Tx, id: string): Promise<T | null>;
  /** The rows whose columns have these values, and all of the parts: of each list in `parts` one at least. */
  list(
    reader: Reader,
    where: Readonly<Record<string, Cell>>,
    page?: Page,
    parts?: readonly (readonly TextPart[])[],
  ): Promise<T[]>;
  /** The rows with these ids, in no order. */
  some(reader: Reader, ids: readonly string[]): Promise<T[]>;
  insert(tx: Tx, value: T): Promise<void>;
  replace(tx: Tx, value: T): Promise<void>;
  remove(tx: Tx, id: string): Promise<void>;
}

/** As a condition of SQL, with what stands for its question marks. */
function conditionOf({ column, where, part, anyCase, not = false }: TextPart): [sql: string, bindings: string[]] {
  if (where === 'holds') {
    const [sql, bindings] = holdsText(column, part);
    return [not ? `not ${sql}` : sql, bindings];
  }
  const [text, sought] = anyCase ? ['lower(??)', 'lower(?)'] : ['??', '?'];
  // a character is counted as the databases count it
  const { length } = Array.from(part);
  const sql = {
    contains: `instr(${text}, ${sought}) > 0`,
    startswith: `substr(${text}, 1, ${length}) = ${sought}`,
    endswith: `substr(${text}, -${length}) = ${sought}`,
  }[where];
  return [not ? `not (${sql})` : sql, [column, part]];
}

export function makeTable<T extends { readonly id: string }>(name: string, columns: Columns<T>): Table<T> {
  const noun = defineNoun<T>({ table: name, columns });
  return {
    find: (reader, id) => findRow(reader, noun, { id }),
    hold: (tx, id) => lockRow(tx, noun, { id }),
    async list(reader, where, page, parts = []) {
      const query = reader(name).where(where).orderBy('id');
      for (const some of parts)
        query.where((either) => {
          for (const one of some) either.orWhereRaw(...conditionOf(one));
        });
      if (page !== undefined) query.limit(page.limit);
      if (page?.marker != null) query.where('id', '>', page.marker);
      return noun.fromRows(await query);
    },
    async some(reader, ids) {
      if (ids.length === 0) return [];
      return noun.fromRows(await reader(name).whereIn('id', [...new Set(ids)]));
    },
    async insert(tx, value) {
      await insertRow(tx, noun, value);
    },
    async replace(tx, value) {
      await updateRows(tx, noun, { id: value.id }, value);
    },
    async remove(tx, id) {
      await tx(name).where({ id }).delete();
    },
  };
}

export const domains = makeTable<Domain>('identity_domains', {
  id: ['id', 'text'],
  name: ['name', 'text'],
  description: ['description', 'text'],
  enabled: ['enabled', 'bool'],
  extra: ['extra', 'json'],
});

export const projects = makeTable<Project>('identity_projects', {
  id: ['id', 'text'],
  domainId: ['domain_id', 'text'],
  name: ['name', 'text'],
  description: ['description', 'text'],
  enabled: ['enabled', 'bool'],
  tags: ['tags', 'json'],
  extra: ['extra', 'json'],
});

export const users = makeTable<User>('identity_users', {
  id: ['id', 'text'],
  domainId: ['domain_id', 'text'],
  name: ['name', 'text'],
  defaultProjectId: ['default_project_id', 'text'],
  enabled: ['enabled', 'bool'],
  passwordHash: ['password_hash', 'text'],
  tokensValidFrom: ['tokens_valid_from', 'time'],
  extra: ['extra', 'json'],
});

export const roles = makeTable<Role>('identity_roles', {
  id: ['id', 'text'],
  name: ['name', 'text'],
  description: ['description', 'text'],
  extra: ['extra', 'json'],
});

export const applicationCredentials = makeTable<ApplicationCredential>('identity_application_credentials', {
  id: ['id', 'text'],
  userId: ['user_id', 'text'],
  projectId: ['project_id', 'text'],
  name: ['name', 'text'],
  description: ['description', 'text'],
  secretHash: ['secret_hash', 'text'],
  roleIds: ['roles', 'json'],
  unrestricted: ['unrestricted', 'bool'],
  expiresAt: ['expires_at', 'time'],
  accessRuleIds: ['access_rules', 'json'],
});

export const accessRules = makeTable<AccessRuleRow>('identity_access_rules', {
  id: ['id', 'text'],
  userId: ['user_id', 'text'],
  service: ['service', 'text'],
  method: ['method', 'text'],
  path: ['path', 'text'],
});

export const groups = makeTable<Group>('identity_groups', {
  id: ['id', 'text'],
  domainId: ['domain_id', 'text'],
  name: ['name', 'text'],
  description: ['description', 'text'],
  extra: ['extra', 'json'],
});

const assignmentNoun = defineNoun<Assignment>({
  table: 'identity_assignments',
  columns: {
    userId: ['user_id', 'text'],
    target: { type: ['target_type', 'text'], id: ['target_id', 'text'] },
    roleId: ['role_id', 'text'],
  },
});
const ASSIGNMENTS = assignmentNoun.table;

export interface AssignmentFilter {
  readonly userId?: string;
  readonly target?: Partial<Target>;
  readonly roleId?: string;
}

/** Who has which role where, as given (without what roles imply). */
export async function listAssignments(reader: Reader, filter: AssignmentFilter): Promise<Assignment[]> {
  const where: Record<string, string> = {};
  if (filter.userId !== undefined) where['user_id'] = filter.userId;
  if (filter.roleId !== undefined) where['role_id'] = filter.roleId;
  if (filter.target?.type !== undefined) where['target_type'] = filter.target.type;
  if (filter.target?.id !== undefined) where['target_id'] = filter.target.id;
  return assignmentNoun.fromRows(
    await reader(ASSIGNMENTS).where(where).orderBy(['target_type', 'target_id', 'user_id', 'role_id']),
  );
}

/** Gives a role; giving it twice is giving it once. */
export async function assign(tx: Tx, assignment: Assignment): Promise<void> {
  await tx(ASSIGNMENTS)
    .insert(assignmentNoun.toRow(assignment))
    .onConflict([...assignmentNoun.columns])
    .ignore();
}

/** Takes a role away; false when it was not given. */
export async function unassign(tx: Tx, assignment: Assignment): Promise<boolean> {
  return (await tx(ASSIGNMENTS).where(assignmentNoun.toRow(assignment)).delete()) > 0;
}

const groupAssignmentNoun = defineNoun<GroupAssignment>({
  table: 'identity_group_assignments',
  columns: {
    groupId: ['group_id', 'text'],
    target: { type: ['target_type', 'text'], id: ['target_id', 'text'] },
    roleId: ['role_id', 'text'],
  },
});
const GROUP_ASSIGNMENTS = groupAssignmentNoun.table;

export interface GroupAssignmentFilter {
  readonly groupIds?: readonly string[];
  readonly target?: Partial<Target>;
  readonly roleId?: string;
}

/** Which group has which role where, as given. */
export async function listGroupAssignments(reader: Reader, filter: GroupAssignmentFilter): Promise<GroupAssignment[]> {
  const query = reader(GROUP_ASSIGNMENTS).orderBy(['target_type', 'target_id', 'group_id', 'role_id']);
  if (filter.groupIds !== undefined) query.whereIn('group_id', [...filter.groupIds]);
  if (filter.roleId !== undefined) query.where('role_id', filter.roleId);
  if (filter.target?.type !== undefined) query.where('target_type', filter.target.type);
  if (filter.target?.id !== undefined) query.where('target_id', filter.target.id);
  return groupAssignmentNoun.fromRows(await query);
}

/** Gives a group a role; giving it twice is giving it once. */
export async function assignGroup(tx: Tx, assignment: GroupAssignment): Promise<void> {
  await tx(GROUP_ASSIGNMENTS)
    .insert(groupAssignmentNoun.toRow(assignment))
    .onConflict([...groupAssignmentNoun.columns])
    .ignore();
}

/** Takes a role from a group; false when it was not given. */
export async function unassignGroup(tx: Tx, assignment: GroupAssignment): Promise<boolean> {
  return (await tx(GROUP_ASSIGNMENTS).where(groupAssignmentNoun.toRow(assignment)).delete()) > 0;
}

/** What a user has of himself and by the groups that he is in, as given (without what roles imply); one may be there twice. */
export async function effectiveAssignments(
  reader: Reader,
  userId: string,
  target: Partial<Target>,
): Promise<Assignment[]> {
  const own = await listAssignments(reader, { userId, target });
  const rows = reader(GROUP_ASSIGNMENTS)
    .join('identity_group_members', 'identity_group_members.group_id', `${GROUP_ASSIGNMENTS}.group_id`)
    .select(`${GROUP_ASSIGNMENTS}.*`)
    .where('identity_group_members.user_id', userId);
  if (target.type !== undefined) rows.where('target_type', target.type);
  if (target.id !== undefined) rows.where('target_id', target.id);
  const byGroups = groupAssignmentNoun.fromRows(await rows);
  return [...own, ...byGroups.map(({ target: on, roleId }) => ({ userId, target: on, roleId }))];
}

const implicationNoun = defineNoun<Implication>({
  table: 'identity_implied_roles',
  columns: { priorRoleId: ['prior_role_id', 'text'], impliedRoleId: ['implied_role_id', 'text'] },
});

export async function listImplications(reader: Reader): Promise<Implication[]> {
  const { table, columns } = implicationNoun;
  return implicationNoun.fromRows(await reader(table).orderBy([...columns]));
}

export async function imply(tx: Tx, implication: Implication): Promise<void> {
  const { table, columns } = implicationNoun;
  await tx(table)
    .insert(implicationNoun.toRow(implication))
    .onConflict([...columns])
    .ignore();
}

export async function unimply(tx: Tx, implication: Implication): Promise<boolean> {
  return (await tx(implicationNoun.table).where(implicationNoun.toRow(implication)).delete()) > 0;
}

/** All role ids that follow from some, those included: `admin` brings `member` brings `reader`. */
export function withImplied(roleIds: readonly string[], implications: readonly Implication[]): Set<string> {
  const found = new Set(roleIds);
  // a set grows while it is walked, so what is implied by the implied is met too
  for (const id of found) {
    for (const { priorRoleId, impliedRoleId } of implications) if (priorRoleId === id) found.add(impliedRoleId);
  }
  return found;
}

/** The roles that a user has on a target, of himself or by a group, with what they imply, by name. */
export async function rolesOn(reader: Reader, userId: string, target: Target): Promise<Role[]> {
  const given = await effectiveAssignments(reader, userId, target);
  if (given.length === 0) return [];
  const roleIds = given.map((assignment) => assignment.roleId);
  const found = await roles.some(reader, [...withImplied(roleIds, await listImplications(reader))]);
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Has nobody change a user, a project and their domains until the transaction ends, nor take the user's roles away: what the
 * user is given for the project hangs on all of these.
 */
export async function holdScope(tx: Tx, userId: string, projectId: string): Promise<void> {
  const user = await users.hold(tx, userId);
  const project = await projects.hold(tx, projectId);
  for (const id of new Set([user?.domainId, project?.domainId])) if (id !== undefined) await domains.hold(tx, id);
}

/** Deletes a project with the roles given on it and the application credentials for it. */
export async function removeProject(tx: Tx, id: string): Promise<void> {
  for (const table of [ASSIGNMENTS, GROUP_ASSIGNMENTS])
    await tx(table).where({ target_type: 'project', target_id: id }).delete();
  await tx('identity_application_credentials').where({ project_id: id }).delete();
  await tx('identity_users').where({ default_project_id: id }).update({ default_project_id: null });
  await projects.remove(tx, id);
}

/** Deletes a domain with its users, groups and projects. */
export async function removeDomain(tx: Tx, id: string): Promise<void> {
  for (const project of await projects.list(tx, { domain_id: id })) await removeProject(tx, project.id);
  await tx('identity_users').where({ domain_id: id }).delete();
  await tx('identity_groups').where({ domain_id: id }).delete();
  for (const table of [ASSIGNMENTS, GROUP_ASSIGNMENTS])
    await tx(table).where({ target_type: 'domain', target_id: id }).delete();
  await domains.remove(tx, id);
}

const REVOCATIONS = 'identity_revocations';

/** Remembers a revoked token until it would have expired, and forgets those that have. */
export async function revoke(tx: Tx, auditId: string, expiresAt: number, now: number): Promise<void> {
  await tx(REVOCATIONS).where('expires_at', '<', now).delete();
  await tx(REVOCATIONS).insert({ audit_id: auditId, expires_at: expiresAt }).onConflict('audit_id').ignore();
}

export async function isRevoked(reader: Reader, auditId: string): Promise<boolean> {
  return (await reader(REVOCATIONS).where({ audit_id: auditId }).first()) !== undefined;
}

const ENDINGS = 'identity_endings';
const EVERYBODY = '';

/**
 * Ends the tokens that a user (null: everybody) has on a target, for good: what is undone later brings none of them back. For a
 * domain these are also the tokens of its users and those for its projects.
 * @param now tokens issued up to this moment, in milliseconds since the epoch
 */
export async function endTokens(tx: Tx, userId: string | null, target: Target, now: number): Promise<void> {
  const key = { user_id: userId ?? EVERYBODY, target_type: target.type, target_id: target.id };
  await tx(ENDINGS)
    .insert({ ...key, valid_from: now + 1 })
    .onConflict(Object.keys(key))
    .merge();
}

/** From when on tokens of a user on some targets are good; 0 where none were ended. */
export async function tokensValidFrom(reader: Reader, userId: string, targets: readonly Target[]): Promise<number> {
  const rows: Row[] = await reader(ENDINGS)
    .whereIn('user_id', [EVERYBODY, userId])
    .where((any) => {
      for (const { type, id } of targets) void any.orWhere({ target_type: type, target_id: id });
    });
  return Math.max(0, ...rows.map((row) => fromTime(row['valid_from']) ?? 0));
}

/** Whose application credentials, and for which projects: one of the two, or both. */
export interface CredentialsOf {
  readonly userId?: string;
  readonly projectId?: string;
}

export async function removeCredentials(tx: Tx, { userId, projectId }: CredentialsOf): Promise<void> {
  await tx('identity_application_credentials')
    .where({
      ...(userId === undefined ? {} : { user_id: userId }),
      ...(projectId === undefined ? {} : { project_id: projectId }),
    })
    .delete();
}

/** Removes the application credentials of a domain's users and those for its projects. */
export async function removeDomainCredentials(tx: Tx, domainId: string): Promise<void> {
  const credentials = () => tx('identity_application_credentials');
  await credentials()
    .whereIn('user_id', tx('identity_users').select('id').where({ domain_id: domainId }))
    .delete();
  await credentials()
    .whereIn('project_id', tx('identity_projects').select('id').where({ domain_id: domainId }))
    .delete();
}
