// When the next backup is due.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cronProblem, nextRun, previousRun } from '../../../src/base/cron.ts';

const at = Date.parse('2026-03-29T00:30:00Z');
const next = (cron: string) => new Date(nextRun(cron, at) ?? 0).toISOString();

describe('schedules of backups', () => {
  it('are in UTC, whatever the machine thinks of the hour that is skipped in spring', () => {
    assert.equal(next('30 2 * * *'), '2026-03-29T02:30:00.000Z');
    assert.equal(next('*/15 * * * *'), '2026-03-29T00:45:00.000Z');
    assert.equal(next('0 3 * * MON-FRI'), '2026-03-30T03:00:00.000Z');
    assert.equal(next('30 0 * * *'), '2026-03-30T00:30:00.000Z', 'not the same moment again');
  });

  it('were due last at a moment that may be this one, in their zone', () => {
    const last = (cron: string, zone: string) => new Date(previousRun(cron, at, zone) ?? 0).toISOString();
    assert.equal(last('30 0 * * *', 'UTC'), '2026-03-29T00:30:00.000Z');
    assert.equal(last('31 0 * * *', 'UTC'), '2026-03-28T00:31:00.000Z');
    assert.equal(last('30 2 * * *', 'Europe/Berlin'), '2026-03-28T01:30:00.000Z');
    assert.equal(last('0 7 1 1 *', 'Europe/Berlin'), '2026-01-01T06:00:00.000Z');
  });

  it('mean something, have five fields, and come one day', () => {
    for (const cron of ['0 2 * * *', '0 0 1 * *', '5,35 8-18 * * 1-5']) assert.equal(cronProblem(cron, at), null, cron);
    for (const cron of [
      '',
      '0 2 * *',
      '0 0 2 * * *',
      '61 2 * * *',
      '0 2 * * FUN',
      '0 0 31 2 *',
      '@daily',
      'a b c d e',
    ]) {
      assert.notEqual(cronProblem(cron, at), null, cron);
    }
  });
});
