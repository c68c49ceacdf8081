// Row 11 of the table of live adjustment. The old way sent two independent casts for a pair.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 11: a pair is one change, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('grows memory before vCPUs and shrinks vCPUs before memory', async () => {
      const id = await kit.elastic();
      await kit.settled(id, { current_vcpus: 4, current_memory_mb: 4096 });
      assert.deepEqual(kit.sizes(await kit.settled(id, { current_vcpus: 1, current_memory_mb: 256 })), [1, 256]);
      await kit.remove(id);
    });

    it('undoes the first part when the second fails', async () => {
      const id = await kit.elastic('refuse:vcpus');
      const after = await kit.settled(id, { current_vcpus: 3, current_memory_mb: 1024 });
      assert.deepEqual([after.status, ...kit.sizes(after)], ['error', 1, 256]);
      assert.deepEqual([after.vcpus.claimed, after.memory_mb.claimed], [1, 256]);
      assert.match(after.message, /memory: 256 MiB of 1024 MiB reached: put back, because the vCPUs could not/);
      assert.deepEqual(kit.guest(id).size, { vcpus: 1, memoryMb: 256 });
      const alone = await kit.settled(id, { current_memory_mb: 1024 });
      assert.deepEqual([alone.status, ...kit.sizes(alone)], ['idle', 1, 1024]);
      await kit.remove(id);
    });
  });
}
