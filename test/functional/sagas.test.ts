// Why: the three laws of every saga, for each of ours, on both engines.

import assert from 'node:assert/strict';
import { findClaim } from '../../src/db/claims.ts';
import { openActions } from '../../src/db/instance-actions.ts';
import { loadDetail } from '../../src/db/server-details.ts';
import { startWorker } from '../../src/ops/worker.ts';
import { power, type VmState } from '../../src/domain/instance.ts';
import { engines } from '../support/database.ts';
import type { SagaName } from '../../src/ops/sagas.ts';
import { testNetwork } from '../support/neighbours.ts';
import { type SagaCase, testSaga } from '../support/saga-suite.ts';
import { createRequest, makeOp, type World } from '../support/world.ts';

type RunAll = () => Promise<void>;

async function queued(world: World): Promise<string> {
  const flavorRef = await world.flavor({ specs: { minimum_cpu: '1', minimum_memory: '256' } });
  const { servers } = await world.ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
  return servers[0]?.uuid ?? '';
}

async function built(world: World, runAll: RunAll): Promise<string> {
  const uuid = await queued(world);
  await runAll();
  assert.equal((await world.server(uuid)).vmState, 'active');
  return uuid;
}

const noLeftovers = async (world: World): Promise<void> => assert.deepEqual(await world.leftovers(), []);

async function has(world: World, uuid: string, vmState: VmState): Promise<void> {
  const server = await world.server(uuid);
  assert.equal(server.vmState, vmState);
  assert.equal(server.taskState, null);
  await noLeftovers(world);
}

async function faultOf(world: World, uuid: string): Promise<string | undefined> {
  const row: { message: string } | undefined = await world.database
    .read('server_faults')
    .join('servers', 'servers.id', 'server_faults.server_id')
    .where({ uuid })
    .orderBy('server_faults.id', 'desc')
    .first('message');
  return row?.message;
}

const TOLD = 'This step was told to fail.';

const stateOfGuest: Readonly<Record<number, VmState>> = {
  [power.running]: 'active',
  [power.paused]: 'paused',
  [power.shutdown]: 'stopped',
  [power.suspended]: 'suspended',
};

/** State and sizes are those of the guest, the claim covers them, and a fault says what happened. */
async function asTheGuest(world: World, uuid: string): Promise<void> {
  const server = await world.server(uuid);
  const guest = world.drivers.get(server.host ?? '')?.store.get(uuid);
  assert.ok(guest);
  assert.equal(server.vmState, stateOfGuest[guest.powerState]);
  const claim = await findClaim(world.database.read, server.id);
  assert.ok(claim !== null && claim.vcpus >= guest.size.vcpus && claim.memoryMb >= server.currentMemoryMb);
  assert.equal(await faultOf(world, uuid), TOLD);
  await noLeftovers(world);
}

const imagesOf = async (world: World, uuid: string): Promise<readonly (string | null)[]> =>
  (await world.images.all()).filter((image) => image.properties['instance_uuid'] === uuid).map(({ status }) => status);

const copiesOf = async (world: World, uuid: string): Promise<readonly string[] | undefined> => {
  const { host } = await world.server(uuid);
  return world.drivers.get(host ?? '')?.store.get(uuid)?.snapshots;
};

/** An image of an ACTIVE server: whole, or none at all, and the server as it was. */
const imageCase = (
  name: SagaName,
  ask: (world: World, uuid: string) => Promise<unknown>,
): Omit<SagaCase, 'engine'> => ({
  name,
  arrange: async (world, runAll) => {
    const uuid = await built(world, runAll);
    await ask(world, uuid);
    return uuid;
  },
  async cleanSlate(world, uuid) {
    await asTheGuest(world, uuid);
    assert.deepEqual([await imagesOf(world, uuid), await copiesOf(world, uuid)], [[], []]);
  },
  async reached(world, uuid) {
    await has(world, uuid, 'active');
    assert.deepEqual([await imagesOf(world, uuid), await copiesOf(world, uuid)], [['active'], []]);
  },
});

const imageCases = [
  imageCase('createImage', (world, uuid) => world.ops.createImage(makeOp(), { uuid }, { name: 'i', metadata: {} })),
  imageCase('createBackup', (world, uuid) =>
    world.ops.createBackup(makeOp(), { uuid }, { name: 'b', backupType: 'daily', rotation: 1, metadata: {} }),
  ),
];
/** The row, the network service and the guest agree on how many interfaces there are. */
async function hasInterfaces(world: World, uuid: string, count: number): Promise<void> {
  const server = await world.server(uuid);
  const { nics } = await loadDetail(world.database.read, server);
  const ports = world.networks.ports().filter(({ serverUuid }) => serverUuid === uuid);
  const plugged = world.drivers.get(server.host ?? '')?.store.get(uuid)?.spec.nics;
  assert.deepEqual([nics.length, ports.length, plugged?.length], [count, count, count]);
  await has(world, uuid, 'active');
}

for (const engine of engines) {
  const cases: Omit<SagaCase, 'engine'>[] = [
    {
      name: 'create',
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
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.deleteServer(makeOp(), { uuid });
        return uuid;
      },
      async cleanSlate(world, uuid) {
        assert.equal((await world.server(uuid)).vmState, 'error');
        assert.equal(await faultOf(world, uuid), TOLD);
        // whatever is left of it, the next DELETE takes the rest
        await world.ops.deleteServer(makeOp(), { uuid });
        const second = await startWorker(world.deps, { name: 'second', takeOver: true, reconcileMs: 0 });
        await second.idle();
        await second.close();
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
        const second = await startWorker(world.deps, { name: 'second', takeOver: true, reconcileMs: 0 });
        await second.idle();
        await second.close();
        await hasInterfaces(world, uuid, 0);
      },
      reached: (world, uuid) => hasInterfaces(world, uuid, 0),
    },
    {
      name: 'stop',
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.stopServer(makeOp(), { uuid });
        return uuid;
      },
      cleanSlate: asTheGuest,
      reached: (world, uuid) => has(world, uuid, 'stopped'),
    },
    {
      name: 'start',
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.stopServer(makeOp(), { uuid });
        await runAll();
        await world.ops.startServer(makeOp(), { uuid });
        return uuid;
      },
      cleanSlate: asTheGuest,
      reached: (world, uuid) => has(world, uuid, 'active'),
    },
    {
      name: 'reboot',
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.rebootServer(makeOp(), { uuid }, 'HARD');
        return uuid;
      },
      cleanSlate: asTheGuest,
      reached: (world, uuid) => has(world, uuid, 'active'),
    },
    {
      name: 'suspend',
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.suspendServer(makeOp(), { uuid });
        return uuid;
      },
      cleanSlate: asTheGuest,
      reached: (world, uuid) => has(world, uuid, 'suspended'),
    },
    {
      name: 'resume',
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.suspendServer(makeOp(), { uuid });
        await runAll();
        await world.ops.resumeServer(makeOp(), { uuid });
        return uuid;
      },
      cleanSlate: asTheGuest,
      reached: (world, uuid) => has(world, uuid, 'active'),
    },
    {
      name: 'changePassword',
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
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.triggerCrashDump(makeOp(), { uuid });
        return uuid;
      },
      cleanSlate: asTheGuest,
      reached: (world, uuid) => has(world, uuid, 'active'),
    },
    {
      name: 'adjust',
      arrange: async (world, runAll) => {
        const uuid = await built(world, runAll);
        await world.ops.adjustServer(makeOp(), { uuid }, { vcpus: 3, memoryMb: 1024, persist: true });
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
  for (const one of [...cases, ...imageCases]) testSaga({ ...one, engine });
}
