// Volumes of servers: who gets which, under what name, what the guest, the row and the volume service say of it, and what becomes of them
// with the server.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { volumesOfServer } from '../../src/db/server-volumes.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const PROJECT = callers.member.projectId ?? '';
const OTHERS = callers.other.projectId ?? '';

for (const engine of engines) {
  describe(`volumes of servers on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    const ask = (method: string, path: string, body?: object, version = '2.89') =>
      servers.request(method, path, { as: 'member', version, ...(body === undefined ? {} : { body }) });
    const at = (id: string, more = '') => `/servers/${id}/os-volume_attachments${more}`;
    const attach = (id: string, volumeAttachment: object, version?: string) =>
      ask('POST', at(id), { volumeAttachment }, version);
    const guestOf = async (uuid: string) => {
      const server = await servers.world.server(uuid);
      return servers.world.drivers.get(server.host ?? '')?.store.get(uuid)?.spec.disks.volumes ?? [];
    };
    const fault = async (uuid: string) => {
      const { body } = await ask('GET', `/servers/${uuid}/os-instance-actions`);
      return body.instanceActions[0] as { action: string; message: string | null };
    };

    it('are attached under the next free name, shown, and taken again', async () => {
      const { world } = servers;
      const id = await servers.create();
      const [first, second] = [world.volumes.add(PROJECT), world.volumes.add(PROJECT)];
      const made = await attach(id, { volumeId: first, tag: 'data', delete_on_termination: true });
      assert.deepEqual(made.body.volumeAttachment, {
        ...{ id: first, volumeId: first, serverId: id, device: '/dev/vdb', tag: 'data', delete_on_termination: true },
      });
      await world.settled();
      assert.equal((await attach(id, { volumeId: second }, '2.101')).text, '');
      await world.settled();
      const { volumeAttachments } = (await ask('GET', at(id))).body;
      assert.deepEqual(
        volumeAttachments.map(({ volumeId, device }: Record<string, string>) => [volumeId, device]),
        [
          [first, '/dev/vdb'],
          [second, '/dev/vdc'],
        ],
      );
      assert.equal(volumeAttachments[0].attachment_id, world.volumes.attachments()[0]?.id);
      assert.deepEqual(
        (await guestOf(id)).map(({ volumeId, name }) => [volumeId, name]),
        [
          [first, 'vdb'],
          [second, 'vdc'],
        ],
      );
      const { server } = (await ask('GET', `/servers/${id}`)).body;
      assert.deepEqual(server['os-extended-volumes:volumes_attached'][0], { id: first, delete_on_termination: true });
      const listed = (await ask('GET', '/servers/detail')).body.servers.find((one: { id: string }) => one.id === id);
      const field = 'os-extended-volumes:volumes_attached';
      assert.deepEqual(listed[field], server[field], 'a list tells of them too');
      // a power cycle has them again
      assert.equal((await ask('POST', `/servers/${id}/action`, { reboot: { type: 'HARD' } })).status, 202);
      await world.settled();
      assert.equal((await guestOf(id)).length, 2);
      assert.equal((await ask('DELETE', at(id, `/${first}`))).status, 202);
      await world.settled();
      assert.deepEqual([world.volumes.stateOf(first), world.volumes.stateOf(second)], ['available', 'in-use']);
      assert.equal((await guestOf(id)).length, 1);
      // its name is free again
      const again = await attach(id, { volumeId: first, device: '/dev/vdf' });
      assert.equal(again.body.volumeAttachment.device, '/dev/vdf');
      await world.settled();
      const put = await ask('PUT', at(id, `/${first}`), {
        volumeAttachment: { volumeId: first, delete_on_termination: true },
      });
      assert.equal(put.status, 202, put.text);
      assert.equal((await ask('DELETE', `/servers/${id}`)).status, 204);
      await world.settled();
      assert.deepEqual([world.volumes.stateOf(first), world.volumes.stateOf(second)], [null, 'available']);
      assert.deepEqual(world.volumes.attachments(), []);
      assert.deepEqual(await world.leftovers(), []);
    });

    it('are refused where they are taken, not there, of another project, or asked for twice', async () => {
      const { world } = servers;
      const [id, other] = [await servers.create(), await servers.create()];
      const volumeId = world.volumes.add(PROJECT);
      assert.equal((await attach(id, { volumeId })).status, 200);
      const twice = await attach(id, { volumeId });
      assert.equal(twice.status, 400);
      assert.match(twice.text, /already attached/);
      await world.settled();
      assert.match((await attach(other, { volumeId })).text, /status must be 'available'. Currently in 'in-use'/);
      const foreign = world.volumes.add(OTHERS);
      assert.equal((await attach(id, { volumeId: foreign })).status, 400);
      assert.equal((await ask('DELETE', at(other, `/${volumeId}`))).status, 404);
      assert.deepEqual(await world.leftovers(), []);
    });

    it('are not exchanged for another by hand: that is for Cinder, of a volume that it moves', async () => {
      const { world } = servers;
      const id = await servers.create();
      const [volumeId, other] = [world.volumes.add(PROJECT), world.volumes.add(PROJECT)];
      assert.equal((await attach(id, { volumeId })).status, 200);
      await world.settled();
      const put = (to: string, version: string, as: 'admin' | 'member' = 'admin') =>
        servers.request('PUT', at(id, `/${volumeId}`), { as, version, body: { volumeAttachment: { volumeId: to } } });
      for (const version of ['2.1', '2.85']) {
        const refused = await put(other, version);
        assert.equal(refused.status, 409, refused.text);
        assert.match(refused.body.conflictingRequest.message, /is not migrating; this API should only be called by/);
        assert.equal((await put('11111111-2222-4333-8444-555555555555', version)).status, 400);
        assert.equal((await put(other, version, 'member')).status, 403);
      }
      assert.deepEqual([world.volumes.stateOf(volumeId), world.volumes.stateOf(other)], ['in-use', 'available']);
    });

    it('go back where the host fails, and the action says why', async () => {
      const { world } = servers;
      const id = await servers.create();
      const { host } = await world.server(id);
      world.drivers.get(host ?? '')?.behave(id, 'fail:attachVolume');
      const volumeId = world.volumes.add(PROJECT);
      assert.equal((await attach(id, { volumeId })).status, 200);
      await world.settled();
      assert.equal(world.volumes.stateOf(volumeId), 'available');
      assert.deepEqual(await volumesOfServer(world.database.read, (await world.server(id)).id), []);
      assert.deepEqual([(await fault(id)).action, (await fault(id)).message], ['attach_volume', 'Error']);
      assert.equal((await world.server(id)).vmState, 'active');
      assert.deepEqual(await world.leftovers(), []);
    });

    it('come with a new server, which may boot from one', async () => {
      const { world } = servers;
      const flavorRef = await world.flavor({ rootGb: 0, vcpus: 1, memoryMb: 256 });
      const bootable = world.volumes.add(PROJECT, {
        bootable: true,
        imageMetadata: { hw_disk_bus: 'scsi', min_ram: '0' },
      });
      const devices = [
        { uuid: bootable, source_type: 'volume', destination_type: 'volume', boot_index: 0 },
        {
          source_type: 'blank',
          destination_type: 'volume',
          volume_size: 3,
          boot_index: -1,
          delete_on_termination: true,
        },
      ];
      const server = { name: 'bfv', flavorRef, imageRef: '', networks: 'auto', block_device_mapping_v2: devices };
      const made = await ask('POST', '/servers', { server });
      assert.equal(made.status, 202, made.text);
      const id = made.body.server.id as string;
      await world.settled();
      const shown = (await ask('GET', `/servers/${id}`)).body.server;
      assert.deepEqual([shown.status, shown.image], ['ACTIVE', '']);
      const volumes = await guestOf(id);
      assert.deepEqual(
        volumes.map(({ name, bus, bootIndex }) => [name, bus, bootIndex]),
        [
          ['sda', 'scsi', 0],
          ['sdb', 'scsi', null],
        ],
      );
      const blank = volumes[1]?.volumeId ?? '';
      assert.equal(world.volumes.stateOf(blank), 'in-use');
      const backup = { name: 'x', backup_type: 'daily', rotation: 1 };
      const refused = await ask('POST', `/servers/${id}/action`, { createBackup: backup });
      assert.equal(refused.status, 400, refused.text);
      assert.match(refused.text, /volume-backed/);
      assert.equal((await ask('DELETE', at(id, `/${bootable}`))).status, 403);
      assert.equal((await ask('DELETE', `/servers/${id}`)).status, 204);
      await world.settled();
      assert.deepEqual([world.volumes.stateOf(bootable), world.volumes.stateOf(blank)], ['available', null]);
      assert.deepEqual(await world.leftovers(), []);
    });

    it('of a new server are checked with the request', async () => {
      const { world } = servers;
      const flavorRef = await world.flavor({ rootGb: 0 });
      const volume = world.volumes.add(PROJECT);
      const root = { uuid: volume, source_type: 'volume', destination_type: 'volume', boot_index: 0 };
      const create = (block_device_mapping_v2: readonly object[]) =>
        ask('POST', '/servers', {
          server: { name: 'x', flavorRef, imageRef: '', networks: 'auto', block_device_mapping_v2 },
        });
      const refused = await create([root]);
      assert.equal(refused.status, 400);
      assert.match(refused.text, /is not bootable/);
      assert.deepEqual(await world.leftovers(), []);
    });
  });
}
