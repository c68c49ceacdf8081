import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Agent, startAgent } from '../../../src/agent/agent.ts';
import { jittered } from '../../../src/agent/report.ts';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { Fault } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Bus } from '../../../src/bus/bus.ts';
import type { AgentReport } from '../../../src/bus/contract.ts';
import { makeMemoryBus } from '../../../src/bus/memory.ts';
import { power } from '../../../src/domain/servers/servers.ts';
import { type FakeDriver, makeFakeDriver } from '../../../src/virt/fake.ts';
import { aSpec } from '../../support/samples.ts';

interface World {
  readonly agent: Agent;
  readonly bus: Bus;
  readonly driver: FakeDriver;
  readonly reports: AgentReport[];
  /** The first report that fits, as soon as it is there. */
  readonly heard: (fits: (report: AgentReport) => boolean) => Promise<AgentReport>;
}

async function arrange(
  t: TestContext,
  more: { reportMs?: number; clock?: Clock; driver?: FakeDriver } = {},
): Promise<World> {
  const clock = more.clock ?? systemClock;
  const bus = makeMemoryBus({ clock: systemClock, log: silentLog });
  const driver = more.driver ?? makeFakeDriver({ clock: systemClock });
  const reports: AgentReport[] = [];
  await bus.onReport(async (report) => void reports.push(report));
  const agent = await startAgent({
    host: 'host1',
    bus,
    driver,
    clock,
    log: silentLog,
    reportMs: more.reportMs ?? 60_000,
  });
  t.after(async () => {
    await agent.close(100);
    await driver.close();
    await bus.close();
  });
  async function heard(fits: (report: AgentReport) => boolean): Promise<AgentReport> {
    const end = Date.now() + 60_000;
    for (;;) {
      const found = reports.find(fits);
      if (found !== undefined) return found;
      assert.ok(Date.now() < end, 'the report comes');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  return { agent, bus, driver, reports, heard };
}

describe('agent', () => {
  it('answers every method over the bus', async (t) => {
    const { bus } = await arrange(t);
    const spec = aSpec();
    const { uuid } = spec;
    assert.equal((await bus.call('host1', 'spawn', { spec })).powerState, power.running);
    const request = { actionId: 'a', target: { vcpus: 3, memoryMb: 768 }, persist: true, timeoutMs: 1_000 };
    assert.equal((await bus.call('host1', 'adjust', { uuid, request })).vcpus.reached, 3);
    assert.match(await bus.call('host1', 'console', { uuid, maxBytes: 1_000 }), /online_vcpus=3/);
    assert.equal((await bus.call('host1', 'reboot', { spec, type: 'HARD', timeoutMs: 0 })).size.vcpus, 1);
    assert.equal((await bus.call('host1', 'powerOff', { uuid, timeoutMs: 0 })).powerState, power.shutdown);
    assert.equal((await bus.call('host1', 'powerOn', { spec })).powerState, power.running);
    assert.equal((await bus.call('host1', 'inspect', { uuid }))?.uuid, uuid);
    assert.equal((await bus.call('host1', 'list', {})).length, 1);
    assert.equal(await bus.call('host1', 'destroy', { uuid }), null);
    assert.equal(await bus.call('host1', 'inspect', { uuid }), null);
  });

  it('does one thing at a time for a guest, and a redelivered command once', async (t) => {
    const { bus, driver } = await arrange(t, {
      driver: makeFakeDriver({ clock: systemClock, timing: { reboot: 30 } }),
    });
    const spec = aSpec();
    await bus.call('host1', 'spawn', { spec });
    const reboot = () => bus.call('host1', 'reboot', { spec, type: 'HARD' as const, timeoutMs: 0 });
    const [, , gone] = await Promise.all([reboot(), reboot(), bus.call('host1', 'destroy', { uuid: spec.uuid })]);
    assert.equal(gone, null);
    assert.equal(driver.store.get(spec.uuid), undefined);
    const again = aSpec();
    await bus.call('host1', 'spawn', { spec: again });
    const twice = () => bus.call('host1', 'reboot', { spec: again, type: 'HARD' as const, timeoutMs: 0 });
    await Promise.all([twice(), twice()]);
    assert.equal(driver.store.get(again.uuid)?.starts, 2, 'one spawn, one reboot');
  });

  it('brings the driver’s faults to the caller', async (t) => {
    const { bus } = await arrange(t);
    const fault = await bus.call('host1', 'console', { uuid: 'nobody', maxBytes: 1 }).catch((error: unknown) => error);
    assert.ok(fault instanceof Fault && fault.kind === 'notFound' && fault.code === 'virt.no_guest');
  });

  it('reports at the start, then regularly', async (t) => {
    const { reports, heard } = await arrange(t, { reportMs: 5 });
    const first = await heard(({ kind }) => kind === 'inventory');
    assert.ok(first.kind === 'inventory' && first.host === 'host1' && first.inventory.hypervisorType === 'fake');
    const before = reports.length;
    await heard(() => reports.length >= before + 3);
  });

  it('tells all that it has once, then only that it lives, and what is new', async (t) => {
    const driver = makeFakeDriver({ clock: systemClock });
    const { bus, reports, heard } = await arrange(t, { driver, reportMs: 5 });
    await heard(() => reports.length >= 4);
    assert.deepEqual([...new Set(reports.map(({ kind }) => kind))], ['inventory', 'heartbeat']);
    const spec = aSpec();
    await bus.call('host1', 'spawn', { spec });
    const told = await heard((one) => one.kind === 'guests');
    assert.ok(told.kind === 'guests' && told.guests[0]?.uuid === spec.uuid);
    // what was under way for it may have let that pass
    await heard(() => reports.filter(({ kind }) => kind === 'guests').length > 2);
  });

  it('jitters by a fifth', () => {
    assert.deepEqual(
      [0, 0.5, 1].map((value) => jittered(1_000, () => value)),
      [800, 1_000, 1_200],
    );
  });

  it('keeps reporting after the driver failed', async (t) => {
    const driver = makeFakeDriver({ clock: systemClock });
    let failures = 2;
    const flaky: FakeDriver = {
      ...driver,
      async inventory() {
        failures -= 1;
        if (failures >= 0) throw new Error('away');
        return driver.inventory();
      },
    };
    const { heard } = await arrange(t, { driver: flaky, reportMs: 5 });
    await heard(({ kind }) => kind === 'inventory');
    assert.ok(failures < 0);
  });

  it('tells of a guest that powered itself off, with what it is now', async (t) => {
    const { bus, driver, heard } = await arrange(t);
    const spec = aSpec();
    await bus.call('host1', 'spawn', { spec });
    driver.powerOffFromInside(spec.uuid);
    const report = await heard((one) => one.kind === 'guest' && one.event.kind === 'stopped');
    assert.ok(report.kind === 'guest');
    assert.equal(report.view?.powerState, power.shutdown);
    assert.equal(report.event.uuid, spec.uuid);
  });

  it('tells of an event after what is under way for the guest', async (t) => {
    const driver = makeFakeDriver({ clock: systemClock, timing: { powerOn: 30 } });
    const { bus, heard } = await arrange(t, { driver });
    const spec = aSpec();
    await bus.call('host1', 'spawn', { spec });
    driver.powerOffFromInside(spec.uuid);
    const on = bus.call('host1', 'powerOn', { spec });
    const report = await heard((one) => one.kind === 'guest' && one.event.kind === 'stopped');
    await on;
    assert.ok(report.kind === 'guest');
    assert.equal(report.view?.powerState, power.running, 'the view is as fresh as the report');
  });

  it('reports everything when events may have been missed', async (t) => {
    const { driver, reports, heard } = await arrange(t);
    await heard(({ kind }) => kind === 'inventory');
    const before = reports.length;
    driver.reconnect();
    await heard((one) => one.kind === 'inventory' && reports.indexOf(one) >= before);
  });

  it('finishes what is under way when it closes, and takes no more', async (t) => {
    const driver = makeFakeDriver({ clock: systemClock, timing: { spawn: 30 } });
    const { agent, bus } = await arrange(t, { driver });
    const spec = aSpec();
    const spawning = bus.call('host1', 'spawn', { spec });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const closed = agent.close(2_000);
    const late = await bus.call('host1', 'spawn', { spec: aSpec() }).catch((error: unknown) => error);
    assert.ok(late instanceof Fault && late.kind === 'unavailable');
    assert.equal((await spawning).powerState, power.running);
    await closed;
    const gone = await bus.call('host1', 'list', {}).catch((error: unknown) => error);
    assert.ok(gone instanceof Fault && gone.kind === 'unavailable');
  });

  it('does not wait for ever when it closes', async (t) => {
    const driver = makeFakeDriver({ clock: systemClock, timing: { spawn: 1_500 } });
    const { agent, bus } = await arrange(t, { driver });
    let isOver = false;
    const spawning = bus.call('host1', 'spawn', { spec: aSpec() }).finally(() => (isOver = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await agent.close(20);
    assert.equal(isOver, false);
    await spawning;
  });
});
