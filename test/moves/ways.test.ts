// The ways in which a guest may leave a host as it runs, and what may end on the way, on two real hosts: shared storage, TLS, post-copy;
// its QEMU, a libvirtd, the wire. Whatever ends, the guest is on one host afterwards, or off on one. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../src/base/errors.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { Driver } from '../../src/virt/driver.ts';
import type { LibvirtHost } from '../support/libvirt-host.ts';
import { beginLive, endLive, moveLive, mover, receive, sourceOf } from '../support/move-contract.ts';
import { writePki } from '../support/pki.ts';
import { addresses, moving, startTwoHosts, type TwoHosts } from '../support/two-hosts.ts';

const TEST_MS = 300_000;
const AFTER_MS = 60_000;
/** From a cut of the wire until the guest is known to stay, and answers: libvirt's half a minute, and some for a busy machine. */
const CUT_MS = 60_000;

const isFault = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

const hostsOf = async ({ a, b }: TwoHosts, uuid: string): Promise<string[]> => {
  const found: string[] = [];
  for (const [name, host] of [
    ['a', a],
    ['b', b],
  ] as const) {
    if ((await host.virsh('list', '--uuid', '--state-running')).includes(uuid)) found.push(name);
  }
  return found;
};

const up = (host: LibvirtHost, uuid: string) => host.consoleOf(uuid).last();

/** Until its memory is on its way. */
async function underway(driver: Driver, uuid: string): Promise<void> {
  for (;;) {
    const { state, memory } = await mover(driver).liveProgress({ uuid });
    assert.equal(state, 'running');
    if ((memory.processed ?? 0) > 0) return;
    await sleep(50);
  }
}

/** Looks until it is so; what the hypervisor says meanwhile does not count. */
async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + AFTER_MS;
  while (!(await look().catch(() => false))) {
    assert.ok(Date.now() < end, what);
    await sleep(200);
  }
}

