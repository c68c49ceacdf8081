// PUT and DELETE of servers: what may change, when, and that a deletion comes to its end from every state.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`PUT /servers/{id} on ${engine}`, () => {
    let servers: Servers;
    let id: string;
    before(async () => {
      servers = await startServers({ engine });
      id = await servers.create({ name: 'first' });
    });
    after(() => servers.close());

    const put = (server: object, version = 'latest', as: 'member' | 'reader' | 'admin' = 'member') =>
      servers.request('PUT', `/servers/${id}`, { as, version, body: { server } });

    it('changes what is given and nothing else', async () => {
      const all = {
        ...{ name: 'second', description: 'words', accessIPv4: '192.0.2.1', accessIPv6: '2001:db8::1' },
        ...{ 'OS-DCF:diskConfig': 'MANUAL', hostname: 'second.example.org' },
      };
      const changed = await put(all);
      assert.equal(changed.status, 200, changed.text);
      const { hostname, ...fields } = all;
      for (const [key, value] of Object.entries(fields)) assert.equal(changed.body.server[key], value, key);
      assert.equal(changed.body.server['OS-EXT-SRV-ATTR:hostname'], hostname);
      const none = await put({ description: null });
      assert.deepEqual([none.body.server.description, none.body.server.name], [null, 'second']);
      assert.deepEqual((await put({})).body.server, await servers.show(id, { version: 'latest' }));
    });

    it('knows its fields from their versions on', async () => {
      for (const [key, value, from] of [
        ['description', 'x', 19],
        ['hostname', 'short', 90],
        ['pinned_availability_zone', null, 104],
      ] as const) {
        assert.equal((await put({ [key]: value }, `2.${from - 1}`)).status, 400, key);
        assert.equal((await put({ [key]: value }, `2.${from}`)).status, 200, key);
      }
      assert.equal((await put({ hostname: 'a.b' }, '2.93')).status, 400);
      assert.equal((await put({ hostname: 'a.b' }, '2.94')).status, 200);
    });

    it('refuses what does not fit', async () => {
      for (const wrong of [
        { name: '' },
        { name: ' x' },
        { name: 'x'.repeat(256) },
        { name: 'a\u0000b' },
        { name: 'a\u{1F600}b' },
        { description: 'x'.repeat(256) },
        { description: 'a\nb' },
        { accessIPv4: 'x' },
        { accessIPv6: '192.0.2.1' },
        { 'OS-DCF:diskConfig': 'none' },
        { status: 'ACTIVE' },
        { hostname: 'a b' },
      ]) {
        assert.equal((await put(wrong)).status, 400, JSON.stringify(wrong));
      }
      for (const body of [{}, [], { servers: {} }, { server: [] }, { server: {}, more: 1 }]) {
        assert.equal((await servers.request('PUT', `/servers/${id}`, { as: 'member', body })).status, 400);
      }
      assert.equal((await put({ name: 'x' }, 'latest', 'reader')).status, 403);
    });

    it('a server is pinned to the zone where it is', async () => {
      const pin = (zone: string | null) => put({ pinned_availability_zone: zone });
      const moon = await pin('moon');
      assert.equal(moon.status, 409);
      assert.equal(
        moon.body.conflictingRequest.message,
        "Server can only be pinned to its current availability zone 'nova', but 'moon' was requested.",
      );
      assert.equal((await pin('nova')).body.server.pinned_availability_zone, 'nova');
      assert.equal((await pin('nova')).status, 200);
      assert.equal(
        (await pin('moon')).body.conflictingRequest.message,
        'Cannot change pinned availability zone directly. Unpin first by setting pinned_availability_zone to null.',
      );
      assert.equal((await pin(null)).body.server.pinned_availability_zone, null);
    });

    it('changes a server also while it is busy or locked', async () => {
      await servers.set(id, { task_state: 'rebooting', locked_by: 'admin' });
      assert.equal((await put({ name: 'busy' })).body.server.name, 'busy');
      await servers.set(id, { task_state: null, locked_by: null });
    });
  });

  describe(`DELETE /servers/{id} on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
    });
    after(() => servers.close());

    const remove = (id: string, as: 'member' | 'admin' | 'reader' = 'member') =>
      servers.request('DELETE', `/servers/${id}`, { as });
    const isGone = async (id: string) => {
      await servers.world.settled();
      assert.equal((await servers.request('GET', `/servers/${id}`, { as: 'member' })).status, 404);
      const row = await servers.world.server(id);
      assert.deepEqual(
        [row.deleted, row.vmState, row.taskState, row.terminatedAt === null],
        [true, 'deleted', null, false],
      );
      assert.deepEqual(await servers.world.leftovers(), []);
    };

    it('removes an active server, its guest, its ports and its claim', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      await servers.world.held(async () => {
        const answer = await remove(id);
        assert.deepEqual([answer.status, answer.text], [204, '']);
        const going = await servers.show(id, { version: 'latest' });
        assert.deepEqual([going.status, going['OS-EXT-STS:task_state']], ['ACTIVE', 'deleting']);
        assert.equal((await remove(id)).status, 204);
      });
      await isGone(id);
      assert.equal((await remove(id)).status, 404);
      const actions = await servers.request('GET', `/servers/${id}/os-instance-actions`, {
        as: 'member',
        version: '2.21',
      });
      assert.deepEqual(
        actions.body.instanceActions.map(({ action }: { action: string }) => action),
        ['delete', 'create'],
      );
    });

    it('overtakes one that is being built', async () => {
      const id = await servers.world.gated(['spawn'], async (gate) => {
        const made = (await servers.post()).body.server.id as string;
        await gate.reached('spawn');
        const shown = await servers.show(made);
        assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['BUILD', 'spawning']);
        assert.equal((await remove(made)).status, 204);
        return made;
      });
      await isGone(id);
      const early = await servers.post({});
      assert.equal((await remove(early.body.server.id)).status, 204);
      await isGone(early.body.server.id);
    });

    it('removes one in ERROR, and one that is off', async () => {
      const broken = await servers.create({ metadata: { xloud_fake: 'fail:spawn' } });
      assert.equal((await servers.show(broken)).status, 'ERROR');
      await remove(broken);
      await isGone(broken);
      const off = await servers.create();
      await servers.act(off, { 'os-stop': null });
      await servers.world.settled();
      await remove(off);
      await isGone(off);
    });

    it('is refused where the server is locked, but not to administrators', async () => {
      const id = await servers.create();
      await servers.set(id, { locked_by: 'owner' });
      const refused = await remove(id);
      assert.equal(refused.status, 409);
      assert.equal(refused.body.conflictingRequest.message, `Instance ${id} is locked`);
      assert.equal((await remove(id, 'reader')).status, 403);
      assert.equal((await remove(id, 'admin')).status, 204);
      await isGone(id);
    });

    it('does not wait for a host that is gone', async () => {
      const id = await servers.create({ availability_zone: 'nova:host-2' }, { as: 'admin' });
      await servers.world.killHost('host-2');
      await servers.world.database.write('services').where({ host: 'host-2' }).update({ last_seen_at: 1 });
      const answer = await remove(id, 'admin');
      assert.equal(answer.status, 204);
      await servers.world.settled();
      assert.equal((await servers.world.server(id)).deleted, true);
      assert.equal((await servers.request('GET', `/servers/${id}`)).status, 404);
      // nothing of it but the guest, which goes when the host is back
      assert.deepEqual(await servers.world.leftovers(), [`guest ${id} on host-2`]);
    });
  });
}
