// A volume gets an image's data in place of its own: of whom that may be asked and in which state, what fails and leaves the data of
// before, what a process that dies leaves to the next, and that nobody sees another project's snapshots by it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { makeVolumeService } from '../../src/standalone/volume/compute.ts';
import { callers, type Cloud, startCloud } from '../support/cloud.ts';
import { engines } from '../support/database.ts';
import { assertBytes, imageInfo, madeImage, volumeClient, type VolumeClient, writeBytes } from '../support/volumes.ts';

for (const engine of engines) {
  describe(`new data of volumes on ${engine}`, () => {
    let cloud: Cloud;
    let volumes: VolumeClient;
    let imageId = '';
    let large = '';
    before(async () => {
      cloud = await startCloud({ engine, volume: { quota: { volumes: -1, snapshots: 3 } } });
      volumes = volumeClient(cloud);
      const path = await madeImage(cloud.dir, '-f', 'qcow2', '--', '@', '64M');
      await writeBytes(path, 7);
      imageId = await volumes.image(await readFile(path), 'qcow2', { hw_disk_bus: 'scsi' });
      const big = await madeImage(cloud.dir, '-f', 'qcow2', '--', '@', '2G');
      large = await volumes.image(await readFile(big), 'qcow2');
    });
    after(() => cloud.close());
    const service = () => makeVolumeService(cloud.volumes.parts);
    const host1 = { host: 'host-1', ip: '127.0.0.1', arch: 'x86_64', connector: null };
    const reimage = (id: string, body: object, version?: string, who?: 'demo' | 'other') =>
      volumes.act(id, { 'os-reimage': body }, version, who);
    const attached = async (id: string): Promise<string> => {
      const server = newUuid();
      const attachment = await service().reserve(id, server);
      await service().connect(attachment, host1, '/dev/vda');
      await service().complete(attachment, '/dev/vda');
      return server;
    };

    it('is put on one that nobody has, since 3.68, and what it keeps of its image with it', async () => {
      const id = await volumes.create({ size: 1 });
      await writeBytes(volumes.fileOf(id), 1);
      assert.equal((await reimage(id, { image_id: imageId }, '3.67')).status, 400);
      assert.equal((await reimage(id, { image_id: imageId }, '3.68', 'other')).status, 404);
      assert.equal((await reimage(id, { image_id: newUuid() })).status, 400);
      assert.equal((await reimage(id, {})).status, 400);
      const tooLarge = await reimage(id, { image_id: large });
      assert.deepEqual(
        [tooLarge.status, tooLarge.text.includes('cannot be smaller than the image size 2GB')],
        [400, true],
      );
      const begun = await reimage(id, { image_id: imageId });
      assert.equal(begun.status, 202, begun.text);
      const made = await volumes.until('volumes', id, 'available');
      assert.deepEqual([made.bootable, made.volume_image_metadata.image_id], ['true', imageId]);
      assert.equal(made.volume_image_metadata.hw_disk_bus, 'scsi');
      await assertBytes(volumes.fileOf(id), 7);
      assert.equal((await imageInfo(volumes.fileOf(id)))['virtual-size'], 2 ** 30);
    });

    it('of an image that stands for snapshots is that of the one to boot from, if who asks may see it', async () => {
      const of = await volumes.create({ size: 1, imageRef: imageId });
      const snapshot_id = await volumes.snapshot(of);
      const mapping = [
        { boot_index: null, snapshot_id: newUuid() },
        { boot_index: 0, snapshot_id },
      ];
      const said = { block_device_mapping: JSON.stringify(mapping), bdm_v2: 'True' };
      const ofVolumes = await volumes.image(new Uint8Array(0), 'raw', said);
      const made = await volumes.create({ size: 2, imageRef: ofVolumes });
      await assertBytes(volumes.fileOf(made), 7);
      assert.equal((await volumes.done('GET', `/volumes/${made}`)).volume.snapshot_id, snapshot_id);
      const copied = await cloud.ask('other', 'POST', '/image/v2/images', {
        ...{ name: 'i', disk_format: 'raw', container_format: 'bare', ...said },
      });
      const theirs = { volume: { size: 2, imageRef: copied.json.id } };
      assert.equal((await volumes.ask('POST', '/volumes', theirs, '3.68', 'other')).status, 404);
    });

    it('is not made of an image that stands for snapshots of volumes', async () => {
      const ofVolumes = await volumes.image(new Uint8Array(0), 'raw', { block_device_mapping: '[{}]', bdm_v2: 'True' });
      const id = await volumes.create({ size: 1 });
      for (const answer of [
        await reimage(id, { image_id: ofVolumes }),
        await volumes.ask('POST', '/volumes', { volume: { size: 1, imageRef: ofVolumes } }),
      ]) {
        assert.equal(answer.status, 400);
        assert.match(answer.text, /stands for snapshots of volumes/);
      }
    });

    it('is put on a reserved one where that is said, and on one in use by compute alone', async () => {
      const id = await volumes.create({ size: 1 });
      const attachment = await service().reserve(id, newUuid());
      assert.equal((await reimage(id, { image_id: imageId })).status, 400);
      assert.equal((await reimage(id, { image_id: imageId, reimage_reserved: true })).status, 202);
      await volumes.until('volumes', id, 'reserved');
      await assertBytes(volumes.fileOf(id), 7);
      // else a guest would begin on the file that is about to be replaced
      await cloud.database.write('volumes').where({ id }).update({ status: 'downloading' });
      await assert.rejects(
        service().connect(attachment, host1, '/dev/vda'),
        /cannot be connected while it is downloading/,
      );
      await cloud.database.write('volumes').where({ id }).update({ status: 'reserved' });
      await service().release(attachment);

      await writeBytes(volumes.fileOf(id), 2);
      const server = await attached(id);
      assert.equal((await reimage(id, { image_id: imageId, reimage_reserved: true })).status, 400);
      // an administrator may set a status that is not so
      await cloud.database.write('volumes').where({ id }).update({ status: 'reserved' });
      assert.equal((await reimage(id, { image_id: imageId, reimage_reserved: true })).status, 400);
      await cloud.database.write('volumes').where({ id }).update({ status: 'in-use' });
      await service().checkReimage(callers.demo, id, imageId);
      await assert.rejects(service().checkReimage(callers.other, id, imageId), /could not be found/);
      await assert.rejects(service().checkReimage(callers.demo, id, large), /cannot be smaller/);
      await service().reimage(id, imageId, 'req-1');
      await volumes.until('volumes', id, 'in-use');
      await assertBytes(volumes.fileOf(id), 7);
      await service().releaseAll(server);
    });

    it('leaves the data of before where it fails, and where it is given up', async () => {
      const id = await volumes.create({ size: 1 });
      await writeBytes(volumes.fileOf(id), 3);
      const server = await attached(id);
      const broken = await volumes.image(new TextEncoder().encode('QFI\xfbno'), 'raw');
      await cloud.database.write('images').where({ id: broken }).update({ disk_format: 'qcow2' });
      await service().reimage(id, broken, 'req-2');
      await volumes.until('volumes', id, 'error');
      const { messages } = await volumes.done('GET', `/messages?resource_uuid=${id}`);
      assert.match(messages[0].event_id, /^VOLUME_VOLUME_016/);
      await assertBytes(volumes.fileOf(id), 3);
      // whoever owns it may not write below a server that perhaps runs
      assert.equal((await reimage(id, { image_id: imageId })).status, 400);
      await cloud.volumes.close();
      await service().reimage(id, imageId, 'req-3');
      await service().reimage(id, imageId, 'req-3');
      assert.equal(await service().status(id), 'downloading');
      assert.equal((await cloud.database.read('volume_jobs').where({ volume_id: id })).length, 1);
      await service().endReimage(id);
      await service().endReimage(id);
      assert.equal(await service().status(id), 'in-use');
      assert.equal((await cloud.database.read('volume_jobs').where({ volume_id: id })).length, 0);
      await assertBytes(volumes.fileOf(id), 3);
      // another process goes on with what is asked for again
      await service().reimage(id, imageId, 'req-4');
      const next = cloud.otherVolumes();
      await next.startWork(true, { copy: async () => false, grow: async () => false });
      await volumes.until('volumes', id, 'in-use');
      await assertBytes(volumes.fileOf(id), 7);
      await service().releaseAll(server);
      await next.close();
    });

    it('of a server are snapshotted under ids that were chosen before, once, within the quota', async () => {
      const id = await volumes.ask('POST', '/volumes', { volume: { size: 1 } });
      const volumeId = id.json.volume.id as string;
      const next = cloud.otherVolumes();
      await next.startWork(true, { copy: async () => false, grow: async () => false });
      await volumes.until('volumes', volumeId, 'available');
      const snapshotId = newUuid();
      const asked = { volumeId, userId: 'demo-user', name: 'snapshot for x', description: null, quiesce: false };
      await service().checkSnapshots(callers.demo, [volumeId]);
      await assert.rejects(service().checkSnapshots(callers.other, [volumeId]), /could not be found/);
      await assert.rejects(
        service().checkSnapshots(callers.demo, [volumeId, volumeId, volumeId, volumeId]),
        /Maximum number of snapshots/,
      );
      for (const _twice of [1, 2]) await service().makeSnapshot(snapshotId, asked, 'req-5');
      const { user_id, size } = await volumes.until('snapshots', snapshotId, 'available');
      assert.deepEqual([user_id, size], ['demo-user', 1]);
      assert.deepEqual(await service().snapshotState(snapshotId), { status: 'available', sizeGb: 1 });
      // another project makes no volume of it, whatever an image says
      const wish = { sizeGb: 1, name: '', description: '', type: null, zone: null, metadata: {}, imageId: null };
      await assert.rejects(service().checkNew(callers.other, { ...wish, snapshotId }), /could not be found/);
      for (const _twice of [1, 2]) await service().removeSnapshot(snapshotId, 'req-6');
      await volumes.until('snapshots', snapshotId, 'gone');
      await service().removeSnapshot(snapshotId, 'req-6');
      await next.close();
    });
  });
}
