// Evacuation: only from a dead host; what becomes of state, size, addresses and password by version; and what is left on the host
// when it is back.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { internal } from '../../src/base/errors.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

const HOSTS = [{ name: 'host-1' }, { name: 'host-2' }, { name: 'host-3' }];

for (const engine of engines) {
  describe(`evacuation on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS });
    });
    after(() => servers.close());

    const evacuate = (id: string, wish: object = {}, version = '2.100', as: 'admin' | 'manager' = 'admin') =>
      servers.act(id, { evacuate: wish }, { as, version });
    const refused = (answer: Answer, status: number, message: string) => {
      assert.equal(answer.status, status, answer.text);
      const [fault] = Object.values(answer.body as Record<string, { message: string }>);
      assert.equal(fault?.message, message);
    };
    const whole = (id: string) => servers.show(id, { as: 'admin', version: '2.100' });
    const hostOf = async (id: string) => (await whole(id))['OS-EXT-SRV-ATTR:host'] as string;
    const others = (host: string) => HOSTS.map(({ name }) => name).filter((name) => name !== host) as [string, string];
    const forceDown = (host: string, down: boolean) =>
      servers.request('PUT', '/os-services/force-down', {
        version: '2.11',
        body: { host, binary: 'nova-compute', forced_down: down },
      });
    const moveOf = async (id: string) =>
      (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body.migrations.at(-1);
    /** A server whose host is down. */
    const stranded = async (server: Readonly<Record<string, unknown>> = {}) => {
      const id = await servers.create(server);
      const host = await hostOf(id);
      await forceDown(host, true);
      return { id, host };
    };
    /** The host is back, and what it had of evacuated servers goes. */
    const back = async (host: string) => {
      await forceDown(host, false);
      await servers.world.worker().reconcile();
      assert.deepEqual(await servers.world.leftovers(), []);
    };

    it('builds the server anew elsewhere, with its size, addresses and name; the old guest goes when its host is back', async () => {
      const id = await servers.create({ flavorRef: ELASTIC, name: 'precious' });
      const adjust = { current_vcpus: 3, current_memory_mb: 700 };
      await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body: adjust });
      await servers.world.settled();
      const old = await whole(id);
      const host = old['OS-EXT-SRV-ATTR:host'];
      await forceDown(host, true);
      const answer = await evacuate(id, {}, '2.68');
      assert.deepEqual([answer.status, answer.text], [200, '']);
      await servers.world.settled();
      const now = await whole(id);
      assert.notEqual(now['OS-EXT-SRV-ATTR:host'], host);
      for (const key of ['status', 'name', 'addresses', 'flavor', 'OS-EXT-STS:power_state']) {
        assert.deepEqual(now[key], old[key], key);
      }
      const { body } = await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'member' });
      assert.deepEqual([body.vcpus.current, body.memory_mb.current], [3, 700]);
      const { status, source_compute: source, dest_compute: dest } = await moveOf(id);
      assert.deepEqual([status, source, dest], ['done', host, now['OS-EXT-SRV-ATTR:host']]);
      assert.ok((await servers.world.leftovers()).includes(`guest ${id} on ${host}`));
      await back(host);
      assert.equal((await moveOf(id)).status, 'completed');
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      assert.equal(list.body.instanceActions[0].action, 'evacuate');
    });

    it('shows REBUILD meanwhile', async () => {
      const { id, host } = await stranded();
      await servers.world.held(async () => {
        assert.equal((await evacuate(id, {}, '2.30')).status, 200);
        const shown = await whole(id);
        assert.deepEqual([shown.status, shown['OS-EXT-STS:vm_state']], ['REBUILD', 'active']);
        assert.match(shown['OS-EXT-STS:task_state'], /^rebuild/);
      });
      await servers.world.settled();
      assert.equal((await whole(id)).status, 'ACTIVE');
      await back(host);
    });

    it('leaves the server off from 2.95 on, and one that was off at every version', async () => {
      const { id, host } = await stranded();
      assert.equal((await evacuate(id, {}, '2.95')).status, 200);
      await servers.world.settled();
      assert.deepEqual([(await whole(id)).status, (await whole(id))['OS-EXT-STS:power_state']], ['SHUTOFF', 4]);
      await back(host);
      const second = await hostOf(id);
      await forceDown(second, true);
      assert.equal((await evacuate(id, {}, '2.14')).status, 200);
      await servers.world.settled();
      assert.equal((await whole(id)).status, 'SHUTOFF');
      await back(second);
    });

    it('answers the password before 2.14', async () => {
      for (const [wish, expected] of [
        [{ onSharedStorage: false, adminPass: 'secret' }, /^secret$/],
        [{ onSharedStorage: 'False' }, /^\w{12}$/],
        [{ onSharedStorage: true }, null],
      ] as const) {
        const { id, host } = await stranded();
        const answer = await evacuate(id, wish, '2.13');
        assert.equal(answer.status, 200, answer.text);
        if (expected === null) assert.deepEqual(answer.body, { adminPass: null });
        else assert.match(answer.body.adminPass, expected);
        await servers.world.settled();
        const [row] = await servers.world.database
          .read('instance_actions')
          .where({ server_uuid: id, action: 'evacuate' });
        assert.ok(!JSON.stringify(row).includes('secret'), 'the password is forgotten');
        await back(host);
      }
      const { id, host } = await stranded();
      refused(
        await evacuate(id, { onSharedStorage: true, adminPass: 'x' }, '2.13'),
        400,
        "admin password can't be changed on existing disk",
      );
      await back(host);
    });

    it('goes to the host that is named', async () => {
      for (const [version, more] of [
        ['2.1', { onSharedStorage: false }],
        ['2.29', {}],
        ['2.67', { force: true }],
        ['2.68', {}],
      ] as const) {
        const { id, host } = await stranded();
        const [, wanted] = others(host);
        assert.equal((await evacuate(id, { host: wanted, ...more }, version)).status, 200, version);
        await servers.world.settled();
        assert.equal(await hostOf(id), wanted);
        await back(host);
      }
    });

    it('of a server in ERROR makes it ACTIVE', async () => {
      const { id, host } = await stranded();
      await servers.set(id, { vm_state: 'error' });
      assert.equal((await evacuate(id, {}, '2.68')).status, 200);
      await servers.world.settled();
      assert.equal((await whole(id)).status, 'ACTIVE');
      await back(host);
    });

    it('overtakes what hangs on the dead host, a resize among it', async () => {
      await servers.world.flavor({ id: `wide-${engine}`, vcpus: 2, memoryMb: 1024 });
      const id = await servers.create();
      const host = await hostOf(id);
      await servers.world.gated(['migrateDisk'], async (gate) => {
        assert.equal((await servers.act(id, { resize: { flavorRef: `wide-${engine}` } })).status, 202);
        await gate.reached('migrateDisk');
        await forceDown(host, true);
        assert.equal((await evacuate(id, {}, '2.68')).status, 200);
        const { read } = servers.world.database;
        const resizing = { server_uuid: id, action: 'resize', message: null };
        while ((await read('instance_actions').where(resizing).first()) !== undefined) await sleep(5);
      });
      await servers.world.settled();
      const shown = await whole(id);
      assert.deepEqual([shown.status, shown.flavor.original_name], ['ACTIVE', 'flavor-plain']);
      assert.notEqual(shown['OS-EXT-SRV-ATTR:host'], host);
      const { migrations } = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body;
      assert.deepEqual(
        migrations.map((move: { status: string }) => move.status),
        ['failed', 'done'],
      );
      await back(host);
    });

    it('without a host to go to ends in ERROR, where it is', async () => {
      const { id, host } = await stranded();
      for (const name of others(host)) await forceDown(name, true);
      assert.equal((await evacuate(id, {}, '2.68')).status, 200);
      await servers.world.settled();
      const shown = await whole(id);
      assert.deepEqual([shown.status, shown['OS-EXT-SRV-ATTR:host']], ['ERROR', host]);
      assert.equal(shown.fault.message, 'No valid host was found. There are not enough hosts available.');
      for (const name of others(host)) await forceDown(name, false);
      await back(host);
    });

    it('is refused in the words of Nova', async () => {
      const id = await servers.create();
      const host = await hostOf(id);
      refused(await evacuate(id), 400, `Compute service of ${host} is still in use.`);
      refused(await evacuate(id, { host }), 400, "The target host can't be the same one.");
      refused(await evacuate(id, { host: 'nowhere' }), 404, 'Compute host nowhere not found.');
      refused(await evacuate(id, { force: true }, '2.29'), 400, "Can't force to a non-provided destination");
      assert.equal((await evacuate(id, {}, '2.100', 'manager')).status, 403);
      assert.equal((await servers.act(id, { evacuate: {} }, { as: 'other', version: '2.14' })).status, 404);
      for (const [wish, version] of [
        [{}, '2.13'],
        [{ onSharedStorage: false }, '2.14'],
        [{ force: true }, '2.28'],
        [{ force: true }, '2.68'],
        [{ host: '' }, '2.100'],
        [{ host: null }, '2.100'],
      ] as const) {
        assert.equal((await evacuate(id, wish, version)).status, 400, `${version} ${JSON.stringify(wish)}`);
      }
      for (const state of ['error', 'paused', 'rescued', 'shelved'] as const) {
        await servers.set(id, { vm_state: state });
        if (state === 'error') continue;
        refused(await evacuate(id), 409, `Cannot 'evacuate' instance ${id} while it is in vm_state ${state}`);
      }
    });
  });

  it(`a host that neither builds a server nor lets go of it has it taken when it can, on ${engine}`, async () => {
    let isBroken = false;
    const told = () => internal('This host ends nothing well.');
    const wrap = (driver: FakeDriver): FakeDriver => ({
      ...driver,
      spawn: async (args) => {
        const view = await driver.spawn(args);
        if (isBroken) throw told();
        return view;
      },
      destroy: async (args) => {
        if (isBroken) throw told();
        return driver.destroy(args);
      },
    });
    const servers = await startServers({
      engine,
      hosts: [
        { name: 'host-1', wrap },
        { name: 'host-2', wrap },
      ],
    });
    try {
      const { world } = servers;
      const id = await servers.create();
      const home = (await world.server(id)).host as string;
      const other = home === 'host-1' ? 'host-2' : 'host-1';
      const forcedDown = { host: home, binary: 'nova-compute', forced_down: true };
      await servers.request('PUT', '/os-services/force-down', { version: '2.11', body: forcedDown });
      isBroken = true;
      assert.equal((await servers.act(id, { evacuate: {} }, { as: 'admin', version: '2.68' })).status, 200);
      await world.settled();
      assert.deepEqual([(await world.server(id)).vmState, (await world.server(id)).host], ['error', home]);
      const there = () => world.drivers.get(other)?.store.get(id);
      assert.ok(there());
      isBroken = false;
      await world.worker().reconcile();
      assert.equal(there(), undefined, 'its addresses are the server’s alone');
    } finally {
      await servers.close();
    }
  });
}
