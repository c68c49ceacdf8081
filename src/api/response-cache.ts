// Why: clients that wait ask the same thing again and again. An answer that follows from rows alone is kept, as text, until
// somebody commits; then it is made anew. Whoever asks passes the same token check first, and is given only what the same
// caller was given under the same policy.

import { limits } from '../base/limits.ts';
import type { Caller } from '../base/op.ts';
import { keptReads } from '../db/engine.ts';
import type { Services } from './services.ts';

/** An answer whole, with what log, metrics and headers tell of it. */
export interface CacheableAnswer {
  readonly status: number;
  readonly text: string;
  readonly minor: number;
  /** The route's template. */
  readonly route: string;
  /** Milliseconds since the epoch: from then on time alone may have changed it. */
  readonly untilMs: number;
}

interface Entry {
  readonly caller: Caller;
  /** The policy that judged the caller: another list of rules is another policy. */
  readonly rules: unknown;
  readonly answer: CacheableAnswer;
}

/** The place of one answer. */
export interface ResponseCacheSlot {
  /** What was given before, if it still holds. */
  get(): CacheableAnswer | null;
  put(answer: CacheableAnswer): void;
}

/**
 * The place of a request's answer; null where the database cannot tell whether it changed. It must be asked for before rows
 * are read: what is put there holds for the state of the database of that moment.
 * @param key everything of the request that the answer depends on beside the caller: versions, address and query
 */
export function responseCacheSlot(
  { db, policy, clock }: Services,
  caller: Caller,
  key: string,
): ResponseCacheSlot | null {
  const kept = keptReads(db) as Map<string, Entry> | null;
  if (kept === null) return null;
  const rules = policy.rules();
  return {
    get() {
      const entry = kept.get(key);
      const holds = entry?.caller === caller && entry.rules === rules && clock.now() < entry.answer.untilMs;
      return holds ? entry.answer : null;
    },
    put(answer) {
      if (answer.text.length > limits.responseCacheEntryChars) return;
      if (kept.size >= limits.responseCacheEntries) kept.clear();
      kept.set(key, { caller, rules, answer });
    },
  };
}
