// How memory reaches a guest is the flavor's word: by a balloon, or plugged in blocks by virtio-mem. What follows of it for sizes,
// claims and the resource, through the API.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

const PLUGGING = 'plugging';
const KEY = 'xloud:memory_method';
/** Its 300 MiB make no whole device of 1024 less 300: the minimum is the next that does. */
const MINIMUM_MB = 384;

for (const engine of engines) {
  describe(`memory by virtio-mem, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      const blind = fakeInventory('host-2', {}, { memoryMb: 0, diskGb: 0 });
      const capabilities = { ...blind.facts.capabilities, memoryMethods: ['balloon'] as const };
      ({ servers, kit } = await startAdjusting(engine, [
        { name: 'host-1' },
        { name: 'host-2', inventory: { ...blind, facts: { ...blind.facts, capabilities } } },
      ]));
      const specs = { minimum_cpu: '1', minimum_memory: '300', [KEY]: 'virtio-mem' };
      await servers.world.flavor({ id: PLUGGING, vcpus: 4, memoryMb: 1024, specs });
    });
    after(() => servers.close());

    const plugging = (behaviour = '') => kit.elastic(behaviour, { flavorRef: PLUGGING });
    const memory = async (id: string) => {
      const { status, memory_mb } = await kit.look(id);
      return [status, memory_mb.current, memory_mb.target, memory_mb.claimed];
    };

    it('is refused at every version where the flavor has no room for it, and when it was there before', async () => {
      await servers.world.flavor({ id: 'narrow', vcpus: 2, memoryMb: 1024 });
      const set = (extra_specs: object, version: string) =>
        servers.request('POST', '/flavors/narrow/os-extra_specs', { version, body: { extra_specs } });
      for (const version of ['2.1', '2.86', 'latest']) {
        refused(await set({ [KEY]: 'dimm' }, version), 400, /'dimm' is not one of: balloon, virtio-mem\.$/);
        refused(await set({ [KEY]: 'virtio-mem' }, version), 400, /needs a 'minimum_memory' at least 128 MiB below/);
        const close = { [KEY]: 'virtio-mem', minimum_memory: '900' };
        refused(await set(close, version), 400, /at least 128 MiB below the flavor's ram of 1024\.$/);
        assert.equal((await set({ [KEY]: 'balloon' }, version)).status, 200);
      }
      const extra_specs = JSON.stringify({ [KEY]: 'virtio-mem' });
      await servers.world.database.write('flavors').where('flavorid', 'narrow').update({ extra_specs });
      refused(await servers.post({ flavorRef: 'narrow' }), 400, /needs a 'minimum_memory'/);
    });

    it('goes in blocks: the larger size is what is planned, claimed and had, and the resource tells', async () => {
      const id = await plugging();
      const fresh = await kit.look(id);
      assert.deepEqual(await memory(id), ['idle', MINIMUM_MB, MINIMUM_MB, MINIMUM_MB]);
      const { method, block_mb, minimum, maximum } = fresh.memory_mb;
      assert.deepEqual([method, block_mb, minimum, maximum], ['virtio-mem', 2, MINIMUM_MB, 1024]);

      const wish = { current_memory_mb: 701 };
      const plan = await servers.request('POST', `/os-xloud-adjust/${id}/plan`, { as: 'member', body: wish });
      assert.deepEqual(plan.body.target, { vcpus: 1, memory_mb: 702 });
      assert.deepEqual(plan.body.memory, { method: 'virtio-mem', block_mb: 2 });
      assert.deepEqual([plan.body.growth.memory_mb, plan.body.largest.memory_mb], [702 - MINIMUM_MB, 1024]);

      assert.equal((await kit.settled(id, wish)).memory_mb.target, 702);
      assert.deepEqual(await memory(id), ['idle', 702, 702, 702]);
      assert.deepEqual(kit.guest(id).size.memoryMb, 702);
      await kit.settled(id, { current_memory_mb: 385 });
      assert.deepEqual(await memory(id), ['idle', 386, 386, 386]);
      refused(await kit.adjust(id, { current_memory_mb: 383 }), 400, /at least 384 and at most 1024 MiB of memory/);
      await kit.remove(id);
    });

    it('is the balloon, one by one, where the flavor says nothing', async () => {
      const id = await kit.elastic();
      const { memory_mb } = await kit.look(id);
      assert.deepEqual([memory_mb.method, memory_mb.block_mb, memory_mb.minimum], ['balloon', 1, 256]);
      assert.equal((await kit.settled(id, { current_memory_mb: 257 })).memory_mb.current, 257);
      await kit.remove(id);
    });

    it('survives reboots, stop and start, and rebuild', async () => {
      const id = await plugging();
      await kit.settled(id, { current_memory_mb: 640 });
      const imageRef = servers.imageId;
      for (const action of [
        { reboot: { type: 'HARD' } },
        { reboot: { type: 'SOFT' } },
        { 'os-stop': null },
        { 'os-start': null },
        { rebuild: { imageRef } },
      ]) {
        await kit.done(id, action);
        if ('os-stop' in action) continue;
        assert.deepEqual(await memory(id), ['idle', 640, 640, 640], JSON.stringify(action));
        assert.equal(kit.guest(id).size.memoryMb, 640);
      }
      await kit.remove(id);
    });

    it('comes up from the minimum when the driver of the guest is loaded, with all of it claimed', async () => {
      const id = await plugging();
      await kit.settled(id, { current_memory_mb: 640 });
      kit.driver().behave(id, 'balloon-slow:1000');
      await kit.done(id, { reboot: { type: 'HARD' } });
      assert.deepEqual(await memory(id), ['adjusting', MINIMUM_MB, 640, 640]);
      await kit.reaches(id, 1, 640);
      await kit.until(id, ({ adjustStatus }) => adjustStatus === 'idle');
      assert.deepEqual(await memory(id), ['idle', 640, 640, 640]);
      await kit.remove(id);
    });

    it('that a guest does not give back is partial, and stays claimed', async () => {
      const id = await plugging();
      await kit.settled(id, { current_memory_mb: 1024 });
      kit.driver().behave(id, 'partial:50');
      const after = await kit.settled(id, { current_memory_mb: MINIMUM_MB });
      assert.deepEqual(await memory(id), ['partial', 704, MINIMUM_MB, 704]);
      assert.match(after.message, /^memory: 704 MiB of 384 MiB reached/);
      kit.driver().behave(id, null);
      await kit.settled(id, { current_memory_mb: MINIMUM_MB });
      assert.deepEqual(await memory(id), ['idle', MINIMUM_MB, MINIMUM_MB, MINIMUM_MB]);
      await kit.remove(id);
    });

    it('that a hand past us plugs is noticed, told and claimed for', async () => {
      const id = await plugging();
      kit.driver().outOfBand.updateMemoryDevice(id, 512);
      await kit.reaches(id, 1, MINIMUM_MB + 512);
      assert.equal((await kit.look(id)).memory_mb.claimed, MINIMUM_MB + 512);
      assert.match((await kit.look(id)).message, /384 MiB before, 896 MiB now/);
      await kit.remove(id);
    });

    it('keeps to hosts that have it', async () => {
      const wish = { flavorRef: PLUGGING, host: 'host-2' };
      const forced = await servers.post(wish, { as: 'admin', version: '2.74' });
      assert.equal(forced.status, 202, forced.text);
      await servers.world.settled();
      const id = forced.body.server.id as string;
      const { status, fault } = await servers.show(id, { as: 'admin' });
      assert.equal(status, 'ERROR');
      assert.match(JSON.stringify(fault), /No valid host/);
      await servers.request('DELETE', `/servers/${id}`, { as: 'admin' });
      const explained = await servers.request('POST', '/os-xloud-scheduler/explain', {
        as: 'admin',
        body: { flavor_id: PLUGGING },
      });
      assert.match(explained.text, /cannot give memory by virtio-mem/);
    });

    it('is left and taken by a resize', async () => {
      await servers.world.flavor({ id: 'ballooned', vcpus: 4, memoryMb: 1024, specs: { minimum_memory: '301' } });
      const id = await kit.elastic('', { flavorRef: 'ballooned' });
      assert.equal((await kit.look(id)).memory_mb.current, 301);
      await kit.done(id, { resize: { flavorRef: PLUGGING } });
      assert.equal((await servers.act(id, { confirmResize: null })).status, 204);
      await servers.world.settled();
      assert.deepEqual(await memory(id), ['idle', MINIMUM_MB, MINIMUM_MB, MINIMUM_MB]);
      await kit.remove(id);
    });
  });
}
