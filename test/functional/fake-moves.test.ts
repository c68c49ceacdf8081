// What a driver does of a move, verb by verb, on two fake hosts: each verb twice is once, each has a way back, and a guest is never
// on two hosts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/errors.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Driver } from '../../src/virt/driver.ts';
import type { FakePeers } from '../../src/virt/fake/migrate.ts';
import { type FakeDriver, makeFakeDriver } from '../../src/virt/fake.ts';
import { moveContract } from '../support/move-contract.ts';
import { aSpec } from '../support/samples.ts';

const QUICK = {
  powerOff: 0,
  migrateDisk: 0,
  offerDisk: 0,
  fetchDisk: 0,
  receiveDisk: 0,
  restoreDisk: 0,
  dropDisk: 0,
  liveMigrate: 0,
  spawn: 0,
};
const UNKNOWN = { total: null, processed: null, remaining: null };

interface Pair {
  readonly a: FakeDriver;
  readonly b: FakeDriver;
  readonly spec: ReturnType<typeof aSpec>;
  /** Which of the two have the guest. */
  readonly hosts: () => string[];
}

async function pair(words = '', clock: Clock = systemClock): Promise<Pair> {
  const peers: FakePeers = new Map();
  const make = (hostname: string) => makeFakeDriver({ clock, hostname, peers, timing: QUICK });
  const [a, b] = [make('a'), make('b')];
  const spec = aSpec({ metadata: { xloud_fake: words } });
  await a.spawn({ spec });
  return { a, b, spec, hosts: () => [...peers].filter(([, store]) => store.get(spec.uuid)).map(([name]) => name) };
}

moveContract('fake', 5_000, async () => {
  const peers: FakePeers = new Map();
  const make = (hostname: string) => makeFakeDriver({ clock: systemClock, hostname, peers, timing: QUICK });
  const [a, b] = [make('a'), make('b')];
  const spec = (words = '') => ({
    ...aSpec({ metadata: { xloud_fake: words } }),
    maximum: { vcpus: 4, memoryMb: 1024 },
    boot: { vcpus: 1, memoryMb: 256 },
  });
  const guestOf = (on: Driver, uuid: string) => (on === b ? b : a).store.get(uuid);
  return {
    ...{ a, b, slow: a, spec },
    slowSpec: () => spec('live-slow:60000'),
    ready: async () => undefined,
    // a fake guest's disk is what it was made of
    mark: async (_on, uuid) => uuid,
    marked: async (on, uuid) => guestOf(on, uuid)?.spec.uuid ?? '',
    rootGb: async (on, uuid) => guestOf(on, uuid)?.spec.disks.rootGb ?? 0,
    // it has no clock: each start takes it back
    uptime: async (on, uuid) => -(guestOf(on, uuid)?.starts ?? 0),
    leftovers: async (on, uuid) => {
      const { store } = on === b ? b : a;
      return [...(store.get(uuid) ? ['guest'] : []), ...(store.aside.get(uuid) ? ['aside'] : [])];
    },
    close: async () => undefined,
  };
});

const from = (node: string) => ({ node, hostIp: '127.0.0.1', offer: null });
const to = (node: string) => ({ node, hostIp: '127.0.0.1', blockMigration: null, numa: null, landing: null });
const missing = (error: unknown) => error instanceof Fault && error.kind === 'notFound';