describe('what may end while a guest is on its way', { concurrency: 1 }, () => {
  let two: TwoHosts;
  let slow: Driver;

  before(async () => {
    two = await startTwoHosts();
    slow = await two.a.anotherDriver(moving(two.addressOf(two.a), { bandwidthMib: 4 }));
  });
  after(async () => {
    await slow?.close();
    await two?.close();
  });

  const begun = async (driver = slow): Promise<string> => {
    const spec = two.a.spec();
    await driver.spawn({ spec });
    await two.a.ready(spec.uuid);
    await beginLive(driver, two.b.driver, spec);
    await underway(driver, spec.uuid);
    return spec.uuid;
  };

  const gone = async (uuid: string): Promise<void> => {
    for (const host of [two.a, two.b]) {
      await host.driver.destroy({ uuid });
      assert.deepEqual(await host.leftovers(uuid), []);
    }
  };

  it('its size stays as it is: that is refused meanwhile', { timeout: TEST_MS }, async () => {
    const uuid = await begun();
    const request = { actionId: 'x', target: { vcpus: 2, memoryMb: 512 }, persist: false, timeoutMs: 1_000 };
    await assert.rejects(slow.adjust({ uuid, request }), isFault('migration.moving'));
    // another program on the host knows of it as well
    await assert.rejects(two.a.driver.adjust({ uuid, request }), isFault('migration.moving'));
    await mover(slow).steerLive({ uuid, how: 'abort' });
    assert.equal((await endLive(slow, uuid)).state, 'cancelled');
    await gone(uuid);
  });

  it('its patience: given up while another goes first, it stays at once', { timeout: TEST_MS }, async () => {
    const first = await begun();
    const spec = two.a.spec();
    await slow.spawn({ spec });
    await two.a.ready(spec.uuid);
    await beginLive(slow, two.b.driver, spec);
    await mover(slow).steerLive({ uuid: spec.uuid, how: 'abort' });
    assert.equal((await mover(slow).liveProgress({ uuid: spec.uuid })).state, 'cancelled');
    assert.equal(
      (await mover(slow).liveProgress({ uuid: first })).state,
      'running',
      'the other one is on its way still',
    );
    // and its turn does not come
    await mover(slow).steerLive({ uuid: first, how: 'abort' });
    assert.equal((await endLive(slow, first)).state, 'cancelled');
    assert.deepEqual(await hostsOf(two, spec.uuid), ['a']);
    await gone(spec.uuid);
    await gone(first);
  });

  it('the agent: libvirtd goes on, and another finds it', { timeout: TEST_MS }, async () => {
    const uuid = await begun();
    const { a, b } = two;
    const dying = slow;
    await dying.close();
    slow = await a.anotherDriver(moving(two.addressOf(a), { bandwidthMib: 4 }));
    assert.equal((await mover(slow).liveProgress({ uuid })).state, 'running');
    assert.equal((await endLive(slow, uuid)).state, 'completed');
    await mover(b.driver).landLive({ spec: { ...a.spec(), uuid } });
    assert.deepEqual(await hostsOf(two, uuid), ['b']);
    await gone(uuid);
  });

  it('its QEMU at home: it is off there, and nowhere else', { timeout: TEST_MS }, async () => {
    const uuid = await begun();
    const { a, b } = two;
    await a.killQemu(uuid);
    await assert.rejects(endLive(slow, uuid), isFault('migration.failed'));
    await eventually('nothing is there', async () => (await b.driver.inspect({ uuid })) === null);
    assert.deepEqual(await hostsOf(two, uuid), []);
    const view = await a.driver.inspect({ uuid });
    assert.ok(view?.powerState === power.shutdown || view?.powerState === power.crashed, JSON.stringify(view));
    await b.driver.destroy({ uuid });
    await gone(uuid);
  });

  it('its QEMU there: it runs on at home', { timeout: TEST_MS }, async () => {
    const uuid = await begun();
    const { a, b } = two;
    await b.killQemu(uuid);
    await assert.rejects(endLive(slow, uuid), isFault('migration.failed'));
    assert.deepEqual(await hostsOf(two, uuid), ['a']);
    await b.driver.destroy({ uuid });
    assert.deepEqual(await b.leftovers(uuid), []);
    await a.ready(uuid);
    await gone(uuid);
  });

  it('libvirtd there: it runs on at home', { timeout: TEST_MS }, async () => {
    const uuid = await begun();
    const { a, b } = two;
    await b.libvirtd.signal('SIGKILL');
    await assert.rejects(endLive(slow, uuid), isFault('migration.failed'));
    await a.ready(uuid);
    // libvirtd there may still be starting
    await eventually('it runs at home alone', async () => String(await hostsOf(two, uuid).catch(String)) === 'a');
    await eventually('what was left there goes', async () => (await b.driver.destroy({ uuid })) === null);
    await gone(uuid);
  });

  it('libvirtd at home: it runs on at home', { timeout: TEST_MS }, async () => {
    const uuid = await begun();
    const { a, b } = two;
    await a.libvirtd.signal('SIGKILL');
    await eventually('it is known again', async () => (await mover(slow).liveProgress({ uuid })).state === 'none');
    assert.deepEqual(await hostsOf(two, uuid), ['a']);
    await a.ready(uuid);
    await eventually('nothing is there', async () => (await b.driver.inspect({ uuid })) === null);
    // and may go again
    await b.driver.destroy({ uuid });
    await moveLive(a.driver, b.driver, { ...a.spec(), uuid });
    assert.deepEqual(await hostsOf(two, uuid), ['b']);
    await gone(uuid);
  });

  // an emulated guest stands still on its way; one that may run on is here for those under KVM
  for (const emulatedLive of [false, true]) {
    const which = emulatedLive ? 'of a guest that runs meanwhile' : 'of a guest that stands still meanwhile';
    it(`the wire: it runs on at home, ${which}`, { timeout: TEST_MS }, async (t) => {
      const { a, b } = two;
      const driver = await a.anotherDriver(moving(two.addressOf(a), { bandwidthMib: 4, emulatedLive }));
      try {
        const uuid = await begun(driver);
        const cutAt = Date.now();
        await two.wire('down');
        try {
          await assert.rejects(endLive(driver, uuid), (error: unknown) => {
            assert.ok(isFault('migration.failed')(error), String(error));
            assert.match(String(error), /nothing reached host host-b for 15 s/);
            return true;
          });
          const toldMs = Date.now() - cutAt;
          // the wire is down still
          await a.ready(uuid);
          const answersMs = Date.now() - cutAt;
          t.diagnostic(`told after ${toldMs} ms, the guest answers after ${answersMs} ms`);
          assert.ok(answersMs < CUT_MS, `it answers after ${answersMs} ms`);
          assert.deepEqual(await hostsOf(two, uuid), ['a']);
        } finally {
          await two.wire('up');
        }
        await eventually('nothing is there', async () => (await b.driver.inspect({ uuid })) === null);
        await gone(uuid);
      } finally {
        await driver.close();
      }
    });
  }
});

