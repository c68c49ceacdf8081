// Sixteen workers, each with connections and a snapshot of its own as a process has, race for the last room on few hosts of one
// MariaDB: no host is ever claimed beyond its capacity, all that fits gets a place, and nobody waits for a lock on all.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkClaims } from '../../src/db/claims.ts';
import { type Database, openDatabase } from '../../src/db/engine.ts';
import { startWorker, type Worker } from '../../src/ops/index.ts';
import { reportHost } from '../support/rows.ts';
import { createRequest, makeOp, makeWorld, type World } from '../support/world.ts';

const WORKERS = 16;
const HOSTS = 4;
const ROOM = 12;
const WANTED = HOSTS * ROOM + 12;
const MIB = 256;
const inventory = { vcpus: 64, memoryMb: ROOM * MIB, diskGb: 1_000 };

/** Another pool of connections to a world's database. */
function another({ database }: World): Database {
  const { socketPath, user, database: name } = database.read.client.config.connection as Record<string, string>;
  return openDatabase(`mysql://${user}@localhost/${name}?socketPath=${encodeURIComponent(socketPath as string)}`, 4);
}

/** Counts claims that were made on a snapshot, and those of them that came too late. */
function countClaims({ write }: Database, count: { made: number; late: number }): void {
  write.on('query-response', (changed: number, { sql }: { sql: string }) => {
    if (!/^update `hosts` set .* where `id` = \? and `generation` = \?$/.test(sql)) return;
    count.made += 1;
    if (changed === 0) count.late += 1;
  });
}

describe('sixteen workers on mysql', () => {
  it('never claim a host beyond its capacity, and place all that fits', async (test) => {
    const names = Array.from({ length: HOSTS }, (_, index) => `host-${index + 1}`);
    const world = await makeWorld({
      engine: 'mysql',
      hosts: names.map((name) => ({ name, inventory })),
      worker: false,
    });
    const databases = Array.from({ length: WORKERS }, () => another(world));
    const claims = { made: 0, late: 0 };
    const workers: Worker[] = [];
    try {
      for (const name of names) await reportHost(world.database, name, inventory);
      for (const [index, database] of databases.entries()) {
        countClaims(database, claims);
        const options = { name: `worker-${index}`, takeOver: false, reconcileMs: 0, pollMs: 50, concurrency: 4 };
        workers.push(await startWorker({ ...world.deps, database }, options));
      }
      const flavorRef = await world.flavor({ vcpus: 1, memoryMb: MIB, rootGb: 0 });
      const request = createRequest(flavorRef, world.imageId);
      let over = false;
      const most = { claimed: 0, looks: 0 };
      const watch = async (): Promise<void> => {
        while (!over) {
          const rows: { host_id: number; mib: string }[] = await world.database
            .read('claims')
            .select('host_id')
            .sum({ mib: 'memory_mb' })
            .groupBy('host_id');
          most.looks += 1;
          most.claimed = Math.max(most.claimed, ...rows.map(({ mib }) => Number(mib)));
        }
      };
      const watched = watch();
      // single ones, and some together, which hold several hosts in one transaction
      await Promise.all([
        ...Array.from({ length: WANTED - 8 }, () => world.ops.createServers(makeOp(), request)),
        world.ops.createServers(makeOp(), { ...request, minCount: 8, maxCount: 8 }),
      ]);
      const giveUpAt = Date.now() + 60_000;
      let states: Record<string, number> = {};
      while ((states['active'] ?? 0) + (states['error'] ?? 0) < WANTED) {
        assert.ok(Date.now() < giveUpAt, JSON.stringify(states));
        await new Promise((resolve) => setTimeout(resolve, 20));
        const rows: { vm_state: string; count: number }[] = await world.database
          .read('servers')
          .select('vm_state')
          .count({ count: '*' })
          .groupBy('vm_state');
        states = Object.fromEntries(rows.map((row) => [row.vm_state, Number(row.count)]));
      }
      over = true;
      await watched;
      test.diagnostic(`${claims.late} of ${claims.made} claims on a snapshot came too late; ${most.looks} looks`);
      assert.ok(most.claimed <= ROOM * MIB, `${most.claimed} MiB claimed of ${ROOM * MIB}`);
      assert.ok(claims.made > claims.late);
      const { active = 0, error = 0 } = states;
      assert.deepEqual([active, error], [HOSTS * ROOM, WANTED - HOSTS * ROOM]);
      assert.deepEqual(await checkClaims(world.database.read), []);
    } finally {
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.all(databases.map((database) => database.close()));
      await world.close();
    }
  });
});
