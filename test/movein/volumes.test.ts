// A Nova whose servers have volumes of a real Cinder on a real Ceph: they are taken over as they run, and nothing changes at Cinder; their
// volumes are detached, attached and booted from here, and go back to Nova with what became of them. No server has a port: in the place of
// Neutron stands one that has nothing.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CEPH_USER } from '../support/ceph.ts';
import { type CinderCloud, cinderCloudMissing, startCinderCloud } from '../support/cinder-cloud.ts';
import { SECRET_UUID } from '../support/cinder-server.ts';
import { register } from '../support/keystone.ts';
import { novaMissing, startNova, type TestNova } from '../support/nova-server.ts';
import { type GuestService, startGuestService } from '../support/serve-guest.ts';
import { eventually } from '../support/serve.ts';

const LONG_MS = 600_000;
const LOOK_MS = 1_000;
const HOST = 'volume-host';
const XLOUD = join(import.meta.dirname, '..', '..', 'bin', 'xloud');
const V = { 'OpenStack-API-Version': 'volume 3.68' };
const SECTOR = 2000;

/** A network service of which there is nothing to tell. */
async function startEmptyNeutron(): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const noun = /^\/v2\.0\/([a-z-]+)/.exec(request.url ?? '')?.[1] ?? 'versions';
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ [noun.replaceAll('-', '_')]: [] }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

