// Why: the control plane knows a host by what its agent says: regularly, a little off the beat so that hosts do not speak in
// chorus, and at once when events may have been missed. A beat says no more than that the host lives, unless there is news.

import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Bus } from '../bus/bus.ts';
import { type HostOffers, withOffers } from '../domain/placement/host-offers.ts';
import { type Chassis, steadyText } from '../domain/placement/hosts.ts';
import { believable } from '../domain/servers/believable.ts';
import type { Driver } from '../virt/driver.ts';

export interface ReporterOptions {
  readonly host: string;
  readonly bus: Bus;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly log: Log;
  readonly offers: HostOffers;
  /** What the host is in OVN now; null: nothing. */
  readonly chassis: () => Chassis | null;
  /** Milliseconds until the next report, asked before each. */
  readonly everyMs: () => number;
  readonly random: () => number;
}

export interface Reporter {
  /** Begins with a report at once; resolves once it tried to tell it. */
  start(): Promise<void>;
  /** All there is, now; rejects when the driver or the bus does. */
  reportNow(): Promise<void>;
  close(): Promise<void>;
}

/** `everyMs`, up to a fifth more or less. */
export function jittered(everyMs: number, random: () => number): number {
  return Math.round(everyMs * (0.8 + 0.4 * random()));
}

export function makeReporter(options: ReporterOptions): Reporter {
  const { host, bus, driver, clock, log, offers, everyMs, random } = options;
  const stopping = new AbortController();
  let loop: Promise<void> = Promise.resolve();

  /** What was told last of what the host has and of its guests, when, and when there was something new of guests. */
  let told = { inventory: '', guests: '[]', atMs: 0, newsAtMs: 0 };

  async function look() {
    const [inventory, guests] = await Promise.all([driver.inventory(), driver.list({})]);
    return { inventory: withOffers(inventory, offers, options.chassis()), guests: believable(guests) };
  }

  async function tell({ inventory, guests }: Awaited<ReturnType<typeof look>>): Promise<void> {
    await bus.report({ kind: 'inventory', host, inventory, guests });
    const text = JSON.stringify(guests);
    const newsAtMs = text === told.guests ? told.newsAtMs : clock.now();
    told = { inventory: steadyText(inventory), guests: text, atMs: clock.now(), newsAtMs };
  }

  const isOld = (atMs: number): boolean => Math.abs(clock.now() - atMs) >= limits.inventoryEveryMs;

  /**
   * Tells what is news; all there is where that is long ago. What is new of guests is told at each beat for a while: an action that is
   * under way for one of them lets it pass, and it must be heard when that is over.
   */
  async function beat(): Promise<void> {
    const now = await look();
    if (isOld(told.atMs) || steadyText(now.inventory) !== told.inventory) return tell(now);
    await bus.report({ kind: 'heartbeat', host });
    const guests = JSON.stringify(now.guests);
    if (guests !== told.guests) told = { ...told, newsAtMs: clock.now() };
    else if (isOld(told.newsAtMs)) return;
    await bus.report({ kind: 'guests', host, guests: now.guests });
    told = { ...told, guests };
  }

  const reportNow = async (): Promise<void> => tell(await look());

  const tryToBeat = (): Promise<void> =>
    beat().catch((error: unknown) =>
      log.warn({ err: error, host }, 'the host could not be reported; the next try follows'),
    );

  /** Tells again and again, beginning after `first`. */
  async function run(first: Promise<void>): Promise<void> {
    await first;
    for (;;) {
      await clock.sleep(jittered(everyMs(), random), stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      await tryToBeat();
    }
  }

  return {
    start() {
      const first = tryToBeat();
      loop = run(first);
      return first;
    },
    reportNow,
    async close() {
      stopping.abort();
      await loop;
    },
  };
}
