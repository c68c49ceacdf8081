// Why: a hypervisor of pure data. It runs the development server and the functional tests, and it documents what a driver must
// do: test/support/driver-contract.ts holds it and libvirt's driver to the same words.

import { type GuestEvent, lettingGoOf, ownRootGb } from '../domain/servers/guests.ts';
import type { HostInventory } from '../domain/placement/hosts.ts';
import { power } from '../domain/servers/servers.ts';
import { type Driver, type ImageSink, type ImageSource, verbsOf } from './driver.ts';
import { adjustVerb } from './fake/adjust.ts';
import { behaviourOf, parseBehaviour } from './fake/behaviour.ts';
import { makeConsoles } from './fake/consoles.ts';
import { type OutOfBand, makeOutOfBand } from './fake/out-of-band.ts';
import { fakeImages } from './fake/images.ts';
import { insideVerbs } from './fake/inside.ts';
import { fakeInventory } from './fake/inventory.ts';
import { makingVerbs, powerVerbs } from './fake/lives.ts';
import { readingVerbs } from './fake/looks.ts';
import { type FakeMachinery, type MachineryOptions, makeMachinery, timeOf } from './fake/machine.ts';
import { usedBy } from './fake/memory.ts';
import { nicVerbs } from './fake/nics.ts';
import { volumeVerbs } from './fake/volumes.ts';
import { copyVerbs } from './fake/copies.ts';
import { rescueVerbs } from './fake/rescue.ts';
import { stateVerbs } from './fake/states.ts';
import { type FakePeers, makeMigrateVerbs } from './fake/migrate.ts';
import { fakeMeasure } from './fake/measure.ts';
import { snapshotVerbs } from './fake/snapshots.ts';
import { type FakeStore, memoryStore } from './fake/store.ts';

export interface FakeDriverOptions extends MachineryOptions {
  /** The hypervisor's name; default `fake`. */
  readonly hostname?: string;
  readonly inventory?: Partial<HostInventory>;
  /** The guests that are there already, and where new ones are kept; default: in memory. */
  readonly store?: FakeStore;
  /** The hypervisors that guests can move to; this one enters itself. Default: none but itself. */
  readonly peers?: FakePeers;
  /** Read once for each image, as a real host's cache would; default: images are not looked at. */
  readonly images?: ImageSource;
  /** Where snapshots go; without it none can be made. */
  readonly sink?: ImageSink;
}

export interface FakeDriver extends Driver {
  readonly kind: 'fake';
  /** What a real guest's user does inside it. */
  powerOffFromInside(uuid: string): void;
  crashFromInside(uuid: string): void;
  /** What an operator does past us. */
  readonly outOfBand: OutOfBand;
  /** Changes a guest's behaviour from now on (words: `parseBehaviour`); null: as its spec says. */
  behave(uuid: string, words: string | null): void;
  /** As after a lost connection: tells that events may have been missed. */
  reconnect(): void;
  readonly store: FakeStore;
}

/** Who listens to the driver; each hears in a turn of its own, unless it went meanwhile. */
function makeListeners() {
  const listeners = new Set<(event: GuestEvent) => void>();
  return {
    tell(event: GuestEvent): void {
      for (const listener of listeners) {
        setImmediate(() => {
          if (listeners.has(listener)) listener(event);
        });
      }
    },
    add(listener: (event: GuestEvent) => void): () => void {
      const own = (event: GuestEvent) => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    clear: () => listeners.clear(),
  };
}

/** What the guests of a host take of it. */
function takenBy(store: FakeStore, nowMs: number): { readonly memoryMb: number; readonly diskGb: number } {
  let memoryMb = 0;
  let diskGb = 0;
  for (const guest of store.all()) {
    if (guest.powerState === power.running) memoryMb += usedBy(guest, nowMs).memoryMb;
    diskGb += ownRootGb(guest.spec.disks) + guest.spec.disks.ephemeralGb;
  }
  return { memoryMb, diskGb };
}

/** What a real guest's user does, what an operator does past us, and what a test tells a guest to do. */
function fromOutside({
  store,
  guestOf,
  emit,
  start,
  stop,
  crash,
}: FakeMachinery): Pick<FakeDriver, 'powerOffFromInside' | 'crashFromInside' | 'outOfBand' | 'behave' | 'reconnect'> {
  return {
    powerOffFromInside: (uuid) => stop(uuid, 'shutdown'),
    outOfBand: makeOutOfBand({
      store,
      guestOf,
      emit,
      stop,
      start: (guest) => start(guest, { ...guest.spec, boot: guest.boot }),
    }),
    crashFromInside: (uuid) => crash(uuid, 'told from inside'),
    behave(uuid, words) {
      if (words !== null) parseBehaviour(words);
      store.put({ ...guestOf(uuid), behaviour: words });
    },
    reconnect: () => emit({ kind: 'reconnected', uuid: null }),
  };
}

function adjusting(host: FakeMachinery, releases: boolean): Pick<FakeDriver, 'adjust'> {
  const { adjust } = adjustVerb(host);
  return {
    adjust: async (args) => {
      const outcome = await adjust(args);
      return releases ? lettingGoOf(outcome) : outcome;
    },
  };
}

export function makeFakeDriver(options: FakeDriverOptions): FakeDriver {
  const { clock, sink, hostname = 'fake', peers = new Map<string, FakeStore>(), timing = {} } = options;
  const store = options.store ?? memoryStore();
  peers.set(hostname, store);
  const listeners = makeListeners();
  const images = fakeImages(options.images);
  const closing = new AbortController();
  const emit = (event: GuestEvent): void => {
    consoles.heard(event);
    listeners.tell(event);
  };
  const host = makeMachinery(options, store, emit, closing.signal);
  const consoles = makeConsoles(host);
  const powers = powerVerbs(host);
  const liveMs = timing.liveMigrate ?? timeOf('liveMigrate');
  const driver: FakeDriver = {
    kind: 'fake',
    store,
    async inventory() {
      const taken = takenBy(store, clock.now());
      return fakeInventory(hostname, options.inventory ?? {}, taken, verbsOf(driver), options.machine);
    },
    measure: async () => fakeMeasure(store, await driver.inventory()),
    ...makingVerbs(host, images),
    ...powers,
    ...rescueVerbs(host, images, host),
    ...adjusting(host, options.releaseGuestOffline ?? false),
    ...stateVerbs(host),
    ...insideVerbs(host),
    ...nicVerbs(host),
    ...volumeVerbs(host),
    ...copyVerbs(host),
    ...consoles.verbs,
    ...makeMigrateVerbs({ ...host, hostname, peers, liveMs, behaviourOf, powerOff: powers.powerOff }),
    ...(sink === undefined ? {} : snapshotVerbs(host, sink)),
    cacheImage: ({ image }) => images.fetch(image),
    ...readingVerbs(host),
    onEvent: (listener) => listeners.add(listener),
    async close() {
      listeners.clear();
      consoles.close();
      closing.abort();
    },
    ...fromOutside(host),
  };
  return driver;
}
