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
      taken.push(report.kind === 'guest' ? `guest of ${report.host}` : `${report.host} ${report.inventory.vcpus}`);
      if (taken.length === 1) await first.promise;
    });
    const inventory = (host: string, vcpus: number) =>
      bus.report({ kind: 'inventory', host, inventory: { vcpus }, guests: [] } as unknown as AgentReport);
    await inventory('host-1', 1);
    await Promise.resolve();
    await inventory('host-1', 2);
    await bus.report({ kind: 'guest', host: 'host-1', event: { kind: 'started', uuid: 'u' }, view: null });
    await inventory('host-2', 1);
    await inventory('host-1', 3);
    first.resolve();
    await bus.idle();
    assert.deepEqual(taken, ['host-1 1', 'host-2 1', 'guest of host-1', 'host-1 3']);
    await bus.close();
  });

  it('lets no host wait for what another one is asked', async () => {
    const bus = makeMemoryBus({ clock: systemClock, log: silentLog });
    const taken: string[] = [];
    const slow = Promise.withResolvers<void>();
    await bus.onReport(async ({ host }) => {
      taken.push(host);
      if (host === 'slow') await slow.promise;
    });
    const inventory = (host: string) =>
      bus.report({ kind: 'inventory', host, inventory: {}, guests: [] } as unknown as AgentReport);
    for (const host of ['slow', 'slow', 'quick', 'quick']) {
      await inventory(host);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(taken, ['slow', 'quick', 'quick']);
    assert.equal(bus.waiting(), 1);
    slow.resolve();
    await bus.idle();
    assert.deepEqual(taken, ['slow', 'quick', 'quick', 'slow']);
    await bus.close();
  });
});
