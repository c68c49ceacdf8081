// Row 4 of the table of live adjustment. The old way had no floor: 1 MiB was accepted.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { PLAIN, type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 4: below the minimum, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('is 400 too', async () => {
      const id = await kit.elastic();
      refused(await kit.adjust(id, { current_memory_mb: 1 }), 400, /at least 256 and at most 4096 MiB/);
      refused(await kit.adjust(id, { current_vcpus: 0 }), 400, 'current_vcpus must be >= 1');
      const plain = await servers.create({ flavorRef: PLAIN });
      refused(await kit.adjust(plain, { current_memory_mb: 511 }), 400, /at least 512 and at most 512 MiB/);
      assert.equal((await kit.adjust(plain, { current_memory_mb: 512 })).status, 202);
      await servers.world.settled();
      await kit.remove(id, plain);
    });
  });
}
