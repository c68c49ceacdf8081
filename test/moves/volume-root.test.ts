// Servers that boot from a volume between two real hosts, whose storage is their own but for the volumes: what a guest wrote to its root
// volume is there after a resize, a move as it runs, a shelving and an evacuation. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type HostName, startTwoHostService, type TwoHostService } from '../support/two-host-service.ts';

const MOVE_MS = 300_000;
const V = { 'OpenStack-API-Version': 'volume 3.67' };
const SECTOR = 100_000;

const otherOf = (host: HostName): HostName => (host === 'host-a' ? 'host-b' : 'host-a');

describe('servers that boot from a volume, between two hosts', { concurrency: 1 }, () => {
  let world: TwoHostService;
  let large: string;
  let small: string;
  let local: string;

  before(async () => {
    world = await startTwoHostService({ XLOUD_COMPUTE__ALLOW_RESIZE_TO_SAME_HOST: 'yes' });
    large = await world.flavor('large', { vcpus: 4, ram: 1024, disk: 2 });
    small = await world.flavor('small', { vcpus: 2, ram: 512, disk: 0 });
    const roomy = { vcpus: 2, ram: 512, disk: 1, 'OS-FLV-EXT-DATA:ephemeral': 1 };
    local = await world.flavor('local', roomy);
  });
  after(() => world?.close());

  const volumeOf = async (id: string) => {
    const { body } = await world.service.request('xloud', 'GET', `/volume/v3/volumes/${id}`, undefined, V);
    const { status, attachments } = body.volume as { status: string; attachments: { host_name: string | null }[] };
    return [status, ...attachments.map(({ host_name }) => host_name)];
  };

  /** One host takes no servers for as long as that lasts. */
  const without = async (host: HostName, work: () => Promise<void>): Promise<void> => {
    const { body } = await world.compute('GET', `/os-services?host=${host}&binary=nova-compute`);
    const path = `/os-services/${body.services[0].id}`;
    assert.equal((await world.compute('PUT', path, { status: 'disabled' })).status, 200);
    await work();
    assert.equal((await world.compute('PUT', path, { status: 'enabled' })).status, 200);
  };

  const resize = (id: string, flavorRef: string, to: HostName): Promise<void> =>
    without(otherOf(to), async () => {
      await world.act(id, { resize: { flavorRef } });
      await world.reaches(id, 'VERIFY_RESIZE');
      assert.equal(await world.hostOf(id), to);
    });

  /** A server whose root volume is made of the guest's image, and that volume. */
  const create = async (flavorRef: string): Promise<{ id: string; root: string; home: HostName }> => {
    const root = {
      uuid: world.imageRef,
      source_type: 'image',
      destination_type: 'volume',
      volume_size: 1,
      boot_index: 0,
    };
    const devices = [{ ...root, delete_on_termination: true }];
    const server = { name: 'mover', flavorRef, networks: 'auto', config_drive: true, block_device_mapping_v2: devices };
    const { status, body } = await world.compute('POST', '/servers', { server });
    assert.equal(status, 202, JSON.stringify(body));
    const id = body.server.id as string;
    await world.reaches(id, 'ACTIVE');
    const home = await world.hostOf(id);
    await world.up(id, home);
    const attached = await world.compute('GET', `/servers/${id}/os-volume_attachments`);
    return { id, home, root: attached.body.volumeAttachments[0].volumeId as string };
  };

  const remove = async (id: string): Promise<void> => {
    await world.compute('DELETE', `/servers/${id}`);
    await eventually(`${id} gone`, MOVE_MS, async () =>
      (await world.compute('GET', `/servers/${id}`)).status === 404 ? true : null,
    );
    for (const host of ['host-a', 'host-b'] as const) assert.deepEqual(await world.leftovers(id, host), []);
  };

  const lastMove = async (id: string): Promise<string> => {
    const { body } = await world.compute('GET', `/os-migrations?instance_uuid=${id}`);
    const found = body.migrations as { id: number; status: string }[];
    return found.toSorted((a, b) => a.id - b.id).at(-1)?.status ?? '';
  };

  const live = async (id: string, block_migration: boolean | 'auto'): Promise<HostName> => {
    await world.act(id, { 'os-migrateLive': { host: null, block_migration } });
    await world.reaches(id, 'ACTIVE');
    return world.hostOf(id);
  };

  it('are resized to a flavor with no disk on the other host, back, and there for good; and on that host', async () => {
    const { id, root, home } = await create(large);
    const there = otherOf(home);
    const words = await world.mark(id, home);
    await resize(id, small, there);
    await world.up(id, there);
    assert.equal(await world.marked(id, there), words);
    assert.deepEqual([await world.running(id), await volumeOf(root)], [[there], ['in-use', there]]);
    const later = await world.mark(id, there);
    await world.act(id, { revertResize: null });
    await world.reaches(id, 'ACTIVE');
    await world.up(id, home);
    assert.equal(await world.marked(id, home), later, 'a volume has what was written to it since');
    assert.deepEqual([await world.running(id), await volumeOf(root)], [[home], ['in-use', home]]);
    for (const [flavor, host] of [
      [small, there],
      [local, there],
    ] as const) {
      await resize(id, flavor, host);
      await world.act(id, { confirmResize: null });
      await world.reaches(id, 'ACTIVE');
      assert.deepEqual(await world.leftovers(id, home), []);
      await world.up(id, host);
      assert.equal(await world.marked(id, host), later);
    }
    assert.equal(await world.inside(id, there, 'ls /sys/block | grep -c "^vd[ab]$"'), '2\n', 'a disk of its own came');
    await remove(id);
  });

  it('move as they run by their memory alone, wait without a host, and come back', async () => {
    const { id, root, home } = await create(small);
    const words = await world.mark(id, home);
    let at = home;
    for (const blockMigration of [false, 'auto'] as const) {
      const before = (await world.consoleOf(id, at).last()) ?? assert.fail('it says nothing');
      const to = await live(id, blockMigration);
      assert.deepEqual([to, await lastMove(id), await world.running(id)], [otherOf(at), 'completed', [to]]);
      assert.deepEqual(await world.leftovers(id, at), []);
      const now = await world.consoleOf(id, to).until(({ seq }) => seq > before.seq + 1, MOVE_MS);
      assert.ok(now.upS > before.upS, 'it runs on');
      assert.equal(await world.marked(id, to), words);
      assert.deepEqual(await volumeOf(root), ['in-use', to]);
      at = to;
    }
    assert.deepEqual([await live(id, true), await lastMove(id)], [at, 'failed'], 'there is no disk to be copied');
    await world.up(id, at);
    const later = await world.mark(id, at);
    await world.act(id, { shelve: null });
    await world.reaches(id, 'SHELVED_OFFLOADED');
    for (const host of ['host-a', 'host-b'] as const) assert.deepEqual(await world.leftovers(id, host), []);
    assert.deepEqual(await volumeOf(root), ['reserved']);
    const { body } = await world.service.request('xloud', 'GET', '/image/v2/images');
    assert.ok(!JSON.stringify(body).includes('-shelved'), 'no image is made');
    await world.act(id, { unshelve: { host: otherOf(at) } });
    await world.reaches(id, 'ACTIVE');
    at = otherOf(at);
    assert.equal(await world.hostOf(id), at);
    await world.up(id, at);
    assert.equal(await world.marked(id, at), later);
    assert.deepEqual(await volumeOf(root), ['in-use', at]);
    await remove(id);
    await eventually('its volume is gone', MOVE_MS, async () =>
      (await world.service.request('xloud', 'GET', `/volume/v3/volumes/${root}`, undefined, V)).status === 404
        ? true
        : null,
    );
  });

  it('bring the disks along that they have beside it, and lose these alone with a dead host', async () => {
    const { id, root, home } = await create(local);
    const words = await world.mark(id, home);
    const disk = `of=/dev/vdb bs=512 seek=${SECTOR} conv=notrunc,fsync`;
    const onLocal = async (host: HostName) =>
      (await world.inside(id, host, `dd if=/dev/vdb bs=512 skip=${SECTOR} count=1 | tr -d '\\000'`)).trim();
    await world.inside(id, home, `printf on-the-host | dd ${disk}`);
    let at = await live(id, 'auto');
    assert.deepEqual([at, await lastMove(id)], [otherOf(home), 'completed']);
    assert.deepEqual([await world.marked(id, at), await onLocal(at)], [words, 'on-the-host']);
    await world.act(id, { migrate: null });
    await world.reaches(id, 'VERIFY_RESIZE');
    await world.act(id, { confirmResize: null });
    await world.reaches(id, 'ACTIVE');
    at = await world.hostOf(id);
    assert.equal(at, home);
    await world.up(id, at);
    assert.deepEqual([await world.marked(id, at), await onLocal(at)], [words, 'on-the-host']);
    const services = await world.compute('GET', `/os-services?host=${at}&binary=nova-compute`);
    const service = `/os-services/${services.body.services[0].id}`;
    assert.equal((await world.compute('PUT', service, { forced_down: true })).status, 200);
    await world.act(id, { evacuate: {} });
    await world.reaches(id, 'ERROR');
    assert.deepEqual(
      [await world.running(id), await world.hostOf(id)],
      [[at], at],
      'its guest runs where nobody is asked',
    );
    assert.equal(await world.marked(id, at), words);
    await world.virsh(at, 'destroy', id);
    await world.act(id, { evacuate: {} });
    const to = otherOf(at);
    await eventually('its other host', MOVE_MS, async () => ((await world.hostOf(id)) === to ? true : null));
    await world.reaches(id, 'SHUTOFF');
    await world.act(id, { 'os-start': null });
    await world.reaches(id, 'ACTIVE');
    await world.up(id, to);
    assert.deepEqual([await world.marked(id, to), await onLocal(to)], [words, '']);
    assert.deepEqual(await volumeOf(root), ['in-use', to]);
    assert.equal((await world.compute('PUT', service, { forced_down: false })).status, 200);
    await eventually('nothing is left', MOVE_MS, async () =>
      (await world.leftovers(id, at)).length === 0 ? true : null,
    );
    await remove(id);
  });
});
