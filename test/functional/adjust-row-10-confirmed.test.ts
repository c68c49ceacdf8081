// Row 10 of the table of live adjustment. The old way called it success when libvirt did not complain.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, HOST, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 10: the guest confirms, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    const end = async (id: string) => {
      const { request_id } = await kit.look(id);
      const path = `/servers/${id}/os-instance-actions/${request_id}`;
      const { instanceAction } = (await servers.request('GET', path, { as: 'admin', version: '2.84' })).body;
      return [instanceAction.message, instanceAction.events[0].result, instanceAction.events[0].details];
    };

    it('a part of the way is partial, with both numbers, and claims what is had', async () => {
      const id = await kit.elastic('partial:50');
      const after = await kit.settled(id, { current_memory_mb: 1256 });
      assert.deepEqual([after.status, ...kit.sizes(after)], ['partial', 1, 756]);
      assert.equal(after.memory_mb.target, 1256);
      assert.equal(after.memory_mb.claimed, 756);
      assert.equal(after.message, 'memory: 756 MiB of 1256 MiB reached: the guest went only a part of the way');
      assert.deepEqual(await end(id), ['Error', 'Error', after.message]);
      await kit.remove(id);
    });

    it('a refusal is an error, and gives the claim back', async () => {
      const id = await kit.elastic('refuse');
      const after = await kit.settled(id, { current_vcpus: 3 });
      assert.deepEqual([after.status, ...kit.sizes(after), after.vcpus.claimed], ['error', 1, 256, 1]);
      assert.equal(after.message, 'vCPUs: 1 of 3 reached: the guest refused to change its vCPUs');
      assert.deepEqual(await end(id), ['Error', 'Error', after.message]);
      assert.equal((await servers.show(id)).status, 'ACTIVE');
      await kit.remove(id);
    });

    it('vCPUs that are only offline in the guest stay claimed', async () => {
      const id = await kit.elastic('offline');
      await kit.settled(id, { current_vcpus: 4 });
      const after = await kit.settled(id, { current_vcpus: 2 });
      assert.deepEqual([after.status, after.vcpus.current, after.vcpus.claimed], ['idle', 2, 4]);
      await kit.remove(id);
    });

    it('and are free for others where the operator lets them go, until the guest turns them on again', async () => {
      const { servers: other, kit: free } = await startAdjusting(engine, [{ name: HOST, releaseGuestOffline: true }]);
      try {
        const id = await free.elastic('offline');
        await free.settled(id, { current_vcpus: 4 });
        const after = await free.settled(id, { current_vcpus: 2 });
        assert.deepEqual([after.status, after.vcpus.current, after.vcpus.claimed], ['idle', 2, 2]);
        await free.report();
        assert.equal((await free.look(id)).vcpus.claimed, 2, 'a look at the host changes nothing');
        // frozen it can turn on none
        for (const [action, status] of [
          ['pause', 'PAUSED'],
          ['unpause', 'ACTIVE'],
        ] as const) {
          assert.equal((await other.act(id, { [action]: null })).status, 202);
          await other.world.settled();
          assert.equal((await other.show(id)).status, status);
          assert.equal((await free.look(id)).vcpus.claimed, 2, action);
        }
        const guest = free.driver().store.get(id);
        assert.equal(guest?.pluggedVcpus, 4);
        // its user turns one on: nobody was asked, so the sum must tell
        free.driver().store.put({ ...guest, size: { ...guest.size, vcpus: 3 } });
        await free.report();
        await free.reaches(id, 3, 256);
        assert.equal((await free.look(id)).vcpus.claimed, 3);
        // whom nobody can ask may use all that is plugged
        free.driver().behave(id, 'offline, mute');
        await free.report();
        await free.until(id, (row) => row.guestOnlineVcpus === null);
        assert.equal((await free.look(id)).vcpus.claimed, 4);
        await free.remove(id);
      } finally {
        await other.close();
      }
    });

    it('a host that fails leaves the truth and a free server', async () => {
      const id = await kit.elastic('fail:adjust');
      const after = await kit.settled(id, { current_vcpus: 3 });
      assert.deepEqual([after.status, ...kit.sizes(after), after.vcpus.claimed], ['error', 1, 256, 1]);
      assert.match(after.message, /fails at adjust/);
      kit.driver().behave(id, '');
      const again = await kit.settled(id, { current_vcpus: 3 });
      assert.deepEqual([again.status, again.message, ...kit.sizes(again)], ['idle', null, 3, 256]);
      await kit.remove(id);
    });
  });
}
