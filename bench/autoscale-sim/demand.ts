// Why: the day that every way of adjusting is put through: what each of the servers needs at each look, made from a seed alone.

import { numbers, oneOf, type Random } from '../lib/random.ts';

/** As often as hosts tell. */
export const LOOK_SECONDS = 30;
export const DAY_LOOKS = 86_400 / LOOK_SECONDS;
export const hourOf = (look: number): number => (look * LOOK_SECONDS) / 3_600;

export const MOST = { vcpus: 8, memoryMb: 16_384 };
export const LEAST = { vcpus: 1, memoryMb: 1_024 };

/** Of one server, look by look: processors, and MiB that programs want. */
export interface Demand {
  readonly cpu: Float64Array;
  readonly memoryMb: Float64Array;
}

interface Kind {
  readonly weight: number;
  /** The share of its flavor's vCPUs over the day. */
  readonly needs: (hour: number) => number;
  readonly burstsPerDay: number;
}

const bell = (hour: number, middle: number, width: number): number =>
  Math.exp(-(((Math.abs(hour - middle) % 24) / width) ** 2));

const kinds: readonly Kind[] = [
  // sites: by day, and now and then all at once
  { weight: 45, needs: (hour) => 0.08 + 0.35 * bell(hour, 14, 5), burstsPerDay: 6 },
  // what people work with
  { weight: 25, needs: (hour) => (hour >= 8 && hour < 18 ? 0.45 : 0.04), burstsPerDay: 4 },
  // what runs at night
  { weight: 15, needs: (hour) => 0.05 + 0.8 * bell(hour, 3, 2), burstsPerDay: 1 },
  // databases
  { weight: 15, needs: () => 0.4, burstsPerDay: 2 },
];

/** Shares of the flavor that bursts add, and how long they last: a few minutes mostly, an hour sometimes. */
const BURST = { least: 0.2, more: 0.6, leastLooks: 4, moreLooks: 110 };
const NOISE = 0.15;
/** What programs hold of memory where they do nothing, and what a busy vCPU adds; what was taken is given back slowly. */
const [IDLE_MB, BUSY_MB, GIVES_BACK] = [700, 1_300, 0.995];

function demandOf(next: Random): Demand {
  const kind = oneOf(next, kinds);
  const burst = new Float64Array(DAY_LOOKS);
  for (let n = 0; n < Math.round(kind.burstsPerDay * 2 * next()); n += 1) {
    const from = Math.floor(next() * DAY_LOOKS);
    const until = from + BURST.leastLooks + Math.floor(BURST.moreLooks * next() ** 3);
    const adds = BURST.least + BURST.more * next();
    for (let look = from; look < Math.min(until, DAY_LOOKS); look += 1) burst[look] = (burst[look] ?? 0) + adds;
  }
  const cpu = new Float64Array(DAY_LOOKS);
  const memoryMb = new Float64Array(DAY_LOOKS);
  let noise = 0;
  let held = IDLE_MB;
  for (let look = 0; look < DAY_LOOKS; look += 1) {
    noise = 0.9 * noise + NOISE * (next() - 0.5);
    const share = (kind.needs(hourOf(look)) + (burst[look] ?? 0)) * (1 + noise);
    cpu[look] = Math.max(0.02, Math.min(1, share) * MOST.vcpus);
    const wanted = IDLE_MB + BUSY_MB * (cpu[look] as number);
    held = Math.min(MOST.memoryMb * 0.95, Math.max(wanted, held * GIVES_BACK));
    memoryMb[look] = held;
  }
  return { cpu, memoryMb };
}

export function demandsOf(servers: number, seed: number): Demand[] {
  const next = numbers(seed);
  return Array.from({ length: servers }, () => demandOf(next));
}
