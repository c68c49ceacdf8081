// A seed that failed must fail again: the same number is the same story, to the last message.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulate } from './simulation.ts';

const SEEDS = [3, 17, 42, 99, 1_234];

describe('a seed', () => {
  for (const seed of SEEDS) {
    it(`is the same story each time: ${seed}`, async () => {
      const [first, other, again] = [await simulate(seed), await simulate(seed + 1), await simulate(seed)];
      assert.equal(again.text, first.text);
      assert.equal(again.digest, first.digest);
      assert.equal(again.steps, first.steps);
      assert.notEqual(other.digest, first.digest);
    });
  }
});
