// Why: snapshots by schedule: each has its time in its name, so that one that was missed while nobody looked is made once, and one that was
// made is not made again.

import { Cron } from 'croner';
import type { Snapshot } from './provider.ts';
import type { VirtualMachineSpec } from './types.ts';

type Policy = NonNullable<VirtualMachineSpec['snapshotPolicy']>;

const RETENTION = 7;
/** No other name: what people call theirs is theirs, and never one too many. */
const NAME = /^scheduled-\d{4}-\d\d-\d\dT\d\d:\d\dZ$/;

const snapshotName = (dueMs: number): string => `scheduled-${new Date(dueMs).toISOString().slice(0, 16)}Z`;

export interface SnapshotPlan {
  /** The name of the one that is due now; null: none is. */
  readonly due: string | null;
  /** Those that are too many, by their ids. */
  readonly surplus: readonly string[];
  readonly next: Date | null;
  readonly last: string | null;
  readonly count: number;
}

/** The last moment of a schedule up to now and not before `sinceMs`; null: there was none. */
function lastRun(cron: Cron, sinceMs: number, nowMs: number): number | null {
  const [last] = cron.previousRuns(1, new Date(nowMs + 1));
  const ms = last?.getTime() ?? 0;
  return ms > sinceMs && ms <= nowMs ? ms : null;
}

/**
 * What a schedule wants of a server's snapshots now.
 * @param bornMs before this moment (the server's creation) nothing was due
 */
export function planSnapshots(
  { schedule, retention = RETENTION, timeZone = 'UTC' }: Policy,
  all: readonly Snapshot[],
  bornMs: number,
  nowMs: number,
): SnapshotPlan {
  const cron = new Cron(schedule, { mode: '5-part', timezone: timeZone });
  const own = all.filter(({ name }) => NAME.test(name)).toSorted((a, b) => b.name.localeCompare(a.name));
  const whole = own.filter(({ status }) => status === 'available');
  const runMs = lastRun(cron, bornMs, nowMs);
  const due = runMs === null ? null : snapshotName(runMs);
  const kept = new Set(whole.slice(0, retention).map(({ id }) => id));
  // one that failed stays until the next is due, or it would be made again and again
  const surplus = own.filter(
    ({ id, name, status }) => !kept.has(id) && (status === 'available' || (status === 'error' && name !== due)),
  );
  return {
    due: due === null || own.some(({ name }) => name === due) ? null : due,
    surplus: surplus.map(({ id }) => id),
    next: cron.nextRun(new Date(nowMs)),
    last: whole[0]?.createdAt ?? null,
    count: Math.min(whole.length, retention),
  };
}
