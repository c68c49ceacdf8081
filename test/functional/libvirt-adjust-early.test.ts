// A real guest that is asked to grow to its maximum before the driver of its balloon is loaded: it has all its memory still, so that
// nothing seems to be left to do, and would lose it when the driver comes. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type GuestService, makeElastic, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 180_000;

describe('a growth to the maximum right after ACTIVE', { concurrency: 1 }, () => {
  let world: GuestService;
  before(async () => {
    world = await startGuestService({
      flavor: { vcpus: 2, ram: 1024 },
      env: { XLOUD_COMPUTE__RESERVED_MEMORY_MB: '0' },
    });
  });
  after(() => world?.close());

  it('is there when the guest has booted', async () => {
    const server = await makeElastic(world);
    const actual = async () =>
      Number(/^actual (\d+)$/m.exec(await world.virsh('dommemstat', server.id))?.[1] ?? 0) / 1024;
    await eventually('its guest', BOOT_MS, async () => {
      const { body } = await world.compute('GET', `/servers/${server.id}`);
      return body.server.status === 'ACTIVE' ? true : null;
    });
    // what makes the case: the balloon is not down yet
    assert.equal(await actual(), 1024);
    const shown = await server.adjust({ current_memory_mb: 1024 });
    assert.deepEqual([shown.status, shown.memory_mb.current], ['idle', 1024]);
    // statistics come from the driver: it is loaded then
    await eventually('its driver', BOOT_MS, async () =>
      (await server.look()).memory_mb.guest_available === null ? null : true,
    );
    const inside = await eventually('its agent', BOOT_MS, () => server.inside('cat /proc/meminfo').catch(() => null));
    assert.equal(await actual(), 1024);
    const availableMb = Number(/MemAvailable:\s+(\d+)/.exec(inside)?.[1]) / 1024;
    assert.ok(availableMb > 700, `${availableMb} MiB available inside`);
    const { status, memory_mb: memory } = await server.look();
    assert.deepEqual([status, memory.current, memory.claimed], ['idle', 1024, 1024]);
  });
});
