// An administrator asks where a server would go and why not elsewhere; what is told is what then happens.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { filterNames } from '../../src/scheduler/index.ts';
import type { Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const NO_GROUP = '11111111-2222-4333-8444-555555555555';

interface Told {
  readonly host: string;
  readonly accepted: boolean;
  readonly refusals: readonly { readonly filter: string; readonly reason: string }[];
  readonly score: number | null;
  readonly weights: readonly { readonly weigher: string; readonly value: number; readonly points: number }[];
}

for (const engine of engines) {
  describe(`explanations of the scheduler on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      const hosts = [
        { name: 'small', inventory: { vcpus: 2, memoryMb: 2048, diskGb: 400 } },
        { name: 'large', inventory: { vcpus: 8, memoryMb: 8192, diskGb: 400 } },
      ];
      const config = {
        ...testConfig,
        ratios: { cpu: 1, ram: 1, disk: 1 },
        quota: { ...testConfig.quota, server_groups: -1 },
      };
      api = await startServers({ engine, hosts, config, scheduler: { filters: filterNames } });
    });
    after(() => api.close());

    const ask = (body: unknown, as: Who = 'admin') => api.request('POST', '/os-xloud-scheduler/explain', { as, body });
    const told = async (body: object): Promise<readonly Told[]> => {
      const answer = await ask(body);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.hosts as Told[];
    };
    const accepting = (hosts: readonly Told[]): string[] =>
      hosts.filter(({ accepted }) => accepted).map(({ host }) => host);
    const against = (hosts: readonly Told[], name: string): string[] =>
      hosts.filter(({ host }) => host === name).flatMap(({ refusals }) => refusals.map(({ filter }) => filter));

    it('tell what is asked of a host, and each host with its reasons or its points', async () => {
      const { body } = await ask({ flavor_id: ELASTIC, image_id: api.imageId });
      const { hosts, ...asked } = body as { hosts: Told[] };
      assert.deepEqual(asked, {
        minimum: { vcpus: 1, memory_mb: 256 },
        maximum: { vcpus: 4, memory_mb: 4096 },
        disk_gb: 1,
      });
      assert.deepEqual(hosts[1], {
        host: 'small',
        hypervisor_hostname: 'small',
        availability_zone: 'nova',
        accepted: false,
        refusals: [{ filter: 'GrowthCeilingFilter', reason: 'can never give 4 vCPUs (2 at most)' }],
        score: null,
        weights: [],
      });
      const [large] = hosts;
      assert.equal(large?.host, 'large');
      assert.deepEqual(large?.refusals, []);
      // all weighers but those of groups: the request names none; it counts for nothing where there is but one host
      assert.deepEqual(
        large?.weights.map(({ weigher }) => weigher),
        [
          ...['RAMWeigher', 'CPUWeigher', 'DiskWeigher', 'HeadroomWeigher', 'IoOpsWeigher'],
          ...['HypervisorVersionWeigher', 'PCIWeigher'],
        ],
      );
      assert.equal(
        large?.score,
        large?.weights.reduce((sum, { points }) => sum + points, 0),
      );
    });

    it('agree with what then happens', async () => {
      const [best] = accepting(await told({ flavor_id: PLAIN }));
      const id = await api.create();
      assert.equal((await api.world.server(id)).host, best);
    });

    it('heed zones, forced hosts, hints and the project', async () => {
      assert.deepEqual(accepting(await told({ flavor_id: PLAIN, availability_zone: 'mars' })), []);
      const forced = await told({ flavor_id: PLAIN, availability_zone: 'nova:small' });
      assert.deepEqual(accepting(forced), ['small']);
      assert.deepEqual(against(forced, 'large'), ['RequestedDestination']);
      const id = await api.create({ availability_zone: 'nova:small' }, { as: 'admin' });
      const beside = await told({ flavor_id: PLAIN, scheduler_hints: { same_host: id } });
      assert.deepEqual(accepting(beside), ['small']);
      const away = await told({ flavor_id: PLAIN, scheduler_hints: { different_host: [id] } });
      assert.deepEqual(against(away, 'small'), ['DifferentHostFilter']);

      const tenant = { set_metadata: { metadata: { filter_tenant_id: 'somebody' } } };
      const made = await api.request('POST', '/os-aggregates', { body: { aggregate: { name: 'kept' } } });
      const action = `/os-aggregates/${made.body.aggregate.id}/action`;
      await api.request('POST', action, { body: tenant });
      await api.request('POST', action, { body: { add_host: { host: 'small' } } });
      assert.deepEqual(against(await told({ flavor_id: PLAIN, project_id: 'somebody' }), 'small'), []);
      assert.deepEqual(against(await told({ flavor_id: PLAIN, project_id: 'else' }), 'small'), [
        'AggregateMultiTenancyIsolation',
      ]);
      await api.request('POST', action, { body: { remove_host: { host: 'small' } } });
    });

    it('count the servers of a group', async () => {
      const body = { server_group: { name: 'apart', policies: ['anti-affinity'] } };
      const { id: group } = (await api.request('POST', '/os-server-groups', { as: 'member', body })).body.server_group;
      const question = { flavor_id: PLAIN, scheduler_hints: { group } };
      assert.deepEqual(accepting(await told(question)).toSorted(), ['large', 'small']);
      const made = await api.post({}, { beside: { 'os:scheduler_hints': { group } } });
      await api.world.settled();
      const { host } = await api.world.server(made.body.server.id as string);
      assert.deepEqual(against(await told(question), host as string), ['ServerGroupAntiAffinityFilter']);
    });

    it('refuse what a creation refuses, and whoever is no administrator', async () => {
      const no = async (body: unknown, message: string | RegExp) => {
        const answer = await ask(body);
        assert.equal(answer.status, 400, answer.text);
        assert.match(
          answer.body.badRequest.message as string,
          message instanceof RegExp ? message : new RegExp(message),
        );
      };
      await no({ flavor_id: 'none' }, /^Flavor none could not be found\.$/);
      await no({ flavor_id: PLAIN, image_id: 'none' }, /^Image none could not be found\.$/);
      await no({ flavor_id: PLAIN, scheduler_hints: { group: NO_GROUP } }, /^Instance group .* could not be found\.$/);
      await no({ flavor_id: PLAIN, availability_zone: 'a:b:c:d' }, /Unable to parse availability_zone/);
      await no({}, /flavor_id/);
      await no({ flavor_id: PLAIN, more: 1 }, /more/);
      for (const as of ['manager', 'member', 'reader', 'other'] as const) {
        const answer = await ask({ flavor_id: PLAIN }, as);
        assert.equal(answer.status, 403);
        assert.equal(
          answer.body.forbidden.message,
          "Policy doesn't allow os_compute_api:xloud:scheduler:explain to be performed.",
        );
      }
    });
  });
}
