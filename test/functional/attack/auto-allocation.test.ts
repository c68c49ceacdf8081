// The network that a project gets unasked is one that it could have made itself: of the operator's ranges, within its quotas, and
// found without keeping anybody waiting.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { callers, type Cloud, startCloud, type Who } from '../../support/cloud.ts';
import { engines } from '../../support/database.ts';
import { costOf } from '../../support/cost.ts';

for (const engine of engines) {
  describe(`a network unasked for on ${engine}`, () => {
    let cloud: Cloud;
    const begin = async (network: { tenantRanges?: string[]; tenantAddresses?: number } = {}): Promise<void> => {
      cloud = await startCloud({ engine, network });
    };
    afterEach(() => cloud.close());

    const ask = (who: Who, method: string, path: string, body?: object) =>
      cloud.ask(who, method, `/network/v2.0/${path}`, body);
    const topology = (who: Who, query = '') => ask(who, 'GET', `auto-allocated-topology/None${query}`);
    const cidrOf = async (who: Who): Promise<string> => {
      const { status, json, text } = await topology(who);
      assert.equal(status, 200, text);
      const { id } = json.auto_allocated_topology;
      const subnets = await ask(who, 'GET', `subnets?network_id=${id}`);
      assert.equal(subnets.json.subnets[0].project_id, callers[who].projectId);
      return subnets.json.subnets[0].cidr;
    };
    const counts = async () => [
      Number((await cloud.database.read('networks').count({ n: '*' }))[0]?.['n']),
      Number((await cloud.database.read('subnets').count({ n: '*' }))[0]?.['n']),
    ];
    const refused = async (who: Who, type: string): Promise<void> => {
      const before = await counts();
      for (const query of ['', '?fields=dry-run']) {
        const { status, json, text } = await topology(who, query);
        assert.deepEqual([status, json?.NeutronError?.type], [409, type], text);
      }
      assert.deepEqual(await counts(), before);
    };
    const subnet = async (who: Who, cidr: string): Promise<void> => {
      const { id } = (await ask(who, 'POST', 'networks', { network: {} })).json.network;
      const made = await ask(who, 'POST', 'subnets', { subnet: { network_id: id, cidr } });
      assert.equal(made.status, 201, made.text);
    };

    it('lies in the ranges of the operator, where nobody else is', async () => {
      await begin({ tenantRanges: ['fd00::/8', '192.168.7.0/24', '192.168.9.0/25', '172.16.0.0/23'] });
      await subnet('admin', '172.16.0.128/25');
      assert.equal((await topology('demo', '?fields=dry-run')).json.auto_allocated_topology.id, 'dry-run=pass');
      assert.equal(await cidrOf('demo'), '192.168.7.0/24');
      assert.equal(await cidrOf('demo'), '192.168.7.0/24', 'the same again');
      assert.equal((await topology('demo', '?fields=dry-run')).status, 200);
      assert.equal(await cidrOf('other'), '172.16.1.0/24');
      await refused('admin', 'AutoAllocationFailure');
    });

    it('lies where few have anything, as far as that is the operator’s', async () => {
      await begin();
      await subnet('admin', '10.124.0.0/23');
      assert.equal(await cidrOf('demo'), '10.124.2.0/24');
    });

    it('is within the quotas of its project, whoever asks', async () => {
      await begin({ tenantAddresses: 300 });
      const quota = (body: object) => ask('admin', 'PUT', `quotas/${callers.demo.projectId}`, { quota: body });
      await quota({ network: 0 });
      await refused('demo', 'OverQuota');
      await quota({ network: 10, subnet: 0 });
      await refused('demo', 'OverQuota');
      const byAdmin = await ask('admin', 'GET', `auto-allocated-topology/${callers.demo.projectId}`);
      assert.equal(byAdmin.status, 409);
      await quota({ subnet: 10 });
      await subnet('demo', '10.9.0.0/26');
      await refused('demo', 'OverQuota');
      await cloud.database.write('subnets').where('cidr', '10.9.0.0/26').delete();
      assert.equal(await cidrOf('demo'), '10.124.0.0/24');
    });

    it('is one, however many ask at once and though it is the last', async () => {
      await begin({ tenantRanges: ['10.50.0.0/24'] });
      const ids = (await Promise.all(Array.from({ length: 6 }, () => topology('demo')))).map(
        ({ json, text }) => json?.auto_allocated_topology?.id ?? text,
      );
      assert.equal(new Set(ids).size, 1, ids.join(' '));
    });

    it('is found at once among thousands', async () => {
      await begin({ tenantRanges: ['10.124.0.0/14', '10.200.0.0/16'] });
      const { id } = (await ask('admin', 'POST', 'networks', { network: {} })).json.network;
      const row = (await cloud.database.read('subnets').first()) as Record<string, unknown>;
      const taken = [
        ...Array.from({ length: 1024 }, (_, at) => `10.${124 + (at >> 8)}.${at & 255}.0/24`),
        ...Array.from({ length: 4000 }, (_, at) => `11.${at >> 8}.${at & 255}.0/24`),
      ];
      const rows = taken.map((cidr, at) => ({ ...row, id: `taken-${at}`, network_id: id, cidr }));
      await cloud.database.write.batchInsert('subnets', rows, 30);
      const ms = await costOf(async () => assert.equal((await topology('demo', '?fields=dry-run')).status, 200));
      assert.ok(ms < 400, `${ms} ms`);
      assert.equal(await cidrOf('demo'), '10.200.0.0/24');
    });
  });
}
