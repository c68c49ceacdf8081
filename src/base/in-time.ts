// Why: whoever waits for somebody who may never answer says for how long, and what it means when that is over.

import { type Clock, systemClock } from './clock.ts';

const LATE = Symbol('late');

/**
 * As `work`, or what `late` returns or throws once `ms` milliseconds are over, or `signal` has aborted, before that. What becomes of the
 * work then is heard by nobody; of work that is done in time no timer is left.
 */
export async function inTime<T, Late = never>(
  work: Promise<T> | T,
  ms: number,
  late: () => Late,
  { clock = systemClock, signal }: { readonly clock?: Clock; readonly signal?: AbortSignal } = {},
): Promise<T | Late> {
  const done = new AbortController();
  const either = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
  const over = (): typeof LATE => LATE;
  try {
    const first = await Promise.race([work, clock.sleep(ms, either).then(over, over)]);
    return first === LATE ? late() : first;
  } finally {
    done.abort();
  }
}
