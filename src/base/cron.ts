// Why: when something is due again is written in the cron of every other system; what means nothing is refused before it is kept.

import { Cron } from 'croner';

/** Minutes, not seconds, and no years. */
const FIELDS = 5;

/** The first moment (milliseconds) after this one; null: there is none. Throws where expression or time zone mean nothing. */
export function nextRun(cron: string, afterMs: number, timezone = 'UTC'): number | null {
  return new Cron(cron, { timezone, paused: true }).nextRun(new Date(afterMs))?.getTime() ?? null;
}

/** The last moment (milliseconds) up to this one, itself included; null: there was none. */
export function previousRun(cron: string, untilMs: number, timezone = 'UTC'): number | null {
  const [last] = new Cron(cron, { timezone, paused: true }).previousRuns(1, new Date(untilMs + 1));
  return last?.getTime() ?? null;
}

/** What is wrong with a cron expression, or its time zone; null: nothing. */
export function cronProblem(cron: string, nowMs: number, timezone = 'UTC'): string | null {
  if (cron.trim().split(/\s+/).length !== FIELDS) return 'it must have five fields: minute, hour, day, month, weekday';
  try {
    return nextRun(cron, nowMs, timezone) === null ? 'it never comes' : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
