// Why: the sagas of a server that stays where it is and keeps its disks.

import assert from 'node:assert/strict';
import { findClaim } from '../../../src/db/claims.ts';
import { openActions } from '../../../src/db/instance-actions.ts';
import { loadDetail } from '../../../src/db/server-details.ts';
import { testNetwork } from '../neighbours.ts';
import { asTheGuest, built, faultOf, has, noLeftovers, queued, secondWorker, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { makeOp, type World } from '../world.ts';
import { requestOf } from '../request-of.ts';

/** The row, the network service and the guest agree on how many interfaces there are. */
async function hasInterfaces(world: World, uuid: string, count: number): Promise<void> {
  const server = await world.server(uuid);
  const { nics } = await loadDetail(world.database.read, server);
  const ports = world.networks.ports().filter(({ serverUuid }) => serverUuid === uuid);
  const plugged = world.drivers.get(server.host ?? '')?.store.get(uuid)?.spec.nics;
  assert.deepEqual([nics.length, ports.length, plugged?.length], [count, count, count]);
  await has(world, uuid, 'active');
}

export const plainCases: readonly SagaCase[] = [
  {
    name: 'create',
    verb: 'createServers',
    arrange: queued,
    async cleanSlate(world, uuid) {
      const server = await world.server(uuid);
      assert.equal(server.vmState, 'error');
      assert.equal(server.host, null);
      assert.equal(await findClaim(world.database.read, server.id), null);
      const { fault, nics } = await loadDetail(world.database.read, server);
      assert.match(fault?.message ?? '', /told to fail|Exceeded maximum number of retries/);
      assert.deepEqual(nics, []);
      await noLeftovers(world);
    },
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      const server = await world.server(uuid);
      assert.equal(world.drivers.get(server.host ?? '')?.store.get(uuid)?.starts, 1);
    },
  },
  {
    name: 'delete',
    verb: 'deleteServer',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.deleteServer(makeOp(), { uuid });
      return uuid;
    },
    async cleanSlate(world, uuid) {
      const server = await world.server(uuid);
      assert.equal(server.vmState, 'error');
      assert.equal(await faultOf(world, uuid), TOLD);
      assert.ok(await findClaim(world.database.read, server.id), 'what may be started where it was has its room there');
      // whatever is left of it, the next DELETE takes the rest
      await world.ops.deleteServer(makeOp(), { uuid });
      await secondWorker(world);
      assert.equal((await world.server(uuid)).deleted, true);
      await noLeftovers(world);
    },
    async reached(world, uuid) {
      assert.equal((await world.server(uuid)).deleted, true);
      await noLeftovers(world);
    },
  },
  {
    name: 'attach_interface',
    verb: 'attachInterface',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      const wish = { networkId: testNetwork.id, portId: null, fixedIp: null, tag: null };
      // nobody waits here for what the tests do by hand
      world.ops.attachInterface(makeOp(), await world.server(uuid), wish, true).catch(() => undefined);
      while ((await openActions(world.database.read, uuid)).length === 0) await world.deps.clock.sleep(2);
      return uuid;
    },
    async cleanSlate(world, uuid) {
      assert.equal(await faultOf(world, uuid), TOLD);
      await hasInterfaces(world, uuid, 1);
    },
    reached: (world, uuid) => hasInterfaces(world, uuid, 2),
  },
  {
    name: 'detach_interface',
    verb: 'detachInterface',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      const [port] = world.networks.ports().filter(({ serverUuid }) => serverUuid === uuid);
      await world.ops.detachInterface(makeOp(), { uuid }, port?.nic.portId ?? '');
      return uuid;
    },
    async cleanSlate(world, uuid) {
      assert.equal(await faultOf(world, uuid), TOLD);
      // the row still has it, so that it can be asked for once more, which takes the rest
      const [nic] = (await loadDetail(world.database.read, await world.server(uuid))).nics;
      await world.ops.detachInterface(makeOp(), { uuid }, nic?.portId ?? '');
      await secondWorker(world);
      await hasInterfaces(world, uuid, 0);
    },
    reached: (world, uuid) => hasInterfaces(world, uuid, 0),
  },
  {
    name: 'stop',
    verb: 'os-stop',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('os-stop'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'stopped'),
  },
  {
    name: 'start',
    verb: 'os-start',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('os-stop'));
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('os-start'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'active'),
  },
  {
    name: 'reboot',
    verb: 'rebootServer',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.rebootServer(makeOp(), { uuid }, 'HARD');
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'active'),
  },
  {
    name: 'pause',
    verb: 'pause',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('pause'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'paused'),
  },
  {
    name: 'unpause',
    verb: 'unpause',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('pause'));
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('unpause'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'active'),
  },
  {
    name: 'suspend',
    verb: 'suspend',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('suspend'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'suspended'),
  },
  {
    name: 'resume',
    verb: 'resume',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('suspend'));
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('resume'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'active'),
  },
  {
    name: 'changePassword',
    verb: 'changePassword',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      const asked = world.ops.changePassword(makeOp(), { uuid }, 'secret');
      asked.catch(() => undefined);
      while ((await world.server(uuid)).taskState === null) await world.deps.clock.sleep(1);
      return uuid;
    },
    cleanSlate: asTheGuest,
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      const server = await world.server(uuid);
      assert.deepEqual(world.drivers.get(server.host ?? '')?.store.get(uuid)?.passwords, { root: 'secret' });
    },
  },
  {
    name: 'trigger_crash_dump',
    verb: 'trigger_crash_dump',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('trigger_crash_dump'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    reached: (world, uuid) => has(world, uuid, 'active'),
  },
  {
    name: 'sync',
    verb: 'os-xloud-sync',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('os-xloud-sync'));
      return uuid;
    },
    cleanSlate: asTheGuest,
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      const { host, guestOnlineVcpus } = await world.server(uuid);
      const seen = await world.drivers.get(host ?? '')?.inspect({ uuid });
      assert.equal(guestOnlineVcpus, seen?.onlineVcpus);
    },
  },
  {
    name: 'adjust',
    verb: 'adjustServer',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.adjustServer(makeOp(), await world.server(uuid), { vcpus: 3, memoryMb: 1024, persist: true });
      return uuid;
    },
    async cleanSlate(world, uuid) {
      await asTheGuest(world, uuid);
      const server = await world.server(uuid);
      const size = world.drivers.get(server.host ?? '')?.store.get(uuid)?.size;
      assert.deepEqual([server.currentVcpus, server.currentMemoryMb], [size?.vcpus, size?.memoryMb]);
      assert.equal(server.adjustStatus, 'error');
      assert.equal(server.adjustMessage, TOLD);
    },
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      const server = await world.server(uuid);
      assert.deepEqual([server.currentVcpus, server.currentMemoryMb, server.adjustStatus], [3, 1024, 'idle']);
    },
  },
];
