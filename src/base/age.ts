// Why: an operator says how old something is in the way that comes to him: a date, or a number of days.

import { parseDateTime } from './date-time.ts';
import { badRequest } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };
const AGE = /^(\d{1,6})([hdw])$/;
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * The moment that a text means: `2026-08-01`, `2026-08-01T12:00Z` (without a zone it is UTC), or an age, `90d`, `12h`, `6w`.
 * @returns milliseconds since the epoch
 * @throws a badRequest Fault for anything else, also for no such day and for a moment that has not come
 */
export function momentBefore(text: string, nowMs: number): number {
  const [, count, unit] = AGE.exec(text) ?? [];
  if (unit !== undefined) return nowMs - Number(count) * (UNITS[unit] as number);
  const ms = DATE.test(text) ? parseDateTime(text) : null;
  if (ms === null)
    throw badRequest(`${text} is neither a date (2026-08-01, 2026-08-01T12:00Z) nor an age (90d, 12h, 6w)`);
  if (ms > nowMs) throw badRequest(`${text} has not come yet`);
  return ms;
}
