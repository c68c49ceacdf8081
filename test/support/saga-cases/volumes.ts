// Why: the sagas that give a server a volume and take it away.

import assert from 'node:assert/strict';
import { volumesOfServer } from '../../../src/db/server-volumes.ts';
import { built, faultOf, has, secondWorker, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { makeOp, memberCaller, type World } from '../world.ts';

/** The row, the volume service and the guest agree on the volumes that there are, and on where. */
export async function hasVolumes(world: World, uuid: string, count: number): Promise<void> {
  const server = await world.server(uuid);
  const rows = await volumesOfServer(world.database.read, server.id);
  const plugged = world.drivers.get(server.host ?? '')?.store.get(uuid)?.spec.disks.volumes ?? [];
  const attached = world.volumes.attachments().filter(({ serverUuid }) => serverUuid === uuid);
  assert.deepEqual([rows.length, attached.length, plugged.length], [count, count, count]);
  for (const { attachmentId, device, disk } of rows) {
    const attachment = attached.find(({ id }) => id === attachmentId);
    assert.deepEqual([attachment?.status, attachment?.device, attachment?.host], ['attached', device, server.host]);
    assert.equal(`/dev/${disk?.name}`, device);
  }
}

/** The same of one that runs. */
async function runsWith(world: World, uuid: string, count: number): Promise<void> {
  await hasVolumes(world, uuid, count);
  await has(world, uuid, 'active');
}

async function asked(world: World, uuid: string): Promise<string> {
  const volumeId = world.volumes.add(memberCaller.projectId ?? '');
  const request = { volumeId, device: null, tag: null, deleteOnTermination: false };
  await world.ops.attachVolume(makeOp(), await world.server(uuid), request);
  return volumeId;
}

export const volumeCases: readonly SagaCase[] = [
  {
    name: 'attach_volume',
    verb: 'attachVolume',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await asked(world, uuid);
      return uuid;
    },
    async cleanSlate(world, uuid) {
      assert.equal(await faultOf(world, uuid), TOLD);
      await runsWith(world, uuid, 0);
    },
    reached: (world, uuid) => runsWith(world, uuid, 1),
  },
  {
    name: 'detach_volume',
    verb: 'detachVolume',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      const volumeId = await asked(world, uuid);
      await runAll();
      await world.ops.detachVolume(makeOp(), await world.server(uuid), volumeId);
      return uuid;
    },
    async cleanSlate(world, uuid) {
      assert.equal(await faultOf(world, uuid), TOLD);
      // the row still has it, so that it can be asked for once more, which takes the rest
      const server = await world.server(uuid);
      const [row] = await volumesOfServer(world.database.read, server.id);
      await world.ops.detachVolume(makeOp(), server, row?.volumeId ?? '');
      await secondWorker(world);
      await runsWith(world, uuid, 0);
    },
    reached: (world, uuid) => runsWith(world, uuid, 0),
  },
];
