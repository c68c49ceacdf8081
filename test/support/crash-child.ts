// Why: the process that the crash test kills. A whole cloud whose database, guests and ports are files; it does one thing and
// dies by SIGKILL at the n-th passing of a named point.
//
// node crash-child.ts DIRECTORY VERB POINT OCCURRENCE [DATABASE_URL]

import { mkdirSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { internal } from '../../src/base/errors.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { directoryAnswers } from '../../src/agent/answers.ts';
import type { FakeDriver } from '../../src/virt/fake.ts';
import { directoryStore, type FakeStore, type GuestSet } from '../../src/virt/fake/store.ts';
import { copyRequest } from './copy-request.ts';
import { makeFakeNetworks, testNetwork } from './neighbours.ts';
import { adminOp, createRequest, type HostRequest, makeOp, makeWorld, type World } from './world.ts';
import { requestOf } from './request-of.ts';

export const SERVER_NAME = 'target';
const FLAVOR_ID = 'elastic';
const LARGER_ID = 'larger';

/** What may be asked. Each is about one server called SERVER_NAME. */
export const verbs = [
  'create',
  'create-elsewhere',
  'create-nowhere',
  'adjust',
  'attach',
  'detach',
  'stop',
  'reboot',
  'rebuild',
  'rescue',
  'image',
  'snapshot',
  'go-back',
  'from-backup',
  'shelve',
  'unshelve',
  'resize',
  'confirm',
  'revert',
  'migrate',
  'live-migrate',
  'evacuate',
  'delete',
  'delete-building',
] as const;
export type Verb = (typeof verbs)[number];

type Point = (name: string) => void;

/** Dying right after the hypervisor wrote, before anybody heard of it. */
const watchedSet = (set: GuestSet, point: Point): GuestSet => ({
  ...set,
  put(guest) {
    set.put(guest);
    point('host.written');
  },
  remove(uuid) {
    set.remove(uuid);
    point('host.removed');
  },
});

const watched = (store: FakeStore, point: Point): FakeStore => ({
  ...watchedSet(store, point),
  aside: watchedSet(store.aside, point),
});

/** Where its snapshots and backups lie. */
function copiesIn(directory: string): string {
  const path = join(directory, 'copies');
  mkdirSync(path, { recursive: true });
  return path;
}

/** The cloud of a directory: two hosts, of which the larger is chosen first (and breaks for `create-elsewhere`). */
export function openWorld(directory: string, verb: Verb, point: Point, databaseUrl?: string): Promise<World> {
  const host = (name: string, memoryMb: number, breaks: boolean): HostRequest => ({
    name,
    inventory: { memoryMb },
    store: watched(directoryStore(join(directory, name)), point),
    answers: directoryAnswers(join(directory, `${name}-answers`)),
    ...(breaks ? { wrap: breaking } : {}),
  });
  return makeWorld({
    databaseUrl: databaseUrl ?? `sqlite://${join(directory, 'xloud.db')}`,
    networks: makeFakeNetworks(join(directory, 'ports')),
    imagesDir: join(directory, 'images'),
    copiesDir: copiesIn(directory),
    hosts: [host('host-1', 65_536, verb === 'create-elsewhere'), host('host-2', 32_768, false)],
    hooks: { point },
  });
}

const breaking = (driver: FakeDriver): FakeDriver => ({
  ...driver,
  spawn: async () => {
    throw internal('This host builds nothing.');
  },
});

/** What stands before anything is asked: a flavor and, for all but the creations, an ACTIVE server (`unshelve`: a shelved one). */
export async function prepare(world: World, verb: Verb): Promise<void> {
  const flavorRef = await world.flavor({
    id: FLAVOR_ID,
    vcpus: 4,
    memoryMb: 2048,
    specs: { minimum_cpu: '1', minimum_memory: '256' },
  });
  if (verb.startsWith('create') || verb === 'delete-building') return;
  const name = verb === 'from-backup' ? 'source' : SERVER_NAME;
  const [server] = (await world.create({ name, flavorRef })) as [Server];
  if (verb === 'go-back') await copied(world, server, 'snapshot');
  if (verb === 'from-backup') {
    await copied(world, server, 'backup');
    await world.settled();
    // it stays when its server goes
    await world.ops.deleteServer(makeOp(), server);
  }
  if (verb === 'unshelve') await world.ops.requestAction(makeOp(), server, requestOf('shelve'));
  if (['resize', 'confirm', 'revert'].includes(verb)) {
    const specs = { minimum_cpu: '2', minimum_memory: '512' };
    await world.flavor({ id: LARGER_ID, vcpus: 8, memoryMb: 4096, specs });
  }
  if (verb === 'confirm' || verb === 'revert') await world.ops.resizeServer(makeOp(), server, larger);
  if (verb === 'evacuate') await forceDown(world, true);
  await world.settled();
}

const copied = (world: World, server: { readonly uuid: string }, what: 'snapshot' | 'backup') =>
  world.ops.copyServer(makeOp(), server, { ...copyRequest, what });

/** The one copy that there is. */
async function copyIn({ database }: World): Promise<string> {
  const row: { id: string } | undefined = await database.read('server_copies').first('id');
  return row?.id ?? '';
}

async function forceDown({ ops }: World, forcedDown: boolean): Promise<void> {
  await ops.setServiceStatus(adminOp(), { host: 'host-1', binary: 'nova-compute' }, { forcedDown });
}

/** What time does: an action that waited for its image is due. */
export async function passTime({ database, deps }: World): Promise<void> {
  await database.write('instance_actions').where({ state: 'queued' }).update({ lease_until: deps.clock.now() });
  deps.bus.nudge(0);
}

/** What an operator does in the end: a host that was dead comes back. */
export async function recover(world: World, verb: Verb): Promise<void> {
  if (verb === 'evacuate') await forceDown(world, false);
}

const larger = { flavorRef: LARGER_ID, autoDiskConfig: null };

/** Moves of the server, by verb. */
const moving: Partial<Record<Verb, (world: World, server: { readonly uuid: string }) => Promise<void>>> = {
  resize: ({ ops }, server) => ops.resizeServer(makeOp(), server, larger),
  confirm: ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('confirmResize')),
  revert: ({ ops }, server) => ops.requestAction(makeOp(), server, requestOf('revertResize')),
  migrate: ({ ops }, server) => ops.migrateServer(adminOp(), server, null),
  'live-migrate': ({ ops }, server) =>
    ops.liveMigrateServer(adminOp(), server, { host: null, forced: false, blockMigration: null, checkFirst: false }),
  evacuate: ({ ops }, server) =>
    ops.evacuateServer(adminOp(), server, { host: null, forced: false, adminPass: 'x', staysOff: false }),
};

