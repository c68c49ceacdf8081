// Why: the sagas of servers that are built anew.

import assert from 'node:assert/strict';
import type { Saga } from '../../../src/ops/engine/saga.ts';
import { rebuildOfVolumeSaga } from '../../../src/ops/servers/rebuild.ts';
import { built, builtOnVolumes, faultOf, has, noLeftovers, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { makeOp, type World } from '../world.ts';
import { requestOf } from '../request-of.ts';

async function asked(world: World, uuid: string): Promise<string> {
  const request = { imageRef: world.imageId, adminPass: 'secret', change: {}, files: [], preserveEphemeral: false };
  await world.ops.rebuildServer(makeOp(), await world.server(uuid), request);
  return uuid;
}

const rebuild: SagaCase = {
  name: 'rebuild',
  verb: 'rebuildServer',
  arrange: async (world, runAll) => asked(world, await built(world, runAll)),
  async cleanSlate(world, uuid) {
    const server = await world.server(uuid);
    assert.equal(server.vmState, 'error');
    assert.equal(await faultOf(world, uuid), TOLD);
    await noLeftovers(world);
  },
  async reached(world, uuid) {
    await has(world, uuid, 'active');
    const { host } = await world.server(uuid);
    assert.ok((world.drivers.get(host ?? '')?.store.get(uuid)?.made?.root ?? 0) >= 2);
  },
};
/** The same of a server that boots from a volume, which has the image's data then, and is the server's all the while. */
const onVolume: SagaCase = {
  ...rebuild,
  label: 'rebuild, of a volume',
  saga: rebuildOfVolumeSaga as unknown as Saga<unknown>,
  arrange: async (world, runAll) => asked(world, await builtOnVolumes(world, runAll)),
  async reached(world, uuid) {
    await has(world, uuid, 'active');
    const attached = world.volumes.attachments().filter(({ serverUuid }) => serverUuid === uuid);
    assert.deepEqual(
      attached.map(({ status }) => status),
      ['attached', 'attached'],
    );
  },
};

export const rebuildCases: readonly SagaCase[] = [
  rebuild,
  onVolume,
  {
    ...rebuild,
    label: 'rebuild, of a stopped server',
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('os-stop'));
      await runAll();
      return asked(world, uuid);
    },
    reached: (world, uuid) => has(world, uuid, 'stopped'),
  },
];
