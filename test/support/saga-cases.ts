// Why: what the cases of all sagas begin and end with: a server that waits or runs, and the laws that hold afterwards.

import assert from 'node:assert/strict';
import { findClaim } from '../../src/db/claims.ts';
import { power, type VmState } from '../../src/domain/servers/servers.ts';
import { startWorker } from '../../src/ops/engine/worker.ts';
import { createRequest, makeOp, memberCaller, type World } from './world.ts';

type RunAll = () => Promise<void>;

export async function queued(world: World): Promise<string> {
  const flavorRef = await world.flavor({ specs: { minimum_cpu: '1', minimum_memory: '256' } });
  const { servers } = await world.ops.createServers(makeOp(), createRequest(flavorRef, world.imageId));
  return servers[0]?.uuid ?? '';
}

export async function built(world: World, runAll: RunAll): Promise<string> {
  const uuid = await queued(world);
  await runAll();
  assert.equal((await world.server(uuid)).vmState, 'active');
  return uuid;
}

/** The same, which boots from a volume of its project's, and has another. */
export async function builtOnVolumes(world: World, runAll: RunAll): Promise<string> {
  const flavorRef = await world.flavor({ rootGb: 0, specs: { minimum_cpu: '1', minimum_memory: '256' } });
  const imageMetadata = { image_id: world.imageId };
  const id = world.volumes.add(memberCaller.projectId ?? '', { bootable: true, imageMetadata });
  const plain = { sizeGb: null, type: null, deleteOnTermination: false, tag: null } as const;
  const volumes = [
    { ...plain, source: 'volume', id, bootIndex: 0 },
    { ...plain, source: 'blank', id: '', sizeGb: 1, bootIndex: null, deleteOnTermination: true },
  ] as const;
  const request = { ...createRequest(flavorRef, ''), volumes };
  const { servers } = await world.ops.createServers(makeOp(), request);
  await runAll();
  const uuid = servers[0]?.uuid ?? '';
  assert.equal((await world.server(uuid)).vmState, 'active');
  return uuid;
}

export const noLeftovers = async (world: World): Promise<void> => assert.deepEqual(await world.leftovers(), []);

export async function has(world: World, uuid: string, vmState: VmState): Promise<void> {
  const server = await world.server(uuid);
  assert.equal(server.vmState, vmState);
  assert.equal(server.taskState, null);
  await noLeftovers(world);
}

export async function faultOf(world: World, uuid: string): Promise<string | undefined> {
  const row: { message: string } | undefined = await world.database
    .read('server_faults')
    .join('servers', 'servers.id', 'server_faults.server_id')
    .where({ uuid })
    .orderBy('server_faults.id', 'desc')
    .first('message');
  return row?.message;
}

export const TOLD = 'This step was told to fail.';

const stateOfGuest: Readonly<Record<number, VmState>> = {
  [power.running]: 'active',
  [power.paused]: 'paused',
  [power.shutdown]: 'stopped',
  [power.suspended]: 'suspended',
};

/** State and sizes are those of the guest, the claim covers them, and a fault says what happened. */
export async function asTheGuest(world: World, uuid: string): Promise<void> {
  const server = await world.server(uuid);
  const guest = world.drivers.get(server.host ?? '')?.store.get(uuid);
  assert.ok(guest);
  assert.equal(server.vmState, stateOfGuest[guest.powerState]);
  const claim = await findClaim(world.database.read, server.id);
  assert.ok(claim !== null && claim.vcpus >= guest.size.vcpus && claim.memoryMb >= server.currentMemoryMb);
  assert.equal(await faultOf(world, uuid), TOLD);
  await noLeftovers(world);
}

/** Another worker ends what waits. */
export async function secondWorker(world: World): Promise<void> {
  const second = await startWorker(world.deps, { name: 'second', takeOver: true, reconcileMs: 0 });
  await second.idle();
  await second.close();
}
