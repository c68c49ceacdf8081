// Why: a whole cloud of many processes in one: an API, workers, agents on hosts with guests, each of which can die and start again,
// over one database, one bus and the same neighbours.

import { runProgram } from '../../src/base/run.ts';
import { makeCopyStore } from '../../src/cloud/copy-store.ts';
import { makeMemoryBus, type MemoryBus } from '../../src/bus/memory.ts';
import type { NetworkService } from '../../src/cloud/network.ts';
import { noVolumes } from '../../src/cloud/volume.ts';
import type { Database } from '../../src/db/engine.ts';
import { agentMethods } from '../../src/domain/servers/agent-methods.ts';
import { makeOps, type Ops, type OpsConfig, type OpsDeps, startWorker, type Worker } from '../../src/ops/index.ts';
import { verbs } from '../../src/virt/fake/behaviour.ts';
import type { FakePeers } from '../../src/virt/fake/migrate.ts';
import { freshDatabase, type TestStore } from '../support/database.ts';
import { type FakeNetworks, makeFakeNetworks } from '../support/neighbours.ts';
import { testConfig } from '../support/world.ts';
import { ANSWER_MS, busFor, type BusParts, type Lanes } from './bus.ts';
import { databaseFor } from './database.ts';
import type { Dice } from './dice.ts';
import { Host } from './host.ts';
import { watchfulLog } from './log.ts';
import { Life } from './life.ts';
import { Mishaps } from './mishaps.ts';
import { type MemoryImages, memoryImages, neighbourFor } from './neighbours.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

export const HOST_DOWN_MS = 45_000;

const LEASE_MS = 12_000;
const POLL_MS = 3_000;
const RECONCILE_MS = 30_000;

/** What one operator wants and another does not. */
const configOf = (dice: Dice): OpsConfig => ({
  ...testConfig,
  hostDownMs: HOST_DOWN_MS,
  shutdownMs: 400,
  adjustConfirmMs: 1_000,
  adjustMayMigrate: false,
  startSettleMs: 5_000,
  reclaimMs: dice.pick([0, 0, 20_000]),
  resizeConfirmMs: dice.pick([0, 0, 15_000]),
  shelvedOffloadMs: dice.pick([0, -1, 10_000]),
  allowResizeToSameHost: dice.hits(0.5),
});

/** Small hosts: room must be what servers quarrel over. MiB, with room for all or not. */
const memories = { crowded: [768, 1_024], ample: [1_536, 3_072] };

const timeouts = Object.fromEntries(Object.keys(agentMethods).map((method) => [method, ANSWER_MS]));

/** A process of the control plane. */
export interface Program {
  readonly name: string;
  life: Life;
  ops: Ops;
  worker: Worker | null;
}

export class Cloud {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly mishaps: Mishaps;
  readonly networks: FakeNetworks = makeFakeNetworks();
  readonly images: MemoryImages = memoryImages();
  readonly hosts: readonly Host[];
  readonly api: Program;
  readonly workers: readonly Program[];
  /** Invariants that some process found broken. */
  readonly broken: string[] = [];
  readonly log = watchfulLog(({ message }) => this.broken.push(message));
  /** Whether a row or a guest changed since this was last false. */
  changed = true;
  readonly #store: TestStore;
  readonly #bus: MemoryBus;
  readonly #config: OpsConfig;
  readonly #lanes: Lanes = new Map();

  static async open(dice: Dice, crowded: boolean): Promise<Cloud> {
    const timeline = new Timeline(dice);
    const store = await freshDatabase('sqlite', { now: () => timeline.now(), sleep: (ms) => timeline.sleep(ms, null) });
    return new Cloud(dice, timeline, store, crowded);
  }

  private constructor(dice: Dice, timeline: Timeline, store: TestStore, crowded: boolean) {
    this.timeline = timeline;
    this.#store = store;
    this.#config = configOf(dice);
    this.trace = new Trace(() => timeline.elapsed());
    this.mishaps = new Mishaps(dice, this.trace, () => timeline.now());
    const clock = { now: () => timeline.now(), sleep: (ms: number, by?: AbortSignal) => timeline.sleep(ms, null, by) };
    this.#bus = makeMemoryBus({ clock, log: this.log, timeoutMs: timeouts });
    const timing = Object.fromEntries(verbs.map((verb) => [verb, dice.pick([0, 20, 300])]));
    const inventory = { vcpus: 4, memoryMb: dice.pick(memories[crowded ? 'crowded' : 'ample']), diskGb: 40 };
    const peers: FakePeers = new Map();
    this.hosts = Array.from({ length: dice.between(2, 3) }, (_, index) => {
      const name = `host-${index + 1}`;
      return new Host({
        name,
        inventory,
        timing: { ...timing, liveMigrate: dice.pick([200, 3_000]) },
        peers,
        dice,
        changed: () => {
          this.changed = true;
        },
        log: this.log,
        newLife: (of) => new Life(of, timeline, this.mishaps.skewMs()),
        busFor: (life) => busFor(this.#busParts(), life),
        sinkFor: (life) => neighbourFor('image', this.images, life, this.mishaps),
      });
    });
    this.api = this.#newProgram('api');
    this.workers = Array.from({ length: dice.between(1, 2) }, (_, index) => this.#newProgram(`worker-${index + 1}`));
  }

  get database(): Database {
    return this.#store.database;
  }

  #busParts(): BusParts {
    const { timeline, mishaps, trace } = this;
    return { inner: this.#bus, lanes: this.#lanes, timeline, mishaps, trace };
  }

  /** What one life of a process acts on. */
  #depsFor(life: Life): OpsDeps {
    const database = databaseFor(this.database, life, this.mishaps, () => {
      this.changed = true;
    });
    const network = neighbourFor('network', this.networks, life, this.mishaps);
    return {
      database,
      bus: busFor(this.#busParts(), life),
      image: neighbourFor('image', this.images, life, this.mishaps),
      network: network as unknown as NetworkService,
      volume: noVolumes,
      // nobody asks for snapshots here: files take the time that they take
      copies: makeCopyStore('/nowhere', runProgram),
      scheduler: {},
      config: this.#config,
      clock: life,
      log: this.log,
      hooks: { point: (name) => void this.mishaps.dies(life, name) },
    };
  }

  #newProgram(name: string): Program {
    const life = new Life(name, this.timeline);
    return { name, life, ops: makeOps(this.#depsFor(life)), worker: null };
  }

  /** A process of the control plane begins anew, in the place of one that is dead. */
  revive(program: Program): void {
    const life = new Life(program.name, this.timeline, this.mishaps.skewMs());
    program.life = life;
    this.trace.tell(program.name, 'starts');
    const deps = this.#depsFor(life);
    program.ops = makeOps(deps);
    if (program !== this.api) void this.#work(program, deps);
  }

  async #work(program: Program, deps: OpsDeps): Promise<void> {
    const { life, name } = program;
    program.worker = null;
    // a database that is away at the start ends the process; whoever watches over it starts it again
    try {
      program.worker = await startWorker(deps, {
        name,
        takeOver: true,
        pollMs: POLL_MS,
        leaseMs: LEASE_MS,
        reconcileMs: RECONCILE_MS,
      });
    } catch {
      life.kill();
    }
  }

  async close(): Promise<void> {
    for (const program of [this.api, ...this.workers]) program.life.kill();
    for (const host of this.hosts) host.killAgent();
    await this.#bus.close();
    await this.timeline.settle();
    await this.#store.close();
  }
}
