// Why: operators ask of a host which servers are on it and how many of them are busy; both are read for a page of hosts at once.

import type { Amounts } from '../domain/placement/resources.ts';
import type { Reader } from './engine.ts';

export interface ServerOnHost {
  readonly id: number;
  readonly uuid: string;
}

/** The servers on each of these hosts (by host name), in the order of their creation; a host without any is absent. */
export async function serversOnHosts(
  reader: Reader,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, ServerOnHost[]>> {
  if (hosts.length === 0) return new Map();
  const rows: { id: number; uuid: string; host: string }[] = await reader('servers')
    .select('id', 'uuid', 'host')
    .whereIn('host', [...hosts])
    .where('deleted', 0)
    .orderBy('id');
  const byHost = new Map<string, ServerOnHost[]>();
  for (const { id, uuid, host } of rows) {
    const list = byHost.get(host);
    if (list === undefined) byHost.set(host, [{ id, uuid }]);
    else list.push({ id, uuid });
  }
  return byHost;
}

/** The hosts of those servers that have one. */
export async function hostsOfServers(reader: Reader, uuids: readonly string[]): Promise<string[]> {
  const rows: { host: string }[] = await reader('servers')
    .distinct('host')
    .whereIn('uuid', [...uuids])
    .where('deleted', 0)
    .whereNotNull('host');
  return rows.map(({ host }) => host);
}

/** How many servers are on these hosts together, or will be: one that moves is on both of its hosts. */
export async function countServersOn(reader: Reader, hosts: readonly string[]): Promise<number> {
  const here = reader('servers')
    .select('id')
    .whereIn('host', [...hosts])
    .where('deleted', 0);
  const moving = reader('held_claims')
    .join('hosts', 'hosts.id', 'held_claims.host_id')
    .select('held_claims.server_id')
    .whereIn('hosts.host', [...hosts]);
  const [row] = (await reader(here.union([moving]).as('both')).count({ servers: '*' })) as unknown as [
    { servers: number | string },
  ];
  return Number(row.servers);
}

/**
 * Servers of these hosts with a guest that runs or is off, and that nothing is done to; the oldest first. These are the states that
 * Nova evacuates, but for error: whoever is in error was tried, or is somebody's to look at.
 * @param mark only those whose metadata says yes to this key; null: all
 */
export async function guestsStranded(
  reader: Reader,
  hosts: readonly string[],
  mark: string | null,
  limit: number,
): Promise<{ readonly uuid: string; readonly host: string }[]> {
  const query = reader('servers')
    .select('servers.uuid', 'servers.host')
    .whereIn('servers.host', [...hosts])
    .where('servers.deleted', 0)
    .whereIn('servers.vm_state', ['active', 'stopped'])
    .whereNull('servers.task_state')
    .orderBy('servers.id')
    .limit(limit);
  if (mark === null) return query;
  return query
    .join('server_metadata as mark', 'mark.server_id', 'servers.id')
    .where('mark.key', mark)
    .whereIn('mark.value', ['True', 'true', '1', 'yes']);
}

/** On how many servers of each host something is being done (Nova's current_workload); an idle host is absent. */
export async function workloads(reader: Reader, hosts: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (hosts.length === 0) return new Map();
  const rows: { host: string; busy: number | string }[] = await reader('servers')
    .select('host')
    .count({ busy: '*' })
    .whereIn('host', [...hosts])
    .where('deleted', 0)
    .whereNotNull('task_state')
    .groupBy('host');
  return new Map(rows.map(({ host, busy }) => [host, Number(busy)]));
}

/** What the servers of a project on a host are by their flavors: the most that they may have. */
export interface ProjectUse extends Amounts {
  readonly projectId: string;
}

/** The projects with servers on a host, by id. */
export async function projectUse(reader: Reader, host: string): Promise<ProjectUse[]> {
  const rows: Record<string, unknown>[] = await reader('servers')
    .select('project_id')
    .sum({ vcpus: 'vcpus', memory_mb: 'memory_mb', root_gb: 'root_gb', ephemeral_gb: 'ephemeral_gb' })
    .where({ host, deleted: 0 })
    .groupBy('project_id')
    .orderBy('project_id');
  return rows.map((row) => ({
    projectId: row['project_id'] as string,
    vcpus: Number(row['vcpus']),
    memoryMb: Number(row['memory_mb']),
    diskGb: Number(row['root_gb']) + Number(row['ephemeral_gb']),
  }));
}
