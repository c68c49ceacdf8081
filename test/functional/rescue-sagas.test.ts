// The three laws of sagas for servers that are rescued and brought back.

import assert from 'node:assert/strict';
import { engines } from '../support/database.ts';
import { built, faultOf, has, noLeftovers, TOLD } from '../support/saga-cases.ts';
import { type SagaCase, testSaga } from '../support/saga-suite.ts';
import { makeOp, type World } from '../support/world.ts';

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

for (const engine of engines) {
  testSaga({
    name: 'rescue',
    engine,
    arrange: asked,
    cleanSlate,
    async reached(world, uuid) {
      await has(world, uuid, 'rescued');
      assert.equal((await guestOf(world, uuid))?.spec.rescue?.id, world.imageId);
    },
  });
  testSaga({
    name: 'unrescue',
    engine,
    arrange: async (world, runAll) => {
      const uuid = await asked(world, runAll);
      await runAll();
      await world.ops.unrescueServer(makeOp(), { uuid });
      return uuid;
    },
    cleanSlate,
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      assert.equal((await guestOf(world, uuid))?.spec.rescue, undefined);
    },
  });
}
