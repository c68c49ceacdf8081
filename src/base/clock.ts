// Why: time is an input. Tests hand in a clock of their own; production hands in this one.

import { parseDateTime } from './date-time.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Seconds between two moments; none where the clock was set back between them. */
export const secondsBetween = (fromMs: number, toMs: number): number => Math.max(0, toMs - fromMs) / 1000;

/** Nova's timestamps: seconds, with a Z (`2026-11-21T10:00:00Z`). */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The older form of instance actions and flavors' siblings: microseconds, no zone (`2026-11-21T10:00:00.000000`). */
export function isoMicros(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000`;
}

const PLAIN = /^\d{4}-\d{1,2}-\d{1,2}([T ])\d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?$/;

/** A moment written without a zone, which means UTC, and how it is written; null for anything else, also for no such day. */
export function parsePlain(
  text: string,
): { readonly ms: number; readonly separator: 'T' | ' '; readonly fraction: boolean } | null {
  const found = PLAIN.exec(text);
  if (!found) return null;
  const ms = parseDateTime(text);
  return ms === null ? null : { ms, separator: found[1] as 'T' | ' ', fraction: found[2] !== undefined };
}
