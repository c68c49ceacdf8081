import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/base/errors.ts';
import type { Host } from '../../../../src/domain/placement/hosts.ts';
import type { OpsDeps } from '../../../../src/ops/index.ts';
import { mustHear } from '../../../../src/ops/placement/hearing.ts';

const NOW_MS = 1_000_000;
const DOWN_MS = 60_000;

/** What becomes of a refusal, with a bus that has worked so long and hosts that reported so long ago. */
function judged(hearingMs: number, silentMs: readonly number[]): string {
  const deps = {
    bus: { hearingMs: () => hearingMs },
    clock: { now: () => NOW_MS },
    config: { hostDownMs: DOWN_MS },
  } as unknown as OpsDeps;
  const hosts = silentMs.map((ms) => ({ lastSeenAt: NOW_MS - ms, forcedDown: false }) as unknown as Host);
  try {
    mustHear(deps, hosts);
    return 'refused';
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
}

describe('hosts that are silent', () => {
  it('count as down only once they could have been heard for as long', () => {
    assert.equal(judged(0, [DOWN_MS * 2]), 'bus.away');
    assert.equal(judged(DOWN_MS - 1, [DOWN_MS * 2, 5]), 'bus.away');
    assert.equal(judged(DOWN_MS, [DOWN_MS * 2]), 'refused');
    assert.equal(judged(Number.POSITIVE_INFINITY, [DOWN_MS * 2]), 'refused');
  });

  it('are no reason to wait where all are heard, or there are none', () => {
    assert.equal(judged(0, [5, 10]), 'refused');
    assert.equal(judged(0, []), 'refused');
  });
});
