// Row 9 of the table of live adjustment. The old way could not adjust a server that was off.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 9: a server that is off, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('keeps the size for its next boot, which claims it already', async () => {
      const id = await kit.elastic();
      await servers.act(id, { 'os-stop': null });
      await servers.world.settled();
      const stored = await kit.settled(id, { current_vcpus: 2, current_memory_mb: 1024 });
      assert.equal(stored.status, 'pending_reboot');
      assert.deepEqual([stored.vcpus.target, stored.memory_mb.target], [2, 1024]);
      assert.deepEqual([stored.vcpus.claimed, stored.memory_mb.claimed], [2, 1024]);
      assert.equal((await servers.show(id)).status, 'SHUTOFF');
      const actions = await servers.request('GET', `/servers/${id}/os-instance-actions`, { as: 'member' });
      assert.equal(actions.body.instanceActions[0].action, 'adjust');
      refused(await kit.adjust(id, { current_vcpus: 3, persist: false }), 409, /needs a running server/);
      await servers.act(id, { 'os-start': null });
      await servers.world.settled();
      const after = await kit.look(id);
      assert.deepEqual([...kit.sizes(after), after.status], [2, 1024, 'idle']);
      assert.deepEqual(kit.guest(id).size, { vcpus: 2, memoryMb: 1024 });
      await kit.remove(id);
    });

    it('is refused at once when its host has no room for that', async () => {
      const [a, b, c, d] = [await kit.elastic(), await kit.elastic(), await kit.elastic(), await kit.elastic()];
      await servers.act(d, { 'os-stop': null });
      await servers.world.settled();
      for (const id of [a, b, c]) await kit.settled(id, { current_vcpus: 4 });
      const e = await kit.elastic();
      refused(await kit.adjust(d, { current_vcpus: 4 }), 409, 'The host has no room for 3 more vCPUs (2 free).');
      await kit.remove(a, b, c, d, e);
    });
  });
}
