import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import { makeWatcher, runForLease } from '../../../src/operator/lease.ts';

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

describe('a leader', () => {
  it('is lost before another may begin, also where nobody answers at all', async () => {
    let answers = true;
    const never = new Promise<never>(() => {});
    const leader = runForLease({
      leases: {
        read: async () => (answers ? null : never),
        create: async () => (answers ? ({} as never) : never),
        replace: () => never,
      },
      ...{ namespace: 'n', name: 'l', identity: 'me', durationMs: 500, renewMs: 100, log: silentLog },
    });
    await leader.elected;
    answers = false;
    const began = performance.now();
    assert.match(await leader.lost, /not be renewed in time/);
    const tookMs = performance.now() - began;
    assert.ok(tookMs > 200 && tookMs < 500, `after ${tookMs} ms`);
  });
});
