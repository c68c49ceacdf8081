// How much of a host may be claimed and where it is: the host's own word, and over it what its aggregates say.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listHosts } from '../../src/db/hosts.ts';
import { handleReport } from '../../src/ops/reconcile/reports.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const offers = (zone: string, cpu: number, memoryMb: number) => ({
  ...{ traits: [], resources: {} },
  terms: { zone, ratios: { cpu, ram: 1, disk: 1 }, reserved: { vcpus: 0, memoryMb, diskGb: 0 } },
});

for (const engine of engines) {
  describe(`what operators say of hosts on ${engine}`, () => {
    let api: Servers;
    let aggregate: number;
    before(async () => {
      const inventory = { vcpus: 2, memoryMb: 4096 };
      api = await startServers({
        engine,
        hosts: [
          { name: 'thick', inventory, offers: offers('cellar', 8, 0) },
          { name: 'thin', inventory, offers: offers('attic', 1, 1024) },
          { name: 'silent', inventory },
        ],
      });
      const { body } = await api.request('POST', '/os-aggregates', { as: 'admin', body: { aggregate: { name: 'a' } } });
      aggregate = body.aggregate.id;
    });
    after(() => api.close());

    const act = (body: object) => api.request('POST', `/os-aggregates/${aggregate}/action`, { as: 'admin', body });
    const say = (metadata: Record<string, string | null>) => act({ set_metadata: { metadata } });

    /** How many vCPUs and how much memory are free for a claim, by host; and its zone. */
    async function free(): Promise<Record<string, readonly [vcpus: number, memoryMb: number, zone: string]>> {
      const hosts = await listHosts(api.world.database.read);
      return Object.fromEntries(
        hosts.map(({ host, inventory, ratios, reserved, zone }) => [
          host,
          [
            (inventory.vcpus - reserved.vcpus) * ratios.cpu,
            (inventory.memoryMb - reserved.memoryMb) * ratios.ram,
            zone,
          ],
        ]),
      );
    }

    it('is what each says of itself, and what the control plane says of one that does not', async () => {
      const { defaultZone, ratios, reserved } = api.world.deps.config;
      assert.deepEqual(await free(), {
        thick: [16, 4096, 'cellar'],
        thin: [2, 3072, 'attic'],
        silent: [2 * ratios.cpu - reserved.vcpus, 4096 - reserved.memoryMb, defaultZone],
      });
    });

    it('is overridden by an aggregate while the host is in it, and reports do not take that back', async () => {
      assert.equal((await say({ cpu_allocation_ratio: '2.5', reserved_host_memory_mb: '96' })).status, 200);
      assert.equal((await act({ add_host: { host: 'thick' } })).status, 200);
      assert.deepEqual((await free())['thick'], [5, 4000, 'cellar']);
      for (const agent of api.world.agents.values()) await agent.reportNow();
      assert.deepEqual((await free())['thick'], [5, 4000, 'cellar']);
      assert.equal((await say({ cpu_allocation_ratio: '3', reserved_host_memory_mb: null })).status, 200);
      assert.deepEqual((await free())['thick'], [6, 4096, 'cellar']);
      assert.equal((await act({ remove_host: { host: 'thick' } })).status, 200);
      assert.deepEqual((await free())['thick'], [16, 4096, 'cellar']);
    });

    it('of two aggregates is what leaves less', async () => {
      const { body } = await api.request('POST', '/os-aggregates', { as: 'admin', body: { aggregate: { name: 'b' } } });
      const other = `/os-aggregates/${body.aggregate.id}/action`;
      const metadata = { cpu_allocation_ratio: '1', reserved_host_cpus: '1' };
      await api.request('POST', other, { as: 'admin', body: { set_metadata: { metadata } } });
      await say({ cpu_allocation_ratio: '4', reserved_host_cpus: '0' });
      for (const path of [other, `/os-aggregates/${aggregate}/action`])
        await api.request('POST', path, { as: 'admin', body: { add_host: { host: 'thick' } } });
      assert.deepEqual((await free())['thick'], [1, 4096, 'cellar']);
      for (const path of [other, `/os-aggregates/${aggregate}/action`])
        await api.request('POST', path, { as: 'admin', body: { remove_host: { host: 'thick' } } });
    });

    it('counts for the next server', async () => {
      await api.world.flavor({ id: 'four', vcpus: 4, memoryMb: 256 });
      await act({ add_host: { host: 'thick' } });
      await say({ cpu_allocation_ratio: '1', reserved_host_cpus: null });
      const asked = { flavorRef: 'four', availability_zone: 'cellar' };
      const refused = (await api.post(asked)).body.server.id;
      await api.world.settled();
      assert.match((await api.show(refused)).fault.message, /No valid host was found/);
      await say({ cpu_allocation_ratio: '2' });
      const placed = (await api.post(asked)).body.server.id;
      await api.world.settled();
      assert.equal((await api.show(placed, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'], 'thick');
    });

    it('is not said by another: a host reports no hypervisor that is of a host already', async () => {
      const { deps, database, drivers } = api.world;
      const driver = drivers.get('thin');
      assert.ok(driver);
      const [inventory, guests] = [await driver.inventory(), await driver.list({})];
      const before = await listHosts(database.read);
      await assert.rejects(handleReport(deps, { kind: 'inventory', host: 'thick', inventory, guests }), {
        code: 'host.taken',
      });
      assert.deepEqual(
        (await listHosts(database.read)).map(({ host, uuid }) => [host, uuid]),
        before.map(({ host, uuid }) => [host, uuid]),
      );
    });

    it('must be a number', async () => {
      for (const [key, value] of [
        ['cpu_allocation_ratio', 'much'],
        ['cpu_allocation_ratio', '0'],
        ['ram_allocation_ratio', '-1'],
        ['reserved_host_memory_mb', '1.5'],
        ['reserved_host_disk_mb', '99999999999'],
      ] as const) {
        const { status, body } = await say({ [key]: value });
        assert.equal(status, 400);
        assert.match(body.badRequest.message, new RegExp(`Reason: ${key} must be a (whole )?number from`));
      }
    });
  });
}
