import assert from 'node:assert/strict';
import { it } from 'node:test';
import { reportIntervalMs } from '../../../../src/domain/placement/report-interval.ts';

it('hosts report more seldom where there are many, and never so seldom that they seem to be down', () => {
  const pace = { reportMs: 10_000, perSecond: 50, downMs: 60_000 };
  const intervals = [1, 500, 750, 1_000, 100_000].map((hosts) => reportIntervalMs(hosts, pace));
  assert.deepEqual(intervals, [10_000, 10_000, 15_000, 20_000, 20_000]);
  // what is configured stands, be it as it may
  assert.equal(reportIntervalMs(1, { ...pace, downMs: 6_000 }), 10_000);
});
