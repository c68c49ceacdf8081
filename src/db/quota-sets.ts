// Why: limits of classes, projects and users, as administrators set them. What is used of them: server-sizes.ts.

import { readRows, type Reader } from './engine.ts';
import { serverResources, type ServerUsage } from './server-sizes.ts';
import type { Tx } from './tx.ts';

/** A limit by resource; -1: none. Only what an administrator set. */
export type LimitRows = Readonly<Record<string, number>>;

/** Whose limits: of a class, of a project, or of a user in a project. */
export type LimitOwner =
  | { readonly scope: 'class'; readonly scopeId: string }
  | { readonly scope: 'project'; readonly scopeId: string }
  | { readonly scope: 'user'; readonly scopeId: string; readonly userId: string };

const DEFAULT_CLASS = 'default';

const keyOf = (owner: LimitOwner) => ({
  scope: owner.scope,
  scope_id: owner.scopeId,
  user_id: owner.scope === 'user' ? owner.userId : '',
});

interface Row {
  readonly scope: string;
  readonly resource: string;
  readonly hard_limit: number;
}

const byResource = (rows: readonly Row[]): LimitRows =>
  Object.fromEntries(rows.map((row) => [row.resource, Number(row.hard_limit)]));

/** What a class overrides of the built-in defaults; only the class `default` applies to anybody. */
export async function classLimits(reader: Reader, name = DEFAULT_CLASS): Promise<LimitRows> {
  const rows: Row[] = await reader('quota_limits').where(keyOf({ scope: 'class', scopeId: name }));
  return byResource(rows);
}

/** Everything that was set and applies to a project (and to one of its users), the general before the particular. */
export interface AppliedLimits {
  readonly defaults: LimitRows;
  readonly project: LimitRows;
  /** Empty where no user is asked about. */
  readonly user: LimitRows;
}

const OF_PROJECT = `select scope, resource, hard_limit from quota_limits
  where (scope = 'class' and scope_id = '${DEFAULT_CLASS}' and user_id = '')
  or (scope = 'project' and scope_id = ? and user_id = '')`;
const OF_USER = `${OF_PROJECT} or (scope = 'user' and scope_id = ? and user_id = ?)`;

/** As `appliedLimits`, and what the project's servers use of the quota. */
export async function limitsAndUsage(
  reader: Reader,
  projectId: string,
  userId: string,
): Promise<AppliedLimits & { readonly used: ServerUsage }> {
  const used = serverResources.map(
    (name) => `union all select 'used', '${name}', sum(${name}) from quota_usages where project_id = ?`,
  );
  const rows = await readRows(reader, `${OF_USER} ${used.join(' ')}`, [
    ...[projectId, projectId, userId],
    ...serverResources.map(() => projectId),
  ]);
  const { used: sums, ...limits } = byScope(rows as unknown as Row[]);
  return { ...limits, used: sums as unknown as ServerUsage };
}

const byScope = (rows: readonly Row[]): AppliedLimits & { readonly used: LimitRows } => {
  const of = (scope: string) => byResource(rows.filter((row) => row.scope === scope));
  return { defaults: of('class'), project: of('project'), user: of('user'), used: of('used') };
};

export async function appliedLimits(reader: Reader, projectId: string, userId?: string): Promise<AppliedLimits> {
  const rows =
    userId === undefined
      ? await readRows(reader, OF_PROJECT, [projectId])
      : await readRows(reader, OF_USER, [projectId, projectId, userId]);
  const { defaults, project, user } = byScope(rows as unknown as Row[]);
  return { defaults, project, user };
}

/** By resource, the sum of what a project's users were given for their own (-1 as it stands). */
export async function sharedOut(reader: Reader, projectId: string): Promise<LimitRows> {
  const rows: { resource: string; total: number | string }[] = await reader('quota_limits')
    .select('resource')
    .sum({ total: 'hard_limit' })
    .where({ scope: 'user', scope_id: projectId })
    .groupBy('resource');
  return Object.fromEntries(rows.map((row) => [row.resource, Number(row.total)]));
}

/** Sets or changes one limit. */
export async function setLimit(tx: Tx, owner: LimitOwner, resource: string, hardLimit: number): Promise<void> {
  await tx('quota_limits')
    .insert({ ...keyOf(owner), resource, hard_limit: hardLimit })
    .onConflict(['scope', 'scope_id', 'user_id', 'resource'])
    .merge(['hard_limit']);
}

/** Forgets what was set for a project and all its users, or for one of its users. */
export async function deleteLimits(tx: Tx, projectId: string, userId?: string): Promise<void> {
  const query = tx('quota_limits').where({ scope_id: projectId });
  if (userId === undefined) void query.whereIn('scope', ['project', 'user']);
  else void query.where({ scope: 'user', user_id: userId });
  await query.delete();
}

/**
 * Makes the transactions that use more of a project's quota follow one another: whoever comes second waits here and then
 * counts what the first has used. Call it before anything is read.
 */
export async function lockQuota(tx: Tx, projectId: string): Promise<void> {
  await tx('quota_projects')
    .insert({ project_id: projectId, generation: 1 })
    .onConflict('project_id')
    .merge({ generation: tx.raw('quota_projects.generation + 1') });
}
