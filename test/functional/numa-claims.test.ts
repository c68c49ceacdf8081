// Why: many who claim CPUs at once, each on what it last saw, never get the same one, on both engines; and moves hold, swap and give
// back what they have of nodes as they do any other amount.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkClaims,
  type Claim,
  findClaim,
  holdClaim,
  releaseClaim,
  releaseHeld,
  repairSums,
  setClaim,
  swapClaims,
} from '../../src/db/claims.ts';
import { findHost } from '../../src/db/hosts.ts';
import { insertMigration } from '../../src/db/migrations.ts';
import { insertServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import { type Host, numaHostOf } from '../../src/domain/placement/hosts.ts';
import { fitNuma } from '../../src/domain/numa/numa-fit.ts';
import type { NumaRequest } from '../../src/domain/numa/numa-request.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import { readDivision } from '../../src/virt/host-cells.ts';
import { newUuid } from '../../src/base/ids.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { newServer, reportHost } from '../support/rows.ts';

const SERVERS = 16;
const CPUS = 12;
const HOSTS = ['a', 'b'] as const;

const machine = {
  ...{ numaNodes: 2, threads: 2, hugePages: {} },
  division: readDivision({ cpu_dedicated_set: '2-7,10-15', cpu_shared_set: '0-1,8-9', reserved_huge_pages: '' }),
};

const wishFor = (vcpus: number): NumaRequest => ({
  cells: [{ dedicated: Array.from({ length: vcpus }, (_, index) => index), shared: [], memoryMb: 64 }],
  ...{ pinned: true, threads: null, emulatorThreads: null, pages: null },
});

for (const engine of engines) {
  describe(`claims of NUMA nodes on ${engine}`, () => {
    let store: TestStore;
    const servers: number[] = [];
    const moves: number[] = [];
    const hostOf = async (host: string): Promise<Host> => (await findHost(store.database.read, { host })) as Host;

    before(async () => {
      store = await freshDatabase(engine);
      const inventory = fakeInventory('x', { vcpus: 16, memoryMb: 32_768 }, { memoryMb: 0, diskGb: 0 }, [], machine);
      for (const host of HOSTS) await reportHost(store.database, host, { ...inventory, hypervisorHostname: host });
      for (let count = 0; count < SERVERS; count += 1) {
        const server = newServer();
        servers.push(await tx(store.database, (t) => insertServer(t, server)));
        const move = {
          ...({
            uuid: newUuid(),
            serverUuid: server.uuid,
            type: 'migration',
            sourceCompute: 'a',
            sourceNode: 'a',
          } as const),
          ...{ oldFlavorId: null, newFlavorId: null, userId: 'u', projectId: 'p', before: null, nowMs: 1_000 },
        };
        moves.push(await tx(store.database, (t) => insertMigration(t, move)));
      }
    });
    after(() => store.close());

    const claimAt = (serverId: number, host: Host, vcpus: number): Claim | null => {
      const numa = fitNuma(numaHostOf(host), wishFor(vcpus)).topology;
      const size = { vcpus, memoryMb: 64 };
      return numa === null
        ? null
        : { serverId, hostId: host.id, ...size, diskGb: 0, maximum: size, numa, resources: null, pci: null };
    };
    /** What all have of all hosts; fails where two have one CPU, or the sums are not those of the claims. */
    const cpusTaken = async (): Promise<number> => {
      assert.deepEqual(await checkClaims(store.database.read), []);
      let taken = 0;
      for (const name of HOSTS) {
        for (const { pinned } of Object.values((await hostOf(name)).numaUsed ?? {})) {
          assert.equal(new Set(pinned).size, pinned.length, 'a CPU is given to two');
          taken += pinned.length;
        }
      }
      return taken;
    };

    it('all that there is is given out, each CPU once, to whoever is first', async () => {
      const host = 'a';
      const claim = async (serverId: number): Promise<boolean> => {
        for (;;) {
          const seen = await hostOf(host);
          const wanted = claimAt(serverId, seen, 1);
          if (wanted === null) return false;
          if ((await tx(store.database, (t) => setClaim(t, wanted, seen.generation))) === 'claimed') return true;
        }
      };
      const got = await Promise.all(servers.map(claim));
      assert.equal(got.filter(Boolean).length, CPUS);
      assert.equal(await cpusTaken(), CPUS);
      for (const serverId of servers) await tx(store.database, (t) => releaseClaim(t, serverId, Date.now()));
      assert.equal((await hostOf(host)).numaUsed, null);
    });

    it('any sequence of claims, moves and releases keeps the law', async () => {
      const step = fc.record({
        kind: fc.constantFrom('claim', 'hold', 'swap', 'drop', 'release', 'resize'),
        server: fc.nat({ max: 3 }),
        host: fc.constantFrom(...HOSTS),
        vcpus: fc.integer({ min: 1, max: 3 }),
      } as const);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 16 }), async (steps) => {
          for (const { kind, server, host, vcpus } of steps) {
            const [serverId, moveId] = [servers[server] as number, moves[server] as number];
            const seen = await hostOf(host);
            const wanted = claimAt(serverId, seen, vcpus);
            await tx(store.database, async (t) => {
              const own = await findClaim(t, serverId);
              if (kind === 'claim' && own === null && wanted !== null) await setClaim(t, wanted, seen.generation);
              if (kind === 'hold' && own !== null && wanted !== null)
                await holdClaim(t, moveId, wanted, seen.generation);
              if (kind === 'swap') await swapClaims(t, moveId, serverId).catch(() => undefined);
              if (kind === 'drop') await releaseHeld(t, moveId);
              if (kind === 'release') await releaseClaim(t, serverId, Date.now());
              if (kind === 'resize' && own !== null) await setClaim(t, { ...own, memoryMb: own.memoryMb + 1 });
            });
            await cpusTaken();
          }
          await tx(store.database, async (t) => repairSums(t, (await hostOf('a')).id));
          await cpusTaken();
          for (const serverId of servers.slice(0, 4))
            await tx(store.database, (t) => releaseClaim(t, serverId, Date.now()));
          assert.equal(await cpusTaken(), 0);
        }),
        { numRuns: 15 },
      );
    });

    it('a host whose CPUs are divided anew is looked at again before anything is claimed of it', async () => {
      const first = await hostOf('b');
      const inventory = fakeInventory('b', { vcpus: 16, memoryMb: 32_768 }, { memoryMb: 0, diskGb: 0 }, [], {
        ...machine,
        division: readDivision({ cpu_dedicated_set: '3-7,10-15', cpu_shared_set: '0-2,8-9', reserved_huge_pages: '' }),
      });
      await reportHost(store.database, 'b', inventory);
      const wanted = claimAt(servers[0] as number, first, 1);
      assert.equal(await tx(store.database, (t) => setClaim(t, wanted as Claim, first.generation)), 'stale');
    });
  });
}
