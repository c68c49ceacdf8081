// Why: what a driver does of a move, said as tests for every driver: each verb twice is once, each has a way back, a guest is never on
// two hosts, and its disk is the same wherever it is.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Fault, type FaultKind } from '../../src/base/errors.ts';
import type { AgentVerbs } from '../../src/domain/servers/agent-methods.ts';
import type { DiskSource, GuestSpec, GuestView, LiveProgress } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Driver } from '../../src/virt/driver.ts';
import { CANNOT } from './not-run.ts';

/** Two hosts that reach each other. */
export interface MoveWorld {
  readonly a: Driver;
  readonly b: Driver;
  /** A guest of a new uuid, 1 to 4 vCPUs and 256 to 1024 MiB, booting at 1 and 256, with a root disk of 1 GiB. */
  spec(): GuestSpec;
  /** Resolves when the guest is up on that host. */
  ready(on: Driver, uuid: string): Promise<void>;
  /** Has the guest write to its root disk, and says what. */
  mark(on: Driver, uuid: string): Promise<string>;
  /** What the guest reads where it wrote. */
  marked(on: Driver, uuid: string): Promise<string>;
  /** How large the guest's root disk is as it sees it, in GiB. */
  rootGb(on: Driver, uuid: string): Promise<number>;
  /** A driver of the first host from which guests go slowly, and a guest that it does. */
  readonly slow: Driver;
  slowSpec(): GuestSpec;
  /** For how many seconds the guest itself says that it runs. */
  uptime(on: Driver, uuid: string): Promise<number>;
  /** The names of whatever a guest has on a host. */
  leftovers(on: Driver, uuid: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const POLL_MS = 50;

async function refuses(work: Promise<unknown>, kind: FaultKind): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof Fault, `a Fault, not ${String(error)}`);
    assert.equal(error.kind, kind, error.message);
    return true;
  });
}

/** A driver with all verbs of a move. */
export function mover(driver: Driver): AgentVerbs {
  for (const name of ['migrateDisk', 'receiveDisk', 'liveMigrate'] as const) assert.ok(driver[name], name);
  return driver as unknown as AgentVerbs;
}

/** Where `from` has the disks of a guest. */
export async function sourceOf(from: Driver, uuid: string): Promise<DiskSource> {
  const { hypervisorHostname: node, hostIp } = await from.inventory();
  return { node, hostIp, offer: await mover(from).offerDisk({ uuid }) };
}

/** As the control plane has a guest received. */
export async function receive(from: Driver, to: Driver, spec: GuestSpec, on: boolean): Promise<GuestView> {
  const source = await sourceOf(from, spec.uuid);
  const verbs = mover(to);
  while (!(await verbs.fetchDisk({ spec, from: source })).done) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return verbs.receiveDisk({ spec, from: source, on });
}

/** As the control plane begins to move a guest that runs. */
export async function beginLive(from: Driver, to: Driver, spec: GuestSpec): Promise<LiveProgress> {
  const { uuid } = spec;
  const source = await sourceOf(from, uuid);
  const { hypervisorHostname: node, hostIp } = await to.inventory();
  const landing = await mover(to).prepareLive({ spec, from: source, blockMigration: null });
  const how = { node, hostIp, blockMigration: null, numa: null, landing };
  return mover(from).liveMigrate({ uuid, to: how });
}

