// The rows of the table of live adjustment that speak of the guest, on a real one: rows 5, 7, 9, 10, 11 and 14. What each means
// for the API stands in the file of its row. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ElasticServer, type GuestService, startElastic, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

/** The end of waits for what must happen, a boot among it: it says nothing of how fast that is. */
const NOTICE_MS = 180_000;
/** Between two looks, which ask the service, libvirt and a shell in the guest. */
const LOOK_MS = 250;
/** More than the guest's kernel and its few programs use. */
const KERNEL_MB = 200;
/** How long a guest may take to give something back before the answer is that it does not. */
const CONFIRM_S = 20;

describe('the rows of live adjustment in a real guest', { concurrency: 1 }, () => {
  let world: GuestService;
  let server: ElasticServer;
  before(async () => {
    world = await startGuestService({
      flavor: { vcpus: 4, ram: 1024 },
      env: { XLOUD_COMPUTE__RESERVED_MEMORY_MB: '0', XLOUD_COMPUTE__ADJUST_CONFIRM_SECONDS: String(CONFIRM_S) },
    });
    server = await startElastic(world);
  });
  after(() => world?.close());

  const cpusInside = async (): Promise<number> => Number(await server.inside('grep -c ^processor /proc/cpuinfo'));
  const availableInside = async (): Promise<number> =>
    Number(/MemAvailable:\s+(\d+)/.exec(await server.inside('cat /proc/meminfo'))?.[1]) / 1024;
  /** The API, the claim, the balloon and the guest itself. */
  const has = (vcpus: number, memoryMb: number) =>
    eventually(
      `${vcpus} vCPUs and ${memoryMb} MiB everywhere`,
      NOTICE_MS,
      async () => {
        const { status, vcpus: shown, memory_mb: memory } = await server.look();
        // the agent is there
        if (status !== 'idle' || shown.current !== vcpus || shown.guest_online !== vcpus) return null;
        const actual = /^actual (\d+)$/m.exec(await world.virsh('dommemstat', server.id))?.[1];
        if ([memory.current, memory.claimed, Number(actual) / 1024].some((one) => one !== memoryMb)) return null;
        const inside = await availableInside();
        const near = inside < memoryMb && inside > memoryMb - KERNEL_MB;
        return near && (await cpusInside()) === vcpus ? true : null;
      },
      LOOK_MS,
    );

  it('14: shows no virtualisation of the host, and has vCPUs that can go', async () => {
    const flags = await server.inside('grep -m 1 ^flags /proc/cpuinfo');
    assert.doesNotMatch(flags, /\b(vmx|svm)\b/);
    const boot = await server.adjust({ current_vcpus: 3 });
    assert.equal(boot.status, 'idle', boot.message);
    assert.equal(await server.act({ reboot: { type: 'HARD' } }), 'ACTIVE');
    await has(3, 256);
    const vcpus = [...(await world.virsh('dumpxml', server.id)).matchAll(/<vcpu id='(\d)' .*hotpluggable='(\w+)'/g)];
    assert.deepEqual(
      vcpus.map(([, id, pluggable]) => `${id} ${pluggable}`),
      ['0 no', '1 yes', '2 yes', '3 yes'],
    );
  });

  it('5: is claimed before the guest gets it, and free when the guest let go of it', async () => {
    const claimed = async () => (await server.look()).memory_mb.claimed;
    const ask = async (memoryMb: number) => {
      const body = { current_memory_mb: memoryMb };
      assert.equal((await world.compute('POST', `/os-xloud-adjust/${server.id}`, body)).status, 202);
    };
    // a hypervisor that hangs: whatever is said meanwhile, it was not the guest
    await world.libvirtd.signal('SIGSTOP');
    await ask(768);
    assert.equal(await claimed(), 768);
    assert.equal((await server.look()).memory_mb.current, 256);
    await world.libvirtd.signal('SIGCONT');
    assert.equal((await server.settled('growth')).memory_mb.current, 768);
    await has(3, 768);
    await world.libvirtd.signal('SIGSTOP');
    await ask(512);
    assert.equal(await claimed(), 768);
    await world.libvirtd.signal('SIGCONT');
    await server.settled('shrink');
    await has(3, 512);
  });

  it('7: keeps its size over rebuild, and what was not to persist until its next power cycle', async () => {
    assert.equal(await server.act({ rebuild: { imageRef: world.imageRef } }), 'ACTIVE');
    await has(3, 512);
    await server.adjust({ current_vcpus: 4, current_memory_mb: 768, persist: false });
    await has(4, 768);
    assert.equal(await server.act({ reboot: { type: 'SOFT' } }), 'ACTIVE');
    await has(3, 512);
  });

  it('9: is given a size while it is off, and boots with it', async () => {
    assert.equal(await server.act({ 'os-stop': null }), 'SHUTOFF');
    assert.equal((await server.adjust({ current_vcpus: 2, current_memory_mb: 1024 })).status, 'pending_reboot');
    assert.equal(await server.act({ 'os-start': null }), 'ACTIVE');
    await has(2, 1024);
  });

  it('10: says how far the guest went, claims that, and a later try gets there', async () => {
    await server.inside('mkdir -p /run/own && mount -t tmpfs -o size=90% tmpfs /run/own');
    await server.inside('dd if=/dev/zero of=/run/own/it bs=1M count=500');
    const part = await server.adjust({ current_memory_mb: 256 });
    assert.equal(part.status, 'partial', part.message);
    assert.match(
      part.message,
      /^memory: \d+ MiB of 256 MiB reached: the guest's balloon reached \d+ MiB instead of 256 MiB$/,
    );
    const { current, claimed } = (await server.look()).memory_mb;
    assert.ok(current > 500 && current < 1024 && claimed >= current, `${current} MiB, ${claimed} claimed`);
    await server.inside('rm /run/own/it');
    assert.equal((await server.adjust({ current_memory_mb: 256 })).status, 'idle');
    await has(2, 256);
  });

  it('10: is told truly of a guest that dies in the middle, and goes on with it when it is back', async () => {
    await server.adjust({ current_memory_mb: 512 });
    await has(2, 512);
    await server.inside('mkdir -p /run/own && mount -t tmpfs -o size=90% tmpfs /run/own');
    await server.inside('dd if=/dev/zero of=/run/own/it bs=1M count=300');
    const body = { current_memory_mb: 256 };
    const asked = await world.compute('POST', `/os-xloud-adjust/${server.id}`, body);
    assert.equal(asked.status, 202);
    // longer than a willing guest takes, and shorter than is waited for this one
    await sleep(3_000);
    assert.equal((await server.look()).status, 'adjusting');
    await world.libvirtd.exec('sh', '-c', 'kill -9 "$(cat "/run/libvirt/qemu/xloud-$0.pid")"', server.id);
    await eventually('SHUTOFF', NOTICE_MS, async () =>
      (await world.compute('GET', `/servers/${server.id}`)).body.server.status === 'SHUTOFF' ? true : null,
    );
    const dead = await server.settled('its end');
    assert.deepEqual([dead.vcpus.guest_online, dead.memory_mb.current, dead.memory_mb.claimed], [null, 512, 512]);
    const path = `/servers/${server.id}/os-instance-actions/${asked.body.request_id}`;
    assert.equal((await world.compute('GET', path)).body.instanceAction.message, 'Error');
    assert.equal(await server.act({ 'os-start': null }), 'ACTIVE');
    await has(2, 512);
    assert.equal((await server.adjust(body)).status, 'idle');
    await has(2, 256);
  });

  it('10, 11: keeps vCPUs claimed that only the guest turned off, and takes no memory where it keeps its vCPUs', async () => {
    const off = await server.adjust({ current_vcpus: 1 });
    assert.deepEqual([off.status, off.vcpus.current, off.vcpus.guest_online, off.vcpus.claimed], ['idle', 1, 1, 2]);
    assert.equal(await cpusInside(), 1);
    await server.adjust({ current_vcpus: 2, current_memory_mb: 512 });
    await has(2, 512);
    // without its agent nobody can take a vCPU of an emulated guest
    await server.inside('(sleep 1; killall qemu-ga) >/dev/null 2>&1 &');
    await eventually('its agent to go', NOTICE_MS, async () =>
      (await server.look()).vcpus.guest_online === null ? true : null,
    );
    const kept = await server.adjust({ current_vcpus: 1, current_memory_mb: 256 });
    assert.equal(kept.status, 'error');
    assert.deepEqual([kept.vcpus.current, kept.memory_mb.current, kept.memory_mb.claimed], [2, 512, 512]);
    assert.match(
      kept.message,
      /vCPUs: 2 of 1 reached: .*; memory: 512 MiB of 256 MiB reached: not tried, since the other/,
    );
  });
});
