// Why: the sagas that copy a server's disk and give it back: there is a whole copy or none, and the server is what it was.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findClaim } from '../../../src/db/claims.ts';
import { copiesOfServer } from '../../../src/db/server-copies.ts';
import type { Saga } from '../../../src/ops/engine/saga.ts';
import { createFromBackupSaga } from '../../../src/ops/servers/create.ts';
import { copyJobs } from '../../../src/ops/reconcile/copy-jobs.ts';
import { built, faultOf, has, noLeftovers, TOLD } from '../saga-cases.ts';
import { copyRequest } from '../copy-request.ts';
import type { SagaCase } from '../saga-suite.ts';
import { createRequest, makeOp, type World } from '../world.ts';

type RunAll = () => Promise<void>;

/** The files of a server's copies. */
const filesOf = (world: World, uuid: string): Promise<string[]> => readdir(join(world.copiesDir, uuid)).catch(() => []);

const diskOf = async (world: World, uuid: string): Promise<string | undefined> =>
  world.drivers.get((await world.server(uuid)).host ?? '')?.store.get(uuid)?.disk;

/** Writes to the disk of a guest. */
async function write(world: World, uuid: string, disk: string): Promise<void> {
  const store = world.drivers.get((await world.server(uuid)).host ?? '')?.store;
  const guest = store?.get(uuid);
  assert.ok(store !== undefined && guest !== undefined);
  store.put({ ...guest, disk });
}

const statusesOf = async (world: World, uuid: string): Promise<(readonly [string, string | null])[]> =>
  (await copiesOfServer(world.database.read, uuid, 'snapshots')).map(({ status, reason }) => [status, reason]);

async function asked(world: World, runAll: RunAll): Promise<string> {
  const uuid = await built(world, runAll);
  await write(world, uuid, 'good');
  await world.ops.copyServer(makeOp(), { uuid }, { ...copyRequest, what: 'snapshot' });
  return uuid;
}

/** The images that were made of backups for a server. */
async function imagesOf(world: World, uuid: string): Promise<readonly string[]> {
  const { imageRef } = await world.server(uuid);
  return (await world.images.all()).filter(({ id }) => id === imageRef).map(({ status }) => status);
}

const fromBackup: SagaCase = {
  name: 'create',
  label: 'create, of a backup',
  verb: 'createFromBackup',
  saga: createFromBackupSaga as unknown as Saga<unknown>,
  arrange: async (world, runAll) => {
    const uuid = await built(world, runAll);
    const copy = await world.ops.copyServer(makeOp(), { uuid }, { ...copyRequest, what: 'backup' });
    await runAll();
    const flavorRef = await world.flavor();
    const request = { ...createRequest(flavorRef, ''), name: 'again' };
    const { servers } = await world.ops.createFromBackup(makeOp(), copy.id, request);
    return servers[0]?.uuid ?? '';
  },
  async cleanSlate(world, uuid) {
    const { vmState, host, id } = await world.server(uuid);
    assert.deepEqual([vmState, host, await findClaim(world.database.read, id)], ['error', null, null]);
    assert.match((await faultOf(world, uuid)) ?? '', /told to fail|Exceeded maximum number of retries/);
    assert.deepEqual(await imagesOf(world, uuid), []);
    await noLeftovers(world);
  },
  async reached(world, uuid) {
    await has(world, uuid, 'active');
    assert.deepEqual(await imagesOf(world, uuid), ['active']);
    const { image } = await world.server(uuid);
    assert.deepEqual([image?.status, image?.properties['image_type']], ['active', 'backup']);
  },
  overtaken: async (world, uuid) => assert.deepEqual(await imagesOf(world, uuid), []),
};

export const copyCases: readonly SagaCase[] = [
  {
    name: 'copy_disk',
    verb: 'copyServer',
    arrange: asked,
    async cleanSlate(world, uuid) {
      assert.equal(await faultOf(world, uuid), TOLD);
      assert.deepEqual([await statusesOf(world, uuid), await filesOf(world, uuid)], [[['error', TOLD]], []]);
      await has(world, uuid, 'active');
    },
    async reached(world, uuid) {
      assert.deepEqual(await statusesOf(world, uuid), [['available', null]]);
      assert.equal((await filesOf(world, uuid)).length, 2);
      await has(world, uuid, 'active');
    },
    async overtaken(world, uuid) {
      await copyJobs(world.deps);
      assert.deepEqual([await statusesOf(world, uuid), await filesOf(world, uuid)], [[], []]);
    },
  },
  {
    name: 'restore_disk',
    verb: 'restoreCopy',
    arrange: async (world, runAll) => {
      const uuid = await asked(world, runAll);
      await runAll();
      await write(world, uuid, 'bad');
      const [copy] = await copiesOfServer(world.database.read, uuid, 'snapshots');
      await world.ops.restoreCopy(makeOp(), { uuid }, { what: 'snapshot', id: copy?.id ?? '' });
      return uuid;
    },
    async cleanSlate(world, uuid) {
      assert.equal(await faultOf(world, uuid), TOLD);
      assert.deepEqual(await statusesOf(world, uuid), [['available', null]]);
      // what failed once the disk was there leaves the server off
      const { vmState } = await world.server(uuid);
      assert.ok(vmState === 'active' || vmState === 'stopped', vmState);
      if (vmState === 'stopped') assert.equal(await diskOf(world, uuid), 'good');
      await has(world, uuid, vmState);
    },
    async reached(world, uuid) {
      assert.deepEqual(await statusesOf(world, uuid), [['available', null]]);
      assert.equal(await diskOf(world, uuid), 'good');
      await has(world, uuid, 'active');
    },
    async overtaken(world, uuid) {
      await copyJobs(world.deps);
      assert.deepEqual([await statusesOf(world, uuid), await filesOf(world, uuid)], [[], []]);
    },
  },
  fromBackup,
];
