// What a server costs the database is the number of its statements: it may not grow unnoticed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { engines } from '../support/database.ts';
import { createRequest, makeOp, makeWorld, type World } from '../support/world.ts';

/** The fewest of so many: a look of the worker for what is due may come in between. */
const TRIES = 5;

/**
 * From the request to the end of what it left: a POST to ACTIVE, a DELETE to gone. What SQLite reads by statements that are kept
 * prepared is not counted.
 */
const most = { create: 60, delete: 65 };

for (const engine of engines) {
  describe(`statements on ${engine}`, () => {
    it('are few for a server that is made, and for one that is deleted', async () => {
      let ended = (): void => undefined;
      const observer = { adjusted() {}, acted: () => ended(), reconciled() {} };
      const world: World = await makeWorld({ engine, builtInNetworks: true, observer });
      let statements = 0;
      for (const handle of new Set([world.database.read, world.database.write])) {
        handle.on('query', () => (statements += 1));
      }
      const countOf = async (ask: () => Promise<unknown>): Promise<number> => {
        const over = new Promise<void>((resolve) => (ended = resolve));
        statements = 0;
        await ask();
        await over;
        const count = statements;
        await world.settled();
        return count;
      };
      const flavorRef = await world.flavor({ vcpus: 1, memoryMb: 256, rootGb: 1 });
      const taken: Record<keyof typeof most, number[]> = { create: [], delete: [] };
      for (let n = 0; n < TRIES; n += 1) {
        let uuid = '';
        const create = async () => {
          const { servers } = await world.ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
          uuid = servers[0]?.uuid ?? '';
        };
        taken.create.push(await countOf(create));
        assert.equal((await world.server(uuid)).vmState, 'active');
        taken.delete.push(await countOf(() => world.ops.deleteServer(makeOp(), { uuid })));
        assert.equal((await world.server(uuid)).deleted, true);
      }
      await world.close();
      for (const what of ['create', 'delete'] as const) {
        const fewest = Math.min(...taken[what]);
        console.log(`statements of a ${what} on ${engine}: ${fewest} (${taken[what].join(', ')})`);
        assert.ok(fewest <= most[what], `${fewest} statements for a ${what}`);
      }
    });
  });
}
