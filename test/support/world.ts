// Why: a whole cloud in one process for tests: database, bus, agents on fake hypervisors, neighbours, verbs and a worker.

import { makeAllows } from '../../src/standalone/access.ts';
import { makePolicy } from '../../src/policies/load.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newRequestId } from '../../src/base/ids.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { type Log, makeLog, silentLog } from '../../src/base/log.ts';
import { type Caller, type Op, systemCaller } from '../../src/base/op.ts';
import { type Agent, startAgent } from '../../src/agent/agent.ts';
import { type AnswerStore, memoryAnswers } from '../../src/agent/answers.ts';
import { runProgram } from '../../src/base/run.ts';
import { makeCopyStore } from '../../src/cloud/copy-store.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { makeMemoryBus } from '../../src/bus/memory.ts';
import { makeMemoryVolumes, type MemoryVolumes } from './memory-volumes.ts';
import { type Database, type EngineName, openDatabase } from '../../src/db/engine.ts';
import { listHosts } from '../../src/db/hosts.ts';
import { countOpenActions } from '../../src/db/cloud-counts.ts';
import { upgradeSchema } from '../../src/db/upgrade.ts';
import { findServer } from '../../src/db/servers.ts';
import type { CreateServersRequest } from '../../src/domain/servers/create-request.ts';
import type { HostInventory } from '../../src/domain/placement/hosts.ts';
import type { Server } from '../../src/domain/servers/servers.ts';
import { defaultQuota } from '../../src/domain/placement/quota-sets.ts';
import {
  makeOps,
  type Ops,
  type OpsConfig,
  type OpsDeps,
  type SshPorts,
  type OpsHooks,
  type OpsObserver,
  startWorker,
  type Worker,
} from '../../src/ops/index.ts';
import { endHalfUploads } from '../../src/standalone/image/data.ts';
import { makeNetworks } from '../../src/standalone/network/networks.ts';
import { type FakeDriver, type FakeDriverOptions, makeFakeDriver } from '../../src/virt/fake.ts';
import { verbs } from '../../src/virt/fake/behaviour.ts';
import type { FakePeers } from '../../src/virt/fake/migrate.ts';
import { type HostOffers, noOffers } from '../../src/domain/placement/host-offers.ts';
import type { FakeStore } from '../../src/virt/fake/store.ts';
import { migrations } from '../../migrations/index.ts';
import { authenticate } from './callers.ts';
import { freshDatabase } from './database.ts';
import { type Gates, makeGates } from './gate.ts';
import { heldByAll } from './held.ts';
import { findLeftovers } from './leftovers.ts';
import { readCloudInitTemplates } from '../../src/main/cloud-init-templates.ts';
import { type FakeNetworks, makeFakeNetworks, makeTestImages, type TestImages, testImage } from './neighbours.ts';

export interface HostRequest {
  readonly name: string;
  readonly inventory?: Partial<HostInventory>;
  readonly machine?: FakeDriverOptions['machine'];
  /** What its operator says of it. */
  readonly offers?: HostOffers;
  readonly timing?: FakeDriverOptions['timing'];
  readonly releaseGuestOffline?: boolean;
  readonly store?: FakeStore;
  /** Where its agent keeps answers; default: in memory, as long as the world is there. */
  readonly answers?: AnswerStore;
  /** Makes of the driver what the agent gets: one that breaks, for instance. */
  readonly wrap?: (driver: FakeDriver) => FakeDriver;
}

export interface WorldOptions {
  readonly engine?: EngineName;
  /** A database that outlives the world, instead of a fresh one. */
  readonly databaseUrl?: string;
  readonly hosts?: readonly HostRequest[];
  readonly config?: Partial<OpsConfig>;
  readonly scheduler?: OpsDeps['scheduler'];
  /** Made over the database; absent: servers have none. */
  readonly sshPorts?: (database: Database) => SshPorts;
  /** An operator's Placement. */
  readonly placement?: OpsDeps['placement'];
  readonly hooks?: OpsHooks;
  readonly observer?: OpsObserver;
  readonly networks?: FakeNetworks;
  /** Another volume service than that in memory. */
  readonly volumes?: MemoryVolumes;
  /** Where the data of images lies, instead of a directory that goes with the world. */
  readonly imagesDir?: string;
  /** Where snapshots and backups lie, instead of a directory that goes with the world. */
  readonly copiesDir?: string;
  /** Servers get their ports from the built-in network service, with its one shared network, and not from `networks`. */
  readonly builtInNetworks?: boolean;
  /** The built-in network service has floating addresses. */
  readonly floatingIps?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Milliseconds between two looks of the worker for work; default 200. */
  readonly pollMs?: number;
  /** False: no worker runs until `startWorker` of the world is called. */
  readonly worker?: boolean;
}

