// Why: a host is a machine with guests and an agent. The agent dies and comes back while the guests run on; the machine dies with its
// guests, which are off when it is back.

import { type Agent, startAgent } from '../../src/agent/agent.ts';
import type { Log } from '../../src/base/log.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { noOffers } from '../../src/domain/placement/host-offers.ts';
import type { HostInventory } from '../../src/domain/placement/hosts.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { ImageSink } from '../../src/virt/driver.ts';
import { type FakeDriver, makeFakeDriver } from '../../src/virt/fake.ts';
import type { Verb } from '../../src/virt/fake/behaviour.ts';
import type { FakePeers } from '../../src/virt/fake/migrate.ts';
import { type FakeStore, type GuestSet, memoryStore } from '../../src/virt/fake/store.ts';
import type { Dice } from './dice.ts';
import { type Lies, lyingDriver } from './lies.ts';
import type { Life } from './life.ts';

/** Milliseconds between two reports of an agent. */
const REPORT_MS = 15_000;

export interface HostParts {
  readonly name: string;
  readonly inventory: Partial<HostInventory>;
  readonly timing: Readonly<Partial<Record<Verb, number>>>;
  readonly peers: FakePeers;
  readonly dice: Dice;
  /** Called after every change of a guest. */
  readonly changed: () => void;
  readonly log: Log;
  readonly newLife: (name: string) => Life;
  readonly busFor: (life: Life) => Bus;
  readonly sinkFor: (life: Life) => ImageSink;
}

const watchedSet = (set: GuestSet, changed: () => void): GuestSet => ({
  ...set,
  put(guest) {
    set.put(guest);
    changed();
  },
  remove(uuid) {
    set.remove(uuid);
    changed();
  },
});

/** What a machine that lost its power has not any more. */
const losesPower: readonly number[] = [power.running, power.paused];

export class Host {
  readonly name: string;
  readonly store: FakeStore;
  /** Whether its guests say what is not so. */
  lies = false;
  readonly told: Lies = new Map();
  hasPower = true;
  readonly #parts: HostParts;
  #life: Life | null = null;
  #agent: Agent | null = null;
  #driver: FakeDriver | null = null;

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.name = parts.name;
    const plain = memoryStore();
    this.store = { ...watchedSet(plain, parts.changed), aside: watchedSet(plain.aside, parts.changed) };
  }

  get life(): Life | null {
    return this.#life?.alive ? this.#life : null;
  }

  get driver(): FakeDriver | null {
    return this.#life?.alive ? this.#driver : null;
  }

  get agent(): Agent | null {
    return this.#life?.alive ? this.#agent : null;
  }

  /** Its agent starts, and its machine before it. */
  async start(): Promise<void> {
    const { name, newLife, busFor, sinkFor, timing, inventory, peers, dice } = this.#parts;
    this.hasPower = true;
    const life = newLife(name);
    this.#life = life;
    const driver = makeFakeDriver({
      clock: life,
      hostname: name,
      inventory,
      timing,
      peers,
      store: this.store,
      sink: sinkFor(life),
    });
    life.whenDead(() => void driver.close());
    this.#driver = driver;
    const odd = lyingDriver(driver, dice, () => this.lies, this.told);
    this.#agent = await startAgent({
      host: name,
      bus: busFor(life),
      driver: odd,
      clock: life,
      log: this.#parts.log,
      reportMs: REPORT_MS,
      offers: noOffers,
    });
  }

  killAgent(): void {
    this.#life?.kill();
  }

  /** Its agent dies, its guests are off, and nobody reaches it. */
  losePower(): void {
    this.killAgent();
    this.hasPower = false;
    this.#parts.peers.delete(this.name);
    for (const guest of this.store.all()) {
      if (losesPower.includes(guest.powerState)) this.store.put({ ...guest, powerState: power.shutdown });
    }
  }
}
