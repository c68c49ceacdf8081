// Should a host's sums ever not be those of its claims, they are mended, and no turn looks at more than some hosts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { checkClaims } from '../../src/db/claims.ts';
import { makeStaleClaims } from '../../src/ops/reconcile/stale-claims.ts';
import { engines } from '../support/database.ts';
import { addHosts } from '../support/rows.ts';
import { makeWorld } from '../support/world.ts';

for (const engine of engines) {
  describe(`claims that are not the sums of their hosts on ${engine}`, () => {
    it('are mended some hosts at a time, and every host has its turn', async () => {
      const world = await makeWorld({ engine, worker: false, hosts: [] });
      const { database, deps } = world;
      try {
        await addHosts(database, limits.claimedHostsAtOnce);
        const last = 1_000 + limits.claimedHostsAtOnce - 1;
        const spoil = () => database.write('hosts').update({ claimed_vcpus: 7 });
        const wrong = async () => (await checkClaims(database.read)).map(({ hostId }) => hostId);
        const staleClaims = makeStaleClaims();
        await spoil();
        await staleClaims(deps);
        assert.deepEqual(await wrong(), [last]);
        await staleClaims(deps);
        assert.deepEqual(await wrong(), []);
        await spoil();
        await staleClaims(deps);
        assert.deepEqual(await wrong(), [last], 'it begins again');
      } finally {
        await world.close();
      }
    });
  });
}
