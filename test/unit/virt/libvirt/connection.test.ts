import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../../../src/base/clock.ts';
import { Fault } from '../../../../src/base/errors.ts';
import { limits } from '../../../../src/base/limits.ts';
import { silentLog } from '../../../../src/base/log.ts';
import {
  type HypervisorConnection,
  type HypervisorEvent,
  openHypervisor,
} from '../../../../src/virt/libvirt/connection.ts';
import { isVirError, outcomeOf } from '../../../../src/virt/libvirt/errors.ts';
import { domainEvents } from '../../../../src/virt/libvirt/rpc/events.ts';
import { TICK_MS, ticksOf } from '../../../../src/virt/libvirt/rpc/link.ts';
import type { Packet } from '../../../../src/virt/libvirt/rpc/packet.ts';
import { procedures } from '../../../../src/virt/libvirt/rpc/procedures.ts';
import { XdrWriter } from '../../../../src/virt/libvirt/rpc/xdr.ts';
import { type FakeLibvirtd, type FakePeer, startFakeLibvirtd } from '../../../support/fake-libvirtd.ts';

/** A clock that stands still until it is told otherwise. */
function handClock(): Clock & { advance(ms: number): Promise<void> } {
  let waiting: (() => void)[] = [];
  return {
    now: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    advance: async (ms) => {
      for (let tick = 0; tick < ticksOf(ms); tick += 1) {
        const wake = waiting;
        waiting = [];
        for (const resolve of wake) resolve();
        await turn();
        await turn();
      }
    },
  };
}

const hostname = new XdrWriter().string('h').finish();
const domain = { name: 'd', uuid: '11111111-2222-4333-8444-555566667777', id: 1 };

const faultOf = async (promise: Promise<unknown>): Promise<Fault> => {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Fault, String(error));
  return error;
};

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (holds()) return;
    await sleep(2);
  }
  assert.fail(`never: ${what}`);
}

