// Why: the control plane knows a host by what its agent says: regularly, a little off the beat so that hosts do not speak in
// chorus, and at once when events may have been missed.

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Bus } from '../bus/bus.ts';
import { type HostOffers, withOffers } from '../domain/placement/host-offers.ts';
import type { Driver } from '../virt/driver.ts';

export interface ReporterOptions {
  readonly host: string;
  readonly bus: Bus;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly log: Log;
  readonly offers: HostOffers;
  readonly everyMs: number;
  readonly random: () => number;
}

export interface Reporter {
  /** Begins with a report at once. */
  start(): void;
  /** One report now; rejects when the driver or the bus does. */
  reportNow(): Promise<void>;
  close(): Promise<void>;
}

/** `everyMs`, up to a fifth more or less. */
export function jittered(everyMs: number, random: () => number): number {
  return Math.round(everyMs * (0.8 + 0.4 * random()));
}

export function makeReporter({ host, bus, driver, clock, log, offers, everyMs, random }: ReporterOptions): Reporter {
  const stopping = new AbortController();
  let loop: Promise<void> = Promise.resolve();

  async function reportNow(): Promise<void> {
    const [inventory, guests] = await Promise.all([driver.inventory(), driver.list({})]);
    await bus.report({ kind: 'inventory', host, inventory: withOffers(inventory, offers), guests });
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await reportNow();
      } catch (error) {
        log.warn({ err: error, host }, 'the host could not be reported; the next try follows');
      }
      await clock.sleep(jittered(everyMs, random), stopping.signal).catch(() => undefined);
    }
  }

  return {
    start() {
      loop = run();
    },
    reportNow,
    async close() {
      stopping.abort();
      await loop;
    },
  };
}
