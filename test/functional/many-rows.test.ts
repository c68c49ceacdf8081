// What is written for hundreds at once is written on every engine: SQLite takes no more than 500 rows in one statement.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { addClaims } from '../../src/db/claims.ts';
import type { Row } from '../../src/db/engine.ts';
import { touchUnits } from '../../src/db/network-units.ts';
import { type Tx, tx } from '../../src/db/tx.ts';
import { keepSamples } from '../../src/db/usage-samples.ts';
import type { GuestUsage, HostUsage } from '../../src/domain/servers/measures.ts';
import { newUuid } from '../../src/base/ids.ts';
import { engines } from '../support/database.ts';
import { type Servers, startServers } from '../support/servers.ts';

const MANY = 1_200;
const numbers = Array.from({ length: MANY }, (_, number) => number + 1);

const usage: GuestUsage = {
  ...{ seconds: 300, vcpus: 1, cpu: 0.5, steal: null },
  disk: { readBytes: 0, writeBytes: 0, reads: 0, writes: 0 },
  network: { receivedBytes: 0, sentBytes: 0, receivedPackets: 0, sentPackets: 0 },
  memory: { balloonMb: null, totalMb: null, availableMb: null },
};
const hostUsage: HostUsage = { load: 1, cpus: 8, memoryMb: 8192, availableMb: 4096, pools: [] };

for (const engine of engines) {
  describe(`hundreds of rows on ${engine}`, () => {
    let servers: Servers;
    before(async () => {
      servers = await startServers({ engine });
    });
    after(() => servers.close());

    /** What is there at the end of a transaction that is taken back then. */
    async function countAfter(table: string, work: (t: Tx) => Promise<void>): Promise<number> {
      let count = 0;
      const undone = new Error('taken back');
      const attempt = tx(servers.world.database, async (t) => {
        await work(t);
        const [row] = (await t(table).count({ count: '*' })) as Row[];
        count = Number(row?.['count']);
        throw undone;
      });
      await assert.rejects(attempt, undone);
      return count;
    }

    it('are claims of servers that one host takes together', async () => {
      const uuid = await servers.create();
      const found = await countAfter('claims', async (t) => {
        const [row] = (await t('servers').where({ uuid })) as Row[];
        const [host] = (await t('hosts')) as Row[];
        const { id: _id, ...like } = row ?? {};
        const ids: number[] = [];
        for (const _number of numbers) {
          const [id] = (await t('servers').insert({ ...like, uuid: newUuid() })) as [number];
          ids.push(id);
        }
        const each = { vcpus: 1, memoryMb: 1, diskGb: 0, maximum: { vcpus: 1, memoryMb: 1 } };
        const claim = { hostId: Number(host?.['id']), ...each };
        assert.equal(await addClaims(t, ids, claim, Number(host?.['generation'])), 'claimed');
      });
      assert.equal(found, MANY + 1);
    });

    it('are what the guests of one host took', async () => {
      const guests = numbers.map((number) => ({ serverId: number + 1_000_000, usage }));
      const found = await countAfter('usage_samples', async (t) => {
        await t('usage_samples').delete();
        await keepSamples(t, 1, hostUsage, guests, Date.now());
        await keepSamples(t, 1, hostUsage, guests, Date.now());
      });
      assert.ok(found === MANY + 1 || found === 2 * (MANY + 1), `${found}`);
    });

    it('are changes of networks', async () => {
      const units = numbers.map((number) => `unit:${number}`);
      const found = await countAfter('network_units', async (t) => {
        await t('network_units').delete();
        await touchUnits(t, units, Date.now());
        await touchUnits(t, units, Date.now());
        const revisions = (await t('network_units').distinct('revision')) as Row[];
        assert.deepEqual(
          revisions.map((row) => Number(row['revision'])),
          [2],
        );
      });
      assert.equal(found, MANY);
    });
  });
}
