// Live migration: the guest goes on running, elsewhere; how one sees it under way, hurries it, gives it up; and every refusal, by
// version before or after the answer.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conflict } from '../../src/base/errors.ts';
import { moveHostsOn } from '../../src/db/hosts.ts';
import { tx } from '../../src/db/tx.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';

const HOSTS = [{ name: 'host-1' }, { name: 'host-2' }, { name: 'host-3' }];
/** Longer than any of these tests takes. */
const ENDLESS = 'live-slow:600000';

for (const engine of engines) {
  describe(`live migration on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS });
    });
    after(() => servers.close());

    const live = (id: string, version: string, more: object = {}, as: 'admin' | 'manager' | 'member' = 'admin') => {
      const minor = Number(version.slice(2));
      const body = minor < 25 ? { block_migration: false, disk_over_commit: false } : { block_migration: 'auto' };
      return servers.act(id, { 'os-migrateLive': { host: null, ...body, ...more } }, { as, version });
    };
    const refused = (answer: Answer, status: number, message: string) => {
      assert.equal(answer.status, status, answer.text);
      const [fault] = Object.values(answer.body as Record<string, { message: string }>);
      assert.equal(fault?.message, message);
    };
    const whole = (id: string) => servers.show(id, { as: 'admin', version: '2.100' });
    const hostOf = async (id: string) => (await whole(id))['OS-EXT-SRV-ATTR:host'] as string;
    const others = (host: string) => HOSTS.map(({ name }) => name).filter((name) => name !== host) as [string, string];
    const lastAction = async (id: string) => {
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      const [{ action, message }] = list.body.instanceActions;
      return [action, message];
    };
    const lastDetails = async (id: string) => {
      const list = `/servers/${id}/os-instance-actions`;
      const [{ request_id: last }] = (await servers.request('GET', list)).body.instanceActions;
      const { events } = (await servers.request('GET', `${list}/${last}`, { version: '2.84' })).body.instanceAction;
      return events.find((event: { result: string }) => event.result === 'Error')?.details;
    };
    const under = async (id: string, version = '2.80', as: 'admin' | 'manager' = 'admin') =>
      (await servers.request('GET', `/servers/${id}/migrations`, { version, as })).body.migrations;
    /** A server of which a live migration runs that does not end by itself. */
    const endless = async () => {
      const id = await servers.create();
      const host = await hostOf(id);
      servers.world.drivers.get(host)?.behave(id, ENDLESS);
      assert.equal((await live(id, '2.80')).status, 202);
      const giveUpAt = Date.now() + 60_000;
      for (;;) {
        const [move] = await under(id);
        if (move?.status === 'running' && move.memory_total_bytes !== null) return { id, host, move };
        assert.ok(Date.now() < giveUpAt, JSON.stringify(move));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    /** Where the network has a server's only port: its host, and the one to which it is told that the server goes. */
    const portOf = (id: string) => {
      const [port] = servers.world.networks.ports().filter(({ serverUuid }) => serverUuid === id);
      return [port?.host, port?.towards];
    };
    const forceDown = (host: string, down: boolean) =>
      servers.request('PUT', '/os-services/force-down', {
        version: '2.11',
        body: { host, binary: 'nova-compute', forced_down: down },
      });

    it('moves a running guest as it is, at every version', async () => {
      const id = await servers.create({ flavorRef: ELASTIC });
      const adjust = { current_vcpus: 3, current_memory_mb: 700 };
      await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', body: adjust });
      await servers.world.settled();
      let host = await hostOf(id);
      for (const version of ['2.1', '2.25', '2.30', '2.34', '2.68', '2.104']) {
        const [next] = others(host);
        const named = version === '2.1' || version === '2.30';
        assert.equal((await live(id, version, named ? { host: next } : {})).status, 202, version);
        await servers.world.settled();
        const shown = await whole(id);
        assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['ACTIVE', null]);
        assert.notEqual(shown['OS-EXT-SRV-ATTR:host'], host, version);
        if (named) assert.equal(shown['OS-EXT-SRV-ATTR:host'], next);
        host = shown['OS-EXT-SRV-ATTR:host'];
        assert.deepEqual(portOf(id), [host, undefined]);
        assert.deepEqual(await lastAction(id), ['live-migration', null]);
      }
      const { body } = await servers.request('GET', `/os-xloud-adjust/${id}`, { as: 'member' });
      assert.deepEqual([body.vcpus.current, body.memory_mb.current, body.vcpus.claimed], [3, 700, 3]);
      assert.equal(servers.world.drivers.get(host)?.store.get(id)?.starts, 1, 'it never stopped');
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('moves a paused guest, which stays paused', async () => {
      const id = await servers.create();
      await servers.act(id, { pause: null });
      await servers.world.settled();
      assert.equal((await live(id, '2.80')).status, 202);
      await servers.world.settled();
      const shown = await whole(id);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:power_state']], ['PAUSED', 3]);
    });

    it('is seen under way, and ends when it is forced', async () => {
      const { id, host, move } = await endless();
      assert.equal(move.dest_host, null, 'a live migration does not say');
      const shown = await whole(id);
      assert.deepEqual([shown.status, shown['OS-EXT-STS:task_state']], ['MIGRATING', 'migrating']);
      assert.equal(shown['OS-EXT-SRV-ATTR:host'], host);
      assert.deepEqual([move.source_compute, move.server_uuid, move.source_node], [host, id, host]);
      assert.equal(move.memory_total_bytes, 512 * 1024 * 1024);
      assert.ok(move.memory_remaining_bytes > 0 && move.disk_remaining_bytes > 0);
      const path = `/servers/${id}/migrations/${move.id}`;
      const one = await servers.request('GET', path, { version: '2.23' });
      assert.deepEqual(
        Object.keys(one.body.migration).toSorted(),
        Object.keys(move)
          .filter((key) => !['uuid', 'user_id', 'project_id'].includes(key))
          .toSorted(),
      );
      assert.equal((await servers.request('GET', path, { version: '2.59' })).body.migration.uuid, move.uuid);
      // managers see that it moves, not where
      const [managers] = await under(id, '2.80', 'manager');
      assert.deepEqual([managers.status, managers.source_compute, managers.dest_compute], ['running', null, null]);
      assert.equal((await servers.request('GET', path, { version: '2.80', as: 'manager' })).status, 403);
      const [listed] = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`, { version: '2.23' })).body
        .migrations;
      assert.equal(listed.migration_type, 'live-migration');
      assert.match(listed.links[0].href, new RegExp(`/v2.1/servers/${id}/migrations/${move.id}$`));

      const force = (migration: string, version = '2.22') =>
        servers.request('POST', `/servers/${id}/migrations/${migration}/action`, {
          version,
          body: { force_complete: null },
        });
      assert.equal((await force(String(move.id), '2.21')).status, 404);
      refused(await force('9999'), 400, `Migration 9999 not found for instance ${id}`);
      const answer = await force(String(move.id));
      assert.deepEqual([answer.status, answer.text], [202, '']);
      await servers.world.settled();
      assert.equal((await whole(id)).status, 'ACTIVE');
      assert.notEqual(await hostOf(id), host);
      assert.deepEqual(await under(id), []);
      refused(await force(String(move.id)), 409, `Instance ${id} is in an invalid state for 'force_complete'`);
      refused(
        await servers.request('GET', path, { version: '2.80' }),
        404,
        `Live migration ${move.id} for server ${id} is not in progress.`,
      );
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('is given up on request, and the guest goes on where it was', async () => {
      const { id, host, move } = await endless();
      assert.deepEqual(portOf(id), [host, move.dest_compute]);
      const abort = (migration: string | number, version = '2.24', as: 'admin' | 'member' = 'admin') =>
        servers.request('DELETE', `/servers/${id}/migrations/${migration}`, { version, as });
      assert.equal((await abort(move.id, '2.23')).status, 404);
      assert.equal((await abort(move.id, '2.24', 'member')).status, 403);
      refused(await abort('9999'), 404, `Migration 9999 not found for instance ${id}`);
      refused(await abort('x'), 404, `Migration x not found for instance ${id}`);
      const answer = await abort(move.id);
      assert.deepEqual([answer.status, answer.text], [202, '']);
      await servers.world.settled();
      const shown = await whole(id);
      assert.deepEqual([shown.status, shown['OS-EXT-SRV-ATTR:host']], ['ACTIVE', host]);
      assert.deepEqual(portOf(id), [host, undefined]);
      const [listed] = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body.migrations;
      assert.equal(listed.status, 'cancelled');
      assert.deepEqual((await lastAction(id))[0], 'live_migration_cancel');
      refused(await abort(move.id), 409, `Instance ${id} is in an invalid state for 'abort live migration'`);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('is given up while it waits only from 2.65 on', async () => {
      const { id, move } = await endless();
      const { database } = servers.world;
      const abort = (version: string) => servers.request('DELETE', `/servers/${id}/migrations/${move.id}`, { version });
      for (const status of ['queued', 'preparing']) {
        await database.write('migrations').where({ id: move.id }).update({ status });
        refused(
          await abort('2.64'),
          400,
          `Migration ${move.id} state of instance ${id} is ${status}. ` +
            'Cannot abort live migration while the migration is in this state.',
        );
        const force = await servers.request('POST', `/servers/${id}/migrations/${move.id}/action`, {
          version: '2.22',
          body: { force_complete: null },
        });
        refused(
          force,
          400,
          `Migration ${move.id} state of instance ${id} is ${status}. ` +
            'Cannot force complete while the migration is in this state.',
        );
      }
      assert.equal((await abort('2.65')).status, 202);
      await servers.world.settled();
      assert.equal((await whole(id)).status, 'ACTIVE');
    });

    it('of another kind is none', async () => {
      const id = await servers.create();
      await servers.act(id, { migrate: null }, { as: 'admin' });
      await servers.world.settled();
      const [{ id: move }] = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body.migrations;
      const show = (migration: number) =>
        servers.request('GET', `/servers/${id}/migrations/${migration}`, { version: '2.80' });
      refused(await show(move), 404, `Migration ${move} for server ${id} is not live-migration.`);
      refused(await show(9999), 404, `In-progress live migration 9999 is not found for server ${id}.`);
      assert.equal((await servers.request('GET', `/servers/${id}/migrations`, { version: '2.22' })).status, 404);
      assert.equal(
        (await servers.request('GET', `/servers/${id}/migrations`, { version: '2.80', as: 'other' })).status,
        404,
      );
      assert.equal((await servers.request('GET', `/servers/${id}/migrations?x=1`, { version: '2.102' })).status, 400);
    });

    it('may be deleted under way: nothing is left on either host', async () => {
      const { id } = await endless();
      servers.world.drivers.get(await hostOf(id))?.behave(id, null);
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.equal((await servers.request('GET', `/servers/${id}`, { as: 'member' })).status, 404);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('is refused in states that do not allow it', async () => {
      const id = await servers.create();
      await servers.act(id, { 'os-stop': null });
      await servers.world.settled();
      for (const state of ['stopped', 'error', 'rescued', 'shelved']) {
        if (state !== 'stopped') await servers.set(id, { vm_state: state });
        refused(await live(id, '2.80'), 409, `Cannot 'os-migrateLive' instance ${id} while it is in vm_state ${state}`);
      }
      await servers.set(id, { vm_state: 'active', task_state: 'rebooting' });
      refused(
        await live(id, '2.80'),
        409,
        `Cannot 'os-migrateLive' instance ${id} while it is in task_state rebooting`,
      );
      await servers.set(id, { task_state: null, locked_by: 'admin' });
      refused(await live(id, '2.80', {}, 'manager'), 409, `Instance ${id} is locked`);
      await servers.set(id, { locked_by: null });
      assert.equal((await live(id, '2.80', {}, 'member')).status, 403);
      assert.equal((await live(id, '2.80', { host: 'host-1' }, 'manager')).status, 403);
      for (const [version, more] of [
        ['2.24', { block_migration: 'auto' }],
        ['2.24', { disk_over_commit: undefined }],
        ['2.25', { disk_over_commit: false }],
        ['2.29', { force: true }],
        ['2.68', { force: true }],
        ['2.68', { host: '' }],
        ['2.68', { block_migration: 'maybe' }],
      ] as const) {
        assert.equal((await live(id, version, more)).status, 400, `${version} ${JSON.stringify(more)}`);
      }
      refused(await live(id, '2.30', { force: true }), 400, "Can't force to a non-provided destination");
      refused(await live(id, '2.80', { host: 'nowhere' }), 400, 'Compute host nowhere could not be found.');
    });

    it('a bad destination is refused before 2.34, and found in the actions from then on', async () => {
      const id = await servers.create();
      const host = await hostOf(id);
      const [down, up] = others(host);
      await forceDown(down, true);
      const none = 'No valid host was found. There are not enough hosts available.';
      const cases: readonly (readonly [string, object, string])[] = [
        ['2.25', { host }, `Unable to migrate instance (${id}) to current host (${host}).`],
        ['2.33', { host, force: true }, `Unable to migrate instance (${id}) to current host (${host}).`],
        ['2.33', { host }, none],
        ['2.1', { host: down }, `Compute service of ${down} is unavailable at this time.`],
        ['2.33', { host: down }, none],
      ];
      for (const [version, more, message] of cases) {
        refused(await live(id, version, more), 400, message);
        assert.deepEqual((await lastAction(id))[0], 'create');
      }
      for (const [more, message] of [
        [{ host, force: true }, `Unable to migrate instance (${id}) to current host (${host}).`],
        [{ host: down }, none],
      ] as const) {
        assert.equal((await live(id, '2.34', more)).status, 202);
        await servers.world.settled();
        assert.deepEqual(await lastAction(id), ['live-migration', 'Error']);
        assert.equal(await lastDetails(id), message);
        assert.deepEqual([(await whole(id)).status, await hostOf(id)], ['ACTIVE', host]);
      }
      await forceDown(host, true);
      refused(await live(id, '2.33'), 400, `Compute service of ${host} is unavailable at this time.`);
      await forceDown(host, false);
      await servers.set(id, { power_state: 4 });
      refused(await live(id, '2.1'), 409, `Cannot 'os-migrateLive' instance ${id} while it is in power_state shutdown`);
      await servers.set(id, { power_state: 1 });
      await forceDown(down, false);
      // a host that is full is no place, with force or without
      const { database } = servers.world;
      const room = (memory: number) => database.write('hosts').where({ host: up }).update({ memory_mb: memory });
      await room(100);
      const full = await live(id, '2.25', { host: up });
      assert.equal(full.status, 400);
      const lack = `^Migration pre-check error: Unable to migrate ${id} to ${up}: Lack of memory\\(host:\\d+ <= instance:512\\)$`;
      assert.match(full.body.badRequest.message, new RegExp(lack));
      await database.write('hosts').where({ host: up }).update({ hypervisor_type: 'other', memory_mb: 262_144 });
      await tx(database, (t) => moveHostsOn(t, [up]));
      refused(await live(id, '2.25', { host: up }), 400, 'The supplied hypervisor type of is invalid.');
      refused(await live(id, '2.33', { host: up }), 400, none);
      await database.write('hosts').where({ host: up }).update({ hypervisor_type: 'fake', hypervisor_version: 1 });
      refused(
        await live(id, '2.25', { host: up }),
        400,
        'The instance requires a newer hypervisor version than has been provided.',
      );
      await servers.world.agents.get(up)?.reportNow();
    });

    it('a host that fails at it leaves the guest where it was', async () => {
      const id = await servers.create({ metadata: { xloud_fake: 'fail:liveMigrate' } });
      const host = await hostOf(id);
      assert.equal((await live(id, '2.80')).status, 202);
      await servers.world.settled();
      assert.deepEqual([(await whole(id)).status, await hostOf(id)], ['ACTIVE', host]);
      const [listed] = (await servers.request('GET', `/os-migrations?instance_uuid=${id}`)).body.migrations;
      assert.equal(listed.status, 'failed');
      assert.deepEqual(portOf(id), [host, undefined]);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('to a host that leads to no wire of its network does not begin', async () => {
      const id = await servers.create();
      const host = await hostOf(id);
      servers.world.networks.failNext('announceMove', conflict('Binding failed.', { code: 'PortBindingFailed' }));
      assert.equal((await live(id, '2.80')).status, 202);
      await servers.world.settled();
      assert.deepEqual([(await whole(id)).status, await hostOf(id), portOf(id)], ['ACTIVE', host, [host, undefined]]);
      assert.match(await lastDetails(id), /Binding failed/);
      assert.equal(servers.world.drivers.get(host)?.store.get(id)?.starts, 1);
    });
  });
}
