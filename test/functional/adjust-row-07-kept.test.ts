// Row 7 of the table of live adjustment. The old way lost a kept size at the next hard reboot, rebuild, resize or migration.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { internal } from '../../src/base/errors.ts';
import { type Adjusting, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 7: a size that was kept, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      const hosts = [{ name: 'host-1' }, { name: 'host-2' }, { name: 'host-3' }];
      ({ servers, kit } = await startAdjusting(engine, hosts));
      const specs = { minimum_cpu: '2', minimum_memory: '512' };
      await servers.world.flavor({ id: 'large', vcpus: 8, memoryMb: 8192, specs });
      await servers.world.flavor({ id: 'small', vcpus: 2, memoryMb: 512, specs: { minimum_cpu: '1' } });
    });
    after(() => servers.close());

    it('survives soft and hard reboot, stop and start', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 3, current_memory_mb: 768 });
      for (const action of [
        { reboot: { type: 'HARD' } },
        { reboot: { type: 'SOFT' } },
        { 'os-stop': null },
        { 'os-start': null },
      ]) {
        assert.equal((await servers.act(id, action)).status, 202);
        await servers.world.settled();
      }
      assert.deepEqual(kit.sizes(await kit.look(id)), [3, 768]);
      assert.deepEqual(kit.guest(id).size, { vcpus: 3, memoryMb: 768 });
      assert.deepEqual(await kit.claimOf(id), [3, 768]);
      await kit.remove(id);
    });

    for (const type of ['SOFT', 'HARD']) {
      it(`with persist false ends with the next power cycle, and not before: a reboot is one, ${type}`, async () => {
        const id = await kit.elastic();
        const grown = await kit.settled(id, { current_vcpus: 3, persist: false });
        assert.deepEqual([...kit.sizes(grown), grown.persist], [3, 256, false]);
        for (const action of [{ pause: null }, { unpause: null }]) await kit.done(id, action);
        assert.deepEqual(kit.sizes(await kit.look(id)), [3, 256]);
        await kit.done(id, { reboot: { type } });
        const after = await kit.look(id);
        assert.deepEqual([...kit.sizes(after), after.vcpus.claimed, after.persist], [1, 256, 1, true]);
        await kit.remove(id);
      });
    }

    const hostOf = async (id: string) => (await servers.world.server(id)).host as string;
    const agree = async (id: string, vcpus: number, memoryMb: number) => {
      const shown = await kit.look(id);
      assert.deepEqual([shown.status, ...kit.sizes(shown)], ['idle', vcpus, memoryMb]);
      assert.deepEqual(kit.guest(id, await hostOf(id)).size, { vcpus, memoryMb });
      assert.deepEqual(await kit.claimOf(id), [vcpus, memoryMb]);
    };
    const evacuate = async (id: string): Promise<void> => {
      const host = await hostOf(id);
      const force = (forced_down: boolean) =>
        servers.request('PUT', '/os-services/force-down', {
          version: '2.11',
          body: { host, binary: 'nova-compute', forced_down },
        });
      await force(true);
      assert.equal((await servers.act(id, { evacuate: {} }, { as: 'admin', version: '2.14' })).status, 200);
      await servers.world.settled();
      await force(false);
      await servers.world.worker().reconcile();
    };
    const live = async (id: string): Promise<void> => {
      const body = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
      assert.equal((await servers.act(id, body, { as: 'admin', version: '2.30' })).status, 202);
      await servers.world.settled();
    };
    const confirm = async (id: string): Promise<void> => {
      assert.equal((await servers.act(id, { confirmResize: null })).status, 204);
      await servers.world.settled();
    };
    const migrate = async (id: string): Promise<void> => {
      await kit.done(id, { migrate: null }, 'admin');
      await confirm(id);
    };
    const goAndComeBack = async (id: string): Promise<void> => {
      await kit.done(id, { migrate: null }, 'admin');
      await kit.done(id, { revertResize: null });
    };
    const shelve = async (id: string): Promise<void> => {
      await kit.done(id, { shelve: null });
      await kit.done(id, { unshelve: null });
    };
    const rebuild = (id: string) => kit.done(id, { rebuild: { imageRef: servers.imageId } });

    /** All that switch the guest off and on. */
    const cycles = { rebuild, migrate, goAndComeBack, shelve, evacuate };

    for (const [name, move] of Object.entries(cycles)) {
      it(`survives ${name}; with persist false it ends there`, async () => {
        const id = await kit.elastic();
        await kit.settled(id, { current_vcpus: 3, current_memory_mb: 768 });
        await move(id);
        await agree(id, 3, 768);
        await kit.settled(id, { current_vcpus: 4, current_memory_mb: 1024, persist: false });
        await move(id);
        await agree(id, 3, 768);
        assert.equal((await kit.look(id)).persist, true);
        await kit.remove(id);
      });

      if (name === 'evacuate' || name === 'shelve') continue;
      it(`survives ${name} of a server that is off, where it was stored`, async () => {
        const id = await kit.elastic();
        await kit.done(id, { 'os-stop': null });
        assert.equal((await kit.settled(id, { current_vcpus: 2, current_memory_mb: 512 })).status, 'pending_reboot');
        await move(id);
        assert.equal((await servers.show(id)).status, 'SHUTOFF');
        assert.deepEqual(await kit.claimOf(id), [2, 512]);
        await kit.done(id, { 'os-start': null });
        await agree(id, 2, 512);
        await kit.remove(id);
      });
    }

    it('survives a live migration, which is no power cycle: also with persist false', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 3, current_memory_mb: 768, persist: false });
      const host = await hostOf(id);
      await live(id);
      assert.notEqual(await hostOf(id), host);
      await agree(id, 3, 768);
      assert.equal((await kit.look(id)).persist, false);
      await kit.done(id, { reboot: { type: 'HARD' } });
      await agree(id, 1, 256);
      await kit.remove(id);
    });

    it('with persist false goes on where an action failed and the guest did not stop', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 3, current_memory_mb: 768, persist: false });
      const before = await kit.look(id);
      const driver = kit.driver(await hostOf(id));
      for (const [verb, action] of [
        ['powerOff', { 'os-stop': null }],
        ['reboot', { reboot: { type: 'SOFT' } }],
        ['reboot', { reboot: { type: 'HARD' } }],
        ['pause', { pause: null }],
        ['suspend', { suspend: null }],
        ['powerOff', { shelve: null }],
      ] as const) {
        driver.behave(id, `fail:${verb}`);
        await kit.done(id, action);
        assert.equal((await servers.show(id)).status, 'ACTIVE', JSON.stringify(action));
        assert.deepEqual(await kit.look(id), before, JSON.stringify(action));
        assert.deepEqual(await kit.claimOf(id), [3, 768]);
      }
      driver.behave(id, null);
      await kit.done(id, { suspend: null });
      driver.behave(id, 'fail:resume');
      await kit.done(id, { resume: null });
      const { vcpus, memory_mb, persist } = await kit.look(id);
      assert.deepEqual([vcpus.target, memory_mb.target, persist], [3, 768, false]);
      driver.behave(id, null);
      await kit.done(id, { reboot: { type: 'HARD' } });
      await agree(id, 1, 256);
      assert.equal((await kit.look(id)).persist, true);
      await kit.remove(id);
    });

    it('with persist false is over where an action failed after the guest was switched off and on', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 3, current_memory_mb: 768, persist: false });
      const driver = kit.driver(await hostOf(id));
      const reboot = driver.reboot.bind(driver);
      driver.reboot = async (...words) => {
        await reboot(...words);
        throw internal('The host did it, and could not say so.');
      };
      await kit.done(id, { reboot: { type: 'HARD' } });
      driver.reboot = reboot;
      await agree(id, 1, 256);
      assert.equal((await kit.look(id)).persist, true);
      await kit.remove(id);
    });

    it('clamps into the bounds of another flavor, and back when that is reverted', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 1, current_memory_mb: 300 });
      await kit.done(id, { resize: { flavorRef: 'large' } });
      await kit.done(id, { revertResize: null });
      await agree(id, 1, 300);
      await kit.done(id, { resize: { flavorRef: 'large' } });
      await confirm(id);
      await agree(id, 2, 512);
      await kit.settled(id, { current_vcpus: 7, current_memory_mb: 600 });
      await kit.done(id, { resize: { flavorRef: 'small' } });
      await confirm(id);
      await agree(id, 2, 512);
      await kit.remove(id);
    });

    it('is stored for a server that is paused, kept when that moves or goes on, and taken at its next start', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 2 });
      await kit.done(id, { pause: null });
      const stored = await kit.settled(id, { current_vcpus: 3, current_memory_mb: 512 });
      assert.deepEqual([stored.status, ...kit.sizes(stored)], ['pending_reboot', 2, 256]);
      assert.deepEqual(await kit.claimOf(id), [3, 512]);
      // what was stored before and is no longer wanted is given back
      await kit.settled(id, { current_vcpus: 4, current_memory_mb: 2048 });
      await kit.settled(id, { current_vcpus: 3, current_memory_mb: 512 });
      await kit.report();
      await servers.world.settled();
      assert.deepEqual(await kit.claimOf(id), [3, 512]);
      await live(id);
      await kit.done(id, { unpause: null });
      const on = await kit.look(id);
      assert.deepEqual([on.status, ...kit.sizes(on)], ['pending_reboot', 2, 256]);
      assert.deepEqual(await kit.claimOf(id), [3, 512]);
      await kit.done(id, { reboot: { type: 'HARD' } });
      await agree(id, 3, 512);
      await kit.done(id, { suspend: null });
      await kit.done(id, { resume: null });
      await agree(id, 3, 512);
      await kit.remove(id);
    });
  });
}