/** Asks for the thing and waits until it is over. */
export async function perform(world: World, verb: Verb): Promise<void> {
  const target = { ...createRequest(FLAVOR_ID, world.imageId), name: SERVER_NAME };
  if (verb === 'create' || verb === 'create-elsewhere') await world.ops.createServers(makeOp(), target);
  else if (verb === 'create-nowhere') {
    await world.ops.createServers(makeOp(), { ...target, metadata: { xloud_fake: 'fail:spawn' } });
  } else if (verb === 'from-backup') {
    await world.ops.createFromBackup(makeOp(), await copyIn(world), target);
  } else if (verb === 'delete-building') {
    const { servers } = await world.ops.createServers(makeOp(), { ...target, metadata: { xloud_fake: 'slow:30' } });
    await world.deps.clock.sleep(15);
    await world.ops.deleteServer(makeOp(), servers[0] as { uuid: string });
  } else {
    const [server] = (await world.database.read('servers').select('uuid').where({ display_name: SERVER_NAME })) as [
      { uuid: string },
    ];
    const move = moving[verb];
    if (move !== undefined) await move(world, server);
    else if (verb === 'adjust')
      await world.ops.adjustServer(makeOp(), await world.server(server.uuid), {
        vcpus: 3,
        memoryMb: 768,
        persist: true,
      });
    else if (verb === 'rebuild') {
      const request = { imageRef: world.imageId, adminPass: 'x', change: {}, files: [], preserveEphemeral: false };
      await world.ops.rebuildServer(makeOp(), await world.server(server.uuid), request);
    } else if (verb === 'rescue') {
      await world.ops.rescueServer(makeOp(), await world.server(server.uuid), { adminPass: 'x', imageRef: null });
    } else if (verb === 'image') await world.ops.createImage(makeOp(), server, { name: 'image', metadata: {} });
    else if (verb === 'snapshot') await copied(world, server, 'snapshot');
    else if (verb === 'go-back') {
      await world.ops.restoreCopy(makeOp(), server, { what: 'snapshot', id: await copyIn(world) });
    } else if (verb === 'shelve') await world.ops.requestAction(makeOp(), server, requestOf('shelve'));
    else if (verb === 'unshelve') {
      await world.ops.unshelveServer(makeOp(), server, { zone: undefined, host: null, mayNameHost: () => undefined });
    } else if (verb === 'attach') {
      const wish = { networkId: testNetwork.id, portId: null, fixedIp: null, tag: null };
      await world.ops.attachInterface(makeOp(), await world.server(server.uuid), wish, true);
    } else if (verb === 'detach') {
      await world.ops.detachInterface(makeOp(), server, world.networks.ports()[0]?.nic.portId ?? '');
    } else if (verb === 'stop') await world.ops.requestAction(adminOp(), server, requestOf('os-stop'));
    else if (verb === 'reboot') await world.ops.rebootServer(makeOp(), server, 'HARD');
    else await world.ops.deleteServer(makeOp(), server);
  }
  await world.settled();
}

if (process.argv[1] === import.meta.filename) {
  // one that is killed keeps nothing of what it compiled
  flushCompileCache();
  const [directory, verb, wanted, occurrence, url] = process.argv.slice(2) as [string, Verb, string, string, string?];
  let passed = 0;
  const point: Point = (name) => {
    if (name !== wanted) return;
    passed += 1;
    if (passed === Number(occurrence)) process.kill(process.pid, 'SIGKILL');
  };
  const world = await openWorld(directory, verb, point, url);
  await perform(world, verb);
  await world.close();
}
