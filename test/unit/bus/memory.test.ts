import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { makeMemoryBus } from '../../../src/bus/memory.ts';
import type { AgentReport } from '../../../src/bus/contract.ts';
import { busContract } from '../../support/bus-contract.ts';

busContract('memory', { inspectMs: 50, deliverMs: 1_000 }, async (timeoutMs) => {
  const bus = makeMemoryBus({ clock: systemClock, log: silentLog, timeoutMs });
  return { client: bus, server: bus, close: () => bus.close() };
});

describe('the in-memory bus', () => {
  it('keeps only the newest report of a host waiting, beside what its guests did', async () => {
    const bus = makeMemoryBus({ clock: systemClock, log: silentLog });
    const taken: string[] = [];
    const first = Promise.withResolvers<void>();
    await bus.onReport(async (report) => {
      taken.push(
        report.kind === 'inventory' ? `${report.host} ${report.inventory.vcpus}` : `${report.kind} of ${report.host}`,
      );
      if (taken.length === 1) await first.promise;
    });
    const inventory = (host: string, vcpus: number) =>
      bus.report({ kind: 'inventory', host, inventory: { vcpus }, guests: [] } as unknown as AgentReport);
    await inventory('host-1', 1);
    await Promise.resolve();
    await inventory('host-1', 2);
    await bus.report({ kind: 'guest', host: 'host-1', event: { kind: 'started', uuid: 'u' }, view: null });
    await bus.report({ kind: 'heartbeat', host: 'host-1' });
    await inventory('host-1', 3);
    await bus.report({ kind: 'heartbeat', host: 'host-1' });
    await bus.report({ kind: 'heartbeat', host: 'host-1' });
    first.resolve();
    await bus.idle();
    assert.deepEqual(taken, ['host-1 1', 'guest of host-1', 'host-1 3', 'heartbeat of host-1']);
    await bus.close();
  });

  it('takes the reports of a host in their order, and does not wait with those of others', async () => {
    const bus = makeMemoryBus({ clock: systemClock, log: silentLog });
    const taken: string[] = [];
    const first = Promise.withResolvers<void>();
    await bus.onReport(async ({ kind, host }) => {
      taken.push(`${kind} ${host}`);
      if (host === 'slow') await first.promise;
      taken.push(`${kind} ${host} is taken`);
    });
    await bus.report({ kind: 'heartbeat', host: 'slow' });
    await bus.report({ kind: 'guests', host: 'slow', guests: [] });
    await bus.report({ kind: 'heartbeat', host: 'quick' });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(taken, ['heartbeat slow', 'heartbeat quick', 'heartbeat quick is taken']);
    first.resolve();
    await bus.idle();
    assert.deepEqual(taken.slice(3), ['heartbeat slow is taken', 'guests slow', 'guests slow is taken']);
    assert.equal(bus.waiting(), 0);
    await bus.close();
  });
});
