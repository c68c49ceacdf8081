// Why: the command and the reconciler remove old rows in the same way: in transactions that are short, and with as long a pause
// after each for everybody else's.

import type { Clock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import type { Database } from '../../db/engine.ts';
import {
  addCounts,
  emptyLog,
  passing,
  type PurgeCursor,
  type PurgedBatch,
  purgePassing,
  purgeServers,
  type RowCounts,
} from '../../db/purge.ts';
import { type Tx, tx } from '../../db/tx.ts';

export interface PurgeOptions {
  /** Milliseconds since the epoch: what ended before it goes. */
  readonly beforeMs: number;
  /** Ends it after a transaction. */
  readonly signal?: AbortSignal;
  /** Ends it when it has been at it for this long. */
  readonly forMs?: number;
  /** Where one that was ended early stood: servers before that were kept, and are not looked at again. */
  readonly from?: PurgeCursor | null;
  /** Told after each transaction what is gone so far. */
  readonly progress?: (rows: RowCounts) => void;
}

export interface Purged {
  readonly rows: RowCounts;
  /** False: it was ended before all was gone. */
  readonly finished: boolean;
  /** Where it stands; null once it is finished. */
  readonly cursor: PurgeCursor | null;
}

/** So many rows of a batch that took so long that the next takes as long as it should; at most twice as many. */
export function nextSize(size: number, tookMs: number): number {
  const right = Math.round((size * limits.purgeBatchMs) / Math.max(tookMs, 1));
  return Math.max(1, Math.min(right, size * 2, limits.purgeAtOnce.most));
}

type Batch = (t: Tx, beforeMs: number, cursor: PurgeCursor | null, size: number) => Promise<PurgedBatch>;

// what passes goes first: of servers there may be more than one turn has time for
const batches: readonly Batch[] = [
  ...passing.map(
    (one): Batch =>
      async (t, beforeMs, cursor, size) => ({ ...(await purgePassing(t, one, beforeMs, size)), cursor }),
  ),
  purgeServers,
];

/** Removes what ended before a moment. Ended anywhere, it is begun again and goes on. */
export async function purge(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  { beforeMs, signal, forMs = Number.POSITIVE_INFINITY, from: start = null, progress }: PurgeOptions,
): Promise<Purged> {
  const began = performance.now();
  let rows: RowCounts = {};
  let cursor = start;
  for (const batch of batches) {
    let size: number = limits.purgeAtOnce.first;
    let done: PurgedBatch = { rows: {}, more: true, cursor };
    while (done.more) {
      if (signal?.aborted || performance.now() - began > forMs) return { rows, finished: false, cursor };
      // waiting for its turn is no part of it
      let from = 0;
      done = await tx(database, (t) => {
        from = performance.now();
        return batch(t, beforeMs, cursor, size);
      });
      ({ cursor } = done);
      rows = addCounts(rows, done.rows);
      progress?.(rows);
      const tookMs = performance.now() - from;
      size = nextSize(size, tookMs);
      if (done.more) await clock.sleep(tookMs, signal).catch(() => undefined);
    }
  }
  return { rows, finished: true, cursor: null };
}

/** Has SQLite's log emptied, when nobody reads or writes at that moment; tries again for so long. */
export async function emptyLogWithin(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  withinMs: number,
): Promise<boolean> {
  const began = performance.now();
  for (;;) {
    const tried = performance.now();
    if (await emptyLog(database)) return true;
    const now = performance.now();
    if (now - began > withinMs) return false;
    // a try may copy much of the log and keep writers waiting meanwhile
    await clock.sleep(Math.max(now - tried, limits.emptyLogEveryMs));
  }
}
