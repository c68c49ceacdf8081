// Why: limits of projects and users, and what is used of them, from the same rows that hosts are claimed by.

import type { Reader } from './engine.ts';
import type { Tx } from './tx.ts';

/** A limit by resource; -1: none. Only what an administrator set. */
export type LimitRows = Readonly<Record<string, number>>;

async function limitsOf(reader: Reader, scope: string, scopeId: string, userId = ''): Promise<LimitRows> {
  const rows: { resource: string; hard_limit: number }[] = await reader('quota_limits')
    .select('resource', 'hard_limit')
    .where({ scope, scope_id: scopeId, user_id: userId });
  return Object.fromEntries(rows.map((row) => [row.resource, row.hard_limit]));
}

/** What the class `default` overrides of the built-in defaults. */
export const classLimits = (reader: Reader): Promise<LimitRows> => limitsOf(reader, 'class', 'default');

export const projectLimits = (reader: Reader, projectId: string): Promise<LimitRows> =>
  limitsOf(reader, 'project', projectId);

export const userLimits = (reader: Reader, projectId: string, userId: string): Promise<LimitRows> =>
  limitsOf(reader, 'user', projectId, userId);

/** Sets or changes one limit. */
export async function setLimit(
  tx: Tx,
  where: { readonly scope: 'class' | 'project' | 'user'; readonly scopeId: string; readonly userId?: string },
  resource: string,
  hardLimit: number,
): Promise<void> {
  await tx('quota_limits')
    .insert({
      scope: where.scope,
      scope_id: where.scopeId,
      user_id: where.userId ?? '',
      resource,
      hard_limit: hardLimit,
    })
    .onConflict(['scope', 'scope_id', 'user_id', 'resource'])
    .merge(['hard_limit']);
}

/** What servers use: cores and ram are what is claimed, or will be for those that have no host yet. */
export interface ServerUsage {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}

export async function serverUsage(reader: Reader, projectId: string, userId?: string): Promise<ServerUsage> {
  const query = reader('servers')
    .leftJoin('claims', 'claims.server_id', 'servers.id')
    .where({ 'servers.project_id': projectId, 'servers.deleted': 0 })
    .count({ instances: '*' })
    .select(
      // an ERROR without a claim holds nothing; a server that is being built will hold what it boots with
      reader.raw(
        `sum(coalesce(claims.vcpus, case when servers.vm_state = 'building' then servers.boot_vcpus else 0 end)) as cores`,
      ),
      reader.raw(
        `sum(coalesce(claims.memory_mb, case when servers.vm_state = 'building' then servers.boot_memory_mb else 0 end)) as ram`,
      ),
    );
  if (userId !== undefined) void query.where('servers.user_id', userId);
  const [row] = (await query) as unknown as [Record<string, unknown>];
  return {
    instances: Number(row['instances']),
    cores: Number(row['cores'] ?? 0),
    ram: Number(row['ram'] ?? 0),
  };
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