describe('a Nova with volumes', { skip: cinderCloudMissing() ?? novaMissing() ?? false, concurrency: 1 }, () => {
  let cloud: CinderCloud;
  let neutron: HttpServer;
  let nova: TestNova;
  let world: GuestService;
  /** By name. */
  const servers = new Map<string, string>();
  const processes = new Map<string, string>();
  const volumes = new Map<string, string>();

  const idOf = (name: string): string => servers.get(name) ?? '';
  const volumeOf = (name: string): string => volumes.get(name) ?? '';
  const compute = async (method: string, path: string, body?: object) => {
    const answer = await world.service.request('xloud', method, `/compute/v2.1${path}`, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const cinder = async (method: string, path: string, body?: object) => {
    const answer = await world.service.request('xloud', method, `/volume/v3${path}`, body, V);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const looked = (what: string, look: () => Promise<unknown>) =>
    eventually(what, LONG_MS, async () => ((await look()) ? true : null), LOOK_MS);
  const volumeIs = (name: string, status: string) =>
    looked(
      `volume ${name} ${status}`,
      async () => (await cinder('GET', `/volumes/${volumeOf(name)}`)).volume.status === status,
    );
  /** All that Cinder has of servers, as it tells it. */
  async function atCinder(): Promise<unknown> {
    const { attachments } = await cinder('GET', '/attachments/detail?all_tenants=1');
    const { volumes: all } = await cinder('GET', '/volumes/detail?all_tenants=1');
    return { attachments, all };
  }
  const processOf = async (name: string): Promise<string> =>
    (await world.libvirtd.exec('pgrep', '-f', '--', `-uuid ${idOf(name)}`)).stdout.trim();
  const diskIn = async (server: string, name: string): Promise<string> => {
    const script = 'for d in /sys/block/vd*; do echo "${d##*/} $(cat $d/serial)"; done';
    const lines = (await world.inside(idOf(server), script)).trim().split('\n');
    return lines.find((line) => line.endsWith(volumeOf(name).slice(0, 20)))?.split(' ')[0] ?? '';
  };
  const write = async (server: string, name: string, words: string) => {
    const disk = await diskIn(server, name);
    await world.inside(idOf(server), `printf ${words} | dd of=/dev/${disk} bs=512 seek=${SECTOR} conv=notrunc,fsync`);
  };
  const read = async (server: string, name: string, words: string): Promise<string> => {
    const disk = await diskIn(server, name);
    const script = `dd if=/dev/${disk} bs=512 skip=${SECTOR} count=1 iflag=direct 2>/dev/null | head -c ${words.length}`;
    return (await world.inside(idOf(server), script)).trim();
  };
  const up = (name: string) => looked(`${name} up`, () => world.inside(idOf(name), 'echo up').catch(() => null));

  interface Told {
    readonly status: number;
    readonly lines: readonly { kind: string; name: string; verdict: string; why: readonly string[] }[];
  }
  async function xloud(command: string, verb: string): Promise<Told> {
    const words = [command, verb, '--data-dir', world.service.dataDir, '--format', 'json'];
    if (verb !== 'undo') words.push('--api-database', nova.databases.api);
    const env = {
      ...process.env,
      ...cloud.env,
      XLOUD_COMPUTE__HOST: HOST,
      XLOUD_COMPUTE__DRIVER: 'libvirt',
      XLOUD_COMPUTE__LIBVIRT_URI: world.libvirtd.uri,
    };
    const { status, out } = await new Promise<{ status: number; out: string }>((resolve) => {
      execFile(XLOUD, words, { env }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), out: stdout === '' ? stderr : stdout });
      });
    });
    try {
      return { ...(JSON.parse(out) as Told), status };
    } catch {
      throw new Error(`${command} ${verb}: ${status}: ${out}`);
    }
  }
  const verdicts = ({ lines }: Told): readonly string[] =>
    lines.filter(({ kind }) => kind === 'server').map(({ verdict, why }) => [verdict, ...why].join(': '));

  async function made(name: string): Promise<void> {
    const { volume } = await cinder('POST', '/volumes', { volume: { size: 1, name, volume_type: 'ceph' } });
    volumes.set(name, volume.id);
    await volumeIs(name, 'available');
  }
  async function boot(name: string, more: object): Promise<void> {
    const { server } = await nova.done('POST', '/servers', { server: { name, networks: 'none', ...more } });
    servers.set(name, server.id);
  }
  const novaIs = (name: string, wanted: string) =>
    looked(`${name} ${wanted} at Nova`, async () => {
      const { server } = await nova.done('GET', `/servers/${idOf(name)}`);
      assert.notEqual(
        server.status,
        'ERROR',
        `${JSON.stringify(server.fault)} ${(await nova.log('nova-compute')).slice(-6_000)}`,
      );
      return server.status === wanted && server['OS-EXT-STS:task_state'] === null;
    });
  const is = (name: string, wanted: string) =>
    looked(`${name} ${wanted}`, async () => {
      const { server } = await compute('GET', `/servers/${idOf(name)}`);
      assert.notEqual(server.status, 'ERROR', JSON.stringify(server.fault));
      return server.status === wanted && server['OS-EXT-STS:task_state'] === null;
    });
  const attachedTo = async (name: string): Promise<readonly string[]> =>
    (await compute('GET', `/servers/${idOf(name)}/os-volume_attachments`)).volumeAttachments
      .map(({ volumeId }: { volumeId: string }) => volumeId)
      .toSorted();

  before(
    async () => {
      cloud = await startCinderCloud();
      neutron = await startEmptyNeutron();
      const network = `http://127.0.0.1:${(neutron.address() as AddressInfo).port}`;
      await register(cloud.keystone, { user: 'neutron', type: 'network', url: network });
      world = await startGuestService({
        flavor: { vcpus: 1, ram: 256 },
        env: { ...cloud.env, XLOUD_COMPUTE__HOST: HOST },
        started: (service) => cloud.started(service),
      });
      const { libvirtd, service } = world;
      await cloud.wire(libvirtd.pid);
      // as an operator of Nova does on each host
      const ring = await readFile(join(cloud.ceph.dir, `ceph.client.${CEPH_USER}.keyring`), 'utf8');
      const secret = join(service.dataDir, 'secret.xml');
      const usage = "<usage type='ceph'><name>client.cinder secret</name></usage>";
      await writeFile(secret, `<secret ephemeral='no' private='no'><uuid>${SECRET_UUID}</uuid>${usage}</secret>`);
      await world.virsh('secret-define', secret);
      await world.virsh('secret-set-value', SECRET_UUID, /key = (\S+)/.exec(ring)?.[1] ?? '');
      const type = { 'Content-Type': 'application/openstack-images-v2.1-json-patch' };
      const patch = [{ op: 'add', path: '/hw_qemu_guest_agent', value: 'yes' }];
      await service.request('xloud', 'PATCH', `/image/v2/images/${world.imageRef}`, patch, type);
      nova = await startNova({
        ...{ keystone: cloud.keystone, glance: cloud.glance.endpoint, cinder: cloud.cinder.endpoint },
        ...{ libvirtd, host: HOST, instancesDir: join(service.dataDir, 'instances') },
      });
    },
    { timeout: 3 * LONG_MS },
  );
  after(async () => {
    await nova?.stop();
    await world?.close();
    neutron?.close();
    await cloud?.stop();
  });

  it('has guests with volumes, one of which is a root disk', { timeout: 2 * LONG_MS }, async () => {
    await nova.done('POST', '/flavors', { flavor: { id: 'small', name: 'small', vcpus: 1, ram: 256, disk: 1 } });
    await nova.done('POST', '/flavors', { flavor: { id: 'diskless', name: 'diskless', vcpus: 1, ram: 256, disk: 0 } });
    const root = { uuid: world.imageRef, source_type: 'image', destination_type: 'volume', volume_size: 1 };
    const device = { ...root, boot_index: 0, delete_on_termination: true };
    await boot('rooted', { flavorRef: 'diskless', block_device_mapping_v2: [device] });
    for (const name of ['one', 'two']) await boot(name, { imageRef: world.imageRef, flavorRef: 'small' });
    for (const name of ['data', 'other', 'third']) await made(name);
    for (const name of servers.keys()) await novaIs(name, 'ACTIVE');
    for (const [server, name] of [
      ['one', 'data'],
      ['two', 'other'],
    ] as const)
      await nova.done('POST', `/servers/${idOf(server)}/os-volume_attachments`, {
        volumeAttachment: { volumeId: volumeOf(name) },
      });
    const { server } = await nova.done('GET', `/servers/${idOf('rooted')}`);
    volumes.set('root', server['os-extended-volumes:volumes_attached'][0].id);
    for (const name of ['root', 'data', 'other']) await volumeIs(name, 'in-use');
    for (const name of servers.keys()) {
      await up(name);
      processes.set(name, await processOf(name));
    }
    for (const [name, disk] of [
      ['one', 'data'],
      ['two', 'other'],
      ['rooted', 'root'],
    ] as const)
      await write(name, disk, `by-nova-${disk}`);
  });

  it('is taken over as it runs, and nothing changes at Cinder', { timeout: LONG_MS }, async () => {
    const was = await atCinder();
    assert.deepEqual(verdicts(await xloud('import-nova', 'plan')), ['adopt', 'adopt', 'adopt']);
    await nova.halt();
    await nova.forgetBeats();
    const apply = await xloud('import-nova', 'apply');
    assert.deepEqual([apply.status, ...verdicts(apply)], [0, 'adopted', 'adopted', 'adopted']);
    assert.deepEqual(await atCinder(), was);
    assert.deepEqual(verdicts(await xloud('import-nova', 'undo')), ['adopt', 'adopt', 'adopt']);
    assert.deepEqual((await compute('GET', '/servers')).servers, []);
    assert.deepEqual(await atCinder(), was);
    assert.equal((await xloud('import-nova', 'apply')).status, 0);
    assert.deepEqual(await atCinder(), was);
    for (const name of servers.keys()) {
      await is(name, 'ACTIVE');
      assert.equal(await processOf(name), processes.get(name));
    }
    assert.deepEqual(await attachedTo('one'), [volumeOf('data')]);
    assert.deepEqual(await attachedTo('rooted'), [volumeOf('root')]);
    assert.equal((await compute('GET', `/servers/${idOf('rooted')}`)).server.image, '');
    assert.equal(await read('one', 'data', 'by-nova-data'), 'by-nova-data');
  });

  it('has a guest whose volume is detached and attached as it runs', { timeout: LONG_MS }, async () => {
    await compute('DELETE', `/servers/${idOf('one')}/os-volume_attachments/${volumeOf('data')}`);
    await volumeIs('data', 'available');
    assert.equal(await diskIn('one', 'data'), '');
    await compute('POST', `/servers/${idOf('one')}/os-volume_attachments`, {
      volumeAttachment: { volumeId: volumeOf('data') },
    });
    await volumeIs('data', 'in-use');
    await looked('the disk inside', () => diskIn('one', 'data'));
    assert.equal(await read('one', 'data', 'by-nova-data'), 'by-nova-data');
    assert.equal(await processOf('one'), processes.get('one'));
  });

  it('has guests that start anew from their volumes and with them', { timeout: 2 * LONG_MS }, async () => {
    for (const [name, disk] of [
      ['rooted', 'root'],
      ['one', 'data'],
    ] as const) {
      await compute('POST', `/servers/${idOf(name)}/action`, { reboot: { type: 'HARD' } });
      await is(name, 'ACTIVE');
      await up(name);
      assert.notEqual(await processOf(name), processes.get(name));
      assert.equal(await read(name, disk, `by-nova-${disk}`), `by-nova-${disk}`);
    }
  });

  it('gets one back with a volume that it did not know, and without another', { timeout: 2 * LONG_MS }, async () => {
    await compute('DELETE', `/servers/${idOf('two')}/os-volume_attachments/${volumeOf('other')}`);
    await volumeIs('other', 'available');
    await compute('POST', `/servers/${idOf('two')}/os-volume_attachments`, {
      volumeAttachment: { volumeId: volumeOf('third') },
    });
    await volumeIs('third', 'in-use');
    await looked('the disk inside', () => diskIn('two', 'third'));
    await write('two', 'third', 'by-us-third');
    // these end here, and Nova is told
    await compute('DELETE', `/servers/${idOf('rooted')}`);
    await compute('DELETE', `/servers/${idOf('one')}`);
    await volumeIs('data', 'available');
    await looked(
      'the end of a root volume',
      async () =>
        (await world.service.request('xloud', 'GET', `/volume/v3/volumes/${volumeOf('root')}`)).status === 404,
    );
    const before = await atCinder();
    const exported = await xloud('export-nova', 'apply');
    assert.equal(exported.status, 0, JSON.stringify(exported.lines));
    assert.deepEqual(await atCinder(), before);
    await nova.resume();
    await novaIs('two', 'ACTIVE');
    for (const name of ['one', 'rooted']) assert.equal((await nova.ask('GET', `/servers/${idOf(name)}`)).status, 404);
    const { volumeAttachments } = await nova.done('GET', `/servers/${idOf('two')}/os-volume_attachments`);
    assert.deepEqual(
      volumeAttachments.map((one: { volumeId: string }) => one.volumeId),
      [volumeOf('third')],
    );
    assert.equal(await processOf('two'), processes.get('two'));
    await nova.done('POST', `/servers/${idOf('two')}/action`, { reboot: { type: 'HARD' } });
    await novaIs('two', 'ACTIVE');
    await up('two');
    assert.equal(await read('two', 'third', 'by-us-third'), 'by-us-third');
    await nova.done('DELETE', `/servers/${idOf('two')}/os-volume_attachments/${volumeOf('third')}`);
    await volumeIs('third', 'available');
    await nova.done('DELETE', `/servers/${idOf('two')}`);
    await looked('its end', async () => (await nova.ask('GET', `/servers/${idOf('two')}`)).status === 404);
    const { attachments } = await cinder('GET', '/attachments?all_tenants=1');
    assert.deepEqual(attachments, []);
  });
});
