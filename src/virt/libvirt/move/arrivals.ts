// Why: bringing disks takes longer than anybody waits for an answer. It goes on by itself, one at a time for a guest; whoever asks is
// told how far it is, or what it ended with.

import type { Transfer } from '../../../domain/servers/migrations.ts';
import type { DiskProgress } from '../../../domain/servers/guests.ts';

export interface Arrival {
  /** Says how many bytes there are to bring, as soon as it is known. */
  readonly expect: (bytes: number) => void;
  readonly advance: (bytes: number) => void;
  readonly signal: AbortSignal;
}

interface Underway {
  total: number | null;
  processed: number;
  readonly stop: AbortController;
  /** Settles when it is over, whatever came of it. */
  readonly over: Promise<void>;
  end: { readonly error: unknown } | 'done' | null;
}

export interface Arrivals {
  /** Begins, or goes on; throws what it ended with, once: the next to ask begins again. */
  begin(uuid: string, work: (arrival: Arrival) => Promise<void>): DiskProgress;
  /** Does the work once more, which finds done what is done, and waits for its end. */
  await(uuid: string, work: (arrival: Arrival) => Promise<void>): Promise<void>;
  /** Ends it where it is. */
  stop(uuid: string): Promise<void>;
  close(): Promise<void>;
}

const progressOf = ({ total, processed, end }: Underway): DiskProgress => {
  const disk: Transfer = { total, processed, remaining: total === null ? null : Math.max(0, total - processed) };
  return { done: end === 'done', disk };
};

export function makeArrivals(): Arrivals {
  const underway = new Map<string, Underway>();

  function start(uuid: string, work: (arrival: Arrival) => Promise<void>): Underway {
    const stop = new AbortController();
    const arrival: Arrival = {
      signal: stop.signal,
      expect: (bytes) => void (one.total = bytes),
      advance: (bytes) => void (one.processed += bytes),
    };
    // the entry first: what is told of it at once finds it
    const begun = Promise.resolve().then(() => work(arrival));
    const one: Underway = {
      ...{ total: null, processed: 0, stop, end: null },
      over: begun.then(
        () => void (one.end = 'done'),
        (error: unknown) => void (one.end = { error }),
      ),
    };
    underway.set(uuid, one);
    return one;
  }

  /** What it is; of one that failed the error. */
  function take(uuid: string, one: Underway): DiskProgress {
    if (one.end === null) return progressOf(one);
    underway.delete(uuid);
    if (one.end !== 'done') throw one.end.error;
    return progressOf(one);
  }

  const arrivals: Arrivals = {
    begin: (uuid, work) => take(uuid, underway.get(uuid) ?? start(uuid, work)),
    async await(uuid, work) {
      await underway.get(uuid)?.over;
      const one = start(uuid, work);
      await one.over;
      take(uuid, one);
    },
    async stop(uuid) {
      const one = underway.get(uuid);
      if (one === undefined) return;
      one.stop.abort();
      await one.over;
      underway.delete(uuid);
    },
    async close() {
      for (const uuid of underway.keys()) await arrivals.stop(uuid);
    },
  };
  return arrivals;
}