export interface World extends Gates {
  readonly database: Database;
  readonly bus: Bus;
  readonly deps: OpsDeps;
  readonly ops: Ops;
  readonly networks: FakeNetworks;
  readonly volumes: MemoryVolumes;
  /** Where snapshots and backups lie. */
  readonly copiesDir: string;
  readonly images: TestImages;
  readonly imageId: string;
  /** Whether its built-in network service has floating addresses. */
  readonly floatingIps: boolean;
  /** By host name. */
  readonly drivers: ReadonlyMap<string, FakeDriver>;
  readonly agents: ReadonlyMap<string, Agent>;
  worker(): Worker;
  /** Starts a worker where there is none. */
  startWorker(): Promise<Worker>;
  /** A host's agent ends and another takes its place, as when it is upgraded; its guests run on. */
  restartAgent(name: string): Promise<void>;
  /** Takes a host's agent away, as when its machine dies. */
  killHost(name: string): Promise<void>;
  /** Makes a flavor and returns its id. */
  flavor(more?: {
    id?: string;
    vcpus?: number;
    memoryMb?: number;
    rootGb?: number;
    ephemeralGb?: number;
    swapMb?: number;
    specs?: Record<string, string>;
  }): Promise<string>;
  /** Creates servers and waits until nothing is under way. */
  create(request?: Partial<CreateServersRequest>, op?: Op): Promise<Server[]>;
  /** Waits until nothing is under way or due, and what guests did is told and taken. */
  settled(): Promise<void>;
  server(uuid: string): Promise<Server>;
  /** Everything that breaks a law: sums of claims, stuck servers, ports and guests and claims of no living server. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

export const memberCaller: Caller = {
  userId: 'user-1',
  userName: 'member',
  userDomainId: 'default',
  projectId: 'project-1',
  projectName: 'demo',
  projectDomainId: 'default',
  domainId: null,
  roles: ['member', 'reader'],
  systemScope: null,
  isAdmin: false,
  token: null,
};

/** An Op as the API would make it. */
export function makeOp(caller: Caller = memberCaller, minor = 104): Op {
  return {
    requestId: newRequestId(),
    globalRequestId: null,
    caller,
    minor,
    clock: systemClock,
    log: silentLog,
  };
}

export const adminOp = (): Op => makeOp({ ...systemCaller, systemScope: null, projectId: 'project-1' });

// So long that none comes in between: a test that writes a row is not corrected by a report that happens to be due.
const REPORT_MS = 600_000;

export const testConfig: OpsConfig = {
  defaultZone: 'nova',
  ratios: { cpu: 4, ram: 1, disk: 1 },
  reserved: { vcpus: 0, memoryMb: 0, diskGb: 0 },
  hostDownMs: 4 * REPORT_MS,
  shutdownMs: 200,
  placementWaitMs: 0,
  forceConfigDrive: false,
  reclaimMs: 0,
  retentionMs: 0,
  adjustConfirmMs: 1_000,
  adjustMayMigrate: false,
  startSettleMs: 5_000,
  autoscaleHostShare: 0.9,
  allowResizeToSameHost: false,
  resizeConfirmMs: 0,
  consoleBaseUrl: 'http://127.0.0.1:6080',
  plugTimeoutMs: 2_000,
  notifications: false,
  shelvedOffloadMs: 0,
  evacuateAfterMs: 0,
  evacuateMarkedOnly: false,
  pciAliases: new Map(),
  cloudInitTemplates: readCloudInitTemplates(''),
  sizedFlavors: { perProject: 3, most: { vcpus: 16, memoryMb: 16_384, diskGb: 100 }, base: null },
  quota: { ...defaultQuota, instances: 100, cores: 200, ram: 512_000 },
};

/** A request for one server; `flavorRef` and `imageRef` are the world's own. */
export const createRequest = (flavorRef: string, imageRef: string): CreateServersRequest => ({
  name: 'web',
  description: null,
  hostname: null,
  flavorRef,
  mayLackDisk: true,
  mayAttachExternal: true,
  imageRef,
  disks: { root: { bus: null, tag: null }, others: [] },
  volumes: [],
  networks: 'auto',
  securityGroups: [],
  keyName: null,
  userData: null,
  configDrive: false,
  files: [],
  metadata: {},
  tags: [],
  minCount: 1,
  maxCount: 1,
  zone: null,
  forcedHost: null,
  forcedNode: null,
  requestedHost: null,
  requestedNode: null,
  adminPass: 'secret-password',
  accessIpV4: null,
  accessIpV6: null,
  autoDiskConfig: true,
  schedulerHints: {},
});

async function openStore(options: WorldOptions): Promise<{ database: Database; close(): Promise<void> }> {
  if (options.databaseUrl === undefined) return freshDatabase(options.engine ?? 'sqlite');
  const database = openDatabase(options.databaseUrl);
  await upgradeSchema(database, migrations);
  return { database, close: () => database.close() };
}

export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const {
    clock = systemClock,
    pollMs = 200,
    log = process.env['XLOUD_TEST_LOG'] ? makeLog('debug') : silentLog,
  } = options;
  const store = await openStore(options);
  const { database } = store;
  const policy = makePolicy({ log, clock });
  const bus = makeMemoryBus({ clock, log });
  const image = testImage();
  const imagesDir = options.imagesDir ?? mkdtempSync(join(tmpdir(), 'xloud-images-'));
  const images = makeTestImages({ database, clock, log, allows: makeAllows(policy) }, imagesDir);
  await images.add(image);
  // as the service does at its start
  if (options.imagesDir !== undefined) await endHalfUploads({ database, clock });
  const networks = options.networks ?? makeFakeNetworks();
  const { floatingIps = false } = options;
  const builtIn = makeNetworks({
    database,
    clock,
    log,
    authenticate,
    policy,
    observer: { answered() {} },
    floatingIps,
  });
  if (options.builtInNetworks) await builtIn.ensureBootstrap();
  const volumes = options.volumes ?? makeMemoryVolumes();
  const copiesDir = options.copiesDir ?? mkdtempSync(join(tmpdir(), 'xloud-copies-'));
  const { gates, gatedBus, before } = makeGates();
  const deps: OpsDeps = {
    database,
    bus: gatedBus(bus),
    image: images,
    network: options.builtInNetworks ? builtIn.service : { ...builtIn.service, ...networks },
    volume: volumes,
    copies: makeCopyStore(copiesDir, runProgram),
    scheduler: options.scheduler ?? {},
    config: { ...testConfig, ...options.config },
    clock,
    log,
    ...(options.sshPorts === undefined ? {} : { sshPorts: options.sshPorts(database) }),
    ...(options.placement === undefined ? {} : { placement: options.placement }),
    ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  };
  const ops = makeOps(deps);
  const drivers = new Map<string, FakeDriver>();
  const agents = new Map<string, Agent>();
  const answersOf = new Map<string, AnswerStore>();
  let worker: Worker | null = null;
  const start = async (): Promise<Worker> => {
    worker ??= await startWorker(deps, { name: 'world', takeOver: true, reconcileMs: 0, pollMs });
    return worker;
  };
  const serve = async (host: string): Promise<void> => {
    const driver = drivers.get(host);
    if (driver === undefined) throw new Error(`no host ${host}`);
    const offers = (options.hosts ?? []).find(({ name }) => name === host)?.offers ?? noOffers;
    const answers = answersOf.get(host) ?? memoryAnswers();
    agents.set(host, await startAgent({ host, bus, driver, answers, clock, log, offers, reportMs: REPORT_MS }));
  };
  const peers: FakePeers = new Map();
  for (const wish of options.hosts ?? [{ name: 'host-1' }]) {
    const plain = makeFakeDriver({
      clock,
      peers,
      before,
      hostname: wish.name,
      sink: images,
      timing: { ...Object.fromEntries(verbs.map((verb) => [verb, 0])), ...wish.timing },
      ...(wish.inventory === undefined ? {} : { inventory: wish.inventory }),
      ...(wish.machine === undefined ? {} : { machine: wish.machine }),
      releaseGuestOffline: wish.releaseGuestOffline ?? false,
      ...(wish.store === undefined ? {} : { store: wish.store }),
    });
    const driver = wish.wrap?.(plain) ?? plain;
    drivers.set(wish.name, driver);
    answersOf.set(wish.name, wish.answers ?? memoryAnswers());
    await serve(wish.name);
  }
  const everyHost = async (): Promise<void> => {
    // one after another, so that their rows are in the order in which they were named
    for (const [name, agent] of agents) {
      await agent.reportNow();
      while (!(await listHosts(database.read)).some(({ host }) => host === name)) await clock.sleep(2);
    }
    // an agent reports when it starts, too: what a test writes into a row stays there only once both are taken
    await bus.idle();
  };
  // agents first: what a new worker resumes finds its host
  if (options.worker !== false) {
    await start();
    await everyHost();
  }

