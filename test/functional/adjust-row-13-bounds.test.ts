// Row 13 of the table of live adjustment. The old way never checked the bounds that an operator set.

import { after, before, describe, it } from 'node:test';
import { refused, startAdjusting } from '../support/adjusting.ts';
import { engines } from '../support/database.ts';
import { type Servers } from '../support/servers.ts';

for (const engine of engines) {
  describe(`row 13: bounds that contradict the flavor, on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      ({ servers } = await startAdjusting(engine));
    });
    after(() => servers.close());

    it('are refused when they are set, at every version, and when a flavor has them from before', async () => {
      await servers.world.flavor({ id: 'small', vcpus: 2, memoryMb: 1024 });
      for (const version of ['2.1', '2.61', '2.86', 'latest']) {
        for (const extra_specs of [
          { minimum_cpu: '3' },
          { minimum_cpu: '0' },
          { minimum_memory: '1025' },
          { minimum_cpu: '²' },
        ]) {
          const body = { extra_specs };
          const answer = await servers.request('POST', '/flavors/small/os-extra_specs', { version, body });
          refused(answer, 400, /^Validation failed; /);
        }
      }
      const extra_specs = JSON.stringify({ minimum_cpu: '3' });
      await servers.world.database.write('flavors').where('flavorid', 'small').update({ extra_specs });
      refused(await servers.post({ flavorRef: 'small' }), 400, /greater than the max value of 2/);
    });
  });
}
