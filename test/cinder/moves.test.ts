// Servers with volumes of a real Cinder between two real hosts: what was written is there after a move as they run, switched off, and a
// shelving, and Cinder has each volume at one host.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CinderCloud, cinderCloudMissing, startCinderCloud } from '../support/cinder-cloud.ts';
import { eventually } from '../support/serve.ts';
import { type HostName, startTwoHostService, type TwoHostService } from '../support/two-host-service.ts';

const LONG_MS = 900_000;
const LOOK_MS = 1_000;
const V = { 'OpenStack-API-Version': 'volume 3.68' };
const NAMES: readonly HostName[] = ['host-a', 'host-b'];
const otherOf = (host: HostName): HostName => (host === 'host-a' ? 'host-b' : 'host-a');

describe("volumes of an operator's Cinder between two hosts", {
  skip: cinderCloudMissing() ?? false,
  concurrency: 1,
}, () => {
  let cloud: CinderCloud;
  let world: TwoHostService;
  let id = '';
  const volumeIds: string[] = [];
  const words: Record<string, string> = {};

  before(
    async () => {
      cloud = await startCinderCloud();
      world = await startTwoHostService(cloud.env, {}, (service) => cloud.started(service));
      for (const name of NAMES) await cloud.wire(world.libvirtd(name).pid);
    },
    { timeout: LONG_MS },
  );
  after(async () => {
    await world?.close();
    await cloud?.stop();
  });

  const volume = async (method: string, path: string, body?: unknown) => {
    const answer = await world.service.request('xloud', method, `/volume/v3${path}`, body, V);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const looked = (what: string, look: () => Promise<unknown>) =>
    eventually(what, LONG_MS, async () => ((await look()) ? true : null), LOOK_MS);
  const diskIn = async (host: HostName, volumeId: string): Promise<string> => {
    const script = 'for d in /sys/block/vd*; do echo "${d##*/} $(cat $d/serial)"; done';
    const lines = (await world.inside(id, host, script)).trim().split('\n');
    return lines.find((line) => line.endsWith(volumeId.slice(0, 20)))?.split(' ')[0] ?? '';
  };
  const write = async (volumeId: string, text: string) => {
    const host = await world.hostOf(id);
    words[volumeId] = text;
    const disk = await diskIn(host, volumeId);
    await world.inside(id, host, `printf ${text} | dd of=/dev/${disk} bs=512 seek=200000 conv=notrunc,fsync`);
  };

  /** All that was written is there, and Cinder has each volume once, where the server is. */
  async function whole(): Promise<void> {
    const host = await world.hostOf(id);
    await world.up(id, host);
    assert.deepEqual(await world.running(id), [host]);
    for (const volumeId of volumeIds) {
      const disk = await diskIn(host, volumeId);
      const text = words[volumeId] ?? '';
      const read = `dd if=/dev/${disk} bs=512 skip=200000 count=1 iflag=direct 2>/dev/null | head -c ${text.length}`;
      assert.equal((await world.inside(id, host, read)).trim(), text);
      const { volume: its } = await volume('GET', `/volumes/${volumeId}`);
      assert.deepEqual(
        [its.status, its.attachments.map((one: { host_name: string }) => one.host_name)],
        ['in-use', [host]],
      );
    }
    const { attachments } = await volume('GET', `/attachments?all_tenants=1&instance_id=${id}`);
    assert.equal(attachments.length, volumeIds.length);
  }

  it('are the root of a server, and beside it', { timeout: LONG_MS }, async () => {
    const root = {
      uuid: world.imageRef,
      source_type: 'image',
      destination_type: 'volume',
      volume_size: 1,
      boot_index: 0,
    };
    const flavorRef = await world.flavor('diskless', { vcpus: 1, ram: 256, disk: 0 });
    const wish = {
      name: 'mover',
      flavorRef,
      networks: 'none',
      block_device_mapping_v2: [{ ...root, volume_type: 'ceph' }],
    };
    const made = await world.compute('POST', '/servers', { server: wish });
    assert.equal(made.status, 202, JSON.stringify(made.body));
    id = made.body.server.id;
    await world.reaches(id, 'ACTIVE');
    await world.up(id, await world.hostOf(id));
    const [{ id: rootId }] = (await world.compute('GET', `/servers/${id}`)).body.server[
      'os-extended-volumes:volumes_attached'
    ];
    const { id: dataId } = (await volume('POST', '/volumes', { volume: { size: 1, volume_type: 'files' } })).volume;
    await looked('the volume', async () => (await volume('GET', `/volumes/${dataId}`)).volume.status === 'available');
    const body = { volumeAttachment: { volumeId: dataId } };
    assert.equal((await world.compute('POST', `/servers/${id}/os-volume_attachments`, body)).status, 200);
    await looked('the disk inside', async () => diskIn(await world.hostOf(id), dataId).catch(() => ''));
    volumeIds.push(rootId, dataId);
    await write(rootId, 'on-the-root-volume');
    await write(dataId, 'on-the-other-volume');
    await whole();
  });

  it('go with it as it runs, and it does not notice', { timeout: LONG_MS }, async () => {
    const home = await world.hostOf(id);
    const uptime = async (host: HostName) => Number((await world.inside(id, host, 'cat /proc/uptime')).split(' ')[0]);
    const before = await uptime(home);
    await world.act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } });
    await world.reaches(id, 'ACTIVE');
    const there = await world.hostOf(id);
    assert.equal(there, otherOf(home));
    await world.up(id, there);
    assert.ok((await uptime(there)) > before, 'it started anew');
    assert.match(await world.virsh(there, 'dumpxml', id), new RegExp(`iqn name='[^']*${there}'`));
    await whole();
    await write(volumeIds[1] ?? '', 'written-after-the-move');
    await whole();
  });

  it('go with it when it is off', { timeout: LONG_MS }, async () => {
    const home = await world.hostOf(id);
    await world.act(id, { migrate: null });
    await world.reaches(id, 'VERIFY_RESIZE');
    await world.act(id, { confirmResize: null });
    await world.reaches(id, 'ACTIVE');
    assert.equal(await world.hostOf(id), otherOf(home));
    await whole();
  });

  it('are kept for it while it is shelved', { timeout: LONG_MS }, async () => {
    await world.act(id, { shelve: null });
    await world.reaches(id, 'SHELVED_OFFLOADED');
    for (const volumeId of volumeIds)
      assert.equal((await volume('GET', `/volumes/${volumeId}`)).volume.status, 'reserved');
    await world.act(id, { unshelve: null });
    await world.reaches(id, 'ACTIVE');
    await whole();
  });

  it('are free when it is deleted', { timeout: LONG_MS }, async () => {
    assert.equal((await world.compute('DELETE', `/servers/${id}`)).status, 204);
    for (const volumeId of volumeIds)
      await looked(
        'the volume',
        async () => (await volume('GET', `/volumes/${volumeId}`)).volume.status === 'available',
      );
    const { attachments } = await volume('GET', '/attachments?all_tenants=1');
    assert.deepEqual(attachments, []);
  });
});
