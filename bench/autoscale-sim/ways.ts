// Why: the ways to have the right size that are compared, each as what it makes of a look and nothing else.

import { pressureDefaults } from '../../src/domain/adjustment/adjust-policies.ts';
import { type AutoscaleState, decide, firstState, type PressureRules } from '../../src/domain/adjustment/autoscale.ts';
import type { Size } from '../../src/domain/adjustment/size.ts';
import { hourOf, LEAST, LOOK_SECONDS, MOST } from './demand.ts';

/** What is seen of a server at a look, and what it has. */
export interface Look {
  readonly at: number;
  readonly size: Size;
  /** Processors used; MiB that programs hold. */
  readonly cpu: number;
  readonly usedMb: number;
}

export interface Way {
  readonly name: 'largest' | 'half' | 'schedule' | 'thresholds' | 'neon' | 'ours';
  readonly title: string;
  readonly color: string;
  readonly first: Size;
  /** A memory of its own for each server. */
  readonly make: () => (look: Look) => Size;
}

const fixed = (size: Size) => () => () => size;
const half: Size = { vcpus: 4, memoryMb: 8_192 };
const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));

/** Large from half an hour before work until its end. */
const byClock =
  () =>
  ({ at }: Look) =>
    hourOf(at) >= 7.5 && hourOf(at) < 18.5 ? MOST : { vcpus: 2, memoryMb: 4_096 };

/** What most people write first: one step up above four fifths, one down below two fifths, at every look. */
const byThresholds =
  () =>
  ({ size, cpu, usedMb }: Look): Size => {
    const step = (share: number): number => (share > 0.8 ? 1 : share < 0.4 ? -1 : 0);
    return {
      vcpus: clamp(size.vcpus + step(cpu / size.vcpus), LEAST.vcpus, MOST.vcpus),
      memoryMb: clamp(size.memoryMb + 1_024 * step(usedMb / size.memoryMb), LEAST.memoryMb, MOST.memoryMb),
    };
  };

/**
 * As Neon describes its autoscaler: units of a vCPU with its memory, the goal from the load over a minute (nine tenths of a vCPU each) and
 * from memory (three quarters of it used), the larger of the two, at once in both directions.
 */
const UNIT_MB = MOST.memoryMb / MOST.vcpus;
function asNeon() {
  let load = 0;
  return ({ size, cpu, usedMb }: Look): Size => {
    load += (cpu - load) * (1 - Math.exp(-LOOK_SECONDS / 60));
    // a load that fills all vCPUs may be any: it is seen as a queue, which one in four of ours stands for
    const seen = cpu >= size.vcpus * 0.99 ? Math.max(load, cpu) * 1.25 : load;
    const units = clamp(Math.max(Math.ceil(seen / 0.9), Math.ceil(usedMb / 0.75 / UNIT_MB)), LEAST.vcpus, MOST.vcpus);
    return { vcpus: units, memoryMb: units * UNIT_MB };
  };
}

const rules: PressureRules = {
  ...pressureDefaults,
  vcpus: { min: LEAST.vcpus, max: MOST.vcpus, step: 1 },
  memoryMb: { min: LEAST.memoryMb, max: MOST.memoryMb, step: 512 },
};

function asOurs() {
  let state: AutoscaleState = firstState;
  return ({ at, size, cpu, usedMb }: Look): Size => {
    const pressure = {
      ...{ vcpus: size.vcpus, cpu, steal: null },
      ...{ totalMb: size.memoryMb, availableMb: Math.max(0, size.memoryMb - usedMb) },
    };
    const sizes = { current: size, least: LEAST, most: MOST };
    const decision = decide(rules, sizes, pressure, state, (at + 1) * LOOK_SECONDS * 1_000);
    ({ state } = decision);
    return decision.want ?? size;
  };
}

export const ways: readonly Way[] = [
  { name: 'largest', title: 'fixed, the flavor', color: '#7d8590', first: MOST, make: fixed(MOST) },
  { name: 'half', title: 'fixed, half of it', color: '#a08a1c', first: half, make: fixed(half) },
  {
    name: 'schedule',
    title: 'by schedule alone',
    color: '#2e9e5b',
    first: { vcpus: 2, memoryMb: 4_096 },
    make: byClock,
  },
  { name: 'thresholds', title: 'thresholds, a step a look', color: '#9a6ee0', first: half, make: byThresholds },
  { name: 'neon', title: "as Neon's autoscaler", color: '#e0662f', first: half, make: asNeon },
  { name: 'ours', title: 'ours, its defaults', color: '#1f8fe0', first: half, make: asOurs },
];
