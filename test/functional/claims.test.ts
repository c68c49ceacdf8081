// Why: the sums of a host are the sums of its claims, whatever happens, on both engines.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { checkClaims, findClaim, releaseClaim, repairSums, setClaim } from '../../src/db/claims.ts';
import { findHost } from '../../src/db/hosts.ts';
import { insertServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import type { Host, HostFacts } from '../../src/domain/placement/hosts.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { newServer, reportHost } from '../support/rows.ts';

for (const engine of engines) {
  describe(`claims on ${engine}`, () => {
    let store: TestStore;
    const servers: number[] = [];
    const report = (host: string, nowMs: number, memoryMb: number) =>
      reportHost(store.database, host, { memoryMb }, nowMs);
    const hostOf = async (host: string): Promise<Host> => {
      const found = await findHost(store.database.read, { host });
      assert.ok(found);
      return found;
    };

    before(async () => {
      store = await freshDatabase(engine);
      for (const host of ['a', 'b']) await report(host, 1_000, 4096);
      for (let count = 0; count < 4; count += 1) {
        servers.push(await tx(store.database, (t) => insertServer(t, newServer())));
      }
    });
    after(() => store.close());

    it('moves the generation on, and a second claim on the same snapshot is stale', async () => {
      const host = await hostOf('a');
      const claim = {
        hostId: host.id,
        vcpus: 1,
        memoryMb: 256,
        diskGb: 1,
        numa: null,
        resources: null,
        pci: null,
        maximum: { vcpus: 4, memoryMb: 4096 },
      };
      const tries = await Promise.all(
        servers.map((serverId) => tx(store.database, (t) => setClaim(t, { ...claim, serverId }, host.generation))),
      );
      assert.deepEqual(tries.toSorted(), ['claimed', 'stale', 'stale', 'stale']);
      assert.equal((await hostOf('a')).runningVms, 1);
      assert.deepEqual(await checkClaims(store.database.read), []);
      for (const serverId of servers) await tx(store.database, (t) => releaseClaim(t, serverId, Date.now()));
      assert.deepEqual((await hostOf('a')).claimed, { vcpus: 0, memoryMb: 0, diskGb: 0 });
    });

    it('keeps the law through any sequence of claims, moves and releases', async () => {
      const amount = fc.nat({ max: 9 });
      const step = fc.record({
        server: fc.nat({ max: 3 }),
        host: fc.constantFrom('a', 'b', null),
        vcpus: amount,
        memoryMb: amount,
        diskGb: amount,
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const ids = { a: (await hostOf('a')).id, b: (await hostOf('b')).id };
          for (const { server, host, ...amounts } of steps) {
            const serverId = servers[server] as number;
            await tx(store.database, async (t) => {
              if (host === null) await releaseClaim(t, serverId, Date.now());
              else {
                const maximum = { vcpus: amounts.vcpus * 2, memoryMb: amounts.memoryMb * 2 };
                assert.equal(
                  await setClaim(t, {
                    serverId,
                    hostId: ids[host],
                    ...amounts,
                    maximum,
                    numa: null,
                    resources: null,
                    pci: null,
                  }),
                  'claimed',
                );
              }
            });
            const claim = await findClaim(store.database.read, serverId);
            assert.equal(claim?.vcpus, host === null ? undefined : amounts.vcpus);
          }
          assert.deepEqual(await checkClaims(store.database.read), []);
        }),
        { numRuns: 20 },
      );
    });

    it('finds and mends broken sums', async () => {
      const { id } = await hostOf('a');
      await store.database.write('hosts').where({ id }).update({ claimed_vcpus: 77 });
      assert.deepEqual(
        (await checkClaims(store.database.read)).map(({ hostId, column, is }) => [hostId, column, is]),
        [[id, 'claimed_vcpus', 77]],
      );
      const { id: other } = await hostOf('b');
      assert.deepEqual(await checkClaims(store.database.read, [other]), [], 'another host is not looked at');
      await tx(store.database, (t) => repairSums(t, id));
      assert.deepEqual(await checkClaims(store.database.read), []);
    });

    it('a report moves the generation on only when an amount changed', async () => {
      const first = await hostOf('b');
      await report('b', 2_000, 4096);
      const same = await hostOf('b');
      assert.deepEqual([same.generation, same.lastSeenAt], [first.generation, 2_000]);
      await report('b', 3_000, 8192);
      const grown = await hostOf('b');
      assert.deepEqual([grown.generation, grown.inventory.memoryMb], [first.generation + 1, 8192]);
    });

    it('so does one with other resources, traits or dedicated CPUs, and not one with less free disk', async () => {
      const first = await hostOf('b');
      const { inventory } = first;
      const reportFacts = async (more: Partial<HostFacts>): Promise<number> => {
        const facts = { ...inventory.facts, ...more };
        await reportHost(store.database, 'b', { ...inventory, facts });
        return (await hostOf('b')).generation - first.generation;
      };
      const seats = { resources: { CUSTOM_SEAT: 3 } };
      assert.equal(await reportFacts(seats), 1);
      assert.equal(await reportFacts({ ...seats, freeDiskGb: 1, uptime: 'long' }), 1);
      assert.equal(await reportFacts({ resources: { CUSTOM_SEAT: 2 } }), 2);
      assert.equal(await reportFacts({ resources: { CUSTOM_SEAT: 2 }, traits: ['CUSTOM_GOLD'] }), 3);
      assert.equal(await reportFacts({ dedicatedCpus: 2 }), 4);
    });
  });
}
