// Why: the sagas that move a server between two hosts: it is where it was or where it shall be, once, and
// the claims on both are as they must be.

import assert from 'node:assert/strict';
import { findClaim } from '../../../src/db/claims.ts';
import { findHost } from '../../../src/db/hosts.ts';
import { listMigrations } from '../../../src/db/migrations.ts';
import { reconcileAll } from '../../../src/ops/reconcile/index.ts';
import { remnants } from '../../../src/ops/reconcile/remnants.ts';
import type { VmState } from '../../../src/domain/servers/servers.ts';
import { asTheGuest, built, builtOnVolume, faultOf, has, secondWorker, TOLD } from '../saga-cases.ts';
import type { SagaCase } from '../saga-suite.ts';
import { adminOp, makeOp, type World } from '../world.ts';
import { requestOf } from '../request-of.ts';
import { hasVolumes } from './volumes.ts';

const BOTH = ['host-1', 'host-2'];

const otherOf = (host: string | null): string => BOTH.find((name) => name !== host) as string;

/** Where each server of these tests began. */
const homes = new Map<string, string>();

type Make = typeof built;

async function atHome(world: World, runAll: () => Promise<void>, make: Make): Promise<string> {
  const uuid = await make(world, runAll);
  homes.set(uuid, (await world.server(uuid)).host as string);
  return uuid;
}

async function larger(world: World): Promise<string> {
  return world.flavor({ vcpus: 8, memoryMb: 8192, specs: { minimum_cpu: '2', minimum_memory: '512' } });
}

const forceDown = (world: World, host: string, forcedDown: boolean) =>
  world.ops.setServiceStatus(adminOp(), { host, binary: 'nova-compute' }, { forcedDown });

const lastMove = async (world: World, uuid: string) =>
  (await listMigrations(world.database.read, { serverUuid: uuid }, null)).at(-1);

async function isOn(world: World, uuid: string, host: string, vmState: VmState, size: [number, number], move: string) {
  await reconcileAll(world.deps, { remnants });
  await has(world, uuid, vmState);
  const server = await world.server(uuid);
  assert.equal(server.host, host);
  assert.deepEqual([server.currentVcpus, server.currentMemoryMb], size);
  const claim = await findClaim(world.database.read, server.id);
  assert.deepEqual([claim?.vcpus, claim?.memoryMb], size);
  const claimedOn = await findHost(world.database.read, { id: claim?.hostId ?? 0 });
  assert.equal(claimedOn?.host, host, 'it claims something where it is');
  const guest = world.drivers.get(host)?.store.get(uuid);
  assert.deepEqual(
    [guest?.size.vcpus, guest?.size.memoryMb, guest?.powerState],
    [...size, vmState === 'stopped' ? 4 : 1],
  );
  assert.equal((await lastMove(world, uuid))?.status, move);
}

/** After a failure: at home and running as before, and the move is an error. */
async function stayed(world: World, uuid: string): Promise<void> {
  await asTheGuest(world, uuid);
  await isOn(world, uuid, homes.get(uuid) as string, 'active', [1, 256], 'error');
}

