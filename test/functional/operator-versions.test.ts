// What operators use of hosts, groups and zones, once at each version at which it looks or behaves otherwise: the conformance
// checker holds each answer to Nova's schema of that version; here stands what must be in it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { minorOf } from '../../src/base/history.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import type { Answer } from '../support/http.ts';
import { type Servers, startServers } from '../support/servers.ts';

const UPTIME = ' 10:00:00 up 3 days,  1:02,  0 users,  load average: 0.10, 0.20, 0.30';

const up = (driver: FakeDriver): FakeDriver => ({
  ...driver,
  async inventory() {
    const inventory = await driver.inventory();
    return { ...inventory, facts: { ...inventory.facts, uptime: UPTIME } };
  },
});

describe('at every version', () => {
  let api: Servers;
  before(async () => {
    api = await startServers({
      hosts: [
        { name: 'alpha', wrap: up },
        { name: 'beta', wrap: up },
      ],
    });
    await api.create({ availability_zone: 'nova:alpha' }, { as: 'admin' });
  });
  after(() => api.close());

  const ask = async (version: string, method: string, path: string, body?: object, status = 200): Promise<Answer> => {
    const answer = await api.request(method, path, { version, ...(body === undefined ? {} : { body }) });
    assert.equal(answer.status, status, `${method} ${path} at ${version}: ${answer.text}`);
    return answer;
  };
  const since = (version: string, first: string): boolean => minorOf(version) >= minorOf(first);

  for (const version of ['2.1', '2.40', '2.41', '2.80', '2.81', '2.102', '2.104']) {
    it(`aggregates live and end at ${version}`, async () => {
      const uuids = since(version, '2.41');
      const made = await ask(version, 'POST', '/os-aggregates', { aggregate: { name: 'a', availability_zone: 'z' } });
      const { id } = made.body.aggregate as { id: number };
      const act = (action: string, value: object) =>
        ask(version, 'POST', `/os-aggregates/${id}/action`, { [action]: value });
      const answers = [
        made,
        await act('add_host', { host: 'beta' }),
        await act('set_metadata', { metadata: { ssd: 'true' } }),
        await ask(version, 'PUT', `/os-aggregates/${id}`, { aggregate: { name: 'b' } }),
        await ask(version, 'GET', `/os-aggregates/${id}`),
      ];
      for (const { body } of answers) assert.equal('uuid' in body.aggregate, uuids);
      const { hosts, metadata } = (answers.at(-1) as Answer).body.aggregate as { hosts: string[]; metadata: object };
      assert.deepEqual([hosts, metadata], [['beta'], { availability_zone: 'z', ssd: 'true' }]);
      const cache = { cache: [{ id: api.imageId }] };
      await ask(version, 'POST', `/os-aggregates/${id}/images`, cache, since(version, '2.81') ? 202 : 404);
      const zones = (await ask(version, 'GET', '/os-availability-zone')).body.availabilityZoneInfo as unknown[];
      const detailed = (await ask(version, 'GET', '/os-availability-zone/detail')).body
        .availabilityZoneInfo as object[];
      assert.deepEqual([zones.length, detailed.length], [2, 2]);
      await act('remove_host', { host: 'beta' });
      await ask(version, 'DELETE', `/os-aggregates/${id}`);
      assert.deepEqual((await ask(version, 'GET', '/os-aggregates')).body, { aggregates: [] });
    });
  }

  for (const version of ['2.1', '2.13', '2.15', '2.64', '2.75', '2.102', '2.104']) {
    it(`server groups live and end at ${version}`, async () => {
      const newer = since(version, '2.64');
      const wish = newer ? { policy: 'affinity' } : { policies: ['affinity'] };
      const made = await ask(version, 'POST', '/os-server-groups', { server_group: { name: 'g', ...wish } });
      const { id } = made.body.server_group as { id: string };
      const shown = (await ask(version, 'GET', `/os-server-groups/${id}`)).body.server_group as object;
      assert.deepEqual(shown, made.body.server_group);
      assert.deepEqual((await ask(version, 'GET', '/os-server-groups')).body.server_groups, [shown]);
      assert.deepEqual(
        [newer ? 'policy' : 'policies', 'project_id'].map((key) => key in shown),
        [true, since(version, '2.13')],
      );
      await ask(version, 'DELETE', `/os-server-groups/${id}`, undefined, 204);
    });
  }

  for (const version of ['2.1', '2.27', '2.28', '2.33', '2.52', '2.53', '2.75', '2.87', '2.88', '2.104']) {
    it(`hypervisors look their way at ${version}`, async () => {
      const path = '/os-hypervisors';
      const list = (await ask(version, 'GET', path)).body.hypervisors as { id: number | string }[];
      const details = (await ask(version, 'GET', `${path}/detail`)).body.hypervisors as Record<string, unknown>[];
      const id = list[0]?.id as number | string;
      const shown = (await ask(version, 'GET', `${path}/${id}`)).body.hypervisor as Record<string, unknown>;
      assert.deepEqual(Object.keys(shown), Object.keys(details[0] as object));
      assert.equal(typeof id, since(version, '2.53') ? 'string' : 'number');
      assert.equal('vcpus' in shown, !since(version, '2.88'));
      assert.equal(shown['uptime'], since(version, '2.88') ? UPTIME : undefined);
      if (!since(version, '2.88')) {
        assert.equal((await ask(version, 'GET', `${path}/${id}/uptime`)).body.hypervisor.uptime, UPTIME);
        assert.equal((await ask(version, 'GET', `${path}/statistics`)).body.hypervisor_statistics.count, 2);
        assert.equal(typeof shown['cpu_info'], since(version, '2.28') ? 'object' : 'string');
      }
      const found = since(version, '2.53')
        ? await ask(version, 'GET', `${path}?hypervisor_hostname_pattern=alph&with_servers=true`)
        : await ask(version, 'GET', `${path}/alph/servers`);
      assert.equal(found.body.hypervisors[0].servers.length, 1);
      if (!since(version, '2.53')) {
        assert.equal((await ask(version, 'GET', `${path}/alph/search`)).body.hypervisors.length, 1);
      }
      const empty = await ask(
        version,
        'GET',
        since(version, '2.53') ? `${path}?with_servers=1` : `${path}/beta/servers`,
      );
      assert.deepEqual(empty.body.hypervisors.at(-1).servers, since(version, '2.75') ? [] : undefined);
    });
  }

  for (const version of ['2.1', '2.42']) {
    it(`hosts are there at ${version}`, async () => {
      assert.equal((await ask(version, 'GET', '/os-hosts')).body.hosts.length, 2);
      assert.equal((await ask(version, 'GET', '/os-hosts/alpha')).body.host.length, 4);
      await ask(version, 'PUT', '/os-hosts/alpha', { status: 'enable' }, 501);
      for (const action of ['reboot', 'startup', 'shutdown']) {
        await ask(version, 'GET', `/os-hosts/alpha/${action}`, undefined, 501);
      }
    });
  }

  for (const version of ['2.53', '2.75', '2.104']) {
    it(`services are switched at ${version}`, async () => {
      const { services } = (await ask(version, 'GET', '/os-services')).body as { services: { id: string }[] };
      const path = `/os-services/${services[0]?.id}`;
      assert.equal((await ask(version, 'PUT', path, { status: 'disabled' })).body.service.status, 'disabled');
      assert.equal((await ask(version, 'PUT', path, { status: 'enabled' })).body.service.status, 'enabled');
    });
  }

  it('a service ends at the newest one', async () => {
    const { services } = (await ask('2.104', 'GET', '/os-services?host=beta')).body as { services: { id: string }[] };
    await api.world.killHost('beta');
    await ask('2.104', 'DELETE', `/os-services/${services[0]?.id}`, undefined, 204);
  });
});
