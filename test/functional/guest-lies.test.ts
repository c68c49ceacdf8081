// What a guest says of itself its owner decides. Nothing that cannot be comes into a row, into a claim, or in the way of other guests.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findClaim } from '../../src/db/claims.ts';
import type { GuestView, PartOutcome } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { engines } from '../support/database.ts';
import { adminOp, makeWorld, type World } from '../support/world.ts';

const elastic = { minimum_cpu: '1', minimum_memory: '256' };

for (const engine of engines) {
  describe(`a guest that lies on ${engine}`, () => {
    let world: World;
    let uuid: string;
    let seen: Partial<GuestView> = {};
    let reached: Partial<PartOutcome> = {};

    const wrap = (driver: FakeDriver): FakeDriver => {
      const lie = (view: GuestView): GuestView => (view.powerState === power.running ? { ...view, ...seen } : view);
      return {
        ...driver,
        list: async (args) => (await driver.list(args)).map(lie),
        inspect: async (args) => {
          const view = await driver.inspect(args);
          return view === null ? null : lie(view);
        },
        adjust: async (args) => {
          const { vcpus, memoryMb, view } = await driver.adjust(args);
          return { vcpus: { ...vcpus, ...reached }, memoryMb: { ...memoryMb, ...reached }, view: lie(view) };
        },
      };
    };

    before(async () => {
      world = await makeWorld({ engine, hosts: [{ name: 'host-1', wrap }] });
      const flavorRef = await world.flavor({ vcpus: 4, memoryMb: 1024, specs: elastic });
      const [server] = await world.create({ flavorRef });
      assert.ok(server);
      uuid = server.uuid;
      await adjust(2, 512);
    });
    after(() => world.close());

    async function adjust(vcpus: number, memoryMb: number) {
      await world.ops.adjustServer(adminOp(), await world.server(uuid), { vcpus, memoryMb, persist: true });
      await world.settled();
    }

    async function heard() {
      await world.agents.get('host-1')?.reportNow();
      await world.settled();
      const server = await world.server(uuid);
      const claim = await findClaim(world.database.read, server.id);
      return { server, claim: claim === null ? null : { vcpus: claim.vcpus, memoryMb: claim.memoryMb } };
    }

    it('of its vCPUs is believed from one to all', async () => {
      for (const [onlineVcpus, row] of [
        [0, 1],
        [9, 2],
        [-4, 1],
        [2, 2],
      ] as const) {
        seen = { onlineVcpus };
        const { server, claim } = await heard();
        assert.deepEqual([server.currentVcpus, server.guestOnlineVcpus], [row, row], `${onlineVcpus} were said`);
        assert.deepEqual(claim, { vcpus: 2, memoryMb: 512 });
      }
    });

    it('of its memory is believed up to its maximum, and no more is claimed for it', async () => {
      for (const memoryMb of [2 ** 44, -1, NaN]) {
        seen = { size: { vcpus: 2, memoryMb }, availableMb: memoryMb * 4 };
        const { server, claim } = await heard();
        const row = memoryMb < 0 ? 0 : 1024;
        assert.equal(server.currentMemoryMb, row, `${memoryMb} MiB were said`);
        assert.deepEqual(claim, { vcpus: 2, memoryMb: Math.max(row, 512) });
      }
      seen = {};
      assert.equal((await heard()).server.currentMemoryMb, 512);
    });

    it('of what it came to is believed as far as it can be', async () => {
      // events tell of it beside the answer
      seen = { size: { vcpus: 3, memoryMb: 2 ** 44 } };
      reached = { reached: 77_777, held: 2 ** 44, confirmedBy: 'guest' };
      await adjust(3, 768);
      const { currentVcpus, currentMemoryMb, taskState, id } = await world.server(uuid);
      assert.deepEqual([currentVcpus, currentMemoryMb, taskState], [3, 1024, null]);
      const claim = await findClaim(world.database.read, id);
      assert.equal(claim?.memoryMb, 1024, 'its maximum');
      assert.ok([3, 4].includes(claim.vcpus), `${claim.vcpus} vCPUs are claimed`);
      reached = {};
      seen = {};
      // what was asked for is kept for its next start, whatever it was said to have reached
      const { server, claim: end } = await heard();
      assert.deepEqual([server.currentMemoryMb, server.bootMemoryMb], [768, 768]);
      assert.deepEqual(end, { vcpus: 3, memoryMb: 768 });
      assert.deepEqual(await world.leftovers(), []);
    });
  });
}
