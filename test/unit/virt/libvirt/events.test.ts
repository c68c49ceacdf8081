import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import type { HypervisorEvent } from '../../../../src/virt/libvirt/connection.ts';
import { limits } from '../../../../src/base/limits.ts';
import { makeUntil, toGuestEvent } from '../../../../src/virt/libvirt/events.ts';
import type { LifecycleName } from '../../../../src/virt/libvirt/rpc/events.ts';

const uuid = randomUUID();
const domain = { name: `xloud-${uuid}`, uuid, id: 1 };

describe("libvirt's events as a server's", () => {
  const kindOf = (event: LifecycleName, detail = 0) => toGuestEvent({ type: 'lifecycle', domain, event, detail })?.kind;

  it('tells a guest that went from one that crashed', () => {
    assert.deepEqual(toGuestEvent({ type: 'lifecycle', domain, event: 'stopped', detail: 0 }), {
      ...{ kind: 'stopped', uuid, reason: 'the guest shut itself down' },
    });
    assert.equal(kindOf('stopped', 1), 'stopped');
    assert.equal(kindOf('stopped', 2), 'crashed');
    assert.equal(kindOf('stopped', 5), 'crashed');
    assert.equal(kindOf('stopped', 99), 'stopped');
    assert.equal(kindOf('crashed'), undefined, 'the stop that follows tells it');
  });

  it('tells the other turns of a life, and of sizes', () => {
    assert.equal(kindOf('started'), 'started');
    assert.equal(kindOf('suspended'), 'paused');
    assert.equal(kindOf('resumed'), 'resumed');
    assert.equal(kindOf('defined'), undefined);
    assert.equal(toGuestEvent({ type: 'reboot', domain })?.kind, 'rebooted');
    assert.equal(toGuestEvent({ type: 'balloon', domain, actualKib: 1 })?.kind, 'resized');
    const plugged = { type: 'memoryDevice', domain, alias: 'virtiomem0', currentKib: 1 } as const;
    assert.equal(toGuestEvent(plugged)?.kind, 'resized');
    assert.equal(toGuestEvent({ type: 'deviceRemoved', domain, alias: 'vcpu2' })?.kind, 'resized');
    assert.equal(toGuestEvent({ type: 'deviceRemoved', domain, alias: 'net0' }), null);
    assert.deepEqual(toGuestEvent({ type: 'reconnected' }), { kind: 'reconnected', uuid: null });
  });

  it('is silent about domains of others', () => {
    const other = { ...domain, name: 'somebody' };
    assert.equal(toGuestEvent({ type: 'reboot', domain: other }), null);
    assert.equal(toGuestEvent({ type: 'lifecycle', domain: other, event: 'stopped', detail: 0 }), null);
  });
});

describe('waiting for a guest', () => {
  it('looks at once, when an event of that guest comes, and until the time is over', async () => {
    const listeners = new Set<(event: HypervisorEvent) => void>();
    const until = makeUntil(
      {
        on: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(60_000, signal) },
    );
    assert.equal(await until(uuid, 0, () => Promise.resolve('at once')), 'at once');
    assert.equal(await until(uuid, 0, () => Promise.resolve(undefined)), undefined);
    let looks = 0;
    const found = until(uuid, 60_000, () => Promise.resolve(++looks > 1 ? 'woken' : undefined));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(looks, 1);
    for (const listener of listeners) listener({ type: 'reboot', domain: { ...domain, uuid: randomUUID() } });
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(looks, 1, 'not at the events of others');
    for (const listener of listeners) listener({ type: 'reboot', domain });
    assert.equal(await found, 'woken');
    assert.equal(listeners.size, 0);
  });

  it('is late by a share of what it waits for, and looks no more often than that', async () => {
    let nowMs = 1_000;
    const looksAt: number[] = [];
    const until = makeUntil(
      { on: () => () => undefined },
      {
        ...systemClock,
        now: () => nowMs,
        sleep: (ms) => {
          nowMs += ms;
          return Promise.resolve();
        },
      },
    );
    const TIME_MS = 1_000;
    await until(uuid, TIME_MS, () => {
      looksAt.push(nowMs - 1_000);
      return Promise.resolve(undefined);
    });
    assert.equal(looksAt.at(-1), TIME_MS, 'a last look when the time is over');
    for (const [index, at] of looksAt.entries()) {
      const next = looksAt[index + 1];
      if (next === undefined) break;
      const expected = Math.min(
        Math.max(at * limits.guestPollShare, limits.guestPollLeastMs),
        limits.guestPollMs,
        TIME_MS - at,
      );
      assert.ok(Math.abs(next - at - expected) < 1e-6, `${at}, then ${next}`);
    }
  });
});
