import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeWatcher } from '../../../src/operator/lease.ts';

const lease = (holderIdentity: string, renewed: number) => ({
  spec: { holderIdentity, renewTime: new Date(renewed) as never },
});

describe('a lease', () => {
  it("is another's until it did not change for its duration, by the clock of whoever waits", () => {
    const isOthers = makeWatcher();
    assert.equal(isOthers(lease('a', 1_000), 'b', 5_000, 0), true);
    assert.equal(isOthers(lease('a', 1_000), 'b', 5_000, 4_999), true);
    assert.equal(isOthers(lease('a', 2_000), 'b', 5_000, 5_000), true, 'it was renewed');
    assert.equal(isOthers(lease('a', 2_000), 'b', 5_000, 9_999), true);
    assert.equal(isOthers(lease('a', 2_000), 'b', 5_000, 10_000), false);
  });
  it('is free where nobody holds it, and mine where I do', () => {
    const isOthers = makeWatcher();
    assert.equal(isOthers(lease('', 1_000), 'b', 5_000, 0), false);
    assert.equal(isOthers(lease('b', 1_000), 'b', 5_000, 0), false);
    assert.equal(isOthers({}, 'b', 5_000, 0), false);
  });
});