describe('a connection to a hypervisor', () => {
  let daemon: FakeLibvirtd;
  let clock: ReturnType<typeof handClock>;
  let hypervisor: HypervisorConnection;
  let held: { peer: FakePeer; call: Packet }[];

  beforeEach(async () => {
    daemon = await startFakeLibvirtd();
    clock = handClock();
    hypervisor = await openHypervisor({ uri: daemon.uri, log: silentLog, clock });
    held = [];
    daemon.onCall = (peer, call) => held.push({ peer, call });
  });

  afterEach(async () => {
    await hypervisor.close();
    await daemon.stop();
  });

  it('fails to open where nobody listens, and where the daemon says no', async () => {
    const uri = 'qemu+unix:///system?socket=/nonexistent/sock';
    const fault = await faultOf(openHypervisor({ uri, log: silentLog, clock }));
    assert.equal(fault.kind, 'unavailable');
    assert.equal(fault.code, 'libvirt.connection');
    assert.equal(outcomeOf(fault), 'notSent');
    assert.equal(
      (await faultOf(openHypervisor({ uri: 'qemu+tls://h/system', log: silentLog, clock }))).kind,
      'badRequest',
    );
  });

  it('turns an error of libvirt into a fault with its code and text', async () => {
    daemon.onCall = (peer, call) => peer.fail(call, 42, 'Domain not found: x');
    const fault = await faultOf(hypervisor.domainLookupByName('x'));
    assert.deepEqual([fault.kind, fault.code, fault.message], ['notFound', 'libvirt.42', 'Domain not found: x']);
    assert.ok(isVirError(fault, 'VIR_ERR_NO_DOMAIN'));
    assert.equal(outcomeOf(fault), 'failed');
    daemon.onCall = (peer, call) => peer.fail(call, 68, 'vcpu unplug request timed out');
    const pending = await faultOf(hypervisor.domainSetVcpusFlags(domain, 1));
    assert.deepEqual([pending.kind, pending.code, outcomeOf(pending)], ['unavailable', 'libvirt.68', 'unknown']);
  });

  it('never has more calls in flight on a socket than allowed, and keeps their order', async () => {
    const done: number[] = [];
    const calls = Array.from({ length: 20 }, async (_, index) => {
      await hypervisor.connectGetHostname();
      done.push(index);
    });
    let most = 0;
    while (done.length < 20) {
      await until(() => held.length > 0, 'a call');
      await sleep(2);
      most = Math.max(most, held.length);
      const { peer, call } = held.shift() as (typeof held)[number];
      peer.reply(call, hostname);
      await turn();
    }
    await Promise.all(calls);
    assert.equal(most, limits.libvirtCallsInFlight);
    assert.deepEqual(
      done,
      [...done].sort((a, b) => a - b),
    );
  });

  it('lets slow calls hold up no read', async () => {
    const slow = Array.from({ length: 12 }, () => hypervisor.domainShutdownFlags(domain));
    await until(() => held.length === 2, 'two slow calls in flight');
    const shutdown = daemon.onCall;
    daemon.onCall = (peer, call) =>
      call.procedure === procedures.connectGetHostname.number ? peer.reply(call, hostname) : shutdown(peer, call);
    assert.equal(await hypervisor.connectGetHostname(), 'h');
    daemon.onCall = (peer, call) => peer.reply(call, Buffer.alloc(0));
    for (const { peer, call } of held) peer.reply(call, Buffer.alloc(0));
    await Promise.all(slow);
  });

  it('leaves one of the daemon workers to the reads', async () => {
    const other = await openHypervisor({ uri: daemon.uri, log: silentLog, clock, workers: 20 });
    const calls = Array.from({ length: 30 }, () => [other.domainShutdownFlags(domain), other.domainSuspend(domain)]);
    const settled = Promise.allSettled(calls.flat());
    await until(() => held.length === 19, 'nineteen calls in flight');
    await sleep(10);
    assert.equal(held.length, 19);
    await other.close();
    await settled;
  });

  it('refuses arguments that cannot be sent, and stays usable', async () => {
    const fault = await faultOf(hypervisor.domainLookupByName('a\0b'));
    assert.deepEqual([fault.kind, fault.code], ['badRequest', 'libvirt.argument']);
    assert.equal((await faultOf(hypervisor.domainSetVcpusFlags(domain, -1))).kind, 'badRequest');
    daemon.onCall = (peer, call) => peer.reply(call, hostname);
    assert.equal(await hypervisor.connectGetHostname(), 'h');
  });

  it('ends a call at its deadline and keeps its place until the daemon answers', async () => {
    const late = hypervisor.connectGetHostname();
    const fault = faultOf(late);
    await until(() => held.length === 1, 'the call');
    daemon.onCall = (peer, call) => peer.reply(call, hostname);
    await clock.advance(limits.libvirtCallMs + TICK_MS);
    assert.deepEqual([(await fault).code, outcomeOf(await fault)], ['libvirt.deadline', 'unknown']);
    const [{ peer, call }] = held as [(typeof held)[number]];
    peer.reply(call, hostname);
    assert.equal(await hypervisor.connectGetHostname(), 'h');
    assert.ok(hypervisor.connected);
  });

  it('opens a new socket when every place of one is taken by a call past its deadline', async () => {
    const faults = Array.from({ length: limits.libvirtCallsInFlight }, () => faultOf(hypervisor.connectGetHostname()));
    await until(() => held.length === limits.libvirtCallsInFlight, 'the calls');
    for (let ms = 0; ms <= limits.libvirtCallMs; ms += limits.libvirtPingMs) {
      await clock.advance(limits.libvirtPingMs);
      await sleep(5);
    }
    for (const fault of faults) assert.equal((await fault).code, 'libvirt.deadline');
    daemon.onCall = (peer, call) => peer.reply(call, hostname);
    const again = hypervisor.connectGetHostname();
    while (!hypervisor.connected) {
      await clock.advance(TICK_MS);
      await sleep(2);
    }
    assert.equal(await again, 'h');
  });

  it('refuses calls when too many wait', async () => {
    const many = Array.from({ length: limits.libvirtCallsQueued + limits.libvirtCallsInFlight }, () =>
      faultOf(hypervisor.connectGetHostname()),
    );
    const fault = await faultOf(hypervisor.connectGetHostname());
    assert.deepEqual([fault.code, outcomeOf(fault)], ['libvirt.queue', 'notSent']);
    await hypervisor.close();
    await Promise.all(many);
  });

  it('gives up a daemon that has gone silent, and its calls with it', async () => {
    daemon.pong = false;
    const fault = faultOf(hypervisor.domainSuspend(domain));
    await until(() => held.length === 1, 'the call');
    await clock.advance(limits.libvirtSilenceMs);
    assert.deepEqual([(await fault).kind, outcomeOf(await fault)], ['unavailable', 'unknown']);
    await until(() => daemon.pings > 0, 'a ping');
  });

  it('pings a daemon that answers, and keeps it', async () => {
    for (let ms = 0; ms < 4 * limits.libvirtSilenceMs; ms += limits.libvirtPingMs) {
      const before = daemon.pings;
      await clock.advance(limits.libvirtPingMs);
      await until(() => daemon.pings >= before + 3, 'pings on all three sockets');
      await sleep(5);
    }
    assert.ok(hypervisor.connected);
  });

  it('rejects what is in flight when the connection drops, comes back, and says so', async () => {
    const events: HypervisorEvent['type'][] = [];
    hypervisor.on((event) => events.push(event.type));
    assert.equal(daemon.registered, domainEvents.length);
    const lost = faultOf(hypervisor.domainGetInfo(domain));
    await until(() => held.length === 1, 'the call');
    await daemon.down();
    assert.deepEqual([(await lost).code, outcomeOf(await lost)], ['libvirt.connection', 'unknown']);
    await until(() => events.includes('disconnected'), 'disconnected');
    assert.equal(hypervisor.connected, false);

    const waiting = hypervisor.connectGetHostname();
    daemon.onCall = (peer, call) => peer.reply(call, hostname);
    await daemon.up();
    while (!events.includes('reconnected')) {
      await clock.advance(TICK_MS);
      await sleep(2);
    }
    assert.equal(await waiting, 'h');
    assert.deepEqual(events, ['disconnected', 'reconnected']);
    assert.equal(daemon.registered, 2 * domainEvents.length);
  });

  it('fails calls as not sent when the connection stays away', async () => {
    await daemon.down();
    await until(() => !hypervisor.connected, 'loss');
    const fault = faultOf(hypervisor.domainSuspend(domain));
    await clock.advance(limits.libvirtReconnectWaitMs + 2 * TICK_MS);
    assert.deepEqual([(await fault).code, outcomeOf(await fault)], ['libvirt.connection', 'notSent']);
    assert.equal(outcomeOf(await faultOf(hypervisor.domainSuspend(domain))), 'notSent');
  });

  it('comes back for calls of every kind at once, however long it was away', async () => {
    await daemon.down();
    await until(() => !hypervisor.connected, 'loss');
    // by now each socket waits up to ten seconds before it is tried again
    await clock.advance(10 * limits.libvirtBackoffMs);
    await daemon.up();
    daemon.onCall = (peer, call) => peer.reply(call, Buffer.alloc(0));
    const suspended = new Promise((resolve) => {
      hypervisor.on(({ type }) => {
        if (type === 'reconnected') resolve(hypervisor.domainSuspend(domain));
      });
    });
    for (let tick = 0; tick < ticksOf(limits.libvirtBackoffMs) && !hypervisor.connected; tick += 1) {
      await clock.advance(TICK_MS);
      await sleep(2);
    }
    for (let tick = 0; tick < 3; tick += 1) {
      await clock.advance(TICK_MS);
      await sleep(5);
    }
    assert.equal(await Promise.race([suspended, sleep(200, 'still away')]), undefined);
  });

  it('passes events on, whatever a listener does', async () => {
    const seen: HypervisorEvent[] = [];
    hypervisor.on(() => {
      throw new Error('a bad listener');
    });
    const off = hypervisor.on((event) => seen.push(event));
    const reboot = new XdrWriter().i32(1).string('d').uuid(domain.uuid).i32(1).finish();
    for (const each of daemon.peers) each.send(319, reboot);
    await until(() => seen.length > 0, 'an event');
    assert.deepEqual(seen[0], { type: 'reboot', domain });
    off();
    for (const each of daemon.peers) each.send(319, reboot);
    daemon.onCall = (peer, call) => peer.reply(call, hostname);
    await hypervisor.connectGetHostname();
    assert.equal(seen.length, 1);
  });

  for (const [what, answer] of [
    ['a reply that is too short', (peer: FakePeer, call: Packet) => peer.reply(call, Buffer.alloc(0))],
    ['a reply that is too long', (peer: FakePeer, call: Packet) => peer.reply(call, Buffer.alloc(64))],
    ['an endless message', (peer: FakePeer) => void peer.socket.write(Buffer.from('ffffffff', 'hex'))],
    ['a reply to nobody', (peer: FakePeer, call: Packet) => peer.reply({ ...call, serial: 99 }, hostname)],
    ['a reply of another call', (peer: FakePeer, call: Packet) => peer.reply({ ...call, procedure: 3 }, hostname)],
    ['a stream', (peer: FakePeer, call: Packet) => peer.raw({ ...call, type: 3 })],
    ['a malformed event', (peer: FakePeer) => peer.send(318, Buffer.alloc(3))],
  ] as const) {
    it(`ends the connection at ${what}, and opens another`, async () => {
      daemon.onCall = answer;
      const fault = await faultOf(hypervisor.connectGetHostname());
      assert.deepEqual([fault.kind, fault.code, outcomeOf(fault)], ['unavailable', 'libvirt.protocol', 'unknown']);
      daemon.onCall = (peer, call) => peer.reply(call, hostname);
      const again = hypervisor.connectGetHostname();
      while (!hypervisor.connected) {
        await clock.advance(TICK_MS);
        await sleep(2);
      }
      assert.equal(await again, 'h');
    });
  }

  it('rejects calls after it was closed, and those it was closed under', async () => {
    const under = faultOf(hypervisor.connectGetHostname());
    await until(() => held.length === 1, 'the call');
    await hypervisor.close();
    assert.deepEqual([(await under).code, outcomeOf(await under)], ['libvirt.closed', 'unknown']);
    const after = await faultOf(hypervisor.connectGetHostname());
    assert.deepEqual([after.code, outcomeOf(after)], ['libvirt.closed', 'notSent']);
    await until(() => daemon.peers.size === 0, 'all sockets closed');
  });
});
