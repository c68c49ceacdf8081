// Why: one project's scripts do not take the API from the others. Requests are counted by project, what writes once more by itself,
// in the API that they come to: behind several APIs a project has as much at each.

import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { overLimit } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { Config } from './config.ts';

/** Counts a request; throws 429 with the seconds after which there is room again. */
export type CountRequest = (caller: Caller, writes: boolean) => Promise<void>;

const SECOND_MS = 1000;
const WINDOW_S = 60;

/** Null: any number. */
const limiter = (perMinute: number): RateLimiterMemory | null =>
  perMinute === 0 ? null : new RateLimiterMemory({ points: perMinute, duration: WINDOW_S });

/**
 * Counts one.
 * @param who of what kind the key is, and what of it is counted, for the refusal
 */
export async function take(from: RateLimiterMemory | null, key: string, who: string, what: string): Promise<void> {
  if (from === null) return;
  try {
    await from.consume(key);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    const retryAfterSeconds = Math.max(1, Math.ceil(refused.msBeforeNext / SECOND_MS));
    const message = `This ${who} may make ${from.points} ${what} a minute. Try again in ${retryAfterSeconds} seconds.`;
    throw overLimit(message, { retryAfterSeconds });
  }
}

/** Who keeps the cloud running: administrators, and services such as the hosts' agents. */
const isExempt = ({ isAdmin, roles }: Caller): boolean => isAdmin || roles.includes('service');

/** Null where there are no limits. */
export function makeRequestRates({
  project_requests_per_minute: all,
  project_writes_per_minute: writing,
}: Pick<Config['api'], 'project_requests_per_minute' | 'project_writes_per_minute'>): CountRequest | null {
  if (all === 0 && writing === 0) return null;
  const [requests, writes] = [limiter(all), limiter(writing)];
  return async (caller, isWrite) => {
    if (isExempt(caller)) return;
    const key = caller.projectId ?? caller.userId;
    if (isWrite) await take(writes, key, 'project', 'requests that change something');
    try {
      await take(requests, key, 'project', 'requests');
    } catch (refused) {
      // whoever comes back when he was told must find his write still allowed
      if (isWrite) await writes?.reward(key);
      throw refused;
    }
  };
}
