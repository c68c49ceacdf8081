// Why: whatever is left to chance in a simulation follows from one number, so that a run can be had again.

import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Chance } from '../../src/base/chance.ts';

export interface Dice extends Chance {
  /** True in this share of the throws, 0..1. */
  hits(share: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** From `low` to `high`, both included. */
  between(low: number, high: number): number;
}

const RESOLUTION = 2 ** 30;
const HEX = 16;

/** Another stream for each `purpose`: who throws more often changes nothing for the others. */
export function makeDice(seed: number, purpose: number): Dice {
  const generator = xoroshiro128plus(Math.imul(seed, 0x9e3779b1) ^ Math.imul(purpose, 0x85ebca6b) ^ seed);
  const between = (low: number, high: number): number => uniformInt(generator, low, high);
  const below = (count: number): number => between(0, count - 1);
  const fraction = (): number => below(RESOLUTION) / RESOLUTION;
  const hex = (digits: number): string => Array.from({ length: digits }, () => below(HEX).toString(HEX)).join('');
  return {
    below,
    between,
    fraction,
    hits: (share) => share > 0 && fraction() < share,
    pick: (from) => {
      if (from.length === 0) throw new Error('nothing to pick from');
      return from[below(from.length)] as (typeof from)[number];
    },
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  };
}
