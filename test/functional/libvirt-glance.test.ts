// Images of an operator's own Glance, where Keystone is his too: guests on libvirt boot from them, and become some.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { glanceMissing, startGlance, type TestGlance } from '../support/glance.ts';
import { cloudsFor, keystoneMissing, register, startKeystone, type TestKeystone } from '../support/keystone.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';
import { eventually, type Reply, type Service } from '../support/serve.ts';

const BOOT_MS = 180_000;
/** Bytes that a guest writes, and where on its disk. */
const [MARK, SECTOR] = ['kept-by-the-guest', 1000];

describe("an operator's Glance", { skip: keystoneMissing() ?? glanceMissing() ?? false, concurrency: 1 }, () => {
  let keystone: TestKeystone;
  let glance: TestGlance;
  let world: GuestService;
  let service: Service;

  /** What his users have: a file that leads to his Keystone. */
  async function writeClouds({ dataDir, url }: Service): Promise<void> {
    await register(keystone, { user: 'nova', type: 'compute', url: `${url}/compute/v2.1` });
    await writeFile(join(dataDir, 'clouds.yaml'), cloudsFor(keystone));
  }

  before(async () => {
    keystone = await startKeystone({ provider: 'fernet' });
    glance = await startGlance(keystone);
    // before its own user is there, who is made with its place in the catalog: it starts all the same, and is not ready
    await register(keystone, { user: 'nova', type: 'xloud', url: 'http://127.0.0.1:1' });
    world = await startGuestService({
      flavor: { vcpus: 1, ram: 256 },
      env: {
        XLOUD_IDENTITY__AUTH_URL: keystone.authUrl,
        XLOUD_IDENTITY__USERNAME: 'nova',
        XLOUD_IDENTITY__PASSWORD: 'nova',
        XLOUD_IMAGE__SERVICE: 'glance',
      },
      started: writeClouds,
    });
    ({ service } = world);
  });
  after(async () => {
    await world?.close();
    await glance?.stop();
    await keystone?.stop();
  });

  const become = (path: string, read: (body: Reply['body']) => string, wanted: string): Promise<true> =>
    eventually(`${path} ${wanted}`, BOOT_MS, async () => {
      const { body } = await service.request('xloud', 'GET', path);
      assert.notEqual(read(body), 'ERROR', JSON.stringify(body));
      return read(body) === wanted ? true : null;
    });
  const boot = async (imageRef: string): Promise<string> => {
    const server = { name: 'one', imageRef, flavorRef: world.flavorRef, networks: 'none' };
    const { status, body } = await world.compute('POST', '/servers', { server });
    assert.equal(status, 202, JSON.stringify(body));
    await become(`/compute/v2.1/servers/${body.server.id}`, (one) => one.server.status, 'ACTIVE');
    return body.server.id as string;
  };

  it('has images that guests boot from, and takes what becomes of them', { timeout: 2 * BOOT_MS }, async () => {
    assert.equal(readdirSync(service.dataDir).includes('images'), false, 'the built-in service is not there');
    const first = await boot(world.imageRef);
    await eventually('the agent', BOOT_MS, () => world.inside(first, 'true').catch(() => null));
    await world.inside(first, `printf ${MARK} | dd of=/dev/vda bs=512 seek=${SECTOR} conv=notrunc,fsync`);
    const made = await world.compute('POST', `/servers/${first}/action`, { createImage: { name: 'of it' } });
    assert.equal(made.status, 202, JSON.stringify(made.body));
    const path = `/image/v2/images/${made.body.image_id}`;
    await become(path, ({ status }) => status, 'active');
    const { body: image } = await service.request('xloud', 'GET', path);
    assert.deepEqual(
      [image.instance_uuid, image.image_type, image.base_image_ref, image.kernel_id !== undefined],
      [first, 'snapshot', world.imageRef, true],
    );
    const second = await boot(made.body.image_id);
    await eventually('the agent', BOOT_MS, () => world.inside(second, 'true').catch(() => null));
    const read = await world.inside(
      second,
      `dd if=/dev/vda bs=512 skip=${SECTOR} count=1 2>/dev/null | head -c ${MARK.length}`,
    );
    assert.equal(read.trim(), MARK);
    const listed = await service.openstack('xloud', 'server', 'list', '--all-projects', '-f', 'value', '-c', 'Image');
    assert.deepEqual(listed.trim().split('\n').toSorted(), ['guest', 'of it']);
    for (const id of [first, second]) await world.compute('DELETE', `/servers/${id}`);
  });

  it('hands its pages on to callers with a token alone', async () => {
    const { status } = await fetch(`${service.url}/image/v2/images`);
    assert.equal(status, 401);
    const missing = await service.request('xloud', 'GET', '/image/v2/images/none');
    assert.equal(missing.status, 404);
  });

  it('does not start what came damaged', async () => {
    const wish = { name: 'damaged', disk_format: 'raw', container_format: 'bare' };
    const { body } = await service.request('xloud', 'POST', '/image/v2/images', wish);
    await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, new Uint8Array(4096));
    await glance.damage(body.id);
    const server = { name: 'damaged', imageRef: body.id, flavorRef: world.flavorRef, networks: 'none' };
    const { body: made } = await world.compute('POST', '/servers', { server });
    const path = `/servers/${made.server.id}`;
    await eventually('its end', BOOT_MS, async () => {
      const { body: now } = await world.compute('GET', path);
      assert.notEqual(now.server.status, 'ACTIVE');
      return now.server.status === 'ERROR' ? (assert.match(now.server.fault.message, /damaged/) ?? true) : null;
    });
    await world.compute('DELETE', path);
  });

  it('says that it cannot be asked while it is gone, and nothing else stands still', async () => {
    await glance.pause();
    const ready = async () =>
      ((await (await fetch(`${service.url}/readyz`)).json()) as { checks: { image: string } }).checks.image;
    await eventually('readiness', BOOT_MS, async () => ((await ready()) === 'ok' ? null : true));
    const server = { name: 'two', imageRef: world.imageRef, flavorRef: world.flavorRef, networks: 'none' };
    const refused = await world.compute('POST', '/servers', { server });
    assert.equal(refused.status, 503, JSON.stringify(refused.body));
    assert.match(JSON.stringify(refused.body), /image service is not available now/);
    assert.equal((await service.request('xloud', 'GET', '/image/v2/images')).status, 503);
    assert.equal((await world.compute('GET', '/servers/detail')).status, 200);
    await glance.resume();
    await eventually('readiness', BOOT_MS, async () => ((await ready()) === 'ok' ? true : null));
  });
});