/** Waits until a move is over; `attend` is called while it goes on. */
export async function endLive(
  from: Driver,
  uuid: string,
  attend: (progress: LiveProgress) => Promise<unknown> = async () => undefined,
): Promise<LiveProgress> {
  for (;;) {
    const progress = await mover(from).liveProgress({ uuid });
    if (progress.state !== 'running') return progress;
    await attend(progress);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The whole of it; the guest is there afterwards. */
export async function moveLive(from: Driver, to: Driver, spec: GuestSpec): Promise<GuestView> {
  await beginLive(from, to, spec);
  const { state } = await endLive(from, spec.uuid);
  assert.ok(state === 'completed' || state === 'none', state);
  return mover(to).landLive({ spec });
}

export function moveContract(name: string, timeout: number, make: () => Promise<MoveWorld>): void {
  describe(`moves: ${name}`, { concurrency: 1 }, () => {
    let world: MoveWorld;
    let a: Driver;
    let b: Driver;

    before(async () => {
      world = await make();
      ({ a, b } = world);
    });

    after(async () => {
      await world.close();
    });

    const running = async (spec: GuestSpec): Promise<string> => {
      await a.spawn({ spec });
      await world.ready(a, spec.uuid);
      return world.mark(a, spec.uuid);
    };

    const hosts = async (uuid: string): Promise<string[]> => {
      const found = [];
      for (const [name, driver] of [
        ['a', a],
        ['b', b],
      ] as const) {
        if ((await driver.inspect({ uuid })) !== null) found.push(name);
      }
      return found;
    };

    const gone = async (uuid: string): Promise<void> => {
      for (const driver of [a, b]) {
        await driver.destroy({ uuid });
        await mover(driver).dropDisk({ uuid });
        assert.deepEqual(await world.leftovers(driver, uuid), []);
      }
    };

    it('sets disks aside, which another host takes over with all that is on them', { timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      const words = await running(spec);
      for (const _time of [1, 2]) await mover(a).migrateDisk({ uuid, timeoutMs: 0 });
      assert.deepEqual(await hosts(uuid), []);
      const larger = { ...spec, boot: { vcpus: 2, memoryMb: 512 } };
      for (const _time of [1, 2]) {
        const view = await receive(a, b, larger, true);
        assert.deepEqual([view.powerState, view.size.vcpus], [power.running, 2]);
      }
      assert.deepEqual(await hosts(uuid), ['b']);
      await world.ready(b, uuid);
      assert.equal(await world.marked(b, uuid), words);
      for (const _time of [1, 2]) await mover(a).dropDisk({ uuid });
      assert.deepEqual(await world.leftovers(a, uuid), []);
      await gone(uuid);
    });

    it('gives a guest its old disks back, without what was written since', { timeout: 2 * timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      const words = await running(spec);
      await mover(a).migrateDisk({ uuid, timeoutMs: 0 });
      await receive(a, b, { ...spec, disks: { ...spec.disks, rootGb: 2 } }, true);
      await world.ready(b, uuid);
      assert.equal(await world.rootGb(b, uuid), 2);
      await b.powerOff({ uuid, timeoutMs: 0 });
      for (const _time of [1, 2]) {
        const view = await mover(a).restoreDisk({ spec, on: true });
        assert.deepEqual([view.powerState, view.size.vcpus], [power.running, 1]);
      }
      await world.ready(a, uuid);
      assert.deepEqual([await world.marked(a, uuid), await world.rootGb(a, uuid)], [words, 1]);
      // a guest that was never touched is left alone
      assert.equal((await mover(a).restoreDisk({ spec, on: true })).powerState, power.running);
      await gone(uuid);
    });

    it('makes another guest of them on the same host, which gives way again', { timeout: 2 * timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      const words = await running(spec);
      await mover(a).migrateDisk({ uuid, timeoutMs: 0 });
      const larger = { ...spec, boot: { vcpus: 2, memoryMb: 512 }, disks: { ...spec.disks, rootGb: 2 } };
      const { hypervisorHostname: node, hostIp } = await a.inventory();
      const from = { node, hostIp, offer: null };
      for (const _time of [1, 2]) {
        assert.equal((await mover(a).receiveDisk({ spec: larger, from, on: true })).size.vcpus, 2);
      }
      await world.ready(a, uuid);
      assert.deepEqual([await world.marked(a, uuid), await world.rootGb(a, uuid)], [words, 2]);
      assert.equal((await mover(a).restoreDisk({ spec, on: true })).size.vcpus, 1);
      await world.ready(a, uuid);
      assert.deepEqual([await world.marked(a, uuid), await world.rootGb(a, uuid)], [words, 1]);
      await gone(uuid);
    });

    it('leaves a guest off that shall be off, and takes it back off', { timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      await a.spawn({ spec });
      await mover(a).migrateDisk({ uuid, timeoutMs: 0 });
      for (const _time of [1, 2]) assert.equal((await receive(a, b, spec, false)).powerState, power.shutdown);
      await b.destroy({ uuid });
      assert.deepEqual(await world.leftovers(b, uuid), []);
      assert.equal((await mover(a).restoreDisk({ spec, on: false })).powerState, power.shutdown);
      assert.equal((await a.powerOn({ spec })).powerState, power.running);
      await gone(uuid);
    });

    it('moves a guest as it runs, with its size and its disk, and back', { timeout: 2 * timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      const words = await running(spec);
      const target = { vcpus: 2, memoryMb: 512 };
      const request = { actionId: 'grow', target, persist: false, timeoutMs: timeout };
      const { view } = await a.adjust({ uuid, request });
      assert.deepEqual(view.size, target);
      for (const [from, to, name] of [
        [a, b, 'b'],
        [b, a, 'a'],
      ] as const) {
        const before = await world.uptime(from, uuid);
        assert.equal((await moveLive(from, to, spec)).powerState, power.running);
        assert.deepEqual(await hosts(uuid), [name]);
        for (const _time of [1, 2]) assert.deepEqual((await mover(to).landLive({ spec })).size, target);
        await world.ready(to, uuid);
        assert.ok((await world.uptime(to, uuid)) >= before, 'it did not start anew');
        assert.equal(await world.marked(to, uuid), words);
        await from.destroy({ uuid });
        assert.deepEqual(await world.leftovers(from, uuid), []);
        assert.deepEqual(await hosts(uuid), [name]);
      }
      await gone(uuid);
    });

    it('tells whoever did not hear it that a guest has arrived', { timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      await a.spawn({ spec });
      await world.ready(a, uuid);
      await moveLive(a, b, spec);
      const { hypervisorHostname: node, hostIp } = await b.inventory();
      const to = { node, hostIp, blockMigration: null, numa: null, landing: null };
      assert.equal((await mover(a).liveMigrate({ uuid, to })).state, 'completed');
      await refuses(a.powerOn({ spec }), 'notFound');
      await refuses(mover(a).restoreDisk({ spec, on: true }), 'notFound');
      assert.deepEqual(await hosts(uuid), ['b']);
      await gone(uuid);
    });

    it('tells how far a guest is, and keeps it when that is asked: twice is once', { timeout }, async () => {
      const { slow } = world;
      const spec = world.slowSpec();
      const { uuid } = spec;
      await slow.spawn({ spec });
      await world.ready(slow, uuid);
      const words = await world.mark(slow, uuid);
      assert.equal((await beginLive(slow, b, spec)).state, 'running');
      const seen: LiveProgress[] = [];
      const { state } = await endLive(slow, uuid, async (progress) => {
        seen.push(progress);
        assert.equal(await b.inspect({ uuid }), null, 'it is no guest there before it is there');
        assert.ok(!(await b.list({})).some((one) => one.uuid === uuid));
        if ((progress.memory.processed ?? 0) === 0) return;
        for (const _time of [1, 2]) await mover(slow).steerLive({ uuid, how: 'abort' });
      });
      assert.equal(state, 'cancelled');
      const { total, processed, remaining } = seen.findLast(({ memory }) => memory.processed)?.memory ?? {};
      assert.ok(total && processed && remaining && processed < total, JSON.stringify({ total, processed, remaining }));
      await b.destroy({ uuid });
      assert.deepEqual(await world.leftovers(b, uuid), []);
      assert.deepEqual(await hosts(uuid), ['a']);
      assert.equal((await a.inspect({ uuid }))?.powerState, power.running);
      assert.equal(await world.marked(slow, uuid), words);
      // nothing goes on: nothing to give up
      await mover(slow).steerLive({ uuid, how: 'abort' });
      await gone(uuid);
    });

    it('moves a guest as it stands still, and back, and it stands still there', { timeout: 2 * timeout }, async (t) => {
      if (!a.pause || !b.unpause) return t.skip(CANNOT);
      const spec = world.spec();
      const { uuid } = spec;
      const words = await running(spec);
      await a.pause({ uuid });
      for (const [from, to, name] of [
        [a, b, 'b'],
        [b, a, 'a'],
        [a, b, 'b'],
      ] as const) {
        assert.equal((await moveLive(from, to, spec)).powerState, power.paused);
        assert.deepEqual(await hosts(uuid), [name]);
      }
      assert.equal((await b.unpause({ uuid })).powerState, power.running);
      await world.ready(b, uuid);
      assert.equal(await world.marked(b, uuid), words);
      await gone(uuid);
    });

    it('misses disks that are nowhere', { timeout }, async () => {
      const spec = world.spec();
      const { uuid } = spec;
      await refuses(mover(a).migrateDisk({ uuid, timeoutMs: 0 }), 'notFound');
      await refuses(mover(a).restoreDisk({ spec, on: true }), 'notFound');
      const { hypervisorHostname: node, hostIp } = await b.inventory();
      await refuses(mover(b).receiveDisk({ spec, from: { node, hostIp, offer: null }, on: true }), 'notFound');
      await mover(a).dropDisk({ uuid });
      await gone(uuid);
    });
  });
}
