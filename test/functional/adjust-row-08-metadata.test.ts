// Row 8 of the table of live adjustment. The old way let a tenant's metadata override the bounds of the flavor.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { ELASTIC, PLAIN, type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 8: the tenant cannot move the bounds, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('whatever metadata says', async () => {
      const id = await servers.create({
        flavorRef: ELASTIC,
        metadata: { minimum_cpu: '4', minimum_memory: '4096', vcpus: '99' },
      });
      const { vcpus, memory_mb } = await kit.look(id);
      assert.deepEqual([vcpus.minimum, vcpus.maximum, vcpus.claimed], [1, 4, 1]);
      assert.deepEqual([memory_mb.minimum, memory_mb.maximum, memory_mb.current], [256, 4096, 256]);
      const plain = await servers.create({ flavorRef: PLAIN, metadata: { minimum_cpu: '1', minimum_memory: '64' } });
      refused(await kit.adjust(plain, { current_memory_mb: 256 }), 400, /at least 512/);
      // nor does a later change of the flavor reach a server that is there
      const specs = { extra_specs: { minimum_memory: '512' } };
      await servers.request('POST', `/flavors/${ELASTIC}/os-extra_specs`, { body: specs });
      assert.equal((await kit.look(id)).memory_mb.minimum, 256);
      const back = { extra_specs: { minimum_memory: '256' } };
      await servers.request('POST', `/flavors/${ELASTIC}/os-extra_specs`, { body: back });
      await kit.remove(id, plain);
    });
  });
}
