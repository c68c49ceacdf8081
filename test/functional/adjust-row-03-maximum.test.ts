// Row 3 of the table of live adjustment. The old way clamped vCPUs above the maximum silently, and memory above it failed in a log only.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 3: above the maximum, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('is 400 that names minimum and maximum, for either part', async () => {
      const id = await kit.elastic();
      refused(
        await kit.adjust(id, { current_vcpus: 5 }),
        400,
        'Invalid current_vcpus 5: this server may have at least 1 and at most 4 vCPUs.',
      );
      refused(
        await kit.adjust(id, { current_memory_mb: 4097 }),
        400,
        'Invalid current_memory_mb 4097: this server may have at least 256 and at most 4096 MiB of memory.',
      );
      refused(await kit.adjust(id, { current_vcpus: 2, current_memory_mb: 99_999 }), 400, /at most 4096 MiB/);
      assert.deepEqual(kit.sizes(await kit.look(id)), [1, 256]);
      assert.deepEqual(kit.guest(id).size, { vcpus: 1, memoryMb: 256 });
      assert.deepEqual(await kit.claimOf(id), [1, 256]);
      await kit.remove(id);
    });
  });
}
