// Row 1 of the table of live adjustment. The old way was cast and forget: an adjustment left no action, event, fault or status.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { PLAIN, type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 1: an action with events, a status, and the state to read, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('shows the resource, before and after', async () => {
      const id = await kit.elastic();
      const before = await kit.look(id, 'reader');
      const way = { method: 'balloon', block_mb: 1 };
      assert.deepEqual(before, {
        server_id: id,
        status: 'idle',
        vcpus: { current: 1, target: 1, minimum: 1, maximum: 4, claimed: 1, guest_online: 1 },
        memory_mb: {
          current: 256,
          target: 256,
          minimum: 256,
          maximum: 4096,
          claimed: 256,
          guest_available: 230,
          ...way,
        },
        persist: true,
        request_id: null,
        updated_at: null,
        message: null,
      });
      const after = await kit.settled(id, { current_vcpus: 3, current_memory_mb: 1024 });
      const { request_id, updated_at, ...rest } = after;
      assert.deepEqual(rest, {
        server_id: id,
        status: 'idle',
        vcpus: { current: 3, target: 3, minimum: 1, maximum: 4, claimed: 3, guest_online: 3 },
        memory_mb: {
          current: 1024,
          target: 1024,
          minimum: 256,
          maximum: 4096,
          claimed: 1024,
          guest_available: 921,
          ...way,
        },
        persist: true,
        message: null,
      });
      assert.match(request_id, /^req-/);
      assert.match(updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.deepEqual(kit.guest(id).size, { vcpus: 3, memoryMb: 1024 });
      const plain = await servers.create({ flavorRef: PLAIN });
      const fixed = await kit.look(plain);
      assert.deepEqual([fixed.vcpus.minimum, fixed.vcpus.maximum, fixed.memory_mb.minimum], [1, 1, 512]);
      await kit.remove(id, plain);
    });

    it('leaves an action under the id of the answer', async () => {
      const id = await kit.elastic();
      const answer = await kit.adjust(id, { current_vcpus: 2 });
      assert.equal(answer.status, 202);
      const request = answer.headers['x-openstack-request-id'] as string;
      assert.deepEqual(
        [answer.body.request_id, answer.body.status, answer.body.vcpus.target],
        [request, 'adjusting', 2],
      );
      await servers.world.settled();
      const path = `/servers/${id}/os-instance-actions/${request}`;
      const { instanceAction } = (await servers.request('GET', path, { as: 'member', version: '2.84' })).body;
      assert.deepEqual([instanceAction.action, instanceAction.message], ['adjust', null]);
      assert.deepEqual(
        instanceAction.events.map(({ event, result }: { event: string; result: string }) => [event, result]),
        [['adjust_guest', 'Success']],
      );
      await kit.remove(id);
    });
  });
}
