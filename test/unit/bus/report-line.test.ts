import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unavailable } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { AgentReport } from '../../../src/bus/contract.ts';
import { makeReportLine } from '../../../src/bus/report-line.ts';

const event = (host: string, uuid: string): AgentReport => ({
  ...{ kind: 'guest', host, view: null },
  event: { kind: 'stopped', uuid, reason: 'off' },
});
const beat = (host: string): AgentReport => ({ kind: 'heartbeat', host });

describe('the line of reports', () => {
  it('asks a host that leaves us without an answer once, not for each of its guests, and takes the rest', async () => {
    const taken: string[] = [];
    const line = makeReportLine(async (report) => {
      taken.push(`${report.host} ${report.kind}`);
      if (report.host === 'dead' && report.kind === 'guest') throw unavailable('no answer', { code: 'bus.timeout' });
    }, silentLog);
    let done = 0;
    const push = (report: AgentReport) => line.push(report, () => (done += 1));
    for (let n = 0; n < 5; n += 1) push(event('dead', `guest-${n}`));
    push(beat('dead'));
    push(event('lives', 'guest'));
    push(event('lives', 'another'));
    await line.idle();
    assert.deepEqual(taken.toSorted(), ['dead guest', 'dead heartbeat', 'lives guest', 'lives guest']);
    assert.deepEqual([done, line.waiting()], [8, 0]);
  });

  it('takes the next event of a host after one that failed otherwise', async () => {
    let taken = 0;
    const line = makeReportLine(async () => {
      taken += 1;
      throw unavailable('the database is away');
    }, silentLog);
    for (let n = 0; n < 3; n += 1) line.push(event('host', `guest-${n}`));
    await line.idle();
    assert.equal(taken, 3);
  });
});
