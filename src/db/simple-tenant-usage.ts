// Why: usage asks for servers that lived within a period, deleted ones too; their sizes over time: server-sizes.ts.

import { badRequest } from '../base/errors.ts';
import type { VmState } from '../domain/servers/servers.ts';
import type { Size } from '../domain/adjustment/size.ts';
import { fromTime } from './codec.ts';
import { readQuery, type Reader, snapshotsOf } from './engine.ts';
import { keyset } from './page.ts';
import { flavorShape } from './shapes.ts';

/** A server that ran within a period. */
export interface UsedServer {
  readonly id: number;
  readonly uuid: string;
  readonly projectId: string;
  readonly displayName: string;
  readonly flavorName: string;
  readonly diskGb: number;
  readonly current: Size;
  readonly vmState: VmState;
  /** Of the last launch, as Nova; resizes and rebuilds launch anew. */
  readonly launchedAt: number;
  readonly terminatedAt: number | null;
}

export interface UsedFilter {
  /** Null: of all projects. */
  readonly projectId: string | null;
  /** Milliseconds. */
  readonly startMs: number;
  readonly stopMs: number;
}

const columns = [
  ...['id', 'uuid', 'project_id', 'display_name', 'flavor', 'root_gb', 'ephemeral_gb', 'vm_state'],
  ...['current_vcpus', 'current_memory_mb', 'launched_at', 'terminated_at'],
];

/**
 * A page of the servers that ran within the period, by project and uuid. Throws Nova's 400 for a marker that no server of
 * theirs ever was.
 */
export async function listUsed(
  reader: Reader,
  { projectId, startMs, stopMs }: UsedFilter,
  page: { readonly limit: number; readonly marker: string | null },
): Promise<UsedServer[]> {
  let marker: Record<string, unknown> | null = null;
  if (page.marker !== null) {
    const behind = reader('servers').select('project_id', 'uuid').where({ uuid: page.marker });
    if (projectId !== null) void behind.where({ project_id: projectId });
    marker = (await behind.first()) ?? null;
    if (marker === null) throw badRequest(`Marker ${page.marker} could not be found.`);
  }
  const query = reader('servers')
    .select(columns)
    .where((any) => void any.whereNull('terminated_at').orWhere('terminated_at', '>', startMs))
    .whereExists(
      reader('server_sizes')
        .select(reader.raw('1'))
        .whereRaw('server_id = servers.id and billed = 1')
        .where('started_at', '<', stopMs)
        .where((any) => void any.whereNull('ended_at').orWhere('ended_at', '>', startMs)),
    )
    .limit(page.limit);
  if (projectId !== null) void query.where({ project_id: projectId });
  const keys = ['project_id', 'uuid'].map((column) => ({ column, dir: 'asc' }) as const);
  keyset(query, keys, marker, true);
  const parse = snapshotsOf(reader);
  return (await readQuery(reader, query)).map((row) => ({
    id: row['id'] as number,
    uuid: row['uuid'] as string,
    projectId: row['project_id'] as string,
    displayName: row['display_name'] as string,
    flavorName: parse(row['flavor'], flavorShape.read).name,
    diskGb: Number(row['root_gb']) + Number(row['ephemeral_gb']),
    current: { vcpus: row['current_vcpus'] as number, memoryMb: row['current_memory_mb'] as number },
    vmState: row['vm_state'] as VmState,
    launchedAt: Number(row['launched_at']),
    terminatedAt: fromTime(row['terminated_at']),
  }));
}
