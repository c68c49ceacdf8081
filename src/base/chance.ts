// Why: chance is an input, as time is. A simulation hands in a source that follows from its seed; production takes the machine's.

import { randomInt, randomUUID } from 'node:crypto';

export interface Chance {
  /** A UUID of version 4; the machine's can't be guessed. */
  uuid(): string;
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  /** 0..1, without 1. */
  fraction(): number;
}

const machine: Chance = { uuid: randomUUID, below: (count) => randomInt(count), fraction: () => Math.random() };

let source = machine;

/** What is left to chance comes from here; null: from the machine again. Of a whole process: for one that is a simulation. */
export function takeChanceFrom(other: Chance | null): void {
  source = other ?? machine;
}

/** Names of things, jitter, where to begin. Keys and passwords are made of the machine's chance alone. */
export const chance: Chance = {
  uuid: () => source.uuid(),
  below: (count) => source.below(count),
  fraction: () => source.fraction(),
};
