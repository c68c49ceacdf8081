// Servers that boot from a volume: what an image of one says, what a server of that image gets, what a rebuild does to the volume, and
// which image rescues it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemCaller } from '../../src/base/op.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { testImage, uuidOf } from '../support/neighbours.ts';
import { type Servers, startServers } from '../support/servers.ts';

const PROJECT = callers.member.projectId ?? '';

for (const engine of engines) {
  describe(`servers that boot from a volume on ${engine}`, () => {
    let servers: Servers;
    let flavorRef = '';
    before(async () => {
      servers = await startServers({ engine });
      flavorRef = await servers.world.flavor({ rootGb: 0, vcpus: 1, memoryMb: 256 });
    });
    after(() => servers.close());

    const ask = (method: string, path: string, body?: object, version = '2.100') =>
      servers.request(method, path, { as: 'member', version, ...(body === undefined ? {} : { body }) });
    const act = (id: string, body: object, version = '2.100') => servers.act(id, body, { version });
    const refused = (answer: Answer, message: string | RegExp) => {
      assert.equal(answer.status, 400, answer.text);
      if (typeof message === 'string') assert.equal(answer.body.badRequest.message, message);
      else assert.match(answer.body.badRequest.message, message);
    };
    const create = async (server: object): Promise<string> => {
      const made = await ask('POST', '/servers', { server: { name: 'web', flavorRef, networks: 'auto', ...server } });
      assert.equal(made.status, 202, made.text);
      await servers.world.settled();
      const { id } = made.body.server;
      const shown = await servers.show(id);
      assert.equal(shown.status, 'ACTIVE', JSON.stringify(shown.fault));
      return id;
    };
    const root = (uuid: string) => ({ uuid, source_type: 'volume', destination_type: 'volume', boot_index: 0 });
    const bootable = (imageMetadata: Record<string, string> = {}) =>
      servers.world.volumes.add(PROJECT, { bootable: true, imageMetadata, sizeGb: 2 });
    const volumesOf = async (id: string) => {
      const { host } = await servers.world.server(id);
      return servers.world.drivers.get(host ?? '')?.store.get(id)?.spec.disks.volumes ?? [];
    };
    const imageOf = async (imageId: string) =>
      (await servers.world.images.find(systemCaller, imageId)) ?? assert.fail('there is no image');
    const imaged = async (id: string, metadata: object = {}): Promise<string> => {
      const made = await act(id, { createImage: { name: 'snap', metadata } });
      assert.equal(made.status, 202, made.text);
      await servers.world.settled();
      return made.body.image_id;
    };
    const snapshotOf = (volumeId: string) =>
      servers.world.volumes.taken().filter((snapshot) => snapshot.volumeId === volumeId);

    it('are imaged as snapshots of their volumes, of which a server of that image gets its own', async () => {
      const { world } = servers;
      const volume = bootable({ image_id: servers.imageId, hw_disk_bus: 'scsi', min_ram: '64' });
      const blank = { source_type: 'blank', destination_type: 'volume', volume_size: 3, tag: 'data' };
      const devices = [root(volume), { ...blank, boot_index: -1, delete_on_termination: true }];
      const id = await create({ block_device_mapping_v2: devices });
      const data = (await volumesOf(id))[1]?.volumeId ?? '';
      const early = await servers.act(id, { createImage: { name: 'early' } }, { version: '2.1' });
      assert.match(early.headers['location'] ?? '', /\/images\/[0-9a-f-]{36}$/);
      await world.settled();
      const imageId = await imaged(id, { color: 'red' });
      const image = await imageOf(imageId);
      assert.deepEqual(
        [image.status, image.sizeBytes, image.diskFormat, image.containerFormat, image.minDiskGb, image.minRamMb],
        ['active', 0, 'raw', 'bare', 0, 64],
      );
      const { block_device_mapping: mapping = '', ...said } = image.properties;
      const [first, second] = [snapshotOf(volume)[1], snapshotOf(data)[1]];
      const common = { source_type: 'snapshot', destination_type: 'volume', disk_bus: 'scsi', device_type: 'disk' };
      const none = { guest_format: null, image_id: null, volume_id: null, volume_type: null, no_device: null };
      assert.deepEqual(JSON.parse(mapping), [
        {
          ...{ ...common, ...none, snapshot_id: first?.id, volume_size: 2, boot_index: 0, device_name: '/dev/sda' },
          ...{ delete_on_termination: false, tag: null },
        },
        {
          ...{ ...common, ...none, snapshot_id: second?.id, volume_size: 3, boot_index: null },
          ...{ device_name: '/dev/sdb', delete_on_termination: true, tag: 'data' },
        },
      ]);
      assert.deepEqual(
        [said['bdm_v2'], said['root_device_name'], said['color'], said['hw_disk_bus'], said['instance_uuid']],
        ['True', '/dev/sda', 'red', 'scsi', id],
      );
      assert.deepEqual([first?.name, first?.status, first?.quiesced], ['snapshot for snap', 'available', false]);
      const actions = await ask('GET', `/servers/${id}/os-instance-actions`);
      assert.deepEqual(
        [actions.body.instanceActions[0].action, actions.body.instanceActions[0].message],
        ['createImage', null],
      );

      const copy = await create({ imageRef: imageId });
      assert.equal((await servers.show(copy)).image, '');
      const volumes = await volumesOf(copy);
      assert.deepEqual(
        volumes.map(({ name, bootIndex }) => [name, bootIndex]),
        [
          ['sda', 0],
          ['sdb', null],
        ],
      );
      const [made] = await Promise.all(volumes.map(({ volumeId }) => world.volumes.volume(systemCaller, volumeId)));
      assert.deepEqual([made?.snapshotId, made?.sizeGb], [first?.id, 2]);
      // an image of that says its own volumes, and nothing of the first's
      const again = await imageOf(await imaged(copy));
      const [entry] = JSON.parse(again.properties['block_device_mapping'] ?? '');
      assert.equal(entry.snapshot_id, snapshotOf(made?.id ?? '')[0]?.id);
      for (const server of [id, copy]) assert.equal((await ask('DELETE', `/servers/${server}`)).status, 204);
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
    });

    it('take what a request says of a device in place of what the image says', async () => {
      const id = await create({ block_device_mapping_v2: [root(bootable())] });
      const imageId = await imaged(id);
      // the openstack client names the image as a device
      const device = { uuid: imageId, source_type: 'image', destination_type: 'local', boot_index: 0 };
      const asked = { source_type: 'blank', destination_type: 'volume', volume_size: 5, boot_index: -1 };
      const [first, ...others] = await volumesOf(
        await create({ imageRef: imageId, block_device_mapping_v2: [device, { ...asked, device_name: 'vdx' }] }),
      );
      assert.deepEqual([first?.bootIndex, others.map(({ name }) => name)], [0, ['vdb']]);
      const mine = bootable();
      const own = [{ ...root(mine), device_name: 'vda' }];
      const [booted, ...rest] = await volumesOf(await create({ imageRef: imageId, block_device_mapping_v2: own }));
      assert.deepEqual([booted?.volumeId, rest], [mine, []]);
      // a volume that is to have the image's data has the snapshot's
      const onVolume = { ...device, destination_type: 'volume', volume_size: 4 };
      const [of] = await volumesOf(await create({ block_device_mapping_v2: [onVolume] }));
      const { snapshotId, sizeGb } = await servers.world.volumes.volume(systemCaller, of?.volumeId ?? '');
      assert.deepEqual([snapshotId, sizeGb], [servers.world.volumes.taken().at(-1)?.id, 2]);
    });

    it('are made by the older syntax too, and several at once, each with volumes of its own', async () => {
      const { world } = servers;
      const imageId = await imaged(await create({ block_device_mapping_v2: [root(bootable())] }));
      const data = world.volumes.add(PROJECT);
      const older = [{ device_name: '/dev/vdb', volume_id: data }];
      const [booted, other] = await volumesOf(await create({ imageRef: imageId, block_device_mapping: older }));
      assert.deepEqual([booted?.bootIndex, other?.volumeId], [0, data]);
      const server = { name: 'two', flavorRef, networks: 'auto', imageRef: imageId, min_count: 2 };
      assert.equal((await ask('POST', '/servers', { server })).status, 202);
      await world.settled();
      const { servers: made } = (await ask('GET', '/servers?name=two')).body;
      const roots = await Promise.all(made.map(async ({ id }: { id: string }) => (await volumesOf(id))[0]?.volumeId));
      assert.equal(new Set(roots).size, 2);
      assert.ok(roots.every((id) => typeof id === 'string'));
    });

    it('are not made of snapshots of another project, whoever may see the image', async () => {
      const imageId = await imaged(await create({ block_device_mapping_v2: [root(bootable())] }));
      const { properties } = await imageOf(imageId);
      const copied = testImage({ id: uuidOf('copied', engine), sizeBytes: 0, properties });
      await servers.world.images.add(copied);
      const server = { name: 'x', flavorRef, imageRef: copied.id, networks: 'auto' };
      const version = '2.100';
      const theirs = await servers.request('POST', '/servers', { as: 'other', version, body: { server } });
      assert.equal(theirs.status, 400, theirs.text);
      assert.match(theirs.body.badRequest.message, /^Snapshot [0-9a-f-]* could not be found\.$/);
      assert.equal((await ask('POST', '/servers', { server })).status, 202);
      await servers.world.settled();
    });

    it('refuse an image whose devices no request could ask for', async () => {
      const make = async (mapping: string, more: object = {}) => {
        const id = uuidOf('devices', engine, mapping, JSON.stringify(more));
        const properties = { block_device_mapping: mapping, bdm_v2: 'True', ...more };
        await servers.world.images.add(testImage({ id, sizeBytes: 0, properties }));
        return ask('POST', '/servers', { server: { name: 'x', flavorRef, imageRef: id, networks: 'auto' } });
      };
      const snapshot = { source_type: 'snapshot', destination_type: 'volume', boot_index: 0 };
      refused(await make('{'), /^Block Device Mapping is Invalid: what image .* is no JSON\.$/);
      for (const entry of [{ a: 1 }, { ...snapshot, snapshot_id: '../../x' }, { ...snapshot, volume_size: -1 }, 7]) {
        refused(await make(JSON.stringify([entry])), /^Block Device Mapping is Invalid: what image .* cannot be: /);
      }
      refused(await make('{"0": {}}'), /cannot be/);
      refused(await make(JSON.stringify([snapshot])), 'Block Device Mapping is Invalid: Missing device UUID.');
      const gone = uuidOf('gone');
      refused(await make(JSON.stringify([{ ...snapshot, snapshot_id: gone }])), new RegExp(`${gone}`));
      const local = { source_type: 'image', destination_type: 'local', boot_index: 0, image_id: gone };
      refused(await make(JSON.stringify([local])), /Mapping image to local is not supported/);
      // the older syntax
      const legacy = JSON.stringify([{ device_name: 'vda', snapshot_id: gone, volume_size: 1 }]);
      refused(await make(legacy, { bdm_v2: 'no' }), new RegExp(gone));
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('leave nothing of an image whose snapshot fails, and are still held where it needs them still', async () => {
      const { world } = servers;
      const volume = bootable({ os_require_quiesce: 'yes' });
      const id = await create({ block_device_mapping_v2: [root(volume)] });
      world.volumes.fail('snapshot');
      const made = await act(id, { createImage: { name: 'snap' } });
      await world.settled();
      world.volumes.fail(null);
      assert.equal(await world.images.find(systemCaller, made.body.image_id), null);
      assert.deepEqual(snapshotOf(volume), []);
      const { status, fault } = await servers.show(id);
      assert.equal(status, 'ACTIVE', JSON.stringify(fault));
      await imaged(id);
      assert.deepEqual(
        snapshotOf(volume).map(({ quiesced }) => quiesced),
        [true],
      );
    });

    it('are not backed up, and say what there is instead of copies of a disk', async () => {
      const id = await create({ block_device_mapping_v2: [root(bootable())] });
      refused(
        await act(id, { createBackup: { name: 'b', backup_type: 'daily', rotation: 1 } }),
        'Backup is not supported for volume-backed instances.',
      );
      for (const what of ['snapshot', 'backup']) {
        const answer = await ask('POST', `/servers/${id}/os-xloud-${what}s`, { [what]: { name: 'x' } });
        refused(answer, /make a snapshot of the volume/);
      }
      const schedule = { cron: '0 3 * * *', keep: 2 };
      refused(
        await ask('PUT', `/servers/${id}/os-xloud-backup-schedule`, { schedule }),
        /make a snapshot of the volume/,
      );
    });

    it('are rebuilt with their volume as it is before 2.93, and with its data anew since then', async () => {
      const { world } = servers;
      const volume = bootable({ image_id: servers.imageId });
      const id = await create({ block_device_mapping_v2: [root(volume)] });
      const other = testImage({ id: uuidOf('other', engine), properties: { hw_vif_model: 'e1000' } });
      await world.images.add(other);
      const unacceptable = `Image ${other.id} is unacceptable: Unable to rebuild with a different image for a volume-backed server.`;
      refused(await act(id, { rebuild: { imageRef: other.id } }, '2.92'), unacceptable);
      assert.equal((await act(id, { rebuild: { imageRef: servers.imageId } }, '2.92')).status, 202);
      await world.settled();
      const kept = (await world.volumes.volume(systemCaller, volume)).imageMetadata;
      assert.deepEqual(kept, { image_id: servers.imageId });
      const rebuilt = await act(id, { rebuild: { imageRef: other.id } });
      assert.equal(rebuilt.status, 202, rebuilt.text);
      assert.equal(rebuilt.body.server.image, '');
      await world.settled();
      const shown = await servers.show(id);
      assert.deepEqual([shown.status, shown.image], ['ACTIVE', ''], JSON.stringify(shown.fault));
      assert.deepEqual((await world.volumes.volume(systemCaller, volume)).imageMetadata, { image_id: other.id });
      assert.equal((await world.server(id)).image?.properties['hw_vif_model'], 'e1000');
      assert.deepEqual(
        (await volumesOf(id)).map(({ volumeId, name }) => [volumeId, name]),
        [[volume, 'vda']],
      );
      assert.deepEqual(await world.leftovers(), []);
    });

    it('are in ERROR where the volume does not get its data, and are rebuilt again', async () => {
      const { world } = servers;
      const volume = bootable({ image_id: servers.imageId });
      const id = await create({ block_device_mapping_v2: [root(volume)] });
      const other = testImage({ id: uuidOf('failing', engine), properties: { hw_vif_model: 'e1000' } });
      await world.images.add(other);
      world.volumes.fail('reimage');
      assert.equal((await act(id, { rebuild: { imageRef: other.id } })).status, 202);
      await world.settled();
      world.volumes.fail(null);
      const { status, fault } = await servers.show(id);
      assert.equal(status, 'ERROR');
      assert.match(fault.message, /^Failed to rebuild volume backed instance: /);
      assert.equal((await world.server(id)).image?.properties['hw_vif_model'], undefined);
      assert.equal((await act(id, { rebuild: { imageRef: other.id } })).status, 202);
      await world.settled();
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      assert.equal((await ask('DELETE', `/servers/${id}`)).status, 204);
      await world.settled();
      assert.equal(world.volumes.stateOf(volume), 'available');
    });

    it('are not rebuilt of an image that stands for volumes', async () => {
      const id = await create({ block_device_mapping_v2: [root(bootable())] });
      refused(await act(id, { rebuild: { imageRef: await imaged(id) } }), /it stands for snapshots of volumes/);
    });

    it('are rescued since 2.87, by an image that says how it is plugged', async () => {
      const { world } = servers;
      const id = await create({ block_device_mapping_v2: [root(bootable())] });
      const properties = { hw_rescue_device: 'disk', hw_rescue_bus: 'virtio' };
      const stable = testImage({ id: uuidOf('stable', engine), properties });
      await world.images.add(stable);
      const words = `Instance ${id} cannot be rescued: Cannot rescue a volume-backed instance`;
      refused(await act(id, { rescue: { rescue_image_ref: stable.id } }, '2.86'), words);
      refused(await act(id, { rescue: { rescue_image_ref: servers.imageId } }, '2.87'), words);
      refused(await act(id, { rescue: null }, '2.87'), words);
      const ofVolumes = await imaged(id);
      refused(
        await act(id, { rescue: { rescue_image_ref: ofVolumes } }),
        `Requested rescue image '${ofVolumes}' is not supported`,
      );
      assert.equal((await act(id, { rescue: { rescue_image_ref: stable.id } }, '2.87')).status, 200);
      await world.settled();
      assert.equal((await servers.show(id)).status, 'RESCUE');
      assert.equal((await volumesOf(id)).length, 1);
      assert.equal((await act(id, { unrescue: null })).status, 202);
      await world.settled();
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      assert.deepEqual(await world.leftovers(), []);
    });
  });
}
