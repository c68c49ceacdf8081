// Why: the day that every way of placing is put through: who comes when with which flavor, and how much of it is needed at each
// moment. Made from a seed alone, so that no way of placing has a say in it.

import { type FlavorSnapshot, minimumOf } from '../../src/domain/machines/flavors.ts';
import { aFlavor } from '../../test/support/samples.ts';
import { numbers, oneOf, type Random } from '../lib/random.ts';

export const TICK_MINUTES = 5;
const HOUR_TICKS = 60 / TICK_MINUTES;
export const DAY_TICKS = 24 * HOUR_TICKS;
export const hourOf = (tick: number): number => tick / HOUR_TICKS;

/** Of the servers of a day, those that are there when it begins; the others come in its course, and as many go. */
const AT_MIDNIGHT = 0.8;
const GIB = 1_024;

/** vCPUs and GiB of the flavors, as popular as small ones are. A server may shrink to a quarter of its flavor. */
const sizes = [
  { vcpus: 2, gib: 4, weight: 30 },
  { vcpus: 4, gib: 8, weight: 30 },
  { vcpus: 8, gib: 16, weight: 25 },
  { vcpus: 16, gib: 32, weight: 15 },
];
const MINIMUM_SHARE = 1 / 4;

const flavors = sizes.map(({ vcpus, gib, weight }) => {
  const name = `elastic-${vcpus}`;
  const minimum_cpu = String(Math.max(1, vcpus * MINIMUM_SHARE));
  const minimum_memory = String(gib * GIB * MINIMUM_SHARE);
  const extraSpecs = { minimum_cpu, minimum_memory };
  return { weight, flavor: aFlavor({ flavorid: name, name, vcpus, memoryMb: gib * GIB, rootGb: 10, extraSpecs }) };
});

/** A bell around an hour of the day, 1 at its middle; midnight is near 23 o'clock too. */
function bell(hour: number, middle: number, width: number): number {
  const away = Math.abs(((hour - middle + 36) % 24) - 12);
  return Math.exp(-((away / width) ** 2));
}

/** What share of its flavor's vCPUs a server of a kind needs over the day, and how often it needs much more. */
interface Kind {
  readonly weight: number;
  readonly needs: (hour: number) => number;
  readonly burstsPerDay: number;
  /** Whether it is among those that the evening's event reaches. */
  readonly eventful: boolean;
}

const kinds: readonly Kind[] = [
  // shops and sites: busy by day, busiest after lunch
  { weight: 45, needs: (hour) => 0.15 + 0.4 * bell(hour, 14, 5), burstsPerDay: 3, eventful: true },
  // what people work with
  { weight: 25, needs: (hour) => (hour >= 8 && hour < 18 ? 0.55 : 0.08), burstsPerDay: 1, eventful: false },
  // what runs when nobody works
  { weight: 15, needs: (hour) => 0.08 + 0.8 * bell(hour, 2, 2.5), burstsPerDay: 1, eventful: false },
  // databases and whatever never sleeps
  { weight: 15, needs: () => 0.6, burstsPerDay: 0.5, eventful: false },
];

/** At 20:00 something happens, and a third of the sites need two fifths of their flavor more, for forty minutes. */
const EVENT = { hour: 20, ticks: 8, share: 1 / 3, adds: 0.4 };
const BURST = { adds: 0.4, leastTicks: 2, mostTicks: 12 };

/** One server of the day. What it needs and wants stands for each tick, of the whole day. */
export interface Visitor {
  readonly flavor: FlavorSnapshot;
  /** In ticks; the first is 0 for those that are there at midnight. */
  readonly from: number;
  /** The first tick at which it is gone; beyond the day for those that stay. */
  readonly until: number;
  /** MiB that are in use inside. */
  readonly neededMb: Float64Array;
  /** The size that its owner would like it to have. */
  readonly wantedVcpus: Float64Array;
  readonly wantedMb: Float64Array;
}

const within = (value: number): number => Math.min(1, Math.max(0.02, value));

/** Some memory is always in use; the rest follows the load, as caches and workers do. */
const memoryOf = (load: number): number => within(0.2 + 0.75 * load);

/** The share of its vCPUs that a server of some kind needs, tick by tick: its kind's day, bursts, noise, the event. */
function loadsOf(next: Random): Float64Array {
  const kind = oneOf(next, kinds);
  const scale = 0.7 + 0.6 * next();
  const shift = 2 * next() - 1;
  const startsBurst = kind.burstsPerDay / DAY_TICKS;
  const event = kind.eventful && next() < EVENT.share;
  const first = EVENT.hour * HOUR_TICKS;
  let burstUntil = 0;
  return Float64Array.from({ length: DAY_TICKS }, (_, tick) => {
    if (tick >= burstUntil && next() < startsBurst) {
      burstUntil = tick + BURST.leastTicks + Math.floor(next() * (BURST.mostTicks - BURST.leastTicks));
    }
    const steady = kind.needs((hourOf(tick) + shift + 24) % 24) * scale + 0.06 * (next() - 0.5);
    const happens = event && tick >= first && tick < first + EVENT.ticks;
    return within(steady + (tick < burstUntil ? BURST.adds : 0) + (happens ? EVENT.adds : 0));
  });
}

/** Owners take a fifth more than is needed. */
const SPARE = 1.2;
/** Memory changes by sixteenths of the flavor: 256 MiB of the smallest. */
const MEMORY_STEPS = 16;

/** What a server needs and wants all day: a need with something to spare, in whole vCPUs and steps of memory. */
function needsOf(next: Random, flavor: FlavorSnapshot): Pick<Visitor, 'neededMb' | 'wantedVcpus' | 'wantedMb'> {
  const minimum = minimumOf(flavor);
  const wanted = (need: number, least: number, most: number, step: number) =>
    Math.min(most, Math.max(least, Math.ceil((need * SPARE) / step) * step));
  const loads = loadsOf(next);
  const neededMb = loads.map((load) => memoryOf(load) * flavor.memoryMb);
  return {
    neededMb,
    wantedVcpus: loads.map((load) => wanted(load * flavor.vcpus, minimum.vcpus, flavor.vcpus, 1)),
    wantedMb: neededMb.map((need) => wanted(need, minimum.memoryMb, flavor.memoryMb, flavor.memoryMb / MEMORY_STEPS)),
  };
}

/** The servers of a day, in the order in which they come. */
export function visitorsOf(count: number, seed: number): Visitor[] {
  const next = numbers(seed);
  const there = Math.round(count * AT_MIDNIGHT);
  const visitors = Array.from({ length: count }, (_, index): Visitor => {
    const { flavor } = oneOf(next, flavors);
    // most come and go by day, and as many of those that were there go as others come
    const moment = Math.floor(((next() + next() + next()) / 3) * DAY_TICKS);
    const leaves = index < there && index < count - there;
    const from = index < there ? 0 : moment;
    return { flavor, from, until: leaves ? Math.max(1, moment) : DAY_TICKS, ...needsOf(next, flavor) };
  });
  return visitors.toSorted((a, b) => a.from - b.from);
}
