import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { type Api, type RequestOptions, startApi } from '../support/api.ts';
import { engines } from '../support/database.ts';

const UPTIME = ' 10:00:00 up 3 days,  1:02,  0 users,  load average: 0.10, 0.20, 0.30';

/** A driver that knows another uptime than its machine's, or none. */
const upFor =
  (uptime: string | null) =>
  (driver: FakeDriver): FakeDriver => ({
    ...driver,
    async inventory() {
      const inventory = await driver.inventory();
      return { ...inventory, facts: { ...inventory.facts, uptime } };
    },
  });

for (const engine of engines) {
  describe(`hypervisors on ${engine}`, () => {
    let api: Api;
    let server = '';
    before(async () => {
      api = await startApi({
        engine,
        hosts: [
          { name: 'alpha', wrap: upFor(null) },
          { name: 'beta', wrap: upFor(null) },
          { name: 'gamma', wrap: upFor(UPTIME) },
        ],
        config: { reserved: { vcpus: 2, memoryMb: 1024, diskGb: 10 } },
      });
      const { world } = api;
      const flavorRef = await world.flavor({
        vcpus: 4,
        memoryMb: 2048,
        rootGb: 1,
        specs: { minimum_cpu: '1', minimum_memory: '512' },
      });
      const [made] = await world.create({ flavorRef, forcedHost: 'alpha' });
      assert.equal(made?.vmState, 'active');
      server = made?.uuid ?? '';
    });
    after(() => api.close());

    const get = (path: string, version = '2.1', options: RequestOptions = {}) =>
      api.request('GET', `/os-hypervisors${path}`, { version, ...options });
    const names = (body: { hypervisors: { hypervisor_hostname: string }[] }) =>
      body.hypervisors.map(({ hypervisor_hostname }) => hypervisor_hostname);

    it('are listed in brief, by number and from 2.53 on by uuid', async () => {
      const old = (await get('')).body.hypervisors;
      assert.deepEqual(old[0], { id: old[0].id, hypervisor_hostname: 'alpha', state: 'up', status: 'enabled' });
      assert.equal(typeof old[0].id, 'number');
      const [now] = (await get('', '2.53')).body.hypervisors;
      assert.match(now.id, /^[0-9a-f-]{36}$/);
      assert.deepEqual(Object.keys(now).toSorted(), ['hypervisor_hostname', 'id', 'state', 'status']);
    });

    it('show what is claimed: the minimum of each server, and what is reserved', async () => {
      const [alpha, beta] = (await get('/detail')).body.hypervisors;
      const vcpus = alpha.vcpus;
      assert.deepEqual(
        [alpha.vcpus_used, alpha.memory_mb_used, alpha.local_gb_used, alpha.running_vms, alpha.current_workload],
        [3, 1536, 11, 1, 0],
      );
      assert.deepEqual([beta.vcpus_used, beta.memory_mb_used, beta.running_vms], [2, 1024, 0]);
      assert.equal(alpha.free_ram_mb, alpha.memory_mb - 1536);
      assert.equal(alpha.free_disk_gb, alpha.local_gb - 11);
      assert.equal(typeof alpha.service.id, 'number');
      assert.equal(JSON.parse(alpha.cpu_info).arch, 'x86_64');
      assert.equal((await get('/detail', '2.28')).body.hypervisors[0].cpu_info.arch, 'x86_64');
      const sums = (await get('/statistics')).body.hypervisor_statistics;
      assert.deepEqual(
        [sums.count, sums.vcpus, sums.vcpus_used, sums.memory_mb_used, sums.running_vms],
        [3, 3 * vcpus, 7, 3584, 1],
      );
      assert.equal((await get('/statistics', '2.88')).status, 404);
    });

    it('lose their usage at 2.88 and get their uptime', async () => {
      const gamma = (await get('/detail', '2.88')).body.hypervisors[2];
      assert.equal(gamma.uptime, UPTIME);
      assert.deepEqual(Object.keys(gamma).toSorted(), [
        'host_ip',
        'hypervisor_hostname',
        'hypervisor_type',
        'hypervisor_version',
        'id',
        'service',
        'state',
        'status',
        'uptime',
      ]);
      assert.equal((await get(`/${gamma.id}`, '2.88')).body.hypervisor.uptime, UPTIME);
      const shown = (await get(`/${gamma.id}/uptime`, '2.53')).body.hypervisor;
      assert.deepEqual([shown.uptime, shown.hypervisor_hostname], [UPTIME, 'gamma']);
      assert.equal((await get(`/${gamma.id}/uptime`, '2.88')).status, 404);
      const [alpha] = (await get('', '2.53')).body.hypervisors;
      assert.equal((await get(`/${alpha.id}/uptime`, '2.53')).status, 501);
    });

    it('are paged from 2.33 on', async () => {
      const ids = (await get('')).body.hypervisors.map(({ id }: { id: number }) => id);
      assert.equal((await get('?limit=1')).body.hypervisors.length, 3);
      const page = await get(`?limit=1&marker=${ids[0]}`, '2.33');
      assert.deepEqual(names(page.body), ['beta']);
      assert.match(page.body.hypervisors_links[0].href, new RegExp(`/os-hypervisors\\?limit=1&marker=${ids[1]}$`));
      const byUuid = (await get('/detail?limit=2', '2.53')).body;
      assert.deepEqual(names(byUuid), ['alpha', 'beta']);
      const next = byUuid.hypervisors_links[0].href.slice(api.url.length);
      const rest = await api.request('GET', next, { version: '2.53' });
      assert.deepEqual(names(rest.body), ['gamma']);
      assert.equal(rest.body.hypervisors_links, undefined);
      const lost = await get('?marker=99', '2.33');
      assert.equal(lost.body.badRequest.message, 'marker [99] not found');
    });

    it('tell their servers: a path of its own up to 2.52, a parameter after', async () => {
      const servers = [{ name: 'instance-00000001', uuid: server }];
      const old = (await get('/a/servers')).body.hypervisors;
      assert.deepEqual(names({ hypervisors: old }), ['alpha', 'beta', 'gamma']);
      assert.deepEqual(old[0].servers, servers);
      assert.ok(!('servers' in old[1]));
      assert.equal((await get('/alpha/servers', '2.53')).status, 404);
      const at = async (version: string) => (await get('?with_servers=true', version)).body.hypervisors;
      assert.deepEqual((await at('2.53'))[0].servers, servers);
      assert.ok(!('servers' in (await at('2.74'))[1]));
      assert.deepEqual((await at('2.75'))[1].servers, []);
      const [{ id }] = await at('2.75');
      assert.deepEqual((await get(`/${id}?with_servers=1`, '2.88')).body.hypervisor.servers, servers);
      assert.ok(!('servers' in (await get(`/${id}`, '2.88')).body.hypervisor));
    });

    it('are found by a part of the name: a path of its own up to 2.52, a parameter after', async () => {
      assert.deepEqual(names((await get('/ET/search')).body), ['beta']);
      assert.equal(
        (await get('/zeta/search')).body.itemNotFound.message,
        "No hypervisor matching 'zeta' could be found.",
      );
      assert.equal((await get('/et/search', '2.53')).status, 404);
      assert.deepEqual(names((await get('?hypervisor_hostname_pattern=m', '2.53')).body), ['gamma']);
      assert.equal((await get('?hypervisor_hostname_pattern=zeta', '2.53')).status, 404);
      assert.equal((await get('?hypervisor_hostname_pattern=a&limit=1', '2.53')).status, 400);
      assert.equal((await get('?hypervisor_hostname_pattern=a&hypervisor_hostname_pattern=b', '2.53')).status, 400);
    });

    it('are shown by number, and from 2.53 on by uuid', async () => {
      const [{ id }] = (await get('')).body.hypervisors;
      assert.equal((await get(`/${id}`)).body.hypervisor.hypervisor_hostname, 'alpha');
      for (const wrong of ['99', 'alpha', '1e0', '99999999999']) {
        const answer = await get(`/${wrong}`);
        assert.equal(answer.status, 404);
        assert.equal(answer.body.itemNotFound.message, `Hypervisor with ID '${wrong}' could not be found.`);
      }
      assert.equal((await get('/alpha', '2.53')).body.badRequest.message, 'Invalid uuid alpha');
      assert.equal((await get('/7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec111', '2.53')).status, 404);
    });

    it('that are disabled or down say so', async () => {
      const put = (word: string, body: object) =>
        api.request('PUT', `/os-services/${word}`, {
          body: { host: 'beta', binary: 'nova-compute', ...body },
          version: '2.11',
        });
      assert.equal((await put('disable-log-reason', { disabled_reason: 'repair' })).status, 200);
      assert.equal((await put('force-down', { forced_down: true })).status, 200);
      const beta = (await get('/detail')).body.hypervisors[1];
      assert.deepEqual([beta.state, beta.status, beta.service.disabled_reason], ['down', 'disabled', 'repair']);
      const uptime = await get(`/${beta.id}/uptime`);
      assert.equal(uptime.body.badRequest.message, 'Compute service of beta is unavailable at this time.');
      assert.equal((await get('/statistics')).body.hypervisor_statistics.count, 2);
    });

    it('are for administrators', async () => {
      for (const path of ['', '/detail', '/statistics', '/1', '/1/uptime', '/a/search', '/a/servers']) {
        assert.equal((await get(path, '2.1', { as: 'manager' })).status, 403, path);
      }
    });
  });
}
