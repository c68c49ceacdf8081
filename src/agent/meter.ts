// Why: how much guests and their host take is looked at all at once, so that it costs a host the same whoever asks later. What is told is an
// average between two looks; the first of them says nothing yet. Seldom it is kept for people, and often it is looked whether a server that
// adjusts itself is short of something.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Bus } from '../bus/bus.ts';
import { secondsBetween } from '../base/clock.ts';
import type { GuestCounters, GuestUsage, HostMeasure } from '../domain/servers/measures.ts';
import { pressureOf, usageBetween } from '../domain/servers/usage.ts';
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
  /** The same between looks, and tells what guests are short of or have to spare. */
  glance(): Promise<void>;
  close(): Promise<void>;
}

/** What guests took since it was asked last. */
function makeInterval() {
  let last: { readonly atMs: number; readonly guests: ReadonlyMap<string, GuestCounters> } | null = null;
  return {
    since(guests: HostMeasure['guests'], atMs: number): { readonly uuid: string; readonly usage: GuestUsage }[] {
      const before = last;
      last = { atMs, guests: new Map(guests.map(({ uuid, counters }) => [uuid, counters])) };
      return guests.flatMap(({ uuid, counters }) => {
        const was = before?.guests.get(uuid);
        if (before === null || was === undefined) return [];
        return [{ uuid, usage: usageBetween(was, counters, secondsBetween(before.atMs, atMs)) }];
      });
    },
  };
}

export function makeMeter({ host, bus, driver, clock, log }: MeterOptions): Meter {
  const stopping = new AbortController();
  let loop: Promise<void> = Promise.resolve();
  const [looks, glances] = [makeInterval(), makeInterval()];

  async function look(): Promise<void> {
    const { host: usage, guests } = await driver.measure();
    await bus.report({ kind: 'usage', host, usage, guests: looks.since(guests, clock.now()) });
  }

  async function glance(): Promise<void> {
    const { guests } = await driver.measure();
    const taken = glances.since(guests, clock.now());
    if (taken.length === 0) return;
    await bus.report({
      kind: 'pressure',
      host,
      guests: taken.map(({ uuid, usage }) => ({ uuid, pressure: pressureOf(usage) })),
    });
  }

  async function run(): Promise<void> {
    let nextLookMs = 0;
    while (!stopping.signal.aborted) {
      const isDue = clock.now() >= nextLookMs;
      if (isDue) nextLookMs = clock.now() + limits.usageSlotMs;
      for (const one of isDue ? [look, glance] : [glance]) {
        await one().catch((error: unknown) => {
          log.warn({ err: error, host }, 'what guests take could not be told; the next look follows');
        });
      }
      await clock.sleep(limits.pressureMs, stopping.signal).catch(() => undefined);
    }
  }

  return {
    start(told) {
      loop = told.then(run);
    },
    look,
    glance,
    async close() {
      stopping.abort();
      await loop;
    },
  };
}