  let flavors = 0;
  let cheapest: string | null = null;
  const world: World = {
    database,
    bus,
    deps,
    ops,
    networks,
    volumes,
    copiesDir,
    images,
    imageId: image.id,
    floatingIps,
    drivers,
    agents,
    worker() {
      if (worker === null) throw new Error('this world has no worker yet');
      return worker;
    },
    async startWorker() {
      const started = await start();
      await everyHost();
      return started;
    },
    ...gates,
    async restartAgent(name) {
      await agents.get(name)?.close(0);
      await serve(name);
    },
    async killHost(name) {
      await agents.get(name)?.close(0);
    },
    async flavor({ id, vcpus = 4, memoryMb = 4096, rootGb = 1, ephemeralGb = 0, swapMb = 0, specs = {} } = {}) {
      flavors += 1;
      const flavor = await ops.createFlavor(adminOp(), {
        name: `flavor-${id ?? flavors}`,
        flavorid: id ?? null,
        vcpus,
        memoryMb,
        rootGb,
        ephemeralGb,
        swapMb,
        rxtxFactor: 1,
        isPublic: true,
        description: null,
      });
      if (Object.keys(specs).length > 0) await ops.setFlavorExtraSpecs(adminOp(), flavor, specs);
      return flavor.flavorid;
    },
    async create(request = {}, op = makeOp()) {
      cheapest ??= await world.flavor({ specs: { minimum_cpu: '1', minimum_memory: '256' } });
      const flavorRef = request.flavorRef ?? cheapest;
      const made = await ops.createServers(op, { ...createRequest(flavorRef, image.id), ...request });
      await world.settled();
      return Promise.all(made.servers.map(({ uuid }) => world.server(uuid)));
    },
    async settled() {
      const giveUpAt = Date.now() + 60_000;
      for (;;) {
        await world.worker().idle();
        // the fake driver tells of its guests a turn later
        await new Promise((resolve) => setImmediate(resolve));
        await Promise.all([...agents.values()].map((agent) => agent.told()));
        await bus.idle();
        const open = await countOpenActions(database.read);
        if (open.length === 0) return;
        if (Date.now() > giveUpAt) throw new Error(`after a minute there still are ${JSON.stringify(open)}`);
        await clock.sleep(5);
      }
    },
    async server(uuid) {
      const server = await findServer(database.read, uuid, { deleted: true });
      if (server === null) throw new Error(`no server ${uuid}`);
      return server;
    },
    leftovers: () =>
      findLeftovers({ database, networks, images, hosts: heldByAll(drivers, clock.now()), volumes, copiesDir }),
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.close(0)));
      await worker?.close();
      await bus.close();
      for (const driver of drivers.values()) await driver.close();
      await store.close();
      if (options.copiesDir === undefined) rmSync(copiesDir, { recursive: true, force: true });
      if (options.imagesDir === undefined) rmSync(imagesDir, { recursive: true, force: true });
    },
  };
  return world;
}
