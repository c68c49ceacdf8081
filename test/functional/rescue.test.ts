// A server rescued and brought back: from which image, with which password, from which states, and what becomes of a failure.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { imageFacts } from '../support/guest-spec.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const UNRESCUE = { unrescue: null };
const NOWHERE = '11111111-2222-4333-8444-555566667777';

for (const engine of engines) {
  describe(`rescuing servers on ${engine}`, () => {
    const rescuer = imageFacts({ name: 'rescuer' });
    const kernel = imageFacts({ diskFormat: 'aki', containerFormat: 'aki' });
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, config: { ...testConfig, shutdownMs: 50 } });
      for (const image of [rescuer, kernel]) await servers.world.images.add(image);
    });
    after(() => servers.close());

    const guestOf = (id: string) => servers.world.drivers.get('host-1')?.store.get(id);
    const rescue = (id: string, more: object | null = null, options: Parameters<Servers['act']>[2] = {}) =>
      servers.act(id, { rescue: more }, options);
    const rescued = async (id: string, more: object | null = null): Promise<string> => {
      const answer = await rescue(id, more);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.body), ['adminPass']);
      await servers.world.settled();
      return answer.body.adminPass;
    };
    const unrescued = async (id: string) => {
      const answer = await servers.act(id, UNRESCUE);
      assert.deepEqual([answer.status, answer.text], [202, '']);
      await servers.world.settled();
    };
    const statesOf = async (id: string) => {
      const server = await servers.show(id);
      return [server.status, server['OS-EXT-STS:vm_state'], server['OS-EXT-STS:task_state']];
    };
    const refused = (answer: Answer, status: number, message: string) => {
      assert.equal(answer.status, status, answer.text);
      const [fault] = Object.values(answer.body) as { message: string }[];
      assert.equal(fault?.message, message);
    };

    it('boots from another image and comes back to its own disk', async () => {
      const id = await servers.create();
      const before = await servers.show(id);
      await servers.world.held(async () => {
        assert.equal((await rescue(id, { rescue_image_ref: rescuer.id })).status, 200);
        assert.deepEqual(await statesOf(id), ['ACTIVE', 'active', 'rescuing']);
      });
      await servers.world.settled();
      assert.deepEqual(await statesOf(id), ['RESCUE', 'rescued', null]);
      assert.equal(guestOf(id)?.spec.rescue?.id, rescuer.id);
      assert.equal((await servers.show(id)).image.id, before.image.id);
      await servers.world.held(async () => {
        assert.equal((await servers.act(id, UNRESCUE)).status, 202);
        assert.deepEqual(await statesOf(id), ['RESCUE', 'rescued', 'unrescuing']);
      });
      await servers.world.settled();
      assert.deepEqual(await statesOf(id), ['ACTIVE', 'active', null]);
      assert.deepEqual([guestOf(id)?.spec.rescue, guestOf(id)?.made], [undefined, { root: 1, ephemeral: 1 }]);
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      assert.deepEqual(
        list.body.instanceActions.map(({ action }: { action: string }) => action),
        ['unrescue', 'rescue', 'create'],
      );
    });

    it('is off where its guest crashes as it boots from its own disk again', async () => {
      const id = await servers.create();
      await rescued(id);
      servers.world.drivers.get('host-1')?.behave(id, 'crash');
      await unrescued(id);
      assert.deepEqual(await statesOf(id), ['SHUTOFF', 'stopped', null]);
    });

    it('takes its own image where none is named: of a copy, what the copy was made from', async () => {
      const id = await servers.create();
      await rescued(id);
      assert.equal(guestOf(id)?.spec.rescue?.id, servers.imageId);
      const copy = imageFacts({ properties: { base_image_ref: rescuer.id } });
      const orphan = imageFacts({ properties: { base_image_ref: NOWHERE } });
      for (const [image, expected] of [
        [copy, rescuer.id],
        [orphan, orphan.id],
      ] as const) {
        await servers.world.images.add(image);
        const made = await servers.create({ imageRef: image.id });
        await rescued(made, {});
        assert.equal(guestOf(made)?.spec.rescue?.id, expected);
      }
    });

    it('boots with the kernel of the rescue image', async () => {
      const image = imageFacts({ properties: { kernel_id: kernel.id } });
      await servers.world.images.add(image);
      const id = await servers.create();
      await rescued(id, { rescue_image_ref: image.id });
      assert.equal(guestOf(id)?.spec.kernel?.id, kernel.id);
      await unrescued(id);
      assert.equal(guestOf(id)?.spec.kernel, null);
    });

    it('gives a password, the one asked for or a new one, and forgets it', async () => {
      const id = await servers.create({ config_drive: true });
      assert.equal(await rescued(id, { adminPass: 'let me in' }), 'let me in');
      assert.equal(guestOf(id)?.spec.configDrive?.adminPass, 'let me in');
      const rows = await servers.world.database.read('instance_actions').where({ server_uuid: id });
      assert.ok(!JSON.stringify(rows).includes('let me in'));
      await unrescued(id);
      assert.equal(guestOf(id)?.spec.configDrive?.adminPass, null);
      assert.match(await rescued(id, null), /^\w{12}$/);
    });

    it('is there for stopped servers and those in ERROR, and ends ACTIVE', async () => {
      const id = await servers.create();
      await servers.act(id, { 'os-stop': null });
      await servers.world.settled();
      await rescued(id);
      assert.equal((await statesOf(id))[0], 'RESCUE');
      await unrescued(id);
      assert.equal((await statesOf(id))[0], 'ACTIVE');
      await servers.set(id, { vm_state: 'error' });
      await rescued(id);
      assert.equal((await statesOf(id))[0], 'RESCUE');
    });

    it('a rescued server may switch itself off and waits on, and can be deleted', async () => {
      const id = await servers.create();
      await rescued(id);
      servers.world.drivers.get('host-1')?.powerOffFromInside(id);
      await servers.until(id, (server) => server['OS-EXT-STS:power_state'] === 4);
      assert.equal((await statesOf(id))[0], 'RESCUE');
      await unrescued(id);
      assert.equal((await statesOf(id))[0], 'ACTIVE');
      await rescued(id);
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('keeps the size of the server, both ways', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      const body = { current_vcpus: 2, current_memory_mb: 512 };
      await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body });
      await servers.world.settled();
      for (const act of [() => rescued(id), () => unrescued(id)]) {
        await act();
        assert.deepEqual(guestOf(id)?.size, { vcpus: 2, memoryMb: 512 });
        const row = await servers.world.server(id);
        assert.deepEqual([row.currentVcpus, row.currentMemoryMb, row.adjustStatus], [2, 512, 'idle']);
      }
    });

    it('a failure leaves ERROR with a fault, and a hard reboot brings the server back', async () => {
      for (const verb of ['rescue', 'unrescue'] as const) {
        const id = await servers.create({ metadata: { xloud_fake: `fail:${verb}` } });
        await rescued(id, { rescue_image_ref: rescuer.id });
        if (verb === 'unrescue') await unrescued(id);
        const broken = await servers.show(id);
        assert.deepEqual([broken.status, broken['OS-EXT-STS:task_state']], ['ERROR', null]);
        assert.match(broken.fault.message, new RegExp(`fails at ${verb}`));
        assert.equal((await servers.act(id, { reboot: { type: 'HARD' } })).status, 202);
        await servers.world.settled();
        assert.deepEqual([(await statesOf(id))[0], guestOf(id)?.spec.rescue], ['ACTIVE', undefined]);
      }
    });

    it('refuses images that will not do, and bodies that do not fit', async () => {
      const id = await servers.create();
      const queued = imageFacts({ status: 'queued' });
      const volumes = imageFacts({ properties: { img_block_device_mapping: '[]' } });
      for (const image of [queued, volumes]) await servers.world.images.add(image);
      for (const ref of [NOWHERE, queued.id, volumes.id]) {
        refused(await rescue(id, { rescue_image_ref: ref }), 400, `Requested rescue image '${ref}' is not supported`);
      }
      for (const bad of [{ rescue_image_ref: 'x' }, { adminPass: null }, { more: 1 }]) {
        assert.equal((await rescue(id, bad)).status, 400);
      }
      assert.equal((await statesOf(id))[0], 'ACTIVE');
    });

    it('is refused in other states, on locked servers and to readers', async () => {
      const id = await servers.create();
      refused(await servers.act(id, UNRESCUE), 409, `Cannot 'unrescue' instance ${id} while it is in vm_state active`);
      await servers.set(id, { vm_state: 'rescued' });
      const wrong = { rescue_image_ref: NOWHERE };
      refused(await rescue(id, wrong), 409, `Cannot 'rescue' instance ${id} while it is in vm_state rescued`);
      await servers.set(id, { vm_state: 'error', task_state: 'rescuing' });
      refused(await rescue(id), 409, `Cannot 'rescue' instance ${id} while it is in task_state rescuing`);
      await servers.set(id, { task_state: null, locked_by: 'owner' });
      refused(await rescue(id), 409, `Instance ${id} is locked`);
      refused(await servers.act(id, UNRESCUE), 409, `Instance ${id} is locked`);
      for (const body of [{ rescue: null }, UNRESCUE]) {
        assert.equal((await servers.act(id, body, { as: 'reader' })).status, 403);
        assert.equal((await servers.act(id, body, { as: 'other' })).status, 404);
      }
    });
  });
}
