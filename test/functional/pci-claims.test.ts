// Many who claim devices at once, each on what it last saw, never get the same one, on both engines; and moves hold, swap and give back
// what they have of devices as they do any other amount.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newUuid } from '../../src/base/ids.ts';
import {
  checkClaims,
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
import type { Host } from '../../src/domain/placement/hosts.ts';
import { fitHost } from '../../src/domain/placement/host-fit.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import { readDeviceSpecs } from '../../src/virt/host-devices.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { newServer, reportHost } from '../support/rows.ts';

const SERVERS = 16;
/** Of the fake machine's card. */
const FUNCTIONS = 4;

const wish = [
  {
    ...({ alias: 'function', count: 1, policy: 'legacy' } as const),
    matches: [{ vendorId: '8086', productId: '154c', type: 'type-VF' } as const],
  },
];

const inventoryOf = (host: string, specs: Parameters<typeof readDeviceSpecs>[0]) => ({
  ...fakeInventory('x', {}, { memoryMb: 0, diskGb: 0 }, [], { deviceSpecs: readDeviceSpecs(specs) }),
  hypervisorHostname: host,
});

for (const engine of engines) {
  describe(`claims of devices on ${engine}`, () => {
    let store: TestStore;
    const servers: { readonly id: number; readonly uuid: string }[] = [];
    const hostOf = async (host: string): Promise<Host> => (await findHost(store.database.read, { host })) as Host;

    before(async () => {
      store = await freshDatabase(engine);
      for (const host of ['a', 'b']) await reportHost(store.database, host, inventoryOf(host, [{}]));
      for (let count = 0; count < SERVERS; count += 1) {
        const server = newServer();
        servers.push({ id: await tx(store.database, (t) => insertServer(t, server)), uuid: server.uuid });
      }
    });
    after(() => store.close());

    const claimAt = (serverId: number, host: Host) => {
      const fit = fitHost(host, { numa: null, pci: wish });
      if (fit.reason !== null) return null;
      const size = { vcpus: 1, memoryMb: 64 };
      return {
        serverId,
        hostId: host.id,
        ...size,
        diskGb: 0,
        maximum: size,
        numa: null,
        resources: null,
        pci: fit.pci,
      };
    };
    /** Addresses of what is taken of a host; fails where one is taken twice, or the sums are not those of the claims. */
    const taken = async (host: string): Promise<string[]> => {
      assert.deepEqual(await checkClaims(store.database.read), []);
      const addresses = ((await hostOf(host)).pciTaken ?? []).map(({ address }) => address);
      assert.equal(new Set(addresses).size, addresses.length, 'a device is given to two');
      return addresses;
    };

    it('all that there is is given out, each device once, to whoever is first', async () => {
      const claim = async ({ id }: { readonly id: number }): Promise<boolean> => {
        for (;;) {
          const seen = await hostOf('a');
          const wanted = claimAt(id, seen);
          if (wanted === null) return false;
          if ((await tx(store.database, (t) => setClaim(t, wanted, seen.generation))) === 'claimed') return true;
        }
      };
      const got = await Promise.all(servers.map(claim));
      assert.equal(got.filter(Boolean).length, FUNCTIONS);
      assert.equal((await taken('a')).length, FUNCTIONS);
      for (const { id } of servers) await tx(store.database, (t) => releaseClaim(t, id, Date.now()));
      assert.equal((await hostOf('a')).pciTaken, null);
    });

    it('a move holds one there, changes places with it, and gives back that of before', async () => {
      const [{ id, uuid }] = servers as [(typeof servers)[number]];
      const move = {
        ...({ uuid: newUuid(), serverUuid: uuid, type: 'migration', sourceCompute: 'a', sourceNode: 'a' } as const),
        ...{ oldFlavorId: null, newFlavorId: null, userId: 'u', projectId: 'p', before: null, nowMs: 1_000 },
      };
      const moveId = await tx(store.database, (t) => insertMigration(t, move));
      const put = async (host: string, write: typeof setClaim) => {
        const seen = await hostOf(host);
        const wanted = claimAt(id, seen);
        assert.ok(wanted !== null);
        assert.equal(await tx(store.database, (t) => write(t, wanted, seen.generation)), 'claimed');
      };
      await put('a', setClaim);
      await put('b', (t, claim, generation) => holdClaim(t, moveId, claim, generation));
      assert.deepEqual([(await taken('a')).length, (await taken('b')).length], [1, 1]);
      await tx(store.database, (t) => swapClaims(t, moveId, id));
      assert.equal((await findClaim(store.database.read, id))?.hostId, (await hostOf('b')).id);
      // one that grows keeps its devices
      await tx(store.database, async (t) => {
        const own = await findClaim(t, id);
        assert.ok(own !== null);
        await setClaim(t, { ...own, vcpus: 2 });
        await releaseHeld(t, moveId);
      });
      assert.deepEqual([(await taken('a')).length, (await taken('b')).length], [0, 1]);
      await tx(store.database, async (t) => repairSums(t, (await hostOf('b')).id));
      assert.equal((await taken('b')).length, 1);
      await tx(store.database, (t) => releaseClaim(t, id, Date.now()));
      assert.deepEqual(await taken('b'), []);
    });

    it('a host whose offer changed is looked at again before anything is claimed of it', async () => {
      const [{ id }] = servers as [(typeof servers)[number]];
      const seen = await hostOf('a');
      await reportHost(store.database, 'a', inventoryOf('a', [{}]));
      assert.equal((await hostOf('a')).generation, seen.generation);
      await reportHost(store.database, 'a', inventoryOf('a', [{ vendor_id: '10de' }]));
      const wanted = claimAt(id, seen);
      assert.ok(wanted !== null);
      assert.equal(await tx(store.database, (t) => setClaim(t, wanted, seen.generation)), 'stale');
      assert.equal(claimAt(id, await hostOf('a')), null);
    });
  });
}
