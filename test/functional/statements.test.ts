// What a server costs the database is the number of its statements: it may not grow unnoticed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EngineName } from '../../src/db/engine.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { startApi } from '../support/api.ts';
import { engines } from '../support/database.ts';
import { createRequest, makeOp, makeWorld, type World } from '../support/world.ts';

const sizesOf = ({ currentVcpus, currentMemoryMb, adjustStatus }: Server) => ({
  ...{ vcpus: currentVcpus, memoryMb: currentMemoryMb },
  status: adjustStatus,
});

/** The fewest of so many: the first reads what is remembered afterwards. */
const TRIES = 3;
/** So long that no look of the worker for what is due comes in between: what is done is what was asked for. */
const NEVER_MS = 3_600_000;

/**
 * From the request to the end of what it left: a POST to ACTIVE, an adjustment to what its guest has, a DELETE to gone; `adjust202`:
 * until the adjustment is answered. What SQLite reads by statements that are kept prepared is not counted.
 */
const most = { create: 60, adjust202: 16, adjust: 33, delete: 66 };

/** How often an adjustment may read these before it is answered, and lock them: what it read under the lock it passes on. */
const reads = {
  servers: /^select .*servers.?\..?current_vcpus.*from .?servers/s,
  claims: /^select .* from .?claims/s,
};

const oneServer = async (engine: EngineName) => {
  const api = await startApi({ engine });
  const { world } = api;
  const flavorRef = await world.flavor({
    ...{ vcpus: 4, memoryMb: 1024, rootGb: 1 },
    specs: { minimum_cpu: '1', minimum_memory: '256' },
  });
  const [server] = await world.create({ flavorRef });
  assert.ok(server);
  return { api, world, server };
};

for (const engine of engines) {
  describe(`statements on ${engine}`, () => {
    it('are few for a server that is made, adjusted and deleted', async () => {
      let ended = (): void => undefined;
      const observer = { adjusted() {}, acted: () => ended(), reconciled() {}, reported() {} };
      const world: World = await makeWorld({ engine, builtInNetworks: true, observer, pollMs: NEVER_MS });
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
      const specs = { minimum_cpu: '1', minimum_memory: '256' };
      const flavorRef = await world.flavor({ vcpus: 2, memoryMb: 512, rootGb: 1, specs });
      const taken: Record<keyof typeof most, number[]> = { create: [], adjust202: [], adjust: [], delete: [] };
      for (let n = 0; n < TRIES; n += 1) {
        let uuid = '';
        const create = async () => {
          const { servers } = await world.ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
          uuid = servers[0]?.uuid ?? '';
        };
        taken.create.push(await countOf(create));
        assert.equal((await world.server(uuid)).vmState, 'active');
        const want = { vcpus: 2, memoryMb: 512, persist: true };
        const adjust = async () => {
          await world.ops.adjustServer(makeOp(), await world.server(uuid), want);
          taken.adjust202.push(statements);
        };
        taken.adjust.push(await countOf(adjust));
        assert.deepEqual(sizesOf(await world.server(uuid)), { vcpus: 2, memoryMb: 512, status: 'idle' });
        taken.delete.push(await countOf(() => world.ops.deleteServer(makeOp(), { uuid })));
        assert.equal((await world.server(uuid)).deleted, true);
      }
      await world.close();
      for (const what of Object.keys(most) as (keyof typeof most)[]) {
        const fewest = Math.min(...taken[what]);
        console.log(`statements of a ${what} on ${engine}: ${fewest} (${taken[what].join(', ')})`);
        assert.ok(fewest <= most[what], `${fewest} statements for a ${what}`);
      }
    });

    it('of an adjustment read the row once to authorise it and once under its lock, and the claim once', async () => {
      // nobody carries it out: what is counted is the request's alone
      const { api, world, server } = await oneServer(engine);
      await world.settled();
      await world.worker().close();
      const seen: string[] = [];
      for (const handle of new Set([world.database.read, world.database.write])) {
        handle.on('query', ({ sql }: { sql: string }) => seen.push(sql));
      }
      const answer = await api.request('POST', `/os-xloud-adjust/${server.uuid}`, {
        body: { current_vcpus: 3, current_memory_mb: 768 },
      });
      assert.equal(answer.status, 202, JSON.stringify(answer.body));
      const count = (form: RegExp) => seen.filter((sql) => form.test(sql)).length;
      // what SQLite reads outside a transaction is not seen here: there it is the one to authorise
      const toAuthorise = engine === 'sqlite' ? 0 : 1;
      assert.deepEqual([count(reads.servers), count(reads.claims)], [toAuthorise + 1, 1], seen.join('\n'));
      // what is told is what is written, though it was not read again
      const shown = await api.request('GET', `/os-xloud-adjust/${server.uuid}`);
      assert.deepEqual(answer.body, shown.body);
      await api.close();
    });
  });
}
