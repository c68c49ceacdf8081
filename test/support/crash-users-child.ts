// Why: one server at a time has nobody beside it. A cloud with a few users who do different things at once, in a process that dies by
// SIGKILL at the n-th point that any of their actions passes.
//
// node crash-users-child.ts DIRECTORY DATABASE_URL SEED N

import { flushCompileCache } from 'node:module';
import { Fault } from '../../src/base/errors.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { openWorld } from './crash-child.ts';
import { testNetwork } from './neighbours.ts';
import { adminOp, createRequest, makeOp, memberCaller, type World } from './world.ts';
import { requestOf } from './request-of.ts';

const USERS = 4;
const FLAVOR = 'elastic';
const LARGER = 'larger';

/** Numbers that look like chance and are the same each time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % below;
  };
}

type Deed = (world: World, server: Server) => Promise<unknown>;

const deeds: readonly Deed[] = [
  ({ ops }, server) => ops.adjustServer(makeOp(), server, { vcpus: 3, memoryMb: 768, persist: true }),
  ({ ops }, server) => ops.adjustServer(makeOp(), server, { vcpus: 1, memoryMb: 256, persist: true }),
  ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('os-stop')),
  ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('os-start')),
  ({ ops }, server) => ops.rebootServer(makeOp(), server, 'HARD'),
  ({ ops }, server) => ops.resizeServer(makeOp(), server, { flavorRef: LARGER, autoDiskConfig: null }),
  ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('confirmResize')),
  ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('revertResize')),
  ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('shelve')),
  ({ ops }, server) =>
    ops.unshelveServer(makeOp(), server, { zone: undefined, host: null, mayNameHost: () => undefined }),
  ({ ops }, server) =>
    ops.liveMigrateServer(adminOp(), server, { host: null, forced: false, blockMigration: null, checkFirst: false }),
  ({ ops }, server) =>
    ops.attachInterface(makeOp(), server, { networkId: testNetwork.id, portId: null, fixedIp: null, tag: null }, true),
  ({ ops }, server) => ops.deleteServer(makeOp(), server),
];

/** What is refused, since somebody was quicker or the state does not allow it, is no matter here. */
async function tried<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Fault && error.kind !== 'internal') return null;
    throw error;
  }
}

/** One user makes servers and does this and that with everybody's until the process ends. */
async function use(world: World, user: number, below: (n: number) => number): Promise<never> {
  const caller = { ...memberCaller, userId: `user-${user}` };
  for (;;) {
    const servers: { uuid: string }[] = await world.database.read('servers').select('uuid').where({ deleted: 0 });
    const one = servers[below(servers.length + 1)];
    if (one === undefined || servers.length < USERS) {
      await tried(world.ops.createServers(makeOp(caller), createRequest(FLAVOR, world.imageId)));
    } else {
      const deed = deeds[below(deeds.length)] as Deed;
      await tried(deed(world, await world.server(one.uuid)));
    }
    await world.deps.clock.sleep(below(15));
  }
}

/** The flavors that the users take. */
export async function prepareUsers(world: World): Promise<void> {
  const specs = { minimum_cpu: '1', minimum_memory: '256' };
  await world.flavor({ id: FLAVOR, vcpus: 4, memoryMb: 2048, specs });
  await world.flavor({ id: LARGER, vcpus: 8, memoryMb: 4096, specs });
}

if (process.argv[1] === import.meta.filename) {
  // one that is killed keeps nothing of what it compiled
  flushCompileCache();
  const [directory, url, seed, wanted] = process.argv.slice(2) as [string, string, string, string];
  let left = Number(wanted);
  const point = (): void => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const world = await openWorld(directory, 'create', point, url);
  await Promise.all(Array.from({ length: USERS }, (_, user) => use(world, user, random(Number(seed) + user))));
}
