// Volumes in real guests: one is plugged into a guest that runs, is written to and grows there, goes and is read in another guest, which
// itself runs from a volume. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/serve.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';

const BOOT_MS = 180_000;
const LOOK_MS = 250;
const V = { 'OpenStack-API-Version': 'volume 3.67' };

describe('volumes in guests of libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  let first = '';
  let second = '';
  let data = '';
  let root = '';
  before(async () => {
    world = await startGuestService({ flavor: { vcpus: 1, ram: 256 } });
  });
  after(() => world?.close());

  const volume = async (method: string, path: string, body?: unknown) => {
    const answer = await world.service.request('xloud', method, `/volume/v3${path}`, body, V);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const becomes = (id: string, status: string) =>
    eventually(
      `volume ${id} ${status}`,
      BOOT_MS,
      async () => {
        const now = (await volume('GET', `/volumes/${id}`)).volume;
        assert.ok(
          !now.status.startsWith('error') || status.startsWith('error'),
          `${now.status}: ${world.service.log().slice(-3_000)}`,
        );
        return now.status === status ? now : null;
      },
      LOOK_MS,
    );
  const made = async (body: object): Promise<string> => {
    const { id } = (await volume('POST', '/volumes', { volume: body })).volume;
    await becomes(id, 'available');
    return id;
  };
  const create = async (more: object): Promise<string> => {
    const wish = { name: 'guest', flavorRef: world.flavorRef, networks: 'none', ...more };
    const { status, body } = await world.compute('POST', '/servers', { server: wish });
    assert.equal(status, 202, JSON.stringify(body));
    return body.server.id;
  };
  /** Once its agent answers. */
  const up = (id: string) =>
    eventually(
      `${id} up`,
      BOOT_MS,
      async () => {
        const { body } = await world.compute('GET', `/servers/${id}`);
        assert.notEqual(
          body.server.status,
          'ERROR',
          `${JSON.stringify(body.server.fault)} ${world.service.log().slice(-3_000)}`,
        );
        return body.server.status === 'ACTIVE' ? await world.inside(id, 'echo up').catch(() => null) : null;
      },
      LOOK_MS,
    );
  /** The guest's own name for a disk, which it knows by its serial number; empty: it has none. */
  const diskIn = async (id: string, volumeId: string): Promise<string> => {
    const script = 'for d in /sys/block/vd*; do echo "${d##*/} $(cat $d/serial)"; done';
    const lines = (await world.inside(id, script)).trim().split('\n');
    return lines.find((line) => line.endsWith(volumeId.slice(0, 20)))?.split(' ')[0] ?? '';
  };
  const attach = async (id: string): Promise<string> => {
    const { status, body } = await world.compute('POST', `/servers/${id}/os-volume_attachments`, {
      volumeAttachment: { volumeId: data },
    });
    assert.equal(status, 200, JSON.stringify(body));
    await becomes(data, 'in-use');
    return eventually('the disk inside', BOOT_MS, async () => (await diskIn(id, data)) || null, LOOK_MS);
  };
  const detach = async (id: string): Promise<void> => {
    assert.equal((await world.compute('DELETE', `/servers/${id}/os-volume_attachments/${data}`)).status, 202);
    await becomes(data, 'available');
    assert.equal(await diskIn(id, data), '', 'it is gone inside');
  };
  const gib = async (id: string, disk: string): Promise<number> =>
    Number(await world.inside(id, `cat /sys/block/${disk}/size`)) / 2 ** 21;

  it('one is seen in a running guest, written to, grows, and goes', async () => {
    [first, data, root] = await Promise.all([
      create({ imageRef: world.imageRef }),
      made({ size: 1, name: 'data' }),
      made({ size: 1, name: 'root', imageRef: world.imageRef }),
    ]);
    await up(first);
    const disk = await attach(first);
    assert.equal(await gib(first, disk), 1);
    await world.inside(first, `printf written-in-the-first | dd of=/dev/${disk} bs=512 seek=2000 conv=notrunc,fsync`);
    await volume('POST', `/volumes/${data}/action`, { 'os-extend': { new_size: 2 } });
    assert.equal((await becomes(data, 'in-use')).size, 2);
    await eventually('its size inside', BOOT_MS, async () => ((await gib(first, disk)) === 2 ? true : null), LOOK_MS);
    await world.inside(first, `printf at-the-end | dd of=/dev/${disk} bs=512 seek=4000000 conv=notrunc,fsync`);
    await detach(first);
  });

  it('another guest runs from a volume, and reads in it what the first wrote', async () => {
    const mapping = { uuid: root, source_type: 'volume', destination_type: 'volume', boot_index: 0 };
    second = await create({ block_device_mapping_v2: [mapping] });
    await up(second);
    await becomes(root, 'in-use');
    assert.equal(await diskIn(second, root), 'vda');
    const disk = await attach(second);
    assert.equal(await gib(second, disk), 2);
    const read = async (at: number) =>
      (await world.inside(second, `dd if=/dev/${disk} bs=512 skip=${at} count=1 | tr -d '\\000'`)).trim();
    assert.equal(await read(2_000), 'written-in-the-first');
    assert.equal(await read(4_000_000), 'at-the-end');
    await detach(second);
  });

  it('they stay when their servers go, and are what they were', async () => {
    await Promise.all([first, second].map((id) => world.compute('DELETE', `/servers/${id}`)));
    await becomes(root, 'available');
    await becomes(data, 'available');
    for (const id of [root, data]) await volume('DELETE', `/volumes/${id}`);
    await eventually(
      'no volume',
      BOOT_MS,
      async () => ((await volume('GET', '/volumes')).volumes.length === 0 ? true : null),
      LOOK_MS,
    );
  });
});
