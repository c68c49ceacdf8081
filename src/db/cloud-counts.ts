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

/** Notifications that no broker has yet. */
export async function countWaitingNotifications(reader: Reader): Promise<number> {
  const [row] = await readRows(reader, 'select count(*) as count from notifications');
  return Number(row?.['count'] ?? 0);
}