describe('disks that move', () => {
  it('are set aside, taken over and dropped', async () => {
    const { a, b, spec, hosts } = await pair();
    for (const _time of [1, 2]) await a.migrateDisk?.({ uuid: spec.uuid, timeoutMs: 10 });
    assert.deepEqual(hosts(), []);
    assert.equal(await a.inspect({ uuid: spec.uuid }), null);
    const larger = { ...spec, boot: { vcpus: 2, memoryMb: 512 } };
    for (const _time of [1, 2]) {
      const view = await b.receiveDisk?.({ spec: larger, from: from('a'), on: true });
      assert.deepEqual([view?.powerState, view?.size], [power.running, larger.boot]);
    }
    assert.deepEqual([hosts(), b.store.get(spec.uuid)?.starts], [['b'], 2], 'once on each host');
    for (const _time of [1, 2]) await a.dropDisk?.({ uuid: spec.uuid });
    assert.equal(a.store.aside.get(spec.uuid), undefined);
  });

  it('go back to where they were, with their size', async () => {
    const { a, spec, hosts } = await pair();
    await a.migrateDisk?.({ uuid: spec.uuid, timeoutMs: 0 });
    for (const _time of [1, 2]) {
      const view = await a.restoreDisk?.({ spec, on: true });
      assert.deepEqual([view?.powerState, view?.size], [power.running, spec.boot]);
    }
    assert.deepEqual([hosts(), a.store.get(spec.uuid)?.starts], [['a'], 2]);
    // a guest that was never touched is left alone
    assert.equal((await a.restoreDisk?.({ spec, on: true }))?.powerState, power.running);
  });

  it('may change their guest on one host, and give it way again', async () => {
    const { a, spec } = await pair();
    await a.migrateDisk?.({ uuid: spec.uuid, timeoutMs: 0 });
    const larger = { ...spec, boot: { vcpus: 2, memoryMb: 512 } };
    assert.deepEqual((await a.receiveDisk?.({ spec: larger, from: from('a'), on: true }))?.size, larger.boot);
    assert.deepEqual((await a.restoreDisk?.({ spec, on: true }))?.size, spec.boot);
    assert.equal(a.store.aside.get(spec.uuid), undefined);
  });

  it('stay off where they shall', async () => {
    const { a, b, spec } = await pair();
    await a.migrateDisk?.({ uuid: spec.uuid, timeoutMs: 0 });
    for (const _time of [1, 2])
      assert.equal((await b.receiveDisk?.({ spec, from: from('a'), on: false }))?.powerState, power.shutdown);
    await b.destroy({ uuid: spec.uuid });
    assert.equal((await a.restoreDisk?.({ spec, on: false }))?.powerState, power.shutdown);
  });

  it('that are nowhere are missed', async () => {
    const { a, b } = await pair();
    const other = aSpec();
    await assert.rejects(a.migrateDisk?.({ uuid: other.uuid, timeoutMs: 0 }) as Promise<unknown>, missing);
    await assert.rejects(b.receiveDisk?.({ spec: other, from: from('a'), on: true }) as Promise<unknown>, missing);
    await assert.rejects(a.restoreDisk?.({ spec: other, on: true }) as Promise<unknown>, missing);
    await a.dropDisk?.({ uuid: other.uuid });
  });
});

describe('guests that move as they run', () => {
  it('arrive as they are', async () => {
    const { a, b, spec, hosts } = await pair();
    const size = { vcpus: 3, memoryMb: 640 };
    await a.adjust({ uuid: spec.uuid, request: { actionId: 'x', target: size, persist: false, timeoutMs: 100 } });
    assert.equal((await a.liveMigrate?.({ uuid: spec.uuid, to: to('b') }))?.state, 'completed');
    assert.deepEqual(
      [hosts(), (await b.inspect({ uuid: spec.uuid }))?.size, b.store.get(spec.uuid)?.starts],
      [['b'], size, 1],
    );
    // whoever asks again, not having heard, hears it now
    assert.deepEqual(await a.liveMigrate?.({ uuid: spec.uuid, to: to('b') }), {
      state: 'completed',
      memory: UNKNOWN,
      disk: UNKNOWN,
    });
    assert.equal((await a.liveProgress?.({ uuid: spec.uuid }))?.state, 'none');
    assert.equal((await b.liveMigrate?.({ uuid: spec.uuid, to: to('a') }))?.state, 'completed');
    assert.deepEqual(hosts(), ['a']);
  });

  it('tell how far they are, are hurried and given up', async () => {
    let nowMs = 1_000;
    const clock: Clock = { now: () => nowMs, sleep: async () => undefined };
    const { a, spec, hosts } = await pair('live-slow:1000', clock);
    const begun = await a.liveMigrate?.({ uuid: spec.uuid, to: to('b') });
    assert.deepEqual([begun?.state, begun?.memory.processed], ['running', 0]);
    nowMs += 250;
    const quarter = await a.liveProgress?.({ uuid: spec.uuid });
    const total = spec.boot.memoryMb * 1024 * 1024;
    assert.deepEqual(quarter?.memory, { total, processed: total / 4, remaining: (total / 4) * 3 });
    // asked to begin again it goes on
    assert.deepEqual((await a.liveMigrate?.({ uuid: spec.uuid, to: to('b') }))?.memory, quarter?.memory);
    await a.steerLive?.({ uuid: spec.uuid, how: 'abort' });
    nowMs += 5_000;
    assert.deepEqual([(await a.liveProgress?.({ uuid: spec.uuid }))?.state, hosts()], ['cancelled', ['a']]);
    await a.liveMigrate?.({ uuid: spec.uuid, to: to('b') });
    await a.steerLive?.({ uuid: spec.uuid, how: 'force' });
    assert.deepEqual([(await a.liveProgress?.({ uuid: spec.uuid }))?.state, hosts()], ['completed', ['b']]);
    // nothing goes on any more: nothing to steer
    await a.steerLive?.({ uuid: spec.uuid, how: 'abort' });
  });

  it('go nowhere that cannot be reached', async () => {
    const { a, spec, hosts } = await pair();
    for (const node of ['a', 'z']) {
      await assert.rejects(a.liveMigrate?.({ uuid: spec.uuid, to: to(node) }) as Promise<unknown>, /cannot be reached/);
    }
    assert.deepEqual(hosts(), ['a']);
    await assert.rejects(a.liveMigrate?.({ uuid: aSpec().uuid, to: to('b') }) as Promise<unknown>, missing);
  });
});
