// Row 5 of the table of live adjustment. The old way never claimed growth: hosts were overcommitted silently.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const MANY = 20;

for (const engine of engines) {
  describe(`row 5: growth is claimed, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('before the guest gets it, and given back when the guest let go', async () => {
      const id = kit.slow(await kit.elastic());
      await kit.adjust(id, { current_vcpus: 4, current_memory_mb: 2048 });
      assert.deepEqual(await kit.claimOf(id), [4, 2048]);
      assert.deepEqual(kit.guest(id).size, { vcpus: 1, memoryMb: 256 });
      await servers.world.settled();
      await kit.adjust(id, { current_vcpus: 2, current_memory_mb: 512 });
      assert.deepEqual(await kit.claimOf(id), [4, 2048]);
      await servers.world.settled();
      assert.deepEqual(await kit.claimOf(id), [2, 512]);
      const host = await kit.claimedOnHost();
      assert.deepEqual([host.vcpus, host.memoryMb], [2, 512]);
      await kit.remove(id);
    });

    it('is 409 with the free amounts where the host is full, and nothing changes', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 4; index += 1) ids.push(await kit.elastic());
      for (const id of ids.slice(0, 3)) await kit.settled(id, { current_vcpus: 4 });
      const last = ids[3] as string;
      const more = await kit.elastic();
      await kit.settled(more, { current_vcpus: 2 });
      // 12 + 2 + 1 of 16 are claimed
      refused(await kit.adjust(last, { current_vcpus: 4 }), 409, 'The host has no room for 3 more vCPUs (1 free).');
      assert.deepEqual(kit.sizes(await kit.look(last)), [1, 256]);
      assert.equal((await servers.show(last)).status, 'ACTIVE');
      assert.deepEqual(kit.sizes(await kit.settled(last, { current_vcpus: 2 })), [2, 256]);
      assert.deepEqual(kit.sizes(await kit.settled(ids[0] as string, { current_vcpus: 1 })), [1, 256]);
      assert.deepEqual(kit.sizes(await kit.settled(last, { current_vcpus: 4 })), [4, 256]);
      await kit.remove(...ids, more);
    });

    it('never exceeds what the host has, however many ask at once', async () => {
      const made = await servers.post({ name: 'herd', flavorRef: ELASTIC, min_count: 10, max_count: 10 });
      assert.equal(made.status, 202);
      await servers.world.settled();
      const listed = await servers.request('GET', '/servers?name=herd', { as: 'member' });
      const ids = listed.body.servers.map(({ id }: { id: string }) => id) as string[];
      const asks = [...ids, ...ids].map((id, index) => kit.adjust(id, { current_vcpus: 2 + (index % 3) }));
      assert.equal(asks.length, MANY);
      let most = 0;
      const watching = (async () => {
        for (let looks = 0; looks < 20; looks += 1) {
          most = Math.max(most, (await kit.claimedOnHost()).vcpus);
          await servers.world.deps.clock.sleep(3);
        }
      })();
      const answers = await Promise.all(asks);
      await watching;
      await servers.world.settled();
      const statuses = new Set(answers.map(({ status }) => status));
      assert.ok(
        [...statuses].every((status) => status === 202 || status === 409),
        [...statuses].join(),
      );
      assert.ok(statuses.has(202) && statuses.has(409));
      for (const answer of answers.filter(({ status }) => status === 409)) {
        refused(answer, 409, /^(The host has no room for|Cannot 'adjust' instance)/);
      }
      const host = await kit.claimedOnHost();
      assert.ok(Math.max(most, host.vcpus) <= 16, `${most} ${host.vcpus}`);
      const vcpus = ids.map((id) => kit.guest(id).size.vcpus).reduce((sum, one) => sum + one, 0);
      assert.equal(vcpus, host.vcpus);
      await kit.remove(...ids);
    });

    it('counts in the quota: 403', async () => {
      const small = await startServers({ engine, config: { quota: { ...testConfig.quota, cores: 3 } } });
      try {
        const id = await small.create({ flavorRef: ELASTIC });
        const answer = await small.request('POST', `/os-xloud-adjust/${id}`, {
          as: 'member',
          body: { current_vcpus: 4 },
        });
        refused(answer, 403, 'Quota exceeded for cores: Requested 3, but already used 1 of 3 cores');
      } finally {
        await small.close();
      }
    });
  });
}
