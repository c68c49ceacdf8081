// Row 12 of the table of live adjustment. The old way failed with 500 for what only looks like a number, and ignored what it did not know.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Adjusting, refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 12: what is no number is 400, on ${engine}`, () => {
    let servers: Servers;
    let kit: Adjusting;
    before(async () => {
      ({ servers, kit } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('in XLoud’s words', async () => {
      const id = await kit.elastic();
      for (const [body, message] of [
        ['', 'Body must be JSON object'],
        [[], 'Body must be JSON object'],
        ['"x"', 'Body must be JSON object'],
        [{}, 'Provide current_vcpus and/or current_memory_mb'],
        [{ current_vcpus: null, persist: true }, 'Provide current_vcpus and/or current_memory_mb'],
        [{ current_vcpus: '²' }, 'current_vcpus must be int'],
        [{ current_vcpus: '２' }, 'current_vcpus must be int'],
        [{ current_vcpus: '' }, 'current_vcpus must be int'],
        [{ current_vcpus: ' 2' }, 'current_vcpus must be int'],
        [{ current_vcpus: '+2' }, 'current_vcpus must be int'],
        [{ current_vcpus: 1.5 }, 'current_vcpus must be int'],
        [{ current_vcpus: true }, 'current_vcpus must be int'],
        [{ current_vcpus: [2] }, 'current_vcpus must be int'],
        [{ current_vcpus: -1 }, 'current_vcpus must be >= 1'],
        [{ current_memory_mb: '0' }, 'current_memory_mb must be >= 1'],
        [{ current_memory_mb: 1e300 }, 'current_memory_mb must be <= 2147483647'],
        [{ current_vcpus: 2, persist: 'false' }, 'persist must be boolean'],
        [{ current_vcpus: 2, persist: 0 }, 'persist must be boolean'],
        [{ current_vcpus: 2, vcpus: 3 }, "Additional properties are not allowed ('vcpus' was unexpected)"],
      ] as const) {
        refused(await kit.adjust(id, body), 400, message);
      }
      refused(await kit.adjust(id, '{"current_vcpus": '), 400, 'Malformed request body');
      assert.deepEqual(kit.sizes(await kit.settled(id, { current_vcpus: '2', current_memory_mb: null })), [2, 256]);
      await kit.remove(id);
    });

    it('at every version, also without one', async () => {
      const id = await kit.elastic();
      for (const version of ['2.1', '2.50', '2.104', 'latest']) {
        const body = { current_vcpus: 9 };
        const answer = await servers.request('POST', `/os-xloud-adjust/${id}`, { as: 'member', version, body });
        refused(answer, 400, /at most 4 vCPUs/);
      }
      await kit.remove(id);
    });
  });
}
