// createImage and createBackup: what image there is, what it says of itself, what shows meanwhile, and what is left when it fails.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { unavailable } from '../../src/base/errors.ts';
import { systemCaller } from '../../src/base/op.ts';
import { setLimit } from '../../src/db/quota-sets.ts';
import { tx } from '../../src/db/tx.ts';
import { IMAGE_URL } from '../support/api.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { testImage, uuidOf } from '../support/neighbours.ts';
import { type Servers, startServers } from '../support/servers.ts';

const fails = (verb: string) => ({ metadata: { xloud_fake: `fail:${verb}` } });

for (const engine of engines) {
  describe(`images of servers on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    const imageOf = (imageId: string) => servers.world.images.describe(systemCaller, imageId);
    const idOf = (answer: Answer): string => {
      assert.equal(answer.status, 202, answer.text);
      return answer.body?.image_id ?? answer.headers['location']?.split('/').at(-1);
    };
    const createImage = (id: string, more: object = {}, options = {}) =>
      servers.act(id, { createImage: { name: 'snap', ...more } }, options);
    const createBackup = (id: string, more: object = {}, options = {}) =>
      servers.act(id, { createBackup: { name: 'b', backup_type: 'daily', rotation: 2, ...more } }, options);
    const conflict = (answer: Answer, message: string) => {
      assert.equal(answer.status, 409, answer.text);
      assert.equal(answer.body.conflictingRequest.message, message);
    };
    const actionsOf = async (id: string) => {
      const { body } = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      return body.instanceActions.map((one: { action: string; message: string | null }) => [one.action, one.message]);
    };

    it('name the image in a header until 2.44, in the body from 2.45 on', async () => {
      const id = await servers.create();
      for (const [act, url] of [
        [createImage, IMAGE_URL],
        [createBackup, IMAGE_URL],
      ] as const) {
        for (const version of ['2.1', '2.44']) {
          const answer = await act(id, {}, { version });
          assert.deepEqual([answer.status, answer.text], [202, '']);
          assert.equal(answer.headers['location'], `${url}/images/${idOf(answer)}`);
          await servers.world.settled();
          assert.equal((await imageOf(idOf(answer)))?.status, 'active');
        }
        for (const version of ['2.45', 'latest']) {
          const answer = await act(id, {}, { version });
          assert.deepEqual(Object.keys(answer.body), ['image_id']);
          assert.equal(answer.headers['location'], undefined);
          await servers.world.settled();
        }
      }
    });

    it('say where they come from, and what they inherit', async () => {
      const properties = { hw_disk_bus: 'virtio', img_signature: 'no', os_glance_x: 'no', cache_in_nova: 'no' };
      const base = testImage({ id: uuidOf('rich', engine), minDiskGb: 0, minRamMb: 64, properties });
      await servers.world.images.add(base);
      const id = await servers.create({ imageRef: base.id });
      const answer = await createImage(id, { metadata: { color: 'red', hw_disk_bus: 'scsi' } }, { version: '2.45' });
      const { properties: queued, ...begun } = (await imageOf(idOf(answer))) ?? assert.fail('there is no image');
      assert.deepEqual([begun.name, begun.visibility, begun.owner], ['snap', 'private', callers.member.projectId]);
      assert.deepEqual([begun.minDiskGb, begun.minRamMb], [1, 64]);
      const expected = {
        hw_disk_bus: 'scsi',
        base_image_ref: base.id,
        owner_user_name: 'member',
        owner_project_name: callers.member.projectName,
        boot_roles: 'member,reader',
        instance_uuid: id,
        user_id: 'member-user',
        image_type: 'snapshot',
        color: 'red',
      };
      assert.deepEqual({ ...queued, ...expected }, queued);
      await servers.world.settled();
      const image = (await imageOf(idOf(answer))) ?? assert.fail('there is no image');
      const added = { image_location: 'snapshot', image_state: 'available', owner_id: callers.member.projectId };
      assert.deepEqual(image.properties, { ...expected, ...added });
      assert.deepEqual([image.status, image.diskFormat, image.containerFormat], ['active', 'raw', 'bare']);
      assert.deepEqual([image.sizeBytes, image.checksum?.length], [512, 32]);
      const copy = await servers.create({ imageRef: image.id });
      assert.equal((await servers.show(copy)).status, 'ACTIVE');
    });

    it('show every task, and the image from the first moment', async () => {
      for (const [act, word] of [
        [createImage, 'createImage'],
        [createBackup, 'createBackup'],
      ] as const) {
        const id = await servers.create();
        const imageId = await servers.world.gated(['snapshot', 'uploadSnapshot'], async (gate) => {
          const made = idOf(await act(id, {}, { version: '2.45' }));
          const second = await act(id);
          assert.equal(second.status, 409);
          const busy = new RegExp(`^Cannot '${word}' instance ${id} while it is in task_state image_`);
          assert.match(second.body.conflictingRequest.message, busy);
          for (const [asked, task, status] of [
            ['snapshot', 'image_pending_upload', 'queued'],
            ['uploadSnapshot', 'image_uploading', 'saving'],
          ] as const) {
            await gate.reached(asked);
            const shown = await servers.show(id);
            assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['ACTIVE', task]);
            assert.equal((await imageOf(made))?.status, status);
            gate.pass(asked);
          }
          return made;
        });
        await servers.world.settled();
        const server = await servers.show(id);
        assert.deepEqual([server.status, server['OS-EXT-STS:task_state']], ['ACTIVE', null]);
        assert.equal((await imageOf(imageId))?.status, 'active');
        assert.deepEqual((await actionsOf(id))[0], [word, null]);
      }
    });

    it('are made of servers that run, are off, paused or suspended, locked ones too; and of no others', async () => {
      const id = await servers.create();
      const legal = ['active', 'stopped', 'paused', 'suspended'];
      await servers.set(id, { locked_by: 'owner' });
      for (const vm_state of [...legal, 'rescued', 'error', 'building', 'shelved', 'shelved_offloaded', 'resized']) {
        await servers.set(id, { vm_state });
        for (const [word, act] of [
          ['createImage', createImage],
          ['createBackup', createBackup],
        ] as const) {
          const before = await servers.world.images.all();
          const answer = await act(id);
          if (legal.includes(vm_state)) {
            assert.equal(answer.status, 202, answer.text);
            await servers.world.settled();
            await servers.set(id, { vm_state });
          } else {
            conflict(answer, `Cannot '${word}' instance ${id} while it is in vm_state ${vm_state}`);
            assert.equal((await servers.world.images.all()).length, before.length);
          }
        }
      }
      await servers.set(id, { vm_state: 'active', launched_at: null });
      conflict(await createImage(id), `Instance ${id} is in an invalid state for 'createImage'`);
    });

    it('are for those who may change the server', async () => {
      const id = await servers.create();
      for (const act of [createImage, createBackup]) {
        assert.equal((await act(id, {}, { as: 'reader' })).status, 403);
        assert.equal((await act(id, {}, { as: 'other' })).status, 404);
        assert.equal((await act('no-server')).status, 404);
        // an administrator's image of another project's server is seen by that project
        const made = (await imageOf(idOf(await act(id, {}, { as: 'admin' })))) ?? assert.fail('there is no image');
        assert.deepEqual([made.owner, made.visibility], [callers.admin.projectId, 'shared']);
        assert.equal((await servers.world.images.find(callers.member, made.id))?.id, made.id);
        assert.equal(await servers.world.images.find(callers.other, made.id), null);
        await servers.world.settled();
      }
    });

    it('want a name and what else Nova wants', async () => {
      const id = await servers.create();
      for (const wrong of [
        { name: '' },
        { name: ' a' },
        { name: 'x'.repeat(256) },
        { metadata: { '': 'x' } },
        { x: 1 },
      ]) {
        assert.equal((await createImage(id, wrong)).status, 400, JSON.stringify(wrong));
      }
      assert.equal((await createImage(id, { metadata: { a: 'x'.repeat(256) } })).status, 400);
      for (const wrong of [{ rotation: -1 }, { rotation: 'x' }, { backup_type: 7 }, { name: '' }, { rotation: null }]) {
        assert.equal((await createBackup(id, wrong)).status, 400, JSON.stringify(wrong));
      }
      assert.equal(idOf(await createImage(id, { name: '☃ multi' })).length, 36);
      await servers.world.settled();
    });

    it('count their metadata until 2.38', async () => {
      const id = await servers.create();
      const scope = { scope: 'project', scopeId: callers.member.projectId ?? '' } as const;
      await tx(servers.world.database, (t) => setLimit(t, scope, 'metadata_items', 1));
      for (const act of [createImage, createBackup]) {
        const metadata = { a: '1', b: '2' };
        const refused = await act(id, { metadata }, { version: '2.38' });
        assert.equal(refused.status, 403);
        assert.equal(refused.body.forbidden.message, 'Image metadata limit exceeded');
        assert.equal((await act(id, { metadata: { a: '1' } }, { version: '2.38' })).status, 202);
        await servers.world.settled();
        assert.equal((await act(id, { metadata }, { version: '2.39' })).status, 202);
        await servers.world.settled();
      }
      await tx(servers.world.database, (t) => setLimit(t, scope, 'metadata_items', 128));
    });

    it('leave nothing when the copy or its transfer fails', async () => {
      for (const verb of ['snapshot', 'uploadSnapshot']) {
        for (const act of [createImage, createBackup]) {
          const id = await servers.create(fails(verb));
          const imageId = idOf(await act(id));
          await servers.world.settled();
          assert.equal(await imageOf(imageId), null);
          const server = await servers.show(id);
          assert.deepEqual([server.status, server['OS-EXT-STS:task_state'], server.fault], ['ACTIVE', null, undefined]);
          assert.equal((await actionsOf(id))[0][1], 'Error');
          const guest = servers.world.drivers.get('host-1')?.store.get(id);
          assert.deepEqual(guest?.snapshots, [], 'no copy is left on the host');
        }
      }
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('let a server go on whose image was removed before it was whole', async () => {
      for (const asked of ['snapshot', 'uploadSnapshot'] as const) {
        const id = await servers.create();
        const imageId = await servers.world.gated([asked], async (gate) => {
          const made = idOf(await createImage(id));
          await gate.reached(asked);
          await servers.world.images.remove(callers.member, made);
          return made;
        });
        await servers.world.settled();
        const server = await servers.show(id);
        assert.deepEqual([server.status, server['OS-EXT-STS:task_state']], ['ACTIVE', null]);
        assert.equal(await imageOf(imageId), null);
      }
    });

    it('go with a server that is deleted before they are whole', async () => {
      const id = await servers.create();
      const imageId = await servers.world.gated(['snapshot'], async (gate) => {
        const made = idOf(await createImage(id));
        await gate.reached('snapshot');
        assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
        return made;
      });
      await servers.world.settled();
      assert.equal((await servers.request('GET', `/servers/${id}`, { as: 'member' })).status, 404);
      assert.equal(await imageOf(imageId), null);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('go with it, too, when the image service is away at that moment', async () => {
      const { world } = servers;
      const remove = world.images.remove.bind(world.images);
      let refusals = 0;
      world.images.remove = async (...words) => {
        refusals += 1;
        if (refusals === 1) throw unavailable('The image service did not answer.');
        return remove(...words);
      };
      try {
        const id = await servers.create();
        await world.gated(['snapshot'], async (gate) => {
          const imageId = idOf(await createImage(id, {}, { version: '2.45' }));
          await gate.reached('snapshot');
          assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
          gate.pass('snapshot');
          await world.settled();
          assert.equal(await imageOf(imageId), null);
        });
        assert.equal(refusals, 2);
        assert.deepEqual(await world.leftovers(), []);
      } finally {
        world.images.remove = remove;
      }
    });

    it('keep as many backups of a type as asked for, the newest, and let those of others alone', async () => {
      const id = await servers.create();
      const backup = async (backup_type: string, rotation: number | string, as: 'member' | 'admin' = 'member') => {
        const made = idOf(await createBackup(id, { backup_type, rotation }, { as, version: '2.45' }));
        await servers.world.settled();
        // Glance's times are whole seconds: what follows within one is told apart by its order here
        await servers.world.database
          .write('images')
          .where({ id: made })
          .update({ created_at: (age += 1_000) });
        return made;
      };
      let age = 1_000_000;
      const left = async (ids: readonly string[]) =>
        (await Promise.all(ids.map(imageOf))).map((image) => (image === null ? '-' : '+')).join('');
      const weekly = await backup('weekly', 1);
      const foreign = await backup('daily', 5, 'admin');
      const daily = [await backup('daily', 2), await backup('daily', 2), await backup('daily', '2')];
      assert.equal(await left([weekly, foreign, ...daily]), '++-++');
      daily.push(await backup('daily', 1));
      assert.equal(await left([weekly, foreign, ...daily]), '++---+');
      const none = await backup('daily', 0);
      assert.equal(await left([weekly, foreign, ...daily, none]), '++-----');
      const silent = await createBackup(id, { rotation: 0 });
      assert.deepEqual([silent.status, silent.headers['location']], [202, undefined]);
      await servers.world.settled();
      const image = await imageOf(weekly);
      assert.deepEqual([image?.properties['image_type'], image?.properties['backup_type']], ['backup', 'weekly']);
    });
  });
}

describe('a host that copies no disks', () => {
  it('makes no images', async () => {
    const servers = await startServers();
    try {
      const id = await servers.create();
      const host = await servers.world.database.read('hosts').select('facts').first();
      const facts = JSON.parse(host.facts) as { capabilities: { verbs: string[] } };
      facts.capabilities.verbs = facts.capabilities.verbs.filter((verb) => verb !== 'snapshot');
      await servers.world.database.write('hosts').update({ facts: JSON.stringify(facts) });
      const answer = await servers.act(id, { createImage: { name: 'x' } });
      assert.equal(answer.status, 501, answer.text);
      assert.equal((await servers.world.images.all()).length, 1);
    } finally {
      await servers.close();
    }
  });
});
