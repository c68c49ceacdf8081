// Growth that a server's host has no room for: the server goes to a host that has it, as it runs, and grows there; where it may.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { accountsOf } from '../../src/ops/administration/quota-sets.ts';
import { adjusting, type Adjusting } from '../support/adjusting.ts';
import { callers, type Who } from '../support/callers.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const tight = { ...testConfig, ratios: { cpu: 1, ram: 1, disk: 1 } };
const small = { vcpus: 4, memoryMb: 4096, diskGb: 400 };
const HOSTS = [
  { name: 'host-1', inventory: small },
  { name: 'host-2', inventory: small },
];
const GROWN = { current_vcpus: 3, current_memory_mb: 1024 };

for (const engine of engines) {
  describe(`growth by migration on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS, config: tight });
      kit = adjusting(servers);
    });
    after(() => servers.close());

    const on = (host: string, flavorRef: string, metadata = {}) =>
      servers.create({ flavorRef, metadata, availability_zone: `nova:${host}` }, { as: 'admin' });
    /** A server on a host that two others leave no room for three vCPUs. */
    const cramped = async (behaviour?: string) => {
      const id = await on('host-1', ELASTIC, behaviour === undefined ? {} : { xloud_fake: behaviour });
      return { id, beside: [await on('host-1', PLAIN), await on('host-1', PLAIN)] };
    };
    const hostOf = async (id: string) => (await servers.world.server(id)).host;
    const actions = async (id: string): Promise<string[]> => {
      const { instanceActions } = (await servers.request('GET', `/servers/${id}/os-instance-actions`)).body;
      return (instanceActions as { action: string; message: string | null }[]).map(
        ({ action, message }) => `${action}${message === null ? '' : ' failed'}`,
      );
    };
    const grow = (id: string, more: object, as: Who = 'admin') => kit.adjust(id, { ...GROWN, ...more }, as);

    it('moves the server and adjusts it there, all by one request', async () => {
      const { id, beside } = await cramped();
      const outlook = await servers.request('POST', `/os-xloud-adjust/${id}/plan`, {
        ...{ as: 'admin', body: { ...GROWN, may_migrate: true } },
      });
      assert.equal(outlook.body.result, 'live_after_migration');
      assert.equal(outlook.body.ways.live_after_migration.automatic, true);
      const answer = await grow(id, { may_migrate: true });
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.body.status, 'adjusting');
      assert.deepEqual([answer.body.vcpus.target, answer.body.memory_mb.target], [3, 1024]);
      await servers.world.settled();
      assert.equal(await hostOf(id), 'host-2');
      const shown = await kit.look(id, 'admin');
      assert.deepEqual([shown.status, shown.request_id], ['idle', answer.headers['x-openstack-request-id']]);
      assert.deepEqual(kit.sizes(shown), [3, 1024]);
      assert.deepEqual(kit.guest(id, 'host-2').size, { vcpus: 3, memoryMb: 1024 });
      assert.equal(kit.driver('host-1').store.get(id), undefined);
      assert.deepEqual(await kit.claimOf(id), [3, 1024]);
      assert.deepEqual(await actions(id), ['adjust', 'live-migration', 'create']);
      await kit.remove(id, ...beside);
    });

    it('is 409 as ever where it may not, and 403 for whoever may not ask', async () => {
      const { id, beside } = await cramped();
      for (const body of [{}, { may_migrate: false }, { may_migrate: null }]) {
        const answer = await grow(id, body);
        assert.equal(answer.status, 409);
        assert.match(answer.text, /The host has no room for 2 more vCPUs \(1 free\)/);
      }
      const mine = await servers.create({ flavorRef: ELASTIC });
      assert.equal((await grow(mine, { may_migrate: true }, 'member')).status, 403);
      await kit.remove(mine);
      assert.equal((await grow(id, { may_migrate: 'yes' })).status, 400);
      // nor where no other host has room
      const others = [await on('host-2', PLAIN), await on('host-2', PLAIN)];
      assert.equal((await grow(id, { may_migrate: true })).status, 409);
      assert.equal(await hostOf(id), 'host-1');
      assert.deepEqual(await actions(id), ['create']);
      await kit.remove(id, ...beside, ...others);
    });

    it('keeps the quota', async () => {
      const { id, beside } = await cramped();
      const project = callers.admin.projectId as string;
      const server = await servers.world.server(id);
      const [{ used }] = await accountsOf(servers.world.database.read, tight.quota, server);
      const quota = { quota_set: { cores: used.cores + 1, force: true } };
      assert.equal((await servers.request('PUT', `/os-quota-sets/${project}`, { body: quota })).status, 200);
      assert.equal((await grow(id, { may_migrate: true })).status, 403);
      await servers.request('DELETE', `/os-quota-sets/${project}`);
      await kit.remove(id, ...beside);
    });

    it('counts for the quota from the request on, while the server is on its way', async () => {
      const { id, beside } = await cramped();
      const project = callers.admin.projectId as string;
      const server = await servers.world.server(id);
      const [{ used }] = await accountsOf(servers.world.database.read, tight.quota, server);
      const quota = { quota_set: { cores: used.cores + 2, force: true } };
      await servers.request('PUT', `/os-quota-sets/${project}`, { body: quota });
      await servers.world.gated(['liveMigrate'], async (gate) => {
        assert.equal((await grow(id, { may_migrate: true })).status, 202);
        await gate.reached('liveMigrate');
        const another = await servers.post({ flavorRef: PLAIN }, { as: 'admin' });
        assert.equal(another.status, 403, another.text);
        gate.pass('liveMigrate');
      });
      await servers.world.settled();
      assert.equal((await kit.look(id, 'admin')).status, 'idle');
      assert.equal((await servers.post({ flavorRef: PLAIN }, { as: 'admin' })).status, 403);
      await servers.request('DELETE', `/os-quota-sets/${project}`);
      await kit.remove(id, ...beside);
    });

    it('says why, and holds nothing, where the move fails', async () => {
      const { id, beside } = await cramped('fail:liveMigrate');
      assert.equal((await grow(id, { may_migrate: true })).status, 202);
      await servers.world.settled();
      const shown = await kit.look(id, 'admin');
      assert.equal(shown.status, 'error');
      assert.notEqual(shown.message, null);
      assert.equal(await hostOf(id), 'host-1');
      assert.deepEqual(kit.sizes(shown), [1, 256]);
      assert.deepEqual(await kit.claimOf(id), [1, 256]);
      assert.deepEqual(await actions(id), ['live-migration failed', 'create']);
      await kit.remove(id, ...beside);
    });

    it('has moved, and says why it has not grown, where the guest does not do it', async () => {
      const { id, beside } = await cramped('fail:adjust');
      assert.equal((await grow(id, { may_migrate: true })).status, 202);
      await servers.world.settled();
      const shown = await kit.look(id, 'admin');
      assert.equal(shown.status, 'error');
      assert.equal(await hostOf(id), 'host-2');
      assert.deepEqual(kit.sizes(shown), [1, 256]);
      assert.deepEqual(await kit.claimOf(id), [1, 256]);
      assert.deepEqual(await actions(id), ['adjust failed', 'live-migration', 'create']);
      await kit.remove(id, ...beside);
    });
  });
}

describe('compute.adjust_may_migrate', () => {
  it('lets members grow by migration, unless a request says otherwise', async (t) => {
    const servers = await startServers({ hosts: HOSTS, config: { ...tight, adjustMayMigrate: true } });
    t.after(() => servers.close());
    const kit = adjusting(servers);
    const host = { availability_zone: 'nova:host-1' };
    const id = await servers.create({ flavorRef: ELASTIC, ...host }, { as: 'admin' });
    for (const _ of [1, 2]) await servers.create({ flavorRef: PLAIN, ...host }, { as: 'admin' });
    assert.equal((await kit.adjust(id, { ...GROWN, may_migrate: false }, 'admin')).status, 409);
    assert.equal((await kit.adjust(id, GROWN, 'admin')).status, 202);
    await servers.world.settled();
    assert.deepEqual(kit.sizes(await kit.look(id, 'admin')), [3, 1024]);
    assert.equal((await servers.world.server(id)).host, 'host-2');
  });
});
