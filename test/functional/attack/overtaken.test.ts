// A deletion wins over whatever runs for the server, and stays won: what it overtook writes nothing over it, says by what it was
// overtaken, and answers as a later request would be answered.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listActions, listEvents } from '../../../src/db/instance-actions.ts';
import { nicsOfServer } from '../../../src/db/server-nics.ts';
import { engines } from '../../support/database.ts';
import { testNetwork } from '../../support/neighbours.ts';
import { startWorker } from '../../../src/ops/index.ts';
import { ELASTIC, type Servers, startServers } from '../../support/servers.ts';

for (const engine of engines) {
  describe(`what a deletion overtakes on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine, hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
    });
    after(() => servers.close());

    const act = (id: string, body: object) => servers.request('POST', `/servers/${id}/action`, { as: 'admin', body });
    const attach = (id: string) =>
      servers.request('POST', `/servers/${id}/os-interface`, {
        body: { interfaceAttachment: { net_id: testNetwork.id } },
      });
    const remove = (id: string) => servers.request('DELETE', `/servers/${id}`);
    const eventsOf = async (id: string, action: string) => {
      const { read } = servers.world.database;
      const found = (await listActions(read, id)).find((one) => one.action === action);
      return { action: found, events: await listEvents(read, found === undefined ? [] : [found.id]) };
    };

    async function isGone(id: string): Promise<void> {
      const { world } = servers;
      await world.settled();
      assert.equal((await world.server(id)).deleted, true);
      assert.deepEqual(await world.leftovers(), []);
      assert.deepEqual(await nicsOfServer(world.database.read, (await world.server(id)).id), []);
    }

    it('an attachment is answered 409, and its port goes', async () => {
      const { world } = servers;
      const id = await servers.create();
      await world.gated(['attachNic'], async (gate) => {
        const asked = attach(id);
        await gate.reached('attachNic');
        assert.equal((await remove(id)).status, 204);
        gate.pass('attachNic');
        const answer = await asked;
        // 404 where the deletion is over before the answer
        assert.ok([404, 409].includes(answer.status), `${answer.status} ${answer.text}`);
        if (answer.status === 409) {
          assert.equal(
            answer.body.conflictingRequest.message,
            `Cannot 'attach_interface' instance ${id} while it is in task_state deleting`,
          );
        }
      });
      await isGone(id);
    });

    it('until it is gone, the server takes no adjustment, no attachment, no migration', async () => {
      const { world } = servers;
      const id = await servers.create({ flavorRef: ELASTIC });
      await world.gated(['adjust', 'destroy'], async (gate) => {
        const grown = await servers.request('POST', `/os-xloud-adjust/${id}`, { body: { current_vcpus: 2 } });
        assert.equal(grown.status, 202);
        await gate.reached('adjust');
        assert.equal((await remove(id)).status, 204);
        gate.pass('adjust');
        await gate.reached('destroy');
        assert.equal((await world.server(id)).taskState, 'deleting');
        const live = { 'os-migrateLive': { host: null, block_migration: false, disk_over_commit: false } };
        const answers = await Promise.all([
          servers.request('POST', `/os-xloud-adjust/${id}`, { body: { current_vcpus: 3 } }),
          attach(id),
          act(id, live),
          act(id, { migrate: null }),
          act(id, { reboot: { type: 'HARD' } }),
        ]);
        assert.deepEqual(
          answers.map(({ status }) => status),
          [409, 409, 409, 409, 409],
        );
      });
      await isGone(id);
      const { action, events } = await eventsOf(id, 'adjust');
      assert.equal(action?.message, 'Error');
      const { action: deletion } = await eventsOf(id, 'delete');
      assert.equal(events.at(-1)?.details, `Overtaken by 'delete' (${deletion?.requestId}).`);
    });

    it('what was not yet begun says so with an event', async () => {
      const { world } = servers;
      const id = await servers.create();
      await world.worker().close();
      // nobody works now: both wait
      assert.equal((await act(id, { 'os-stop': null })).status, 202);
      assert.equal((await remove(id)).status, 204);
      const worker = await startWorker(world.deps, { name: 'second', takeOver: true, reconcileMs: 0 });
      await worker.idle();
      await worker.close();
      assert.equal((await world.server(id)).deleted, true);
      const { action, events } = await eventsOf(id, 'stop');
      assert.equal(action?.message, 'Error');
      assert.equal(events.length, 1);
      assert.equal(events[0]?.result, 'Error');
      assert.match(events[0]?.details ?? '', /^Overtaken by 'delete' \(req-/);
    });
  });
}
