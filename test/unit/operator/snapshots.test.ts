import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Snapshot } from '../../../src/operator/provider.ts';
import { planSnapshots } from '../../../src/operator/snapshots.ts';

const at = (text: string): number => Date.parse(`${text}Z`);
const daily = { schedule: '0 2 * * *', retention: 2 };
const taken = (day: string, status = 'available'): Snapshot => ({
  ...{ id: day, name: `scheduled-2026-11-${day}T02:00Z`, status, createdAt: `2026-11-${day}T02:00:05Z` },
});
const born = at('2026-11-01T00:00:00');

describe('snapshots by schedule', () => {
  it('are due once for each time, and not before the server was there', () => {
    const noon = at('2026-11-20T12:00:00');
    assert.equal(planSnapshots(daily, [], born, noon).due, 'scheduled-2026-11-20T02:00Z');
    assert.equal(planSnapshots(daily, [taken('20')], born, noon).due, null);
    assert.equal(planSnapshots(daily, [taken('20', 'creating')], born, noon).due, null, 'it is being made');
    assert.equal(
      ((plan) => plan.due ?? plan.surplus[0] ?? null)(planSnapshots(daily, [taken('20', 'error')], born, noon)),
      null,
      'one that failed is not made again, nor forgotten before the next',
    );
    assert.equal(planSnapshots(daily, [], at('2026-11-20T02:00:01'), noon).due, null);
    assert.equal(planSnapshots(daily, [], born, at('2026-11-20T02:00:00')).due, 'scheduled-2026-11-20T02:00Z');
  });

  it('of a long outage are made once, for the last time', () => {
    assert.equal(
      planSnapshots(daily, [taken('10')], born, at('2026-11-20T12:00:00')).due,
      'scheduled-2026-11-20T02:00Z',
    );
  });

  it('are as many as are kept; those of people are left alone', () => {
    const own = { ...taken('15'), id: 'mine', name: 'scheduled-before-the-upgrade' };
    const all = [taken('17'), taken('18'), own, taken('19'), taken('20'), taken('16', 'error')];
    const { surplus, count, last, next } = planSnapshots(daily, all, born, at('2026-11-20T12:00:00'));
    assert.deepEqual([...surplus].sort(), ['16', '17', '18']);
    assert.deepEqual([count, last, next?.toISOString()], [2, '2026-11-20T02:00:05Z', '2026-11-21T02:00:00.000Z']);
  });

  it('do not count what is being made among those that are kept', () => {
    const all = [taken('18'), taken('19'), taken('20', 'creating')];
    assert.deepEqual(planSnapshots(daily, all, born, at('2026-11-20T12:00:00')).surplus, []);
  });

  it('have a time zone', () => {
    const berlin = { ...daily, timeZone: 'Europe/Berlin' };
    assert.equal(planSnapshots(berlin, [], born, at('2026-11-20T01:30:00')).due, 'scheduled-2026-11-20T01:00Z');
  });
});
