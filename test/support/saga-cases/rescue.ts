// Why: the sagas of servers that are rescued and brought back.

import assert from 'node:assert/strict';
import { built, faultOf, has, noLeftovers, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { makeOp, type World } from '../world.ts';
import { requestOf } from '../request-of.ts';

const guestOf = async (world: World, uuid: string) =>
  world.drivers.get((await world.server(uuid)).host ?? '')?.store.get(uuid);

async function asked(world: World, runAll: () => Promise<void>): Promise<string> {
  const uuid = await built(world, runAll);
  await world.ops.rescueServer(makeOp(), await world.server(uuid), { adminPass: 'secret', imageRef: null });
  return uuid;
}

const cleanSlate: SagaCase['cleanSlate'] = async (world, uuid) => {
  assert.equal((await world.server(uuid)).vmState, 'error');
  assert.equal(await faultOf(world, uuid), TOLD);
  await noLeftovers(world);
};

export const rescueCases: readonly SagaCase[] = [
  {
    name: 'rescue',
    verb: 'rescueServer',
    arrange: asked,
    cleanSlate,
    async reached(world, uuid) {
      await has(world, uuid, 'rescued');
      assert.equal((await guestOf(world, uuid))?.spec.rescue?.id, world.imageId);
    },
  },
  {
    name: 'unrescue',
    verb: 'unrescue',
    arrange: async (world, runAll) => {
      const uuid = await asked(world, runAll);
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('unrescue'));
      return uuid;
    },
    cleanSlate,
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      assert.equal((await guestOf(world, uuid))?.spec.rescue, undefined);
    },
  },
];
