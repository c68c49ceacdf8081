// Traits of hosts, measured and told by the operator, decide where servers go that ask for them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findHost } from '../../src/db/hosts.ts';
import { defaultSettings } from '../../src/scheduler/spec.ts';
import { engines } from '../support/database.ts';
import { PLAIN, type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`traits on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      const hosts = [
        { name: 'plain', inventory: { vcpus: 64 } },
        { name: 'gold', inventory: { vcpus: 8 }, offers: { traits: ['CUSTOM_GOLD'], resources: {} } },
      ];
      api = await startServers({
        engine,
        hosts,
        scheduler: { settings: { ...defaultSettings, isolatedAggregates: true } },
      });
    });
    after(() => api.close());

    const flavor = (id: string, specs: Readonly<Record<string, string>>) =>
      api.world.flavor({ id, vcpus: 1, memoryMb: 512, specs });

    const hostOf = async (id: string): Promise<string> =>
      (await api.show(id, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'] as string;

    it('take a server to the host that has them, and away from one that has what it forbids', async () => {
      await flavor('golden', { 'trait:CUSTOM_GOLD': 'required', 'trait:HW_ARCH_X86_64': 'required' });
      await flavor('base', { 'trait:CUSTOM_GOLD': 'forbidden' });
      assert.equal(await hostOf(await api.create({ flavorRef: 'golden' })), 'gold');
      assert.equal(await hostOf(await api.create({ flavorRef: 'base' })), 'plain');
    });

    it('refuse every host that lacks them, and say so', async () => {
      await flavor('nowhere', { 'trait:HW_CPU_X86_AVX512F': 'required' });
      const id = await api.create({ flavorRef: 'nowhere' });
      const server = await api.show(id);
      assert.equal(server.status, 'ERROR');
      assert.equal(server.fault.message, 'No valid host was found. There are not enough hosts available.');
      const body = { flavor_id: 'nowhere' };
      const told = await api.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body });
      for (const { accepted, refusals } of told.body.hosts) {
        assert.equal(accepted, false);
        assert.deepEqual(refusals, [{ filter: 'TraitsFilter', reason: 'has no trait HW_CPU_X86_AVX512F' }]);
      }
    });

    it('are none of a host that reported before there were any', async () => {
      const { read, write } = api.world.database;
      const row: { facts: string } | undefined = await write('hosts').select('facts').where({ host: 'plain' }).first();
      const traitsThen = async () => (await findHost(read, { host: 'plain' }))?.inventory.facts.traits;
      assert.ok((await traitsThen())?.includes('COMPUTE_NODE'));
      // without the version that a program of today writes with them
      const { traits: _, $v: _version, ...older } = JSON.parse(row?.facts ?? '{}') as Record<string, unknown>;
      await write('hosts')
        .where({ host: 'plain' })
        .update({ facts: JSON.stringify(older) });
      assert.deepEqual(await traitsThen(), []);
      await write('hosts').where({ host: 'plain' }).update({ facts: row?.facts });
    });

    it('move with a server to a host that has them as well, or not at all', async () => {
      const id = await api.create({ flavorRef: 'golden' });
      assert.equal((await api.act(id, { migrate: null }, { as: 'admin' })).status, 202);
      await api.world.settled();
      const server = await api.show(id, { as: 'admin' });
      assert.equal(server['OS-EXT-SRV-ATTR:host'], 'gold');
      assert.equal(server.status, 'ACTIVE');
    });

    it('keep the hosts of an aggregate for those that require them', async () => {
      const as = 'admin' as const;
      const made = await api.request('POST', '/os-aggregates', { as, body: { aggregate: { name: 'golden' } } });
      const path = `/os-aggregates/${made.body.aggregate.id}/action`;
      const metadata = { 'trait:CUSTOM_GOLD': 'required' };
      assert.equal((await api.request('POST', path, { as, body: { set_metadata: { metadata } } })).status, 200);
      assert.equal((await api.request('POST', path, { as, body: { add_host: { host: 'gold' } } })).status, 200);
      const body = { flavor_id: PLAIN };
      const told = await api.request('POST', '/os-xloud-scheduler/explain', { as, body });
      const gold = told.body.hosts.find(({ host }: { host: string }) => host === 'gold');
      assert.deepEqual(gold.refusals, [
        { filter: 'TraitIsolationFilter', reason: 'is kept for servers that require CUSTOM_GOLD' },
      ]);
      assert.equal(await hostOf(await api.create({ flavorRef: 'golden' })), 'gold');
    });
  });
}
