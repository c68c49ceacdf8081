// Why: the sagas that make an image of a server: there is a whole image or none, and the server is what it
// was, shelved, or back.

import assert from 'node:assert/strict';
import { findClaim } from '../../../src/db/claims.ts';
import { power } from '../../../src/domain/servers/servers.ts';
import type { Saga } from '../../../src/ops/engine/saga.ts';
import { volumesOfServer } from '../../../src/db/server-volumes.ts';
import { imageOfVolumesSaga } from '../../../src/ops/servers/create-image.ts';
import { shelveHereSaga } from '../../../src/ops/servers/shelve.ts';
import { unshelveHereSaga } from '../../../src/ops/servers/unshelve.ts';
import { asTheGuest, built, builtOnVolumes, faultOf, has, noLeftovers, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { adminOp, makeOp, type World } from '../world.ts';
import { requestOf } from '../request-of.ts';

type RunAll = () => Promise<void>;

const imagesOf = async (world: World, uuid: string): Promise<readonly (string | null)[]> =>
  (await world.images.all()).filter((image) => image.properties['instance_uuid'] === uuid).map(({ status }) => status);

const copiesOf = async (world: World, uuid: string): Promise<readonly string[] | undefined> => {
  const { host } = await world.server(uuid);
  return world.drivers.get(host ?? '')?.store.get(uuid)?.snapshots;
};

/** An image of an ACTIVE server: whole, or none at all, and the server as it was. */
const imageCase = (
  name: 'createImage' | 'createBackup',
  ask: (world: World, uuid: string) => Promise<unknown>,
): SagaCase => ({
  name,
  verb: name,
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

/** How many snapshots there are of the volumes of a server. */
async function snapshotsOf(world: World, uuid: string): Promise<number> {
  const ids = (await volumesOfServer(world.database.read, (await world.server(uuid)).id)).map((one) => one.volumeId);
  return world.volumes.taken().filter(({ volumeId }) => ids.includes(volumeId)).length;
}

/** The same of a server that boots from a volume, and has two: a snapshot of each goes with the image. */
const imageOfVolumes: SagaCase = {
  name: 'createImage',
  verb: 'createImage',
  label: 'createImage, of volumes',
  saga: imageOfVolumesSaga as unknown as Saga<unknown>,
  arrange: async (world, runAll) => {
    const uuid = await builtOnVolumes(world, runAll);
    await world.ops.createImage(makeOp(), { uuid }, { name: 'i', metadata: {} });
    return uuid;
  },
  async cleanSlate(world, uuid) {
    await asTheGuest(world, uuid);
    assert.deepEqual([await imagesOf(world, uuid), await snapshotsOf(world, uuid)], [[], 0]);
  },
  async reached(world, uuid) {
    await has(world, uuid, 'active');
    assert.deepEqual(await imagesOf(world, uuid), ['active']);
    const named = (await world.images.all()).find(({ properties }) => properties['instance_uuid'] === uuid);
    assert.equal(JSON.parse(named?.properties['block_device_mapping'] ?? '').length, 2);
  },
};

const imageCases = [
  imageOfVolumes,
  imageCase('createImage', (world, uuid) => world.ops.createImage(makeOp(), { uuid }, { name: 'i', metadata: {} })),
  imageCase('createBackup', (world, uuid) =>
    world.ops.createBackup(makeOp(), { uuid }, { name: 'b', backupType: 'daily', rotation: 1, metadata: {} }),
  ),
];

/** A shelved server, on its host still or on none, as the world is configured. */
async function shelved(world: World, runAll: RunAll): Promise<string> {
  const uuid = await built(world, runAll);
  await world.ops.requestAction(makeOp(), { uuid }, requestOf('shelve'));
  await runAll();
  const stays = world.deps.config.shelvedOffloadMs !== 0;
  assert.equal((await world.server(uuid)).vmState, stays ? 'shelved' : 'shelved_offloaded');
  return uuid;
}

/** Shelved with its image, and a place just while it is on a host. */
async function isShelved(world: World, uuid: string): Promise<void> {
  const server = await world.server(uuid);
  await has(world, uuid, server.host === null ? 'shelved_offloaded' : 'shelved');
  assert.deepEqual([await imagesOf(world, uuid), (await copiesOf(world, uuid)) ?? []], [['active'], []]);
  assert.equal((await findClaim(world.database.read, server.id)) === null, server.host === null);
  const guest = world.drivers.get(server.host ?? '')?.store.get(uuid);
  assert.equal(guest?.powerState, server.host === null ? undefined : power.shutdown);
}

async function isBack(world: World, uuid: string): Promise<void> {
  await has(world, uuid, 'active');
  assert.deepEqual(await imagesOf(world, uuid), []);
}

/** What failed left the server shelved, or, once its guest was there again, back. */
async function shelvedOrBack(world: World, uuid: string): Promise<void> {
  assert.equal(await faultOf(world, uuid), TOLD);
  if ((await world.server(uuid)).vmState === 'active') await noLeftovers(world);
  else await isShelved(world, uuid);
}

const noRequest = { zone: undefined, host: null, mayNameHost: () => undefined };

/** Where shelved servers stay on their hosts. */
const staying = { config: { shelvedOffloadMs: 3_600_000 } };

const shelving: SagaCase = {
  name: 'shelve',
  verb: 'shelve',
  arrange: async (world, runAll) => {
    const uuid = await built(world, runAll);
    await world.ops.requestAction(makeOp(), { uuid }, requestOf('shelve'));
    return uuid;
  },
  async cleanSlate(world, uuid) {
    const { vmState } = await world.server(uuid);
    if (vmState !== 'active' && vmState !== 'stopped') return shelvedOrBack(world, uuid);
    await asTheGuest(world, uuid);
    assert.deepEqual([await imagesOf(world, uuid), await copiesOf(world, uuid)], [[], []]);
  },
  async reached(world, uuid) {
    const stays = world.deps.config.shelvedOffloadMs !== 0;
    assert.equal((await world.server(uuid)).vmState, stays ? 'shelved' : 'shelved_offloaded');
    await isShelved(world, uuid);
  },
};

const unshelving: SagaCase = {
  name: 'unshelve',
  verb: 'unshelveServer',
  arrange: async (world, runAll) => {
    const uuid = await shelved(world, runAll);
    await world.ops.unshelveServer(makeOp(), { uuid }, noRequest);
    return uuid;
  },
  cleanSlate: shelvedOrBack,
  reached: isBack,
};

const shelveCases: SagaCase[] = [
  shelving,
  { ...shelving, ...staying, label: 'shelve, staying', saga: shelveHereSaga as unknown as Saga<unknown> },
  {
    ...staying,
    name: 'shelveOffload',
    verb: 'shelveOffload',
    arrange: async (world, runAll) => {
      const uuid = await shelved(world, runAll);
      await world.ops.requestAction(adminOp(), { uuid }, requestOf('shelveOffload'));
      return uuid;
    },
    cleanSlate: shelvedOrBack,
    reached: isShelved,
  },
  unshelving,
  { ...unshelving, ...staying, label: 'unshelve, staying', saga: unshelveHereSaga as unknown as Saga<unknown> },
];

export const allImageCases: readonly SagaCase[] = [...imageCases, ...shelveCases];
