// The built-in volume service and what it does to bytes, by real qemu-img on both engines: what a volume is made from is what is read in
// it, what is made of a volume stays when the volume changes, and what fails is told and leaves nothing.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import { type Run, runProgram } from '../../src/base/run.ts';
import { type Cloud, startCloud } from '../support/cloud.ts';
import { makeVolumeFiles } from '../../src/standalone/volume/files.ts';
import { engines } from '../support/database.ts';
import {
  assertBytes,
  assertSameBytes,
  gib,
  imageInfo,
  madeImage,
  volumeClient,
  type VolumeClient,
  writeBytes,
} from '../support/volumes.ts';

for (const engine of engines) {
  describe(`volumes and their bytes on ${engine}`, () => {
    let cloud: Cloud;
    let volumes: VolumeClient;
    /** Whether the next program says that the disk is full. */
    let full = false;
    const run: Run = async (file, args) => {
      if (full && args.includes('qemu-img'))
        return runProgram('sh', ['-c', 'echo "qemu-img: x: No space left on device" >&2; exit 1']);
      return runProgram(file, args);
    };
    before(async () => {
      cloud = await startCloud({ engine, volume: { programs: () => run, quota: { volumes: -1, snapshots: -1 } } });
      volumes = volumeClient(cloud);
    });
    after(() => cloud.close());
    const failed = async (id: string) => {
      await volumes.until('volumes', id, 'error');
      return (await volumes.done('GET', `/messages?resource_uuid=${id}`)).messages;
    };
    const files = () =>
      readdirSync(join(cloud.dir, 'volumes')).filter((name) => !/^(?:volume|snapshot)-[0-9a-f-]{36}$/.test(name));

    it('an empty one is qcow2 of its size, which its owner alone may read', async () => {
      const id = await volumes.create({ size: 1, name: 'empty', metadata: { a: 'b' } });
      const info = await imageInfo(volumes.fileOf(id));
      assert.deepEqual([info.format, info['virtual-size']], ['qcow2', gib(1)]);
      const { volume } = await volumes.done('GET', `/volumes/${id}`);
      const { name, size, status, bootable, attachments, metadata, encrypted, multiattach, volume_type } = volume;
      assert.deepEqual(
        { name, size, status, bootable, attachments, metadata, encrypted, multiattach, volume_type },
        {
          ...{ name: 'empty', size: 1, status: 'available', bootable: 'false', attachments: [], metadata: { a: 'b' } },
          ...{ encrypted: false, multiattach: false, volume_type: '__DEFAULT__' },
        },
      );
      assert.equal((await volumes.ask('DELETE', `/volumes/${id}`)).status, 202);
      await volumes.until('volumes', id, 'gone');
      assert.ok(!existsSync(volumes.fileOf(id)));
    });

    it('one of an image has its bytes, raw or qcow2, and what is known of the image', async () => {
      const bytes = Buffer.alloc(3 * 65_536, 0x5a);
      const raw = await volumes.image(bytes, 'raw', { os_distro: 'tiny' });
      const id = await volumes.create({ size: 2, imageRef: raw });
      await assertBytes(volumes.fileOf(id), 0x5a);
      await assertBytes(volumes.fileOf(id), 0, '1G');
      const { volume } = await volumes.done('GET', `/volumes/${id}`);
      assert.equal(volume.bootable, 'true');
      assert.equal(volume.volume_image_metadata.image_id, raw);
      assert.equal(volume.volume_image_metadata.os_distro, 'tiny');
      const made = await madeImage(cloud.dir, '-f', 'qcow2', '@', '1G');
      await writeBytes(made, 0x77, '8M');
      const other = await volumes.create({ size: 1, imageRef: await volumes.image(await readFile(made), 'qcow2') });
      await assertSameBytes(made, volumes.fileOf(other));
    });

    it('one of a snapshot has the bytes of then, and one of a volume those of now; both live on alone', async () => {
      const id = await volumes.create({ size: 1 });
      await writeBytes(volumes.fileOf(id), 1);
      const snapshot = await volumes.snapshot(id);
      await writeBytes(volumes.fileOf(id), 2);
      const ofThen = await volumes.create({ snapshot_id: snapshot, size: 2 });
      const ofNow = await volumes.create({ source_volid: id });
      await writeBytes(volumes.fileOf(id), 3);
      await assertBytes(volumes.fileOf(ofThen), 1);
      await assertBytes(volumes.fileOf(ofThen), 0, '1G');
      await assertBytes(volumes.fileOf(ofNow), 2);
      await assertBytes(volumes.fileOf(snapshot, 'snapshot'), 1);
      assert.equal((await volumes.ask('DELETE', `/volumes/${id}`)).status, 400, 'it has a snapshot');
      assert.equal((await volumes.ask('DELETE', `/volumes/${id}?cascade=true`)).status, 202);
      await volumes.until('volumes', id, 'gone');
      await volumes.until('snapshots', snapshot, 'gone');
      assert.ok(!existsSync(volumes.fileOf(snapshot, 'snapshot')));
      await assertBytes(volumes.fileOf(ofThen), 1);
      await assertBytes(volumes.fileOf(ofNow), 2);
    });

    it('it grows and keeps what it has, and never shrinks', async () => {
      const id = await volumes.create({ size: 1 });
      await writeBytes(volumes.fileOf(id), 9);
      assert.equal((await volumes.act(id, { 'os-extend': { new_size: 3 } })).status, 202);
      const { size } = await volumes.until('volumes', id, 'available');
      assert.equal(size, 3);
      assert.equal((await imageInfo(volumes.fileOf(id)))['virtual-size'], gib(3));
      await assertBytes(volumes.fileOf(id), 9);
      for (const new_size of [3, 2, 0, -1, 'x', 20_000])
        assert.equal((await volumes.act(id, { 'os-extend': { new_size } })).status, 400, String(new_size));
    });

    it('it goes back to its newest snapshot, to no other, and to none from before it grew', async () => {
      const id = await volumes.create({ size: 1 });
      await writeBytes(volumes.fileOf(id), 1);
      const first = await volumes.snapshot(id);
      await writeBytes(volumes.fileOf(id), 2);
      const second = await volumes.snapshot(id);
      await writeBytes(volumes.fileOf(id), 3);
      const back = (snapshot_id: string, version?: string) => volumes.act(id, { revert: { snapshot_id } }, version);
      assert.equal((await back(first)).status, 400);
      assert.equal((await back(second, '3.39')).status, 400);
      assert.equal((await back(second)).status, 202);
      await volumes.until('volumes', id, 'available');
      await assertBytes(volumes.fileOf(id), 2);
      await volumes.act(id, { 'os-extend': { new_size: 2 } });
      await volumes.until('volumes', id, 'available');
      assert.equal((await back(second)).status, 400);
    });

    it('an image of it has its bytes, in the format asked for', async () => {
      const source = await volumes.image(Buffer.alloc(65_536, 4), 'raw', { os_distro: 'tiny' });
      const id = await volumes.create({ size: 1, imageRef: source });
      await writeBytes(volumes.fileOf(id), 6, '16M');
      // a raw one would be a GiB to hash: what is written of it is looked at below
      for (const disk_format of ['qcow2']) {
        const answer = await volumes.act(id, { 'os-volume_upload_image': { image_name: 'up', disk_format } });
        assert.equal(answer.status, 202, answer.text);
        const { image_id, status } = answer.json['os-volume_upload_image'];
        assert.equal(status, 'uploading');
        await volumes.until('volumes', id, 'available');
        const { json: image } = await cloud.ask('demo', 'GET', `/image/v2/images/${image_id}`);
        assert.deepEqual(
          [image.status, image.disk_format, image.min_disk, image.os_distro, image.owner, image.visibility],
          ['active', disk_format, 1, 'tiny', '00000000000000000000000000000de1', 'private'],
        );
        const stored = join(cloud.dir, 'images', image_id);
        await assertSameBytes(stored, volumes.fileOf(id), [disk_format, 'qcow2']);
      }
      const files = makeVolumeFiles(join(cloud.dir, 'volumes'), runProgram);
      await files.exported(id, 'raw', (path) => assertSameBytes(path, volumes.fileOf(id), ['raw', 'qcow2']));
      assert.equal(
        (await volumes.act(id, { 'os-volume_upload_image': { image_name: 'x', disk_format: 'vmdk' } })).status,
        400,
      );
    });

    it('sizes must hold what a volume is made from', async () => {
      const big = await volumes.create({ size: 2 });
      const snapshot = await volumes.snapshot(big);
      const image = await volumes.image(await readFile(await madeImage(cloud.dir, '-f', 'qcow2', '@', '3G')), 'qcow2');
      const refused: readonly (readonly [object, RegExp])[] = [
        [{ size: 1, source_volid: big }, /smaller than the original volume size 2GB/],
        [{ size: 1, snapshot_id: snapshot }, /smaller than the original snapshot size 2GB/],
        [{ size: 2, imageRef: image }, /smaller than the image size 3GB/],
        [{ imageRef: image }, /Volume size/],
        [{}, /Volume size/],
        [{ size: 0 }, /size/],
        [{ size: 1, imageRef: image, source_volid: big }, /made from one thing/],
        [{ size: 1, multiattach: true }, /multiattach/],
        [{ size: 1, availability_zone: 'mars' }, /Availability zone/],
        [{ size: 20_000 }, /at most/],
        [{ size: 1, imageRef: newUuid() }, /image/],
      ];
      for (const [volume, words] of refused) {
        const { status, text } = await volumes.ask('POST', '/volumes', { volume });
        assert.equal(status, 400, `${JSON.stringify(volume)}: ${text}`);
        assert.match(text, words);
      }
      for (const volume of [{ source_volid: newUuid() }, { snapshot_id: newUuid() }, { size: 1, volume_type: 'none' }])
        assert.equal((await volumes.ask('POST', '/volumes', { volume })).status, 404, JSON.stringify(volume));
    });

    it('a qcow2 that names another file is refused, told, and leaves nothing', async () => {
      const secret = await madeImage(cloud.dir, '-f', 'raw', '@', '1M');
      const bad = await madeImage(cloud.dir, '-f', 'qcow2', '-b', secret, '-F', 'raw', '@');
      // as another image service would have it, which looks less closely
      const image = await volumes.image(Buffer.alloc(512, 1), 'raw');
      await copyFile(bad, join(cloud.dir, 'images', image));
      await cloud.database.write('images').where({ id: image }).update({ disk_format: 'qcow2' });
      const { id } = (await volumes.done('POST', '/volumes', { volume: { size: 1, imageRef: image } })).volume;
      const [message, ...others] = await failed(id);
      assert.equal(others.length, 0);
      assert.match(message.user_message, /unacceptable/);
      assert.deepEqual([message.resource_type, message.message_level], ['VOLUME', 'ERROR']);
      assert.match(message.request_id, /^req-/);
      assert.ok(!existsSync(volumes.fileOf(id)));
      assert.deepEqual(files(), []);
      assert.equal((await volumes.ask('GET', `/messages/${message.id}`, undefined, '3.67', 'other')).status, 404);
      assert.equal((await volumes.ask('GET', `/messages/${message.id}`)).json.message.id, message.id);
      assert.equal((await volumes.ask('GET', `/messages/${message.id}`, undefined, '3.2')).status, 404);
      assert.equal((await volumes.ask('DELETE', `/messages/${message.id}`)).status, 204);
      assert.equal((await volumes.ask('GET', `/messages/${message.id}`)).status, 404);
      assert.equal((await volumes.ask('DELETE', `/volumes/${id}`)).status, 202);
      await volumes.until('volumes', id, 'gone');
    });

    it('a disk that is full fails the volume and says so, and an upload takes its image along', async () => {
      const good = await volumes.create({ size: 1 });
      full = true;
      try {
        const { id } = (await volumes.done('POST', '/volumes', { volume: { size: 1 } })).volume;
        assert.match((await failed(id))[0].user_message, /not enough space/);
        assert.equal((await volumes.act(good, { 'os-extend': { new_size: 2 } })).status, 202);
        for (let status = ''; status !== 'error_extending'; )
          ({ status } = (await volumes.done('GET', `/volumes/${good}`)).volume);
        const { volume } = await volumes.done('GET', `/volumes/${good}`);
        assert.equal(volume.size, 1, 'it is as large as it was');
        await volumes.act(good, { 'os-reset_status': { status: 'available' } }, '3.67', 'admin');
        const { json } = await volumes.act(good, { 'os-volume_upload_image': { image_name: 'up' } });
        await volumes.until('volumes', good, 'available');
        const { image_id } = json['os-volume_upload_image'];
        assert.equal((await cloud.ask('demo', 'GET', `/image/v2/images/${image_id}`)).status, 404);
        assert.deepEqual(files(), []);
      } finally {
        full = false;
      }
    });
  });
}
