// Volumes of a real Cinder, on a real Ceph and by iSCSI, in guests of a real hypervisor: what one guest writes another reads, guests boot
// from them, and see them grow. All of it is in a network namespace of its own, which `make cinder` makes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CinderCloud, cinderCloudMissing, startCinderCloud, tenant } from '../support/cinder-cloud.ts';
import { SECRET_UUID } from '../support/cinder-server.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const BOOT_MS = 600_000;
const LOOK_MS = 1_000;

describe("an operator's Cinder", { skip: cinderCloudMissing() ?? false, concurrency: 1 }, () => {
  let cloud: CinderCloud;
  let world: GuestService;
  let diskless = '';

  before(
    async () => {
      cloud = await startCinderCloud();
      world = await startGuestService({
        flavor: { vcpus: 1, ram: 256 },
        env: cloud.env,
        started: (service) => cloud.started(service),
      });
      await cloud.wire(world.libvirtd.pid);
      const { body } = await world.compute('POST', '/flavors', {
        flavor: { name: 'diskless', disk: 0, vcpus: 1, ram: 256 },
      });
      diskless = body.flavor.id;
    },
    { timeout: 2 * BOOT_MS },
  );
  after(async () => {
    await world?.close();
    await cloud?.stop();
  });

  const V = { 'OpenStack-API-Version': 'volume 3.68' };
  const volume = async (method: string, path: string, body?: unknown, who: 'xloud' | 'xloud-demo' = 'xloud') => {
    const answer = await world.service.request(who, method, `/volume/v3${path}`, body, V);
    assert.ok(
      answer.status < 300,
      `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}\n${cloud.cinder.log()}`,
    );
    return answer.body;
  };
  const compute = (method: string, path: string, body?: unknown, version = '2.100') =>
    world.service.request(tenant.name, method, `/compute/v2.1${path}`, body, {
      'OpenStack-API-Version': `compute ${version}`,
    });
  const becomes = (id: string, status: string) =>
    eventually(
      `volume ${id} ${status}`,
      BOOT_MS,
      async () => {
        const now = (await volume('GET', `/volumes/${id}`)).volume;
        assert.ok(!now.status.startsWith('error'), `${now.status}: ${cloud.cinder.log()}`);
        return now.status === status ? now : null;
      },
      LOOK_MS,
    );
  const made = async (body: object): Promise<string> => {
    const { id } = (await volume('POST', '/volumes', { volume: body }, tenant.name)).volume;
    await becomes(id, 'available');
    return id;
  };
  const create = async (more: object): Promise<string> => {
    const wish = { name: 'guest', flavorRef: world.flavorRef, networks: 'none', ...more };
    const { status, body } = await compute('POST', '/servers', { server: wish });
    assert.equal(status, 202, JSON.stringify(body));
    return body.server.id;
  };
  const up = (id: string) =>
    eventually(
      `${id} up`,
      BOOT_MS,
      async () => {
        const { body } = await compute('GET', `/servers/${id}`);
        assert.notEqual(
          body.server.status,
          'ERROR',
          `${JSON.stringify(body.server.fault)} ${world.service.log().slice(-3_000)} ${cloud.cinder.log()}`,
        );
        return body.server.status === 'ACTIVE' ? await world.inside(id, 'echo up').catch(() => null) : null;
      },
      LOOK_MS,
    );
  const diskIn = async (id: string, volumeId: string): Promise<string> => {
    const script = 'for d in /sys/block/vd*; do echo "${d##*/} $(cat $d/serial)"; done';
    const lines = (await world.inside(id, script)).trim().split('\n');
    return lines.find((line) => line.endsWith(volumeId.slice(0, 20)))?.split(' ')[0] ?? '';
  };
  const attach = async (id: string, volumeId: string): Promise<string> => {
    const { status, body } = await compute('POST', `/servers/${id}/os-volume_attachments`, {
      volumeAttachment: { volumeId },
    });
    assert.equal(status, 200, JSON.stringify(body));
    return eventually(
      'the disk inside',
      BOOT_MS,
      async () => {
        const { status: now } = (await volume('GET', `/volumes/${volumeId}`)).volume;
        return now === 'in-use' ? (await diskIn(id, volumeId)) || null : null;
      },
      LOOK_MS,
    );
  };
  const detach = async (id: string, volumeId: string): Promise<void> => {
    assert.equal((await compute('DELETE', `/servers/${id}/os-volume_attachments/${volumeId}`)).status, 202);
    await becomes(volumeId, 'available');
    assert.equal(await diskIn(id, volumeId), '', 'it is gone inside');
  };
  const write = (id: string, disk: string, words: string) =>
    world.inside(id, `printf ${words} | dd of=/dev/${disk} bs=512 seek=2000 conv=notrunc,fsync`);
  const read = async (id: string, disk: string, words: string) =>
    (
      await world.inside(id, `dd if=/dev/${disk} bs=512 skip=2000 count=1 2>/dev/null | head -c ${words.length}`)
    ).trim();
  const remove = async (id: string): Promise<void> => {
    assert.equal((await compute('DELETE', `/servers/${id}`)).status, 204);
    await eventually(
      'its end',
      BOOT_MS,
      async () => ((await compute('GET', `/servers/${id}`)).status === 404 ? true : null),
      LOOK_MS,
    );
  };

  let first = '';
  let second = '';
  const WORDS = 'written-in-the-first';

  it('is ready, and what it has is seen through compute and through the relay', { timeout: BOOT_MS }, async () => {
    const ready = (await (await fetch(`${world.service.url}/readyz`)).json()) as {
      readonly checks: { readonly volume: string };
    };
    assert.equal(ready.checks.volume, 'ok', world.service.log().slice(-3_000));
    const id = await made({ size: 1, name: 'seen', volume_type: 'ceph' });
    const { body } = await compute('GET', `/os-volumes/${id}`, undefined, '2.35');
    assert.deepEqual([body.volume.displayName, body.volume.size, body.volume.status], ['seen', 1, 'available']);
    assert.equal((await compute('DELETE', `/os-volumes/${id}`, undefined, '2.35')).status, 202);
  });

  for (const type of ['ceph', 'files'] as const) {
    it(`one of ${type} is written to in one guest, given back, and read in another`, {
      timeout: 2 * BOOT_MS,
    }, async () => {
      first ||= await create({ imageRef: world.imageRef });
      second ||= await create({ imageRef: world.imageRef });
      await up(first);
      await up(second);
      const id = await made({ size: 1, name: type, volume_type: type });
      const disk = await attach(first, id);
      await write(first, disk, WORDS);
      const xml = await world.virsh('dumpxml', first);
      assert.match(xml, type === 'ceph' ? /protocol='rbd'/ : /protocol='iscsi'/);
      assert.match(xml, type === 'ceph' ? new RegExp(SECRET_UUID) : new RegExp(`<secret type='iscsi' uuid='${id}'`));
      await detach(first, id);
      const other = await attach(second, id);
      assert.equal(await read(second, other, WORDS), WORDS);
      await detach(second, id);
      if (type === 'files')
        assert.equal((await world.virsh('secret-list')).includes(id), false, 'its password is forgotten');
      else assert.equal(await cloud.ceph.read(`volume-${id}`, 2000 * 512, WORDS.length), WORDS);
      await volume('DELETE', `/volumes/${id}`, undefined, tenant.name);
    });
  }

  it('a guest sees that its volume is larger', { timeout: BOOT_MS }, async () => {
    const id = await made({ size: 1, name: 'growing', volume_type: 'ceph' });
    const disk = await attach(first, id);
    await volume('POST', `/volumes/${id}/action`, { 'os-extend': { new_size: 2 } }, tenant.name);
    await eventually(
      'its size inside',
      BOOT_MS,
      async () => {
        const sectors = Number(await world.inside(first, `cat /sys/block/${disk}/size`));
        return sectors === 2 ** 22 ? true : null;
      },
      LOOK_MS,
    );
    await detach(first, id);
    await volume('DELETE', `/volumes/${id}`, undefined, tenant.name);
    for (const one of [first, second]) await remove(one);
  });

  it('a guest boots from a volume that is made for it, and one of its image has what it wrote', {
    timeout: 3 * BOOT_MS,
  }, async () => {
    const root = {
      uuid: world.imageRef,
      source_type: 'image',
      destination_type: 'volume',
      volume_size: 1,
      boot_index: 0,
    };
    const device = { ...root, volume_type: 'ceph', delete_on_termination: true };
    const id = await create({ flavorRef: diskless, block_device_mapping_v2: [device] });
    await up(id);
    const shown = (await compute('GET', `/servers/${id}`)).body.server;
    assert.equal(shown.image, '');
    const [{ id: volumeId }] = shown['os-extended-volumes:volumes_attached'];
    const { volume: its } = await volume('GET', `/volumes/${volumeId}`, undefined, tenant.name);
    assert.deepEqual([its.status, its.attachments[0].server_id, its.attachments[0].device], ['in-use', id, '/dev/vda']);
    await world.inside(id, `printf ${WORDS} | dd of=/dev/vda bs=512 seek=200000 conv=notrunc,fsync`);
    const imaged = await compute('POST', `/servers/${id}/action`, { createImage: { name: 'of it' } });
    assert.equal(imaged.status, 202, JSON.stringify(imaged.body));
    const image = `/image/v2/images/${imaged.body.image_id}`;
    await eventually(
      'the image',
      BOOT_MS,
      async () => ((await world.service.request(tenant.name, 'GET', image)).body.status === 'active' ? true : null),
      LOOK_MS,
    );
    const copy = await create({ flavorRef: diskless, imageRef: imaged.body.image_id });
    await up(copy);
    const said = await world.inside(
      copy,
      `dd if=/dev/vda bs=512 skip=200000 count=1 2>/dev/null | head -c ${WORDS.length}`,
    );
    assert.equal(said.trim(), WORDS);
    await remove(copy);

    // from 2.93 on the image's data comes onto the volume anew
    const rebuilt = await compute('POST', `/servers/${id}/action`, { rebuild: { imageRef: world.imageRef } });
    assert.equal(rebuilt.status, 202, JSON.stringify(rebuilt.body));
    await eventually(
      'the rebuild',
      BOOT_MS,
      async () => {
        const { body } = await compute('GET', `/servers/${id}`);
        assert.notEqual(body.server.status, 'ERROR', `${JSON.stringify(body.server.fault)} ${cloud.cinder.log()}`);
        return body.server.status === 'ACTIVE' && body.server['OS-EXT-STS:task_state'] === null ? true : null;
      },
      LOOK_MS,
    );
    await up(id);
    const anew = `dd if=/dev/vda bs=512 skip=200000 count=1 2>/dev/null | head -c ${WORDS.length}`;
    assert.equal((await world.inside(id, anew)).includes(WORDS), false, 'what was written is gone');
    const { volume: after } = await volume('GET', `/volumes/${volumeId}`, undefined, tenant.name);
    assert.deepEqual([after.status, after.attachments.length], ['in-use', 1]);
    await remove(id);
    // kept by its snapshot, of which the image is
    assert.equal((await becomes(volumeId, 'available')).id, volumeId);
    const { snapshots } = await volume('GET', '/snapshots', undefined, tenant.name);
    assert.equal(snapshots.length, 1);
    await volume('DELETE', `/snapshots/${snapshots[0].id}`, undefined, tenant.name);
    const list = async () => (await volume('GET', '/snapshots', undefined, tenant.name)).snapshots;
    await eventually('no snapshot', BOOT_MS, async () => ((await list()).length === 0 ? true : null), LOOK_MS);
    await volume('DELETE', `/volumes/${volumeId}`, undefined, tenant.name);
    await eventually(
      'an empty pool',
      BOOT_MS,
      async () => ((await cloud.ceph.images()).length === 0 ? true : null),
      LOOK_MS,
    );
    const { attachments } = await volume('GET', '/attachments?all_tenants=1');
    assert.deepEqual(attachments, []);
  });

  it('says that it cannot be asked while it is gone', { timeout: BOOT_MS }, async () => {
    await cloud.cinder.pause();
    assert.equal((await compute('GET', '/os-volumes', undefined, '2.35')).status, 503);
    assert.equal((await compute('GET', '/servers')).status, 200);
    await cloud.cinder.resume();
    assert.equal((await compute('GET', '/os-volumes', undefined, '2.35')).status, 200);
  });
});