/** @param make a server that is built */
const casesOf = (make: Make): readonly SagaCase[] => [
  {
    name: 'resize',
    verb: 'resizeServer',
    async arrange(world, runAll) {
      const uuid = await atHome(world, runAll, make);
      await world.ops.resizeServer(makeOp(), { uuid }, { flavorRef: await larger(world), autoDiskConfig: null });
      return uuid;
    },
    cleanSlate: stayed,
    reached: (world, uuid) => isOn(world, uuid, otherOf(homes.get(uuid) ?? null), 'resized', [2, 512], 'finished'),
  },
  {
    name: 'migrate',
    verb: 'migrateServer',
    async arrange(world, runAll) {
      const uuid = await atHome(world, runAll, make);
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('os-stop'));
      await runAll();
      await world.ops.migrateServer(adminOp(), { uuid }, null);
      return uuid;
    },
    async cleanSlate(world, uuid) {
      await isOn(world, uuid, homes.get(uuid) as string, 'stopped', [1, 256], 'error');
    },
    async reached(world, uuid) {
      await has(world, uuid, 'resized');
      const server = await world.server(uuid);
      assert.equal(server.host, otherOf(homes.get(uuid) ?? null));
      // a server that was off stays off
      assert.equal(world.drivers.get(server.host as string)?.store.get(uuid)?.powerState, 4);
    },
  },
  {
    name: 'confirmResize',
    verb: 'confirmResize',
    async arrange(world, runAll) {
      const uuid = await atHome(world, runAll, make);
      await world.ops.resizeServer(makeOp(), { uuid }, { flavorRef: await larger(world), autoDiskConfig: null });
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('confirmResize'));
      return uuid;
    },
    async cleanSlate(world, uuid) {
      // whatever is left on the old host, confirming again takes it
      const server = await world.server(uuid);
      assert.equal(server.vmState, 'resized');
      assert.equal((await lastMove(world, uuid))?.status, 'finished');
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('confirmResize'));
      await secondWorker(world);
      await isOn(world, uuid, otherOf(homes.get(uuid) ?? null), 'active', [2, 512], 'confirmed');
    },
    reached: (world, uuid) => isOn(world, uuid, otherOf(homes.get(uuid) ?? null), 'active', [2, 512], 'confirmed'),
  },
  {
    name: 'revertResize',
    verb: 'revertResize',
    async arrange(world, runAll) {
      const uuid = await atHome(world, runAll, make);
      await world.ops.resizeServer(makeOp(), { uuid }, { flavorRef: await larger(world), autoDiskConfig: null });
      await runAll();
      await world.ops.requestAction(makeOp(), { uuid }, requestOf('revertResize'));
      return uuid;
    },
    async cleanSlate(world, uuid) {
      const server = await world.server(uuid);
      // before the turn it still waits for the owner's word; after it, the rest is forward only
      if (server.vmState === 'resized') {
        await isOn(world, uuid, otherOf(homes.get(uuid) ?? null), 'resized', [2, 512], 'finished');
      } else await isOn(world, uuid, homes.get(uuid) as string, 'active', [1, 256], 'reverted');
    },
    reached: (world, uuid) => isOn(world, uuid, homes.get(uuid) as string, 'active', [1, 256], 'reverted'),
  },
  {
    name: 'live-migration',
    verb: 'liveMigrateServer',
    async arrange(world, runAll) {
      const uuid = await atHome(world, runAll, make);
      await world.ops.adjustServer(makeOp(), await world.server(uuid), { vcpus: 2, memoryMb: 512, persist: false });
      await runAll();
      const wish = { host: null, forced: false, blockMigration: null, checkFirst: false };
      await world.ops.liveMigrateServer(adminOp(), { uuid }, wish);
      return uuid;
    },
    async cleanSlate(world, uuid) {
      const { host } = await world.server(uuid);
      const [move, home] = [(await lastMove(world, uuid))?.status, homes.get(uuid) as string];
      // before the turn it stays at home; after it, the rest is forward only
      if (host === home) await isOn(world, uuid, home, 'active', [2, 512], move === 'error' ? 'error' : 'failed');
      else await isOn(world, uuid, otherOf(home), 'active', [2, 512], 'completed');
      // never switched off, whatever happened
      assert.equal(world.drivers.get(host as string)?.store.get(uuid)?.starts, 1);
    },
    async reached(world, uuid) {
      await isOn(world, uuid, otherOf(homes.get(uuid) ?? null), 'active', [2, 512], 'completed');
      const { host } = await world.server(uuid);
      assert.equal(world.drivers.get(host as string)?.store.get(uuid)?.starts, 1);
    },
  },
  {
    name: 'evacuate',
    verb: 'evacuateServer',
    async arrange(world, runAll) {
      const uuid = await atHome(world, runAll, make);
      const home = homes.get(uuid) as string;
      await world.ops.adjustServer(makeOp(), await world.server(uuid), { vcpus: 2, memoryMb: 512, persist: true });
      await runAll();
      await forceDown(world, home, true);
      const wish = { host: null, forced: false, adminPass: 'x', staysOff: false };
      await world.ops.evacuateServer(adminOp(), { uuid }, wish);
      return uuid;
    },
    async cleanSlate(world, uuid) {
      const home = homes.get(uuid) as string;
      await forceDown(world, home, false);
      await reconcileAll(world.deps, { remnants });
      // its guest is still on the host that was thought dead
      await has(world, uuid, 'error');
      assert.equal((await world.server(uuid)).host, home);
      assert.equal(await faultOf(world, uuid), TOLD);
    },
    async reached(world, uuid) {
      const home = homes.get(uuid) as string;
      await forceDown(world, home, false);
      await isOn(world, uuid, otherOf(home), 'active', [2, 512], 'completed');
    },
    async overtaken(world, uuid) {
      await forceDown(world, homes.get(uuid) as string, false);
      await reconcileAll(world.deps, { remnants });
    },
  },
];

/** As it is for any server, and its volume is where it is. */
const withVolume = (one: SagaCase): SagaCase => ({
  ...one,
  label: `${one.name}, from a volume`,
  async cleanSlate(world, uuid) {
    await one.cleanSlate(world, uuid);
    await hasVolumes(world, uuid, 1);
  },
  async reached(world, uuid) {
    await one.reached(world, uuid);
    await hasVolumes(world, uuid, 1);
  },
});

/** Each way of a guest from host to host. */
const ways: readonly string[] = ['resize', 'revertResize', 'live-migration', 'evacuate'];

export const moveCases: readonly SagaCase[] = [
  ...casesOf(built),
  ...casesOf(builtOnVolume)
    .filter(({ name }) => ways.includes(name))
    .map(withVolume),
];
