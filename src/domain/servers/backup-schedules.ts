// Why: when a server's next backup is due is written in the cron of every other system; what is asked for is refused before it is kept.

import { Cron } from 'croner';

export interface BackupSchedule {
  readonly serverUuid: string;
  readonly projectId: string;
  readonly userId: string;
  /** Five fields, in UTC. */
  readonly cron: string;
  /** Whole backups that are kept, each with its incrementals. */
  readonly keep: number;
  /** After how many incrementals the next one is whole. */
  readonly incrementals: number;
  readonly quiesce: boolean;
  readonly enabled: boolean;
  /** When the next one is due; null: never. */
  readonly nextAt: number | null;
  readonly lastAt: number | null;
  /** Why the last one was not begun. */
  readonly lastProblem: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Minutes, not seconds, and no years. */
const FIELDS = 5;

/** What is wrong with a cron expression; null: nothing. */
export function cronProblem(cron: string, nowMs: number): string | null {
  if (cron.trim().split(/\s+/).length !== FIELDS) return 'it must have five fields: minute, hour, day, month, weekday';
  try {
    return nextRun(cron, nowMs) === null ? 'it never comes' : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The first moment after this one; null: there is none. Throws where the expression means nothing. */
export function nextRun(cron: string, afterMs: number): number | null {
  return new Cron(cron, { timezone: 'UTC', paused: true }).nextRun(new Date(afterMs))?.getTime() ?? null;
}
