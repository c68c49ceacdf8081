// Flavors that say what is counted for a server on its host in place of its own vCPUs, memory and disk.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkClaims } from '../../src/db/claims.ts';
import { findHost } from '../../src/db/hosts.ts';
import { freeOf } from '../../src/domain/placement/claims.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

for (const engine of engines) {
  describe(`overrides of what is claimed on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      const inventory = { vcpus: 4, memoryMb: 4096, diskGb: 20 };
      api = await startServers({
        engine,
        hosts: [
          { name: 'h1', inventory },
          { name: 'h2', inventory },
        ],
        config: { ...testConfig, ratios: { cpu: 1, ram: 1, disk: 1 } },
      });
      const size = { vcpus: 4, memoryMb: 4096, rootGb: 20 };
      const specs = {
        'resources:VCPU': '0',
        'resources:MEMORY_MB': '512',
        'resources1:DISK_GB': '2',
        'resources2:DISK_GB': '3',
      };
      await api.world.flavor({ id: 'light', ...size, specs });
      await api.world.flavor({ id: 'heavy', vcpus: 1, memoryMb: 512, rootGb: 1, specs: { 'resources:VCPU': '3' } });
      await api.world.flavor({
        id: 'diskless',
        vcpus: 1,
        memoryMb: 512,
        rootGb: 50,
        specs: { 'resources:DISK_GB': '0' },
      });
    });
    after(() => api.close());

    const free = async (name = 'h1') => {
      assert.deepEqual(await checkClaims(api.world.database.read), []);
      const host = await findHost(api.world.database.read, { host: name });
      assert.ok(host);
      return freeOf(host);
    };
    const on = (host: string, flavorRef: string) =>
      api.post({ flavorRef, availability_zone: `nova:${host}` }, { as: 'admin' });
    const made = async (host: string, flavorRef: string): Promise<string> => {
      const { body, text } = await on(host, flavorRef);
      await api.world.settled();
      const server = await api.show(body.server?.id, { as: 'admin' });
      assert.equal(server.status, 'ACTIVE', text);
      return body.server.id;
    };
    const remove = async (...ids: string[]) => {
      for (const id of ids) await api.request('DELETE', `/servers/${id}`);
      await api.world.settled();
    };

    it('decide what is free for others, and not what the server has or counts for', async () => {
      const ids = [await made('h1', 'light'), await made('h1', 'light')];
      assert.deepEqual(await free(), { vcpus: 4, memoryMb: 3072, diskGb: 10 });
      const driver = api.world.drivers.get('h1');
      assert.deepEqual(driver?.store.get(ids[0] as string)?.spec.maximum, { vcpus: 4, memoryMb: 4096 });
      const { hypervisors } = (await api.request('GET', '/os-hypervisors/detail')).body;
      const [h1] = hypervisors as { vcpus_used: number; memory_mb_used: number; local_gb_used: number }[];
      assert.deepEqual([h1?.vcpus_used, h1?.memory_mb_used, h1?.local_gb_used], [8, 8192, 40]);
      const { absolute } = (await api.request('GET', '/limits')).body.limits;
      assert.deepEqual([absolute.totalCoresUsed, absolute.totalRAMUsed], [8, 8192]);
      await remove(...ids);
      assert.deepEqual(await free(), { vcpus: 4, memoryMb: 4096, diskGb: 20 });
    });

    it('may count for more than there is of the server, and are held against the room', async () => {
      const first = await made('h1', 'heavy');
      assert.equal((await free()).vcpus, 1);
      const refused = await on('h1', 'heavy');
      await api.world.settled();
      const { status, fault } = await api.show(refused.body.server.id, { as: 'admin' });
      assert.equal(status, 'ERROR');
      assert.match(fault.details, /no room for 3 more vCPUs \(1 free\)/);
      const light = await api.request('POST', '/os-xloud-scheduler/explain', { body: { flavor_id: 'light' } });
      assert.deepEqual([light.body.minimum, light.body.disk_gb], [{ vcpus: 0, memory_mb: 512 }, 5]);
      const explained = await api.request('POST', '/os-xloud-scheduler/explain', { body: { flavor_id: 'diskless' } });
      assert.deepEqual(
        explained.body.hosts.map(({ accepted }: { accepted: boolean }) => accepted),
        [true, true],
      );
      await remove(first, refused.body.server.id);
    });

    it('go with a server that moves and is resized', async () => {
      const id = await made('h1', 'heavy');
      await api.act(id, { migrate: null }, { as: 'admin' });
      await api.world.settled();
      assert.deepEqual([(await free('h1')).vcpus, (await free('h2')).vcpus], [1, 1]);
      await api.act(id, { confirmResize: null }, { as: 'admin' });
      await api.world.settled();
      assert.deepEqual([(await free('h1')).vcpus, (await free('h2')).vcpus], [4, 1]);
      await api.act(id, { resize: { flavorRef: 'diskless' } }, { as: 'admin' });
      await api.world.settled();
      await api.act(id, { confirmResize: null }, { as: 'admin' });
      await api.world.settled();
      const { 'OS-EXT-SRV-ATTR:host': host } = await api.show(id, { as: 'admin' });
      assert.deepEqual(await free(host), { vcpus: 3, memoryMb: 3584, diskGb: 20 });
      await remove(id);
    });

    it('fix what an elastic flavor would move: refused, whichever is set first', async () => {
      const set = (id: string, extra_specs: object) =>
        api.request('POST', `/flavors/${id}/os-extra_specs`, { body: { extra_specs } });
      const message = (kind: string, key: string, name: string) =>
        `Validation failed; extra spec 'resources:${kind}' fixes what is claimed: '${key}' must equal the flavor's ${name}, or be absent.`;
      await api.world.flavor({ id: 'grows', vcpus: 4, memoryMb: 4096, specs: { minimum_cpu: '1' } });
      const late = await set('grows', { 'resources:VCPU': '2' });
      assert.equal(late.body.badRequest?.message, message('VCPU', 'minimum_cpu', 'vcpus of 4'));
      await api.world.flavor({ id: 'fixed', vcpus: 4, memoryMb: 2048, specs: { 'resources:MEMORY_MB': '0' } });
      const early = await set('fixed', { minimum_memory: '1024' });
      assert.equal(early.body.badRequest?.message, message('MEMORY_MB', 'minimum_memory', 'ram of 2048'));
      // the other part may move, and so may one that has no room to
      assert.equal((await set('fixed', { minimum_cpu: '1', minimum_memory: '2048' })).status, 200);
      const id = await made('h1', 'fixed');
      assert.deepEqual(await free(), { vcpus: 3, memoryMb: 4096, diskGb: 19 });
      const grown = await api.request('POST', `/os-xloud-adjust/${id}`, { body: { current_vcpus: 4 } });
      assert.equal(grown.status, 202, grown.text);
      await api.world.settled();
      assert.deepEqual(await free(), { vcpus: 0, memoryMb: 4096, diskGb: 19 });
      await remove(id);
    });
  });
}
