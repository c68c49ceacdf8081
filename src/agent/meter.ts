// Why: how much guests and their host take is looked at seldom and all at once, so that it costs a host the same whoever asks later. What is
// told is an average between two looks; the first of them says nothing yet.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Bus } from '../bus/bus.ts';
import { secondsBetween } from '../base/clock.ts';
import type { GuestCounters } from '../domain/servers/measures.ts';
import { usageBetween } from '../domain/servers/usage.ts';
import type { Driver } from '../virt/driver.ts';

export interface MeterOptions {
  readonly host: string;
  readonly bus: Bus;
  readonly driver: Pick<Driver, 'measure'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Meter {
  /** Begins with a look once the host was told of: of one that nobody knows nothing is kept. */
  start(told: Promise<void>): void;
  /** Looks, and tells what was taken since the last look. */
  look(): Promise<void>;
  close(): Promise<void>;
}

export function makeMeter({ host, bus, driver, clock, log }: MeterOptions): Meter {
  const stopping = new AbortController();
  let loop: Promise<void> = Promise.resolve();
  let last: { readonly atMs: number; readonly guests: ReadonlyMap<string, GuestCounters> } | null = null;

  async function look(): Promise<void> {
    const { host: usage, guests } = await driver.measure();
    const now = { atMs: clock.now(), guests: new Map(guests.map(({ uuid, counters }) => [uuid, counters])) };
    const before = last;
    last = now;
    const taken = guests.flatMap(({ uuid, counters }) => {
      const was = before?.guests.get(uuid);
      if (before === null || was === undefined) return [];
      return [{ uuid, usage: usageBetween(was, counters, secondsBetween(before.atMs, now.atMs)) }];
    });
    await bus.report({ kind: 'usage', host, usage, guests: taken });
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) => {
        log.warn({ err: error, host }, 'what guests take could not be told; the next look follows');
      });
      await clock.sleep(limits.usageSlotMs, stopping.signal).catch(() => undefined);
    }
  }

  return {
    start(told) {
      loop = told.then(run);
    },
    look,
    async close() {
      stopping.abort();
      await loop;
    },
  };
}
