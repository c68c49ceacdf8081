// What administrators do by hand: the state of a server set, and a guest told its networks.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Servers, startServers } from '../support/servers.ts';

const reset = (state: unknown) => ({ 'os-resetState': { state } });
const INJECT = { injectNetworkInfo: null };

for (const engine of engines) {
  describe(`admin actions on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    const accepted = (answer: Answer) => assert.deepEqual([answer.status, answer.text], [202, '']);
    const statesOf = async (id: string) => {
      const server = await servers.show(id);
      return [server.status, server['OS-EXT-STS:vm_state'], server['OS-EXT-STS:task_state']];
    };
    const actionsOf = async (id: string): Promise<[string, string | null][]> => {
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      return list.body.instanceActions.map((one: Record<string, unknown>) => [one['action'], one['message']]);
    };
    const lastAction = async (id: string) => {
      const list = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'admin' });
      const [{ request_id: request }] = list.body.instanceActions;
      const one = await servers.request('GET', `/servers/${id}/os-instance-actions/${request}`, { as: 'admin' });
      return one.body.instanceAction;
    };

    it('a state is set from any state, locked or not, and that is on record', async () => {
      const id = await servers.create();
      accepted(await servers.act(id, reset('error'), { as: 'admin' }));
      assert.deepEqual(await statesOf(id), ['ERROR', 'error', null]);
      const { action, message, events } = await lastAction(id);
      assert.deepEqual([action, message, events], ['resetState', null, []]);
      await servers.set(id, { vm_state: 'rescued', task_state: 'deleting', locked_by: 'owner' });
      accepted(await servers.act(id, reset('active'), { as: 'admin' }));
      assert.deepEqual(await statesOf(id), ['ACTIVE', 'active', null]);
    });

    it('a deletion goes on all the same', async () => {
      const id = await servers.create();
      await servers.world.gated(['destroy'], async (gate) => {
        assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
        await gate.reached('destroy');
        accepted(await servers.act(id, reset('active'), { as: 'admin' }));
        assert.deepEqual(await statesOf(id), ['ACTIVE', 'active', 'deleting']);
      });
      await servers.world.settled();
      assert.equal((await servers.world.server(id)).deleted, true);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('what was under way is given up and writes nothing any more', async () => {
      const id = await servers.create();
      await servers.world.gated(['powerOff'], async (gate) => {
        accepted(await servers.act(id, { 'os-stop': null }));
        await gate.reached('powerOff');
        accepted(await servers.act(id, reset('error'), { as: 'admin' }));
        assert.deepEqual(await statesOf(id), ['ERROR', 'error', null]);
        while ((await actionsOf(id)).some(([action, message]) => action === 'stop' && message === null)) await sleep(5);
      });
      await servers.world.settled();
      assert.deepEqual(await statesOf(id), ['ERROR', 'error', null]);
      // the guest did stop in the end, which may be told by another record
      assert.deepEqual((await actionsOf(id)).slice(-3), [
        ['resetState', null],
        ['stop', 'Error'],
        ['create', null],
      ]);
      // and the server can be used again
      accepted(await servers.act(id, { reboot: { type: 'HARD' } }));
      await servers.world.settled();
      assert.deepEqual(await statesOf(id), ['ACTIVE', 'active', null]);
      assert.deepEqual(await servers.world.leftovers(), []);
    });

    it('a state is active or error', async () => {
      const id = await servers.create();
      for (const body of [reset('stopped'), reset(null), { 'os-resetState': null }, { 'os-resetState': {} }]) {
        assert.equal((await servers.act(id, body, { as: 'admin' })).status, 400);
      }
    });

    it('networks are told in any state, but not to a locked server; administrators override', async () => {
      const id = await servers.create();
      await servers.set(id, { vm_state: 'stopped' });
      accepted(await servers.act(id, INJECT, { as: 'admin' }));
      await servers.set(id, { locked_by: 'owner' });
      accepted(await servers.act(id, INJECT, { as: 'admin' }));
      assert.equal((await lastAction(id)).action, 'create');
    });

    it('need an administrator', async () => {
      const id = await servers.create();
      for (const body of [reset('active'), INJECT]) {
        assert.equal((await servers.act(id, body)).status, 403);
        assert.equal((await servers.act(id, body, { as: 'manager' })).status, 403);
        assert.equal((await servers.act(id, body, { as: 'other' })).status, 404);
      }
    });
  });
}
