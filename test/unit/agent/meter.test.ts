import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeMeter } from '../../../src/agent/meter.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Bus } from '../../../src/bus/bus.ts';
import type { AgentReport } from '../../../src/bus/contract.ts';
import type { GuestCounters, HostMeasure } from '../../../src/domain/servers/measures.ts';

const counters = (cpuNs: number): GuestCounters => ({
  ...{ vcpus: 1, cpuNs, stealNs: null },
  disk: { readBytes: 0, writeBytes: 0, reads: 0, writes: 0 },
  network: { receivedBytes: 0, sentBytes: 0, receivedPackets: 0, sentPackets: 0 },
  memory: { balloonMb: null, totalMb: null, availableMb: null },
});

describe('the meter of a host', () => {
  it('tells of guests that it saw before, and of the host at once', async () => {
    const looks: Record<string, number>[] = [
      { a: 0, b: 0 },
      { a: 30e9, c: 7e9 },
      { a: 30e9, c: 67e9 },
    ];
    const reports: AgentReport[] = [];
    const host = { load: 1, cpus: 2, memoryMb: 3, availableMb: 1, pools: [] };
    let nowMs = 0;
    const meter = makeMeter({
      host: 'host-1',
      bus: { report: async (report: AgentReport) => void reports.push(report) } as Pick<Bus, 'report'> as Bus,
      driver: {
        measure: async (): Promise<HostMeasure> => ({
          host,
          guests: Object.entries(looks.shift() ?? {}).map(([uuid, cpuNs]) => ({ uuid, counters: counters(cpuNs) })),
        }),
      },
      clock: { ...systemClock, now: () => nowMs },
      log: silentLog,
    });
    for (nowMs of [0, 60_000, 120_000]) await meter.look();
    await meter.close();
    assert.deepEqual(
      reports.map((report) => report.kind === 'usage' && report.guests.map(({ uuid, usage }) => [uuid, usage.cpu])),
      [
        [],
        [['a', 0.5]],
        [
          ['a', 0],
          ['c', 1],
        ],
      ],
    );
    assert.ok(reports.every((report) => report.kind === 'usage' && report.usage === host));
  });

  it('tells nothing of a host that nobody was told of', async () => {
    const reports: string[] = [];
    let toldOnce = (): void => undefined;
    const told = new Promise<void>((resolve) => (toldOnce = resolve));
    let reported = (): void => undefined;
    const first = new Promise<void>((resolve) => (reported = resolve));
    const meter = makeMeter({
      host: 'host-1',
      bus: {
        report: async ({ kind }: AgentReport) => {
          reports.push(kind);
          reported();
        },
      } as Pick<Bus, 'report'> as Bus,
      driver: {
        measure: async () => ({ host: { load: 1, cpus: 2, memoryMb: 3, availableMb: 1, pools: [] }, guests: [] }),
      },
      clock: systemClock,
      log: silentLog,
    });
    meter.start(told);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(reports, []);
    toldOnce();
    await first;
    assert.deepEqual(reports, ['usage']);
    await meter.close();
  });
});
