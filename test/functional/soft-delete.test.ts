// Deletions that are deferred: the server is off and hidden, comes back when it is restored in time, and goes for good when it
// is deleted by force or its time is over.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const RESTORE = { restore: null };
const FORCE = { forceDelete: null };
const HOUR_MS = 3_600_000;

for (const engine of engines) {
  describe(`deferred deletions on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({
        engine,
        hosts: [{ name: 'host-1' }, { name: 'host-2' }],
        config: { ...testConfig, reclaimMs: HOUR_MS, shelvedOffloadMs: HOUR_MS },
      });
    });
    after(() => servers.close());

    const conflict = (answer: Answer, message: string) => {
      assert.equal(answer.status, 409, answer.text);
      assert.equal(answer.body.conflictingRequest.message, message);
    };
    const remove = (id: string, as: 'member' | 'admin' = 'member') =>
      servers.request('DELETE', `/servers/${id}`, { as });
    const removed = async (server: Record<string, unknown> = {}) => {
      const id = await servers.create(server);
      assert.equal((await remove(id)).status, 204);
      await servers.world.settled();
      return id;
    };
    const list = async (query: string, as: 'member' | 'admin' = 'member', version = '2.1') => {
      const answer = await servers.request('GET', `/servers${query}`, { as, version });
      assert.equal(answer.status, 200, answer.text);
      return answer.body.servers.map(({ id }: { id: string }) => id) as string[];
    };
    const statesOf = async (id: string) => {
      const server = await servers.show(id);
      return [
        server.status,
        server['OS-EXT-STS:vm_state'],
        server['OS-EXT-STS:task_state'],
        server['OS-EXT-STS:power_state'],
      ];
    };
    const actionsOf = async (id: string) => {
      const answer = await servers.request('GET', `/servers/${id}/os-instance-actions`, {
        as: 'member',
        version: '2.21',
      });
      return answer.body.instanceActions.map(({ action }: { action: string }) => action);
    };
    const gone = async (id: string) => {
      await servers.world.settled();
      assert.equal((await servers.request('GET', `/servers/${id}`, { as: 'admin' })).status, 404);
      assert.equal((await servers.world.server(id)).deleted, true);
    };

    it('a deleted server is off and says so', async () => {
      const slow = await servers.create();
      await servers.world.held(async () => {
        assert.equal((await remove(slow)).status, 204);
        assert.deepEqual(await statesOf(slow), ['ACTIVE', 'active', 'soft-deleting', 1]);
      });
      await servers.world.settled();
      assert.deepEqual(await statesOf(slow), ['SOFT_DELETED', 'soft-delete', null, 4]);
      assert.deepEqual(await actionsOf(slow), ['delete', 'create']);
      // a second time it is the same
      assert.equal((await remove(slow)).status, 204);
      await servers.world.settled();
      assert.equal((await statesOf(slow))[0], 'SOFT_DELETED');
    });

    it('is hidden from lists, but where deleted ones are asked for', async () => {
      const id = await removed({ name: 'hidden' });
      for (const query of ['?name=hidden', '?name=hidden&status=SOFT_DELETED']) assert.deepEqual(await list(query), []);
      assert.deepEqual(await list('?name=hidden&changes-since=2020-01-01T00:00:00Z'), [id]);
      const all = '?name=hidden&all_tenants=1';
      assert.deepEqual(await list(`${all}&deleted=true`, 'admin'), [id]);
      assert.deepEqual(await list(`${all}&deleted=false`, 'admin'), []);
      assert.deepEqual(await list(`${all}&soft_deleted=true`, 'admin'), [id]);
      assert.deepEqual(await list(`${all}&deleted=true&soft_deleted=`, 'admin'), []);
      assert.deepEqual(await list(`${all}&status=soft_deleted&soft_deleted=1`, 'admin', '2.38'), [id]);
      // others may not ask for them: what they may not say is not heard
      assert.deepEqual(await list('?name=hidden&deleted=true'), []);
      assert.deepEqual(await list('?name=hidden&soft_deleted=true'), []);
    });

    it('comes back as it was when it is restored', async () => {
      const id = await removed({ metadata: { kept: 'yes' } });
      const { addresses } = await servers.show(id);
      const answer = await servers.act(id, RESTORE);
      assert.deepEqual([answer.status, answer.text], [202, '']);
      await servers.world.settled();
      assert.deepEqual(await statesOf(id), ['ACTIVE', 'active', null, 1]);
      const shown = await servers.show(id);
      assert.deepEqual([shown.metadata, shown.addresses], [{ kept: 'yes' }, addresses]);
      assert.deepEqual(await actionsOf(id), ['restore', 'delete', 'create']);
      assert.equal((await servers.world.server(id)).deletedAt, null);
    });

    it('a resized server that could not be switched off is confirmed as what its guest is', async () => {
      const id = await servers.create({ flavorRef: PLAIN });
      assert.equal((await servers.act(id, { resize: { flavorRef: ELASTIC } })).status, 202);
      await servers.world.settled();
      const driver = servers.world.drivers.get((await servers.world.server(id)).host ?? '');
      driver?.outOfBand.suspend(id);
      await servers.until(id, (server) => server['OS-EXT-STS:power_state'] === 3);
      driver?.behave(id, 'fail:powerOff');
      assert.equal((await remove(id)).status, 204);
      await servers.world.settled();
      assert.deepEqual(await statesOf(id), ['PAUSED', 'paused', null, 3]);
      driver?.behave(id, null);
    });

    it('a resized server keeps its new flavor, a shelved one its disk; what they could have gone back to is gone', async () => {
      const resized = await servers.create({ flavorRef: PLAIN });
      assert.equal((await servers.act(resized, { resize: { flavorRef: ELASTIC } })).status, 202);
      await servers.world.settled();
      assert.equal((await statesOf(resized))[0], 'VERIFY_RESIZE');
      const shelved = await servers.create();
      assert.equal((await servers.act(shelved, { shelve: null })).status, 202);
      await servers.world.settled();
      assert.equal((await statesOf(shelved))[0], 'SHELVED');
      const images = async () =>
        (await servers.world.images.all()).filter(({ properties }) => properties['instance_uuid'] === shelved).length;
      const before = await images();
      for (const id of [resized, shelved]) {
        assert.equal((await remove(id)).status, 204);
        await servers.world.settled();
        assert.equal((await statesOf(id))[0], 'SOFT_DELETED');
      }
      assert.deepEqual([before, await images()], [1, 0]);
      assert.deepEqual(await servers.world.leftovers(), []);
      for (const id of [resized, shelved]) {
        assert.equal((await servers.act(id, RESTORE)).status, 202);
        await servers.world.settled();
        assert.equal((await statesOf(id))[0], 'ACTIVE');
      }
      assert.equal((await servers.world.server(resized)).flavor.flavorid, ELASTIC);
      assert.equal((await servers.act(resized, { confirmResize: null })).status, 409);
    });

    it('does not count for the quota, until it is restored', async () => {
      const used = async () => {
        const answer = await servers.request('GET', '/limits', { as: 'member' });
        return answer.body.limits.absolute.totalInstancesUsed as number;
      };
      const before = await used();
      const id = await removed();
      assert.equal(await used(), before);
      const limit = { scope: 'project', scope_id: 'project-1', user_id: '', resource: 'instances', hard_limit: before };
      const { projectId } = await servers.world.server(id);
      await servers.world.database.write('quota_limits').insert({ ...limit, scope_id: projectId });
      const denied = await servers.act(id, RESTORE);
      assert.equal(denied.status, 403, denied.text);
      assert.equal(
        denied.body.forbidden.message,
        `Quota exceeded for instances: Requested 1, but already used ${before} of ${before} instances`,
      );
      await servers.world.database.write('quota_limits').where({ scope_id: projectId }).delete();
      assert.equal((await servers.act(id, RESTORE)).status, 202);
      await servers.world.settled();
      assert.equal(await used(), before + 1);
    });

    it('goes at once by force, whatever its state', async () => {
      for (const id of [await removed(), await servers.create()]) {
        const answer = await servers.act(id, FORCE);
        assert.deepEqual([answer.status, answer.text], [202, '']);
        await gone(id);
      }
      const stuck = await servers.create();
      await servers.set(stuck, { vm_state: 'error', task_state: 'rebuilding' });
      assert.equal((await servers.act(stuck, FORCE)).status, 202);
      await gone(stuck);
    });

    it('goes at once by force while its soft deletion is under way', async () => {
      const id = await servers.create();
      await servers.world.held(async () => {
        assert.equal((await remove(id)).status, 204);
        assert.equal((await servers.act(id, FORCE)).status, 202);
        // what is asked once more is asked once
        assert.equal((await servers.act(id, FORCE)).status, 202);
        assert.equal((await remove(id)).status, 204);
      });
      await gone(id);
      const rows = await servers.world.database
        .read('instance_actions')
        .where({ server_uuid: id, action: 'delete' })
        .orderBy('id');
      assert.deepEqual(
        rows.map(({ message }) => message),
        ['Error', null],
        'the soft one was overtaken',
      );
    });

    it('is deleted at once where it never ran or its host cannot be asked', async () => {
      const unborn = await servers.create();
      await servers.set(unborn, { launched_at: null });
      assert.equal((await remove(unborn)).status, 204);
      await gone(unborn);
      const away = await servers.create();
      const down = (forced_down: number) => servers.world.database.write('services').update({ forced_down });
      await down(1);
      assert.equal((await remove(away)).status, 204);
      await gone(away);
      await down(0);
      // the guest goes when its host is heard again
      for (const agent of servers.world.agents.values()) await agent.reportNow();
      const here = () => [...servers.world.drivers.values()].some(({ store }) => store.get(away) !== undefined);
      for (const untilMs = Date.now() + 60_000; here() && Date.now() < untilMs; ) await sleep(5);
      assert.equal(here(), false);
    });

    it('is refused on locked servers, in other states, and to readers', async () => {
      const id = await servers.create();
      conflict(await servers.act(id, RESTORE), `Cannot 'restore' instance ${id} while it is in vm_state active`);
      await servers.set(id, { locked_by: 'owner' });
      conflict(await remove(id), `Instance ${id} is locked`);
      conflict(await servers.act(id, FORCE), `Instance ${id} is locked`);
      conflict(await servers.act(id, RESTORE), `Instance ${id} is in an invalid state for 'restore'`);
      await servers.set(id, { locked_by: null, vm_state: 'soft-delete', task_state: 'restoring' });
      conflict(await servers.act(id, RESTORE), `Cannot 'restore' instance ${id} while it is in task_state restoring`);
      for (const body of [RESTORE, FORCE]) {
        assert.equal((await servers.act(id, body, { as: 'reader' })).status, 403);
        assert.equal((await servers.act(id, body, { as: 'other' })).status, 404);
      }
      await servers.set(id, { vm_state: 'active', task_state: null });
    });

    it('goes for good when its time is over, and not before', async () => {
      const [old, young, back] = [await removed(), await removed(), await removed()];
      const past = Date.now() - 2 * HOUR_MS;
      await servers.set(old, { deleted_at: past });
      await servers.act(back, RESTORE);
      await servers.world.settled();
      await servers.world.worker().reconcile();
      await gone(old);
      assert.equal((await statesOf(young))[0], 'SOFT_DELETED');
      assert.equal((await statesOf(back))[0], 'ACTIVE');
      assert.deepEqual(await actionsOf(old), ['delete', 'delete', 'create']);
    });

    it('leaves nothing behind', async () => {
      assert.deepEqual(await servers.world.leftovers(), []);
    });
  });

  describe(`deletions that are not deferred, on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    it('are for good, and what was deleted softly before stays', async () => {
      const id = await servers.create();
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
      await servers.world.settled();
      assert.equal((await servers.world.server(id)).deleted, true);
      const soft = await servers.create();
      await servers.set(soft, { vm_state: 'soft-delete', deleted_at: 1 });
      await servers.world.worker().reconcile();
      await servers.world.settled();
      assert.equal((await servers.world.server(soft)).deleted, false);
      assert.equal((await servers.act(soft, FORCE)).status, 202);
      await servers.world.settled();
      assert.equal((await servers.world.server(soft)).deleted, true);
    });
  });
}
