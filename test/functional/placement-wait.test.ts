// A new server that finds no room waits for it where the operator says so, and is woken by whoever gives room back.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { limits } from '../../src/base/limits.ts';
import { findAction, listEvents } from '../../src/db/instance-actions.ts';
import { startWorker, type Worker } from '../../src/ops/engine/worker.ts';
import { handleReport } from '../../src/ops/reconcile/reports.ts';
import { engines } from '../support/database.ts';
import { eventually } from '../support/serve.ts';
import { createRequest, makeOp, makeWorld, type World } from '../support/world.ts';

const MIB = 256;
const WAIT_MS = 15_000;
const HOUR_MS = 3_600_000;
/** More than are woken at once. */
const MANY = 2 * limits.wokenAtOnce;

for (const engine of engines) {
  describe(`servers that wait for room on ${engine}`, () => {
    let world: World;
    let other: Worker | null = null;
    afterEach(async () => {
      await other?.close();
      other = null;
      await world.close();
    });

    /** A host with room for one server. */
    const cloud = async (placementWaitMs: number): Promise<void> => {
      const inventory = { vcpus: 64, memoryMb: MIB, diskGb: 100 };
      world = await makeWorld({ engine, hosts: [{ name: 'host-1', inventory }], config: { placementWaitMs } });
    };
    const ask = async (count = 1, memoryMb = MIB) => {
      const op = makeOp();
      const flavorRef = await world.flavor({ vcpus: 1, memoryMb, rootGb: 0 });
      const request = { ...createRequest(flavorRef, world.imageId), minCount: count, maxCount: count };
      const { servers } = await world.ops.createServers(op, request);
      return { uuids: servers.map(({ uuid }) => uuid), uuid: servers[0]?.uuid ?? '', requestId: op.requestId };
    };
    const becomes = (uuid: string, state: string) =>
      eventually(`${state} of a server`, WAIT_MS, async () =>
        (await world.server(uuid)).vmState === state ? true : null,
      );
    const details = async (uuid: string, requestId: string): Promise<string | null> => {
      const action = await findAction(world.database.read, uuid, requestId);
      return (await listEvents(world.database.read, [action?.id ?? 0])).at(-1)?.details ?? null;
    };
    /** Until nobody holds its action. */
    const waits = (uuid: string, requestId: string) =>
      eventually('a server that waits', WAIT_MS, async () => {
        const action = await findAction(world.database.read, uuid, requestId);
        const text = await details(uuid, requestId);
        return action?.leaseOwner === null && text?.startsWith('Waits for room until ') ? text : null;
      });
    /** Until so many wait, and none of them is to look again. */
    const noted = (count: number) =>
      eventually(`${count} that wait`, WAIT_MS, async () => {
        const rows: { woken: unknown }[] = await world.database.read('waiting_placements').select('woken');
        return rows.length === count && rows.every(({ woken }) => Number(woken) === 0) ? true : null;
      });
    const first = async (): Promise<string> => {
      const { uuid } = await ask();
      await becomes(uuid, 'active');
      await world.settled();
      return uuid;
    };

    it('stay in BUILD, say so in their action, and have a place when another is deleted', async () => {
      await cloud(HOUR_MS);
      const before = await first();
      const { uuid, requestId } = await ask();
      assert.match(await waits(uuid, requestId), /^Waits for room until 20.*Z\. No valid host was found\./);
      const { vmState, taskState, host } = await world.server(uuid);
      assert.deepEqual([vmState, taskState, host], ['building', 'scheduling', null]);
      await world.ops.deleteServer(makeOp(), { uuid: before });
      await becomes(uuid, 'active');
      await world.settled();
      assert.equal(await details(uuid, requestId), null);
      assert.deepEqual(await world.leftovers(), []);
      assert.deepEqual(await world.database.read('waiting_placements'), []);
    });

    it('have a place when their host reports more room', async () => {
      await cloud(HOUR_MS);
      await first();
      const { uuid, requestId } = await ask();
      await waits(uuid, requestId);
      const driver = world.drivers.get('host-1');
      assert.ok(driver);
      const inventory = { ...(await driver.inventory()), memoryMb: 4 * MIB };
      await handleReport(world.deps, { kind: 'inventory', host: 'host-1', inventory, guests: await driver.list({}) });
      await becomes(uuid, 'active');
    });

    it('end in ERROR as without it when their time is over', async () => {
      await cloud(400);
      await first();
      const { uuid } = await ask();
      await becomes(uuid, 'error');
      const [fault]: { message: string }[] = await world.database.read('server_faults');
      assert.equal(fault?.message, 'No valid host was found. There are not enough hosts available.');
      assert.deepEqual(await world.leftovers(), []);
    });

    it('wait on when their worker died, and are woken by another', async () => {
      await cloud(HOUR_MS);
      const before = await first();
      const { uuid, requestId } = await ask();
      await waits(uuid, requestId);
      await world.worker().close();
      other = await startWorker(world.deps, { name: 'other', takeOver: true, reconcileMs: 0, pollMs: 50 });
      await world.ops.deleteServer(makeOp(), { uuid: before });
      await becomes(uuid, 'active');
    });

    it('are all placed where one that was deleted leaves room for more than are woken at once', async () => {
      await cloud(HOUR_MS);
      const before = await first();
      const { uuids } = await ask(MANY, MIB / MANY);
      await noted(MANY);
      await world.ops.deleteServer(makeOp(), { uuid: before });
      for (const uuid of uuids) await becomes(uuid, 'active');
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
      assert.deepEqual(await world.database.read('waiting_placements'), []);
    });

    it('have their turn behind more that are too large than are woken at once, each of which looks once', async () => {
      await cloud(HOUR_MS);
      const large = await ask(1, MIB / 2);
      const small = await ask(1, MIB / 2);
      for (const { uuid } of [large, small]) await becomes(uuid, 'active');
      await ask(MANY, MIB);
      await noted(MANY);
      const last = await ask(1, MIB / 2);
      await noted(MANY + 1);
      await world.ops.deleteServer(makeOp(), { uuid: small.uuid });
      await becomes(last.uuid, 'active');
      await noted(MANY);
    });

    it('are deleted as any other, and of several each waits for itself', async () => {
      await cloud(HOUR_MS);
      const { uuids } = await ask(3);
      const states = async () => (await Promise.all(uuids.map((uuid) => world.server(uuid)))).map((one) => one.vmState);
      const isOne = async () => ((await states()).filter((state) => state === 'active').length === 1 ? true : null);
      await eventually('one that has a place', WAIT_MS, isOne);
      for (const uuid of uuids) {
        await world.ops.deleteServer(makeOp(), { uuid });
        await becomes(uuid, 'deleted');
      }
      await world.settled();
      assert.deepEqual(await world.leftovers(), []);
    });
  });
}
