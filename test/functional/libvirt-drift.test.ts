// What an operator does with virsh to a guest of ours, on the real thing: noticed, told, and claimed for. Then a seeded sequence of
// both hands in turn, after each step of which the API says what libvirt says. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { type GuestService, startElastic, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 180_000;
/** A guest whose agent left a question unanswered is not asked again for a while. */
const AGREE_MS = BOOT_MS + limits.agentPauseMs;
/** A report every two seconds finds what no event told. */
const NOTICE_MS = 120_000;
/** Between two looks, at which everything is asked. */
const LOOK_MS = 250;
const STEPS = 15;
const SEED = 4;

/** Numbers that are the same each time (mulberry32). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Told {
  readonly action: string;
  readonly event: string;
  readonly details: string | null;
}

describe('a hand past us on libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  let id: string;

  const compute: GuestService['compute'] = (...words) => world.compute(...words);
  const virsh: GuestService['virsh'] = (...words) => world.virsh(...words);
  const adjustment = async () => (await compute('GET', `/os-xloud-adjust/${id}`)).body;
  /** Null while an action is under way. */
  const statusOf = async (): Promise<string | null> => {
    const { server } = (await compute('GET', `/servers/${id}`)).body;
    return server['OS-EXT-STS:task_state'] === null ? server.status : null;
  };
  const act = async (action: object) =>
    assert.equal((await compute('POST', `/servers/${id}/action`, action)).status, 202, JSON.stringify(action));
  /** The server's history, the newest first. */
  const history = async (): Promise<Told[]> => {
    const { body } = await compute('GET', `/servers/${id}/os-instance-actions`);
    const told: Told[] = [];
    for (const { action, request_id } of body.instanceActions) {
      const whole = (await compute('GET', `/servers/${id}/os-instance-actions/${request_id}`)).body.instanceAction;
      told.push({ action, event: whole.events[0]?.event, details: whole.events[0]?.details });
    }
    return told;
  };

  /** libvirt's own words: state, plugged vCPUs, and the balloon in MiB. */
  const domain = async () => {
    const info = await virsh('dominfo', id);
    const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(info)?.[1] ?? '';
    return {
      state: field('State'),
      vcpus: Number(field('CPU\\(s\\)')),
      memoryMb: Math.ceil(Number.parseInt(field('Used memory'), 10) / 1024),
    };
  };
  const statuses: Readonly<Record<string, string>> = { running: 'ACTIVE', paused: 'PAUSED', 'shut off': 'SHUTOFF' };

  /** Waits until API, claim, quota and hypervisor say what libvirt says of its one guest. */
  const agree = (what: string) => {
    let said = '';
    return eventually(
      `all to agree after ${what}`,
      AGREE_MS,
      async () => {
        const { state, vcpus, memoryMb } = await domain();
        const [status, shown] = [await statusOf(), await adjustment()];
        said = JSON.stringify({ state, vcpus, memoryMb, status, shown });
        if (status !== statuses[state] || shown.status === 'adjusting') return null;
        const { claimed } = shown.vcpus;
        if (state !== 'shut off') {
          if (claimed < vcpus || shown.memory_mb.claimed < memoryMb) return null;
          if (state === 'running' && shown.memory_mb.current !== memoryMb) return null;
          if (state === 'running' && shown.vcpus.current !== shown.vcpus.guest_online) return null;
        }
        const [hypervisor] = (await compute('GET', '/os-hypervisors/detail')).body.hypervisors;
        const used = (await compute('GET', '/limits')).body.limits.absolute;
        const sums = [hypervisor.vcpus_used, hypervisor.memory_mb_used, used.totalCoresUsed, used.totalRAMUsed];
        said += ` sums ${sums.join()}`;
        const due = [claimed, shown.memory_mb.claimed, claimed, shown.memory_mb.claimed];
        return sums.join() === due.join() ? shown : null;
      },
      LOOK_MS,
    ).catch((error: unknown) => {
      throw new Error(`after ${what} no agreement: ${said}`, { cause: error });
    });
  };

  before(async () => {
    world = await startGuestService({
      flavor: { vcpus: 4, ram: 768 },
      env: { XLOUD_COMPUTE__RESERVED_MEMORY_MB: '0' },
    });
    ({ id } = await startElastic(world));
    await agree('its start');
  });
  after(() => world?.close());

  it('plugs a vCPU and moves the balloon: told with before and after, claimed for, left so', async () => {
    await virsh('setvcpus', id, '2', '--live');
    await eventually('the claim', NOTICE_MS, async () => ((await adjustment()).vcpus.claimed === 2 ? true : null));
    await virsh('setmem', id, '512M', '--live');
    await eventually('512 MiB', NOTICE_MS, async () => ((await adjustment()).memory_mb.claimed === 512 ? true : null));
    const shown = await agree('setmem');
    assert.deepEqual([shown.vcpus.current, shown.vcpus.target, shown.memory_mb.target], [2, 1, 256]);
    const [told] = await history();
    assert.deepEqual([told?.action, told?.event], ['adjust', 'guest_changed']);
    const details = told?.details ?? null;
    assert.match(details ?? '', /^The size changed on the host without a request: .*256 MiB before, 512 MiB now\.$/);
    assert.equal(shown.message, details);
    assert.equal((await domain()).memoryMb, 512);
  });

  for (const [command, status, action] of [
    ['suspend', 'PAUSED', 'pause'],
    ['resume', 'ACTIVE', 'start'],
    ['destroy', 'SHUTOFF', 'stop'],
    ['start', 'ACTIVE', 'start'],
  ] as const) {
    it(`virsh ${command}: ${status}, told, and not taken back`, async () => {
      const before = (await domain()).state;
      const known = (await history()).length;
      await virsh(command, id);
      await eventually(status, NOTICE_MS, async () => ((await statusOf()) === status ? true : null));
      await agree(command);
      const told = (await history()).slice(0, -known);
      // a balloon that wobbles after a start may be told as well
      const [entry, ...more] = told.filter((one) => one.action === action);
      assert.equal(more.length, 0, JSON.stringify(told));
      assert.equal(entry?.event, 'guest_changed', JSON.stringify(told));
      assert.match(entry.details ?? '', /^The guest changed on the host without a request: \w+ before, \w+ now/);
      assert.notEqual((await domain()).state, before);
    });
  }

  it(`agrees with libvirt after each of ${STEPS} steps of either hand`, async () => {
    const number = numbersFrom(SEED);
    for (let step = 0; step < STEPS; step += 1) {
      const { state } = await domain();
      const vcpus = 1 + number(4);
      const memoryMb = 320 + 64 * number(7);
      const off = state === 'shut off';
      const which = number(6);
      let what: string;
      if (off || state === 'paused') {
        what = off ? 'os-start' : 'resume';
        if (off) await act({ 'os-start': null });
        else await virsh('resume', id);
      } else if (which <= 1) {
        what = `adjust to ${memoryMb} MiB`;
        const body = { current_memory_mb: memoryMb };
        assert.equal((await compute('POST', `/os-xloud-adjust/${id}`, body)).status, 202);
      } else if (which === 2) {
        what = `setmem ${memoryMb}M`;
        await virsh('setmem', id, `${memoryMb}M`, '--live');
      } else if (which === 3) {
        // under emulation a vCPU never goes away again
        const more = Math.max(vcpus, (await domain()).vcpus);
        what = `setvcpus ${more}`;
        await virsh('setvcpus', id, String(more), '--live');
      } else if (which === 4) {
        what = 'suspend';
        await virsh('suspend', id);
      } else {
        what = 'destroy';
        await virsh('destroy', id);
      }
      await agree(`step ${step}: ${what}`);
    }
  });
});
