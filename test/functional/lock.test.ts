// Locks: who puts one on and takes it off, why, what a lock keeps from whom, and what of it is on record and shown.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { type Servers, startServers } from '../support/servers.ts';

const LOCK = { lock: null };
const UNLOCK = { unlock: null };

for (const engine of engines) {
  describe(`locks of servers on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    const accepted = (answer: Answer) => assert.deepEqual([answer.status, answer.text], [202, '']);
    const lockOf = async (id: string) => {
      const { locked, locked_reason: reason } = await servers.show(id, { version: '2.73' });
      return [locked, reason];
    };
    const rowOf = async (id: string) => (await servers.world.server(id)).lockedBy;
    const actionsOf = async (id: string) =>
      (await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' })).body.instanceActions.map(
        ({ action }: { action: string }) => action,
      );

    it('the project locks and unlocks its server, and both are on record', async () => {
      const id = await servers.create();
      assert.deepEqual(await lockOf(id), [false, null]);
      accepted(await servers.act(id, LOCK));
      assert.deepEqual(await lockOf(id), [true, null]);
      assert.equal(await rowOf(id), 'owner');
      accepted(await servers.act(id, UNLOCK));
      assert.deepEqual(await lockOf(id), [false, null]);
      assert.deepEqual(await actionsOf(id), ['unlock', 'lock', 'create']);
      const { body } = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      const [{ request_id: request }] = body.instanceActions;
      const whole = await servers.request('GET', `/servers/${id}/os-instance-actions/${request}`, { version: '2.51' });
      const [event] = whole.body.instanceAction.events;
      assert.deepEqual([event.event, event.result], ['api_unlock', 'Success']);
      // nothing to take off: that is no mistake
      accepted(await servers.act(id, UNLOCK));
    });

    it('a reason is kept from 2.73 on, and goes with the lock', async () => {
      const id = await servers.create();
      accepted(await servers.act(id, { lock: { locked_reason: 'ours' } }, { version: '2.73' }));
      assert.deepEqual(await lockOf(id), [true, 'ours']);
      // a second lock of the owner changes nothing
      accepted(await servers.act(id, { lock: { locked_reason: 'other' } }, { version: '2.73' }));
      assert.deepEqual(await lockOf(id), [true, 'ours']);
      assert.deepEqual(await actionsOf(id), ['lock', 'create']);
      accepted(await servers.act(id, UNLOCK, { version: '2.73' }));
      assert.deepEqual(await lockOf(id), [false, null]);
      accepted(await servers.act(id, { lock: {} }, { version: '2.104' }));
      assert.deepEqual(await lockOf(id), [true, null]);
      accepted(await servers.act(id, UNLOCK));
      // before 2.73 whatever stands there means nothing
      accepted(await servers.act(id, { lock: { locked_reason: 'old' } }, { version: '2.72' }));
      assert.deepEqual(await lockOf(id), [true, null]);
    });

    it('a body that does not fit is refused', async () => {
      const id = await servers.create();
      for (const lock of [
        { locked_reason: '' },
        { locked_reason: 'x'.repeat(256) },
        { locked_reason: null },
        { a: 1 },
        'x',
      ]) {
        const answer = await servers.act(id, { lock }, { version: '2.73' });
        assert.equal(answer.status, 400, answer.text);
      }
      assert.deepEqual(await lockOf(id), [false, null]);
    });

    it('what an administrator locked only an administrator unlocks', async () => {
      const id = await servers.create();
      accepted(await servers.act(id, { lock: { locked_reason: 'checked' } }, { as: 'admin', version: '2.73' }));
      assert.equal(await rowOf(id), 'admin');
      const denied = await servers.act(id, UNLOCK);
      assert.equal(denied.status, 403);
      assert.equal(
        denied.body.forbidden.message,
        "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.",
      );
      assert.deepEqual(await lockOf(id), [true, 'checked']);
      accepted(await servers.act(id, UNLOCK, { as: 'admin' }));
      assert.deepEqual(await lockOf(id), [false, null]);
    });

    it('an administrator takes over the lock of a project, and its reason stays', async () => {
      const id = await servers.create();
      accepted(await servers.act(id, { lock: { locked_reason: 'ours' } }, { version: '2.73' }));
      accepted(await servers.act(id, LOCK, { as: 'admin' }));
      assert.equal(await rowOf(id), 'admin');
      assert.deepEqual(await lockOf(id), [true, 'ours']);
      assert.equal((await servers.act(id, UNLOCK)).status, 403);
      accepted(await servers.act(id, UNLOCK, { as: 'admin' }));
      // and takes off what a project put on
      accepted(await servers.act(id, LOCK));
      accepted(await servers.act(id, UNLOCK, { as: 'admin' }));
      assert.deepEqual(await lockOf(id), [false, null]);
    });

    it('a locked server can be looked at, renamed and listed, not deleted', async () => {
      const id = await servers.create({ name: 'kept' });
      accepted(await servers.act(id, LOCK));
      const denied = await servers.request('DELETE', `/servers/${id}`, { as: 'member' });
      assert.equal(denied.status, 409);
      assert.equal(denied.body.conflictingRequest.message, `Instance ${id} is locked`);
      const renamed = { server: { name: 'still kept' } };
      assert.equal((await servers.request('PUT', `/servers/${id}`, { as: 'member', body: renamed })).status, 200);
      const idsOf = async (locked: string) =>
        (
          await servers.request('GET', `/servers?name=kept&locked=${locked}`, { as: 'member', version: '2.73' })
        ).body.servers.map((server: { id: string }) => server.id);
      assert.deepEqual(await idsOf('true'), [id]);
      assert.deepEqual(await idsOf('false'), []);
      accepted(await servers.act(id, UNLOCK));
      assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'member' })).status, 204);
    });

    it('others may not: readers, and those of other projects', async () => {
      const id = await servers.create();
      for (const body of [LOCK, UNLOCK]) {
        assert.equal((await servers.act(id, body, { as: 'reader' })).status, 403);
        assert.equal((await servers.act(id, body, { as: 'other' })).status, 404);
      }
      const nowhere = '11111111-2222-4333-8444-555566667777';
      assert.equal(
        (await servers.act(nowhere, LOCK)).body.itemNotFound.message,
        `Instance ${nowhere} could not be found.`,
      );
    });
  });
}
