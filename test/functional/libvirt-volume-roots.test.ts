// Guests that run from a volume, on a real hypervisor: what one wrote is in its image, and in a server of that image; a rebuild with another
// image leaves that image's bytes on the same volume, and the other volume's as they were; and it is rescued. Needs root and a
// hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';

const BOOT_MS = 240_000;
const LOOK_MS = 250;
const VERSIONS = { 'OpenStack-API-Version': 'volume 3.68, compute 2.96' };
const PATCH = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
/** A sector behind all that the guest's own disk has. */
const SECTOR = 1_000_000;

describe('guests of libvirt whose root disk is a volume', { concurrency: 1 }, () => {
  let world: GuestService;
  let first = '';
  let second = '';
  let root = '';
  let data = '';
  let snapshotImage = '';
  let otherImage = '';
  before(async () => {
    world = await startGuestService({ flavor: { vcpus: 1, ram: 256 } });
  });
  after(() => world?.close());

  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = VERSIONS) => {
    const answer = await world.service.request('xloud', method, path, body, headers);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const volume = (method: string, path: string, body?: unknown) => ask(method, `/volume/v3${path}`, body);
  const compute = (method: string, path: string, body?: unknown) => ask(method, `/compute/v2.1${path}`, body);
  const act = (id: string, body: object) => compute('POST', `/servers/${id}/action`, body);
  const look = <T>(what: string, now: () => Promise<T | null>): Promise<T> => eventually(what, BOOT_MS, now, LOOK_MS);
  const becomes = (kind: 'volumes' | 'snapshots', id: string, status: string) =>
    look(`${kind} ${id} ${status}`, async () => {
      const now = (await volume('GET', `/${kind}/${id}`))[kind.slice(0, -1)];
      assert.ok(!now.status.startsWith('error'), `${now.status}: ${world.service.log().slice(-3_000)}`);
      return now.status === status ? now : null;
    });
  const made = async (body: object): Promise<string> => {
    const { id } = (await volume('POST', '/volumes', { volume: body })).volume;
    await becomes('volumes', id, 'available');
    return id;
  };
  const active = (imageId: string) =>
    look('the image', async () => {
      const image = await ask('GET', `/image/v2/images/${imageId}`);
      return image.status === 'active' ? image : null;
    });
  const create = async (more: object): Promise<string> => {
    const wish = { name: 'guest', flavorRef: world.flavorRef, networks: 'none', ...more };
    return (await compute('POST', '/servers', { server: wish })).server.id;
  };
  /** Once its agent answers. */
  const up = (id: string, status = 'ACTIVE') =>
    look(`${id} up`, async () => {
      const { server } = await compute('GET', `/servers/${id}`);
      assert.notEqual(server.status, 'ERROR', `${JSON.stringify(server.fault)} ${world.service.log().slice(-3_000)}`);
      const idle = server.status === status && server['OS-EXT-STS:task_state'] === null;
      return idle ? await world.inside(id, 'echo up').catch(() => null) : null;
    });
  const write = (id: string, disk: string, words: string) =>
    world.inside(id, `printf ${words} | dd of=/dev/${disk} bs=512 seek=${SECTOR} conv=notrunc,fsync`);
  const read = async (id: string, disk: string): Promise<string> =>
    (await world.inside(id, `dd if=/dev/${disk} bs=512 skip=${SECTOR} count=1 | tr -d '\\000'`)).trim();
  const rootIn = async (id: string): Promise<string> => (await world.inside(id, 'cat /sys/block/vda/serial')).trim();

  it('an image of one that runs says which snapshots it stands for, with what was written until then', async () => {
    [root, data] = await Promise.all([
      made({ size: 1, name: 'root', imageRef: world.imageRef }),
      made({ size: 1, name: 'data' }),
    ]);
    // its file systems are still when a snapshot begins, and not a moment longer
    const still = { metadata: { os_require_quiesce: 'yes' } };
    await volume('POST', `/volumes/${root}/action`, { 'os-set_image_metadata': still });
    const from = { source_type: 'volume', destination_type: 'volume' };
    const devices = [
      { ...from, uuid: root, boot_index: 0 },
      { ...from, uuid: data, boot_index: -1 },
    ];
    first = await create({ block_device_mapping_v2: devices });
    await up(first);
    await write(first, 'vda', 'before-the-image');
    await write(first, 'vdc', 'on-the-other');
    snapshotImage = (await act(first, { createImage: { name: 'of-volumes' } })).image_id;
    const image = await active(snapshotImage);
    assert.deepEqual([image.size, image.disk_format, image.bdm_v2], [0, 'raw', 'True']);
    const mapping = JSON.parse(image.block_device_mapping);
    assert.deepEqual(
      mapping.map((one: { boot_index: number; volume_size: number }) => [one.boot_index, one.volume_size]),
      [
        [0, 1],
        [null, 1],
      ],
    );
    assert.equal(image.os_require_quiesce, 'yes');
    await write(first, 'vda', 'behind-the-image');
  });

  it('a server of that image has volumes of its own with those bytes', async () => {
    second = await create({ imageRef: snapshotImage });
    await up(second);
    const attached = (await compute('GET', `/servers/${second}/os-volume_attachments`)).volumeAttachments;
    assert.equal(attached.length, 2);
    assert.notEqual(await rootIn(second), root.slice(0, 20));
    assert.deepEqual([await read(second, 'vda'), await read(second, 'vdc')], ['before-the-image', 'on-the-other']);
    assert.equal(await read(first, 'vda'), 'behind-the-image');
  });

  it('a rebuild puts the bytes of another image on the same volume, and leaves the other one alone', async () => {
    // an image with data of its own, which has what was written before
    const [{ snapshot_id }] = JSON.parse((await active(snapshotImage)).block_device_mapping);
    const copy = await made({ size: 1, snapshot_id });
    const asked = { image_name: 'other', disk_format: 'qcow2' };
    const upload = await volume('POST', `/volumes/${copy}/action`, { 'os-volume_upload_image': asked });
    otherImage = upload['os-volume_upload_image'].image_id;
    await active(otherImage);
    await act(first, { rebuild: { imageRef: otherImage } });
    await up(first);
    const { volumeAttachments } = await compute('GET', `/servers/${first}/os-volume_attachments`);
    assert.deepEqual(
      volumeAttachments.map(({ volumeId }: { volumeId: string }) => volumeId),
      [root, data],
    );
    assert.equal((await becomes('volumes', root, 'in-use')).volume_image_metadata.image_id, otherImage);
    assert.equal(await rootIn(first), root.slice(0, 20));
    assert.deepEqual([await read(first, 'vda'), await read(first, 'vdc')], ['before-the-image', 'on-the-other']);
    await write(first, 'vda', 'behind-the-rebuild');
  });

  it('it is rescued by an image that says how it is plugged, with its volumes where they were', async () => {
    const said = ['device', 'bus'].map((name) => ({
      op: 'add',
      path: `/hw_rescue_${name}`,
      value: name === 'bus' ? 'virtio' : 'disk',
    }));
    await ask('PATCH', `/image/v2/images/${otherImage}`, said, PATCH);
    await act(first, { rescue: { rescue_image_ref: otherImage } });
    await up(first, 'RESCUE');
    assert.equal(await rootIn(first), root.slice(0, 20));
    assert.equal((await world.inside(first, 'ls /sys/block | grep -c vd')).trim(), '4');
    assert.equal(await read(first, 'vda'), 'behind-the-rebuild');
    await act(first, { unrescue: null });
    await up(first);
    assert.equal((await world.inside(first, 'ls /sys/block | grep -c vd')).trim(), '3');
  });
});
