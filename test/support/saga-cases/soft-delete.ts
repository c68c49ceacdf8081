// Why: the sagas of deletions that are deferred and for what brings their servers back.

import assert from 'node:assert/strict';
import { power } from '../../../src/domain/servers/servers.ts';
import type { Saga } from '../../../src/ops/engine/saga.ts';
import { softDeleteSaga } from '../../../src/ops/servers/soft-delete.ts';
import { built, faultOf, has, noLeftovers, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { makeOp } from '../world.ts';
import { requestOf } from '../request-of.ts';

const config = { reclaimMs: 3_600_000 };

export const deferredDeleteCases: readonly SagaCase[] = [
  {
    name: 'delete',
    verb: 'deleteServer',
    label: 'delete, softly',
    saga: softDeleteSaga as Saga<unknown>,
    config,
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.deleteServer(makeOp(), { uuid });
      return uuid;
    },
    async cleanSlate(world, uuid) {
      const server = await world.server(uuid);
      assert.deepEqual([server.vmState, server.deletedAt], ['active', null]);
      assert.equal(await faultOf(world, uuid), TOLD);
      await noLeftovers(world);
    },
    async reached(world, uuid) {
      await has(world, uuid, 'soft-delete');
      assert.equal((await world.server(uuid)).powerState, power.shutdown);
    },
  },
  {
    name: 'restore',
    verb: 'restore',
    config,
    arrange: async (world, runAll) => {
      const uuid = await built(world, runAll);
      await world.ops.deleteServer(makeOp(), { uuid });
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('restore'));
      return uuid;
    },
    async cleanSlate(world, uuid) {
      const server = await world.server(uuid);
      assert.equal(server.vmState, 'soft-delete');
      assert.notEqual(server.deletedAt, null);
      assert.equal(world.drivers.get(server.host ?? '')?.store.get(uuid)?.powerState, power.shutdown);
      assert.equal(await faultOf(world, uuid), TOLD);
      await noLeftovers(world);
    },
    async reached(world, uuid) {
      await has(world, uuid, 'active');
      assert.equal((await world.server(uuid)).deletedAt, null);
    },
  },
];
