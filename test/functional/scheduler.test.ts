// What users and administrators say over the API reaches the scheduler: hints, extra specs, aggregates' metadata.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { filterNames } from '../../src/scheduler/index.ts';
import { defaultSettings } from '../../src/scheduler/spec.ts';
import { callers } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const hosts = ['10.0.1.1', '10.0.2.2', '10.0.2.3'].map((hostIp, index) => ({
  name: `host-${index + 1}`,
  inventory: { hostIp },
}));

for (const engine of engines) {
  describe(`the scheduler with all filters on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      api = await startServers({ engine, hosts, scheduler: { filters: filterNames } });
    });
    after(() => api.close());

    /** Where a new server comes, and by whose word not; null: nowhere. */
    const place = async (
      hints: object = {},
      server: Readonly<Record<string, unknown>> = {},
      as: 'member' | 'other' = 'member',
    ): Promise<{ id: string; host: string | null }> => {
      const answer = await api.post(server, { as, beside: { 'os:scheduler_hints': hints } });
      assert.equal(answer.status, 202, answer.text);
      await api.world.settled();
      const id = answer.body.server.id as string;
      return { id, host: (await api.world.server(id)).host };
    };
    const aggregate = async (host: string, metadata: Record<string, string>): Promise<() => Promise<void>> => {
      const ask = async (method: string, path: string, body?: object) => {
        const answer = await api.request(method, `/os-aggregates${path}`, body === undefined ? {} : { body });
        assert.equal(answer.status, 200, answer.text);
        return answer.body?.aggregate as { id: number };
      };
      const { id } = await ask('POST', '', { aggregate: { name: `of ${host}` } });
      await ask('POST', `/${id}/action`, { set_metadata: { metadata } });
      await ask('POST', `/${id}/action`, { add_host: { host } });
      return async () => {
        await ask('POST', `/${id}/action`, { remove_host: { host } });
        await ask('DELETE', `/${id}`);
      };
    };

    it('servers come beside others or away from them', async () => {
      const first = await place();
      assert.notEqual(first.host, null);
      for (let index = 0; index < 3; index += 1) {
        assert.equal((await place({ same_host: first.id })).host, first.host);
        assert.notEqual((await place({ different_host: [first.id] })).host, first.host);
      }
      assert.equal((await place({ same_host: [first.id], different_host: [first.id] })).host, null);
    });

    it('or near an address, or where a query says', async () => {
      for (let index = 0; index < 2; index += 1) {
        assert.equal((await place({ build_near_host_ip: '10.0.1.77' })).host, 'host-1');
        assert.equal((await place({ query: '["=", "$host", "host-3"]' })).host, 'host-3');
      }
      assert.equal((await place({ build_near_host_ip: '10.9.9.9', cidr: '/24' })).host, null);
      const lost = await place({ query: 'no query' });
      assert.equal(lost.host, null);
      const shown = await api.show(lost.id, { as: 'admin' });
      assert.equal(shown.fault.message, 'No valid host was found. There are not enough hosts available.');
      assert.match(shown.fault.details, /host-1 \(JsonFilter\): cannot be asked: the query is not understood/);
      assert.equal((await api.show(lost.id)).fault.details, undefined);
    });

    it('hosts are kept for projects and for flavors', async () => {
      const undo = [
        await aggregate('host-1', { filter_tenant_id: callers.other.projectId as string }),
        await aggregate('host-2', { instance_type: 'flavor-of-nobody' }),
      ];
      for (let index = 0; index < 3; index += 1) {
        assert.equal((await place()).host, 'host-3');
        assert.notEqual((await place({}, {}, 'other')).host, 'host-2');
      }
      for (const step of undo) await step();
    });

    it('flavors find the hosts whose aggregates and capabilities they ask for', async () => {
      const undo = await aggregate('host-2', { ssd: 'true' });
      const fast = await api.world.flavor({ specs: { 'aggregate_instance_extra_specs:ssd': 'true' } });
      const odd = await api.world.flavor({ specs: { 'capabilities:hypervisor_type': 's== xen' } });
      assert.equal((await place({}, { flavorRef: fast })).host, 'host-2');
      assert.equal((await place({}, { flavorRef: odd })).host, null);
      await undo();
      assert.equal((await place({}, { flavorRef: fast })).host, null);
    });

    it('broke no law', async () => assert.deepEqual(await api.world.leftovers(), []));
  });

  describe(`the scheduler's configuration on ${engine}`, () => {
    it('bounds servers per host, also among many at once; a strict group needs its filter', async () => {
      const api = await startServers({
        engine,
        hosts: hosts.slice(0, 2),
        config: { quota: { ...testConfig.quota, server_groups: -1 } },
        scheduler: {
          filters: ['ComputeFilter', 'NumInstancesFilter'],
          settings: { ...defaultSettings, maxInstancesPerHost: 2 },
        },
      });
      try {
        await Promise.all(Array.from({ length: 6 }, () => api.post()));
        await api.world.settled();
        const { body } = await api.request('GET', '/servers/detail', { as: 'admin', version: '2.1' });
        assert.equal(body.servers.length, 0);
        const listed = await api.request('GET', '/servers/detail?all_tenants=1', { as: 'admin' });
        const places = (listed.body.servers as Record<string, string | null>[]).map(
          (one) => one['OS-EXT-SRV-ATTR:host'],
        );
        for (const { name } of hosts.slice(0, 2)) assert.equal(places.filter((host) => host === name).length, 2);
        const { body: made } = await api.request('POST', '/os-server-groups', {
          as: 'member',
          version: '2.64',
          body: { server_group: { name: 'g', policy: 'affinity' } },
        });
        const hint = { 'os:scheduler_hints': { group: made.server_group.id as string } };
        const { id } = (await api.post({}, { beside: hint })).body.server as { id: string };
        await api.world.settled();
        const { fault } = await api.show(id);
        assert.equal(fault.message, 'ServerGroup policy is not supported: ServerGroupAffinityFilter not configured');
      } finally {
        await api.close();
      }
    });
  });
}