describe('a guest that is forced to its end', { concurrency: 1 }, () => {
  for (const permitPostCopy of [false, true]) {
    const how = permitPostCopy ? 'goes on there before its memory' : 'stands still until its memory is there';
    it(how, { timeout: TEST_MS }, async () => {
      const two = await startTwoHosts();
      // one that stands still anyway cannot be hurried
      const live = { bandwidthMib: 6, permitPostCopy, emulatedLive: true };
      const slow = await two.a.anotherDriver(moving(two.addressOf(two.a), live));
      try {
        const spec = two.a.spec();
        const { uuid } = spec;
        await slow.spawn({ spec });
        await two.a.ready(uuid);
        const before_ = await up(two.a, uuid);
        await beginLive(slow, two.b.driver, spec);
        await underway(slow, uuid);
        await mover(slow).steerLive({ uuid, how: 'force' });
        const reasons = new Set<string>();
        const look = async () => void reasons.add(await two.a.virsh('domstate', '--reason', uuid).catch(() => 'gone'));
        await look();
        assert.equal((await endLive(slow, uuid, look)).state, 'completed');
        const seen = [...reasons].join();
        assert.equal(seen.includes('post-copy'), permitPostCopy, seen);
        assert.match(seen, /paused/);
        assert.equal((await mover(two.b.driver).landLive({ spec })).powerState, power.running);
        await two.b.ready(uuid);
        assert.ok(((await up(two.b, uuid))?.upS ?? 0) >= (before_?.upS ?? 0));
        assert.deepEqual(await hostsOf(two, uuid), ['b']);
      } finally {
        await slow.close();
        await two.close();
      }
    });
  }
});

describe('hosts that share their storage', { concurrency: 1 }, () => {
  it('send memory only, and keep the disks', { timeout: 2 * TEST_MS }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-shared-'));
    const two = await startTwoHosts({ sharedDir: dir });
    const { a, b } = two;
    try {
      const spec = a.spec();
      const { uuid } = spec;
      await a.driver.spawn({ spec });
      await a.ready(uuid);
      const words = await a.mark(uuid);
      const landing = await mover(b.driver).prepareLive({
        ...{ spec, from: await sourceOf(a.driver, uuid), blockMigration: null },
      });
      assert.deepEqual(landing?.disks, []);
      const refused = mover(b.driver).prepareLive({
        ...{ spec, from: await sourceOf(a.driver, uuid), blockMigration: true },
      });
      await assert.rejects(refused, isFault('migration.precheck'));
      await moveLive(a.driver, b.driver, spec);
      await a.driver.destroy({ uuid });
      assert.ok(existsSync(join(dir, uuid, 'disk')), 'whoever it left takes nothing away');
      await b.ready(uuid);
      assert.equal(await b.marked(uuid), words);
      // switched off, and back
      await mover(b.driver).migrateDisk({ uuid, timeoutMs: 0 });
      await receive(b.driver, a.driver, spec, true);
      await a.ready(uuid);
      assert.equal(await a.marked(uuid), words);
      await a.driver.powerOff({ uuid, timeoutMs: 0 });
      assert.equal((await mover(b.driver).restoreDisk({ spec, on: true })).powerState, power.running);
      await a.driver.destroy({ uuid });
      await b.ready(uuid);
      assert.equal(await b.marked(uuid), words);
      await b.driver.destroy({ uuid });
      assert.ok(!existsSync(join(dir, uuid)));
    } finally {
      await two.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describe('hosts that prove who they are', { concurrency: 1 }, () => {
  it('send memory and disks through TLS, and nobody else gets in', { timeout: TEST_MS }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-pki-'));
    await writePki(dir, addresses);
    const secret = { scheme: 'tls', nativeTls: true } as const;
    const two = await startTwoHosts({ pki: dir, driver: (address) => moving(address, secret) });
    const { a, b } = two;
    try {
      const spec = a.spec();
      const { uuid } = spec;
      await a.driver.spawn({ spec });
      await a.ready(uuid);
      const words = await a.mark(uuid);
      await moveLive(a.driver, b.driver, spec);
      await b.ready(uuid);
      assert.equal(await b.marked(uuid), words);
      assert.deepEqual(await hostsOf(two, uuid), ['b']);
      // one that has no certificate any more cannot send it back
      await b.libvirtd.exec('rm', '/etc/pki/libvirt/clientcert.pem', '/etc/pki/libvirt/private/clientkey.pem');
      await a.driver.destroy({ uuid });
      await beginLive(b.driver, a.driver, spec);
      await assert.rejects(endLive(b.driver, uuid), isFault('migration.failed'));
      assert.deepEqual(await hostsOf(two, uuid), ['b']);
    } finally {
      await two.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
