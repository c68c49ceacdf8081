// Why: what an operator watches is counted by the engine from its indexes, each in one statement however large the cloud is.

import { readRows, type Reader } from './engine.ts';
import { openStates } from './instance-actions.ts';

export interface ServerCount {
  readonly vmState: string;
  readonly taskState: string | null;
  readonly count: number;
}

/** Servers that are not deleted, by state and task. */
export async function countServers(reader: Reader): Promise<ServerCount[]> {
  const rows = await readRows(
    reader,
    'select vm_state, task_state, count(*) as count from servers where deleted = 0 group by vm_state, task_state',
  );
  return rows.map((row) => ({
    vmState: row['vm_state'] as string,
    taskState: row['task_state'] as string | null,
    count: Number(row['count']),
  }));
}

export interface OpenActions {
  readonly state: string;
  readonly count: number;
  /** When the oldest of them was asked for, in milliseconds since the epoch. */
  readonly oldestAt: number;
}

/** Actions that are not over, by state. */
export async function countOpenActions(reader: Reader): Promise<OpenActions[]> {
  const rows = await readRows(
    reader,
    `select state, count(*) as count, min(start_time) as oldest from instance_actions
     where state in (${openStates.map(() => '?').join(', ')}) group by state`,
    openStates,
  );
  return rows.map((row) => ({
    state: row['state'] as string,
    count: Number(row['count']),
    oldestAt: Number(row['oldest']),
  }));
}

/** Sums over the hosts of one kind; memory in MiB, disk in GiB. */
export interface HostSums {
  readonly up: boolean;
  readonly disabled: boolean;
  readonly count: number;
  readonly sums: Readonly<Record<Resource, RoomSums>>;
}

export type Resource = 'vcpus' | 'memoryMb' | 'diskGb';

export interface RoomSums {
  /** What the hosts have. */
  readonly has: number;
  /** What may be claimed of it: after overcommit, and without what is reserved. */
  readonly capacity: number;
  readonly claimed: number;
  /** What would be claimed if every server grew as far as it may. */
  readonly ceiling: number;
}

const rooms: readonly (readonly [Resource, string, string, string])[] = [
  ['vcpus', 'vcpus', 'cpu', 'ceiling_vcpus'],
  ['memoryMb', 'memory_mb', 'ram', 'ceiling_memory_mb'],
  // disks do not grow with an adjustment
  ['diskGb', 'disk_gb', 'disk', 'claimed_disk_gb'],
];

/** @param sinceMs hosts that reported since this moment are up */
export async function sumHosts(reader: Reader, sinceMs: number): Promise<HostSums[]> {
  const parts = rooms.flatMap(([, column, ratio, ceiling]) => [
    `sum(${column}) as ${column}_has`,
    `sum((${column} - reserved_${column}) * ${ratio}_allocation_ratio) as ${column}_capacity`,
    `sum(claimed_${column}) as ${column}_claimed`,
    `sum(${ceiling}) as ${column}_ceiling`,
  ]);
  const rows = await readRows(
    reader,
    `select disabled, case when forced_down = 0 and last_seen_at >= ? then 1 else 0 end as up, count(*) as count, ${parts.join(', ')}
     from hosts join services on services.id = hosts.service_id group by 1, 2`,
    [sinceMs],
  );
  return rows.map((row) => ({
    up: Number(row['up']) === 1,
    disabled: Number(row['disabled']) === 1,
    count: Number(row['count']),
    sums: Object.fromEntries(
      rooms.map(([resource, column]) => [
        resource,
        Object.fromEntries(
          ['has', 'capacity', 'claimed', 'ceiling'].map((what) => [what, Number(row[`${column}_${what}`])]),
        ),
      ]),
    ) as unknown as HostSums['sums'],
  }));
}

/** Notifications that no broker has yet. */
export async function countWaitingNotifications(reader: Reader): Promise<number> {
  const [row] = await readRows(reader, 'select count(*) as count from notifications');
  return Number(row?.['count'] ?? 0);
}
