// What operators count on their hosts is claimed with the server: never more than there is, and given back when the server goes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkClaims, repairSums } from '../../src/db/claims.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { tx } from '../../src/db/tx.ts';
import { engines } from '../support/database.ts';
import { PLAIN, type Servers, startServers } from '../support/servers.ts';

const SEATS = { traits: [], resources: { CUSTOM_SEAT: 3 } };

for (const engine of engines) {
  describe(`resources on ${engine}`, () => {
    let api: Servers;
    before(async () => {
      const hosts = [{ name: 'none' }, { name: 'h1', offers: SEATS }, { name: 'h2', offers: SEATS }];
      api = await startServers({ engine, hosts });
      await api.world.flavor({ id: 'seat', vcpus: 1, memoryMb: 512, specs: { 'resources:CUSTOM_SEAT': '1' } });
      const two = { 'resources1:CUSTOM_SEAT': '1', 'resources2:CUSTOM_SEAT': '1', group_policy: 'none' };
      await api.world.flavor({ id: 'seats', vcpus: 2, memoryMb: 512, specs: two });
      await api.world.flavor({ id: 'apart', vcpus: 2, memoryMb: 512, specs: { ...two, group_policy: 'isolate' } });
      const elastic = { minimum_cpu: '1', minimum_memory: '256', 'resources:CUSTOM_SEAT': '1' };
      await api.world.flavor({ id: 'growing', vcpus: 4, memoryMb: 4096, specs: elastic });
    });
    after(() => api.close());

    /** What is taken, by host; and the sums are those of the claims. */
    async function taken(): Promise<Record<string, number>> {
      assert.deepEqual(await checkClaims(api.world.database.read), []);
      const hosts = await listHosts(api.world.database.read);
      return Object.fromEntries(hosts.map(({ host, resourcesUsed }) => [host, resourcesUsed?.['CUSTOM_SEAT'] ?? 0]));
    }
    const inAll = async (): Promise<number> => Object.values(await taken()).reduce((sum, one) => sum + one, 0);
    const remove = async (...ids: string[]): Promise<void> => {
      for (const id of ids) assert.equal((await api.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await api.world.settled();
    };
    const hostOf = async (id: string): Promise<string> =>
      (await api.show(id, { as: 'admin' }))['OS-EXT-SRV-ATTR:host'] as string;

    it('are never claimed beyond what there is, however many ask at once', async () => {
      const asked = await Promise.all(Array.from({ length: 8 }, () => api.post({ flavorRef: 'seat' })));
      await api.world.settled();
      const ids = asked.map(({ body }) => body.server.id as string);
      const shown = await Promise.all(ids.map((id) => api.show(id)));
      assert.equal(shown.filter(({ status }) => status === 'ACTIVE').length, 6);
      assert.equal(shown.filter(({ status }) => status === 'ERROR').length, 2);
      assert.deepEqual(await taken(), { none: 0, h1: 3, h2: 3 });
      const body = { flavor_id: 'seat' };
      const told = await api.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body });
      for (const { refusals } of told.body.hosts) {
        assert.deepEqual(refusals, [{ filter: 'ResourceFilter', reason: 'cannot give 1 CUSTOM_SEAT (0 free)' }]);
      }
      await remove(...ids);
      assert.equal(await inAll(), 0);
    });

    it('are of one host, whose groups are not apart: who insists finds no host', async () => {
      for (const [flavorRef, status] of [
        ['seats', 'ACTIVE'],
        ['apart', 'ERROR'],
      ] as const) {
        const id = (await api.post({ flavorRef })).body.server.id;
        await api.world.settled();
        const shown = await api.show(id);
        assert.equal(shown.status, status);
        if (status === 'ERROR') assert.match(shown.fault.message, /No valid host was found/);
        await remove(id);
      }
    });

    it('are counted within one request for many', async () => {
      const made = await api.post({ flavorRef: 'seat', min_count: 6, max_count: 6 });
      assert.equal(made.status, 202, made.text);
      await api.world.settled();
      assert.deepEqual(await taken(), { none: 0, h1: 3, h2: 3 });
      const list = await api.request('GET', '/servers', { as: 'member' });
      await remove(...(list.body.servers as { id: string }[]).map(({ id }) => id));
    });

    it('go with the server when it moves and is resized, and are given back when it leaves', async () => {
      const id = await api.create({ flavorRef: 'seat' });
      const first = await hostOf(id);
      const other = first === 'h1' ? 'h2' : 'h1';
      await api.act(id, { migrate: null }, { as: 'admin' });
      await api.world.settled();
      assert.deepEqual(await taken(), { none: 0, h1: 1, h2: 1 });
      await api.act(id, { confirmResize: null });
      await api.world.settled();
      assert.deepEqual(await taken(), { none: 0, [first]: 0, [other]: 1 });
      await api.act(id, { resize: { flavorRef: 'seats' } });
      await api.world.settled();
      assert.deepEqual(await taken(), { none: 0, [first]: 2, [other]: 1 });
      await api.act(id, { revertResize: null });
      await api.world.settled();
      assert.deepEqual(await taken(), { none: 0, [first]: 0, [other]: 1 });
      await api.act(id, { resize: { flavorRef: PLAIN } });
      await api.world.settled();
      await api.act(id, { confirmResize: null });
      await api.world.settled();
      assert.equal(await inAll(), 0);
      await remove(id);
    });

    it('leave with a shelved server and are claimed anew', async () => {
      const id = await api.create({ flavorRef: 'seats' });
      assert.equal(await inAll(), 2);
      await api.act(id, { shelve: null });
      await api.world.settled();
      assert.equal(await inAll(), 0);
      await api.act(id, { unshelve: null });
      await api.world.settled();
      assert.equal(await inAll(), 2);
      await remove(id);
    });

    it('stay as they are while a server grows and shrinks', async () => {
      const id = await api.create({ flavorRef: 'growing' });
      for (const size of [
        { current_vcpus: 4, current_memory_mb: 2048 },
        { current_vcpus: 1, current_memory_mb: 256 },
      ]) {
        const answer = await api.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body: size });
        assert.equal(answer.status, 202, answer.text);
        await api.world.settled();
        assert.equal(await inAll(), 1);
      }
      await remove(id);
    });

    it('are summed anew when a sum was spoilt', async () => {
      const id = await api.create({ flavorRef: 'seat' });
      const host = await hostOf(id);
      const { database } = api.world;
      await database.write('hosts').where({ host }).update({ resources_used: '{"CUSTOM_SEAT":3}' });
      const [drift] = await checkClaims(database.read);
      assert.deepEqual([drift?.column, drift?.shouldBe], ['resources_used', '{"CUSTOM_SEAT":1}']);
      await tx(database, (t) => repairSums(t, drift?.hostId as number));
      assert.equal(await inAll(), 1);
      await remove(id);
    });
  });
}
