// Whether a host is up is said in the program and in SQL: both say the same of every host, at every bound.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { downHosts, hostStates, isAnyHostUp, upHosts } from '../../src/db/hosts.ts';
import { isHostUp } from '../../src/domain/placement/hosts.ts';
import { engines } from '../support/database.ts';
import { makeWorld } from '../support/world.ts';

const DOWN_MS = 60_000;

for (const engine of engines) {
  it(`a host that is up is so in SQL too, on ${engine}`, async () => {
    const names = ['fresh', 'late', 'on-the-bound', 'forced'];
    const world = await makeWorld({ engine, hosts: names.map((name) => ({ name })) });
    const { read, write } = world.database;
    try {
      const nowMs = Date.now();
      const seen = { fresh: nowMs, late: nowMs - DOWN_MS - 1, 'on-the-bound': nowMs - DOWN_MS, forced: nowMs };
      for (const [host, at] of Object.entries(seen)) {
        await write('services')
          .where({ host })
          .update({ last_seen_at: at, forced_down: host === 'forced' ? 1 : 0 });
      }
      const states = await hostStates(read, names);
      assert.deepEqual(states.map(({ host }) => host).toSorted(), names.toSorted());
      const up = states.filter((state) => isHostUp(state, nowMs, DOWN_MS)).map(({ host }) => host);
      const found: { host: string }[] = await upHosts(read, nowMs - DOWN_MS);
      assert.deepEqual(found.map(({ host }) => host).toSorted(), up.toSorted());
      assert.deepEqual(up.toSorted(), ['fresh', 'on-the-bound']);
      const down = await downHosts(read, nowMs - DOWN_MS);
      assert.deepEqual(down.map(({ host }) => host).toSorted(), ['forced', 'late']);
      assert.equal(await isAnyHostUp(read, nowMs - DOWN_MS), true);
      await write('services').update({ forced_down: 1 });
      assert.equal(await isAnyHostUp(read, nowMs - DOWN_MS), false);
    } finally {
      await world.close();
    }
  });
}
