// A server whose flavor asks for virtio-mem, on real QEMU and in a real guest: what the API says, libvirt's device and the guest's
// own kernel say too. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ElasticServer, type GuestService, startElastic, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 180_000;
const NOTICE_MS = 180_000;
/** How long a guest may take to give memory back before the answer is that it does not. */
const CONFIRM_S = 30;
const MINIMUM_MB = 256;
/** More than the guest's kernel keeps for itself. */
const KERNEL_MB = 128;
const MIB_KIB = 1024;

describe('virtio-mem on libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  let server: ElasticServer;

  const virsh: GuestService['virsh'] = (...words) => world.virsh(...words);
  const look = () => server.look();
  /** MiB of the device that the guest has plugged, as libvirt has heard of QEMU. */
  const plugged = async (): Promise<number> =>
    Number(/<current unit='KiB'>(\d+)</.exec(await virsh('dumpxml', server.id))?.[1]) / MIB_KIB;
  /** MemTotal, which a balloon leaves as it is: the guest's driver tells it once in a second. */
  const memTotalMb = async (): Promise<number> =>
    Number(/^available (\d+)$/m.exec(await virsh('dommemstat', server.id))?.[1] ?? Number.NaN) / MIB_KIB;
  /** What the API, libvirt, the guest and the claims say of memory is one thing. */
  const agree = (memoryMb: number) =>
    eventually(`${memoryMb} MiB everywhere`, NOTICE_MS, async () => {
      const [{ memory_mb }, deviceMb, totalMb] = [await look(), await plugged(), await memTotalMb()];
      const [hypervisor] = (await world.compute('GET', '/os-hypervisors/detail')).body.hypervisors;
      const same = [memory_mb.current, memory_mb.claimed, hypervisor.memory_mb_used, MINIMUM_MB + deviceMb];
      // the kernel keeps something of it for itself
      const near = totalMb > memoryMb - KERNEL_MB && totalMb < memoryMb;
      return near && same.every((one) => one === memoryMb) ? true : null;
    });

  before(async () => {
    world = await startGuestService({
      flavor: { vcpus: 2, ram: 1024 },
      specs: { 'xloud:memory_method': 'virtio-mem' },
      env: { XLOUD_COMPUTE__RESERVED_MEMORY_MB: '0', XLOUD_COMPUTE__ADJUST_CONFIRM_SECONDS: String(CONFIRM_S) },
    });
    server = await startElastic(world);
  });
  after(() => world?.close());

  it('has its minimum from the beginning, and no memory that it would have to give back', async () => {
    await agree(MINIMUM_MB);
    assert.equal(await plugged(), 0);
    const { method, block_mb, minimum, maximum } = (await look()).memory_mb;
    assert.deepEqual([method, block_mb, minimum, maximum], ['virtio-mem', 2, MINIMUM_MB, 1024]);
  });

  it('grows with vCPUs beside it, in whole blocks, and the kernel in the guest has it', async () => {
    const shown = await server.adjust({ current_vcpus: 2, current_memory_mb: 767 });
    assert.deepEqual([shown.status, shown.vcpus.guest_online, shown.memory_mb.target], ['idle', 2, 768], shown.message);
    await agree(768);
  });

  it('gives back, and its kernel has less', async () => {
    const shown = await server.adjust({ current_memory_mb: 512 });
    assert.deepEqual([shown.status, shown.memory_mb.current], ['idle', 512], shown.message);
    await agree(512);
  });

  it('keeps its size over a hard reboot, and over stop and start', async () => {
    assert.equal(await server.act({ reboot: { type: 'HARD' } }), 'ACTIVE');
    await agree(512);
    assert.equal(await server.act({ 'os-stop': null }), 'SHUTOFF');
    assert.equal((await look()).memory_mb.claimed, 512);
    assert.equal(await server.act({ 'os-start': null }), 'ACTIVE');
    await agree(512);
  });

  it('plugged by an operator past us is noticed, told and claimed for', async () => {
    await virsh('update-memory-device', server.id, '--live', '--requested-size', '512MiB');
    await agree(768);
    assert.match((await look()).message, /512 MiB before, 768 MiB now/);
  });

  it('that the guest needs is not taken: partial in bounded time, claimed as far as it is held', async () => {
    await server.inside(
      'mkdir -p /run/own && mount -t tmpfs -o size=90% tmpfs /run/own && dd if=/dev/zero of=/run/own/it bs=1M count=400',
    );
    await eventually('the guest to fill its memory', BOOT_MS, async () =>
      ((await look()).memory_mb.guest_available ?? 1024) < 250 ? true : null,
    );
    const shown = await server.adjust({ current_memory_mb: MINIMUM_MB });
    assert.equal(shown.status, 'partial', shown.message);
    const { current } = shown.memory_mb;
    assert.ok(current > MINIMUM_MB && current < 768, `${current} MiB`);
    assert.match(
      shown.message,
      /the guest's virtio-mem device reached \d+ MiB instead of 256 MiB, for the guest uses the rest/,
    );
    await agree(current);

    await server.inside('rm /run/own/it');
    await eventually('the guest to have room', BOOT_MS, async () =>
      ((await look()).memory_mb.guest_available ?? 0) > 250 ? true : null,
    );
    const later = await server.adjust({ current_memory_mb: MINIMUM_MB });
    assert.equal(later.status, 'idle', later.message);
    await agree(MINIMUM_MB);
  });
});
