// The simulation finds what it is there for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planted } from './planted.ts';
import { simulate } from './simulation.ts';

/** A mistake that takes longer to be found is not looked for well enough. */
const SEEDS = 200;

describe('the simulation', () => {
  for (const { name, plant, from = 1 } of planted) {
    it(`finds ${name}`, async (t) => {
      const takeAway = plant();
      try {
        for (let seed = from; seed < from + SEEDS; seed += 1) {
          const { violations } = await simulate(seed);
          if (violations.length === 0) continue;
          t.diagnostic(`${name}: found by seed ${seed} of ${from} to ${from + SEEDS - 1}: ${violations[0]}`);
          return;
        }
        assert.fail(`${name}: not found by ${SEEDS} seeds from ${from} on`);
      } finally {
        takeAway();
      }
    });
  }
});
