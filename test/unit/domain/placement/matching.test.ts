// A matching is found wherever there is one, and never gives a place to two.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { matching } from '../../../../src/domain/placement/matching.ts';

/** Tries every way. */
function possible([first, ...rest]: readonly (readonly number[])[], taken: ReadonlySet<number> = new Set()): boolean {
  if (first === undefined) return true;
  return first.some((place) => !taken.has(place) && possible(rest, new Set([...taken, place])));
}

describe('a matching', () => {
  it('is found wherever there is one', () => {
    const wishes = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), { maxLength: 6 });
    fc.assert(
      fc.property(wishes, (asked) => {
        const found = matching(asked);
        assert.equal(found !== null, possible(asked));
        if (found === null) return;
        assert.equal(new Set(found).size, asked.length);
        for (const [one, place] of found.entries()) assert.ok(asked[one]?.includes(place));
      }),
    );
  });

  it('gives each what it wants most where nobody else needs it', () => {
    assert.deepEqual(matching([['b', 'a'], ['a']]), ['b', 'a']);
    assert.deepEqual(
      matching([
        ['a', 'b'],
        ['a', 'c'],
      ]),
      ['a', 'c'],
    );
    // the first gives way
    assert.deepEqual(matching([['a', 'b'], ['a']]), ['b', 'a']);
    assert.deepEqual(matching([]), []);
  });
});
