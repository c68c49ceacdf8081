// Why: a hypervisor of pure data. It runs the development server and the functional tests, and it documents what a driver must
// do: test/support/driver-contract.ts holds it and libvirt's driver to the same words.

import type { Clock } from '../base/clock.ts';
import { internal, notFound } from '../base/errors.ts';
import { methodTraits } from '../domain/servers/agent-methods.ts';
import { type GuestEvent, type GuestSpec, type GuestView, lettingGo, lettingGoOf } from '../domain/servers/guest.ts';
import type { HostInventory } from '../domain/placement/host.ts';
import { power, type PowerState } from '../domain/servers/instance.ts';
import { type Driver, type ImageSink, type ImageSource, verbsOf } from './driver.ts';
import { adjustVerb, sizeLine } from './fake/adjust.ts';
import { type Behaviour, behaviourOf, behaviourTextOf, parseBehaviour, type Verb } from './fake/behaviour.ts';
import { makeConsoles } from './fake/consoles.ts';
import { checkDevices, fakeDevices } from './fake/devices.ts';
import { fakeDiagnostics } from './fake/diagnostics.ts';
import { type OutOfBand, makeOutOfBand } from './fake/out-of-band.ts';
import { type FakeHost, notRunning } from './fake/host.ts';
import { fakeImages } from './fake/images.ts';
import { insideVerbs } from './fake/inside.ts';
import { fakeInventory, type FakeMachine } from './fake/inventory.ts';
import { memoryDriverLoaded, usedBy } from './fake/memory.ts';
import { nicVerbs } from './fake/nics.ts';
import { rescueVerbs } from './fake/rescue.ts';
import { stateVerbs } from './fake/states.ts';
import { type FakePeers, makeMigrateVerbs } from './fake/migrate.ts';
import { snapshotVerbs } from './fake/snapshots.ts';
import { type FakeGuest, type FakeStore, memoryStore, newGuest, written } from './fake/store.ts';

export interface FakeDriverOptions {
  readonly clock: Clock;
  /** The hypervisor's name; default `fake`. */
  readonly hostname?: string;
  readonly inventory?: Partial<HostInventory>;
  /** How its processors and memory lie, and its devices; default: one node, no threads, nothing dedicated, no device for guests. */
  readonly machine?: Partial<FakeMachine>;
  /** Milliseconds that each verb takes; default 5 for those that change something, 0 for those that read. */
  readonly timing?: Partial<Readonly<Record<Verb, number>>>;
  /** Whether vCPUs that are offline inside a guest are nobody's; default: they stay the guest's. */
  readonly releaseGuestOffline?: boolean;
  /** Awaited when a verb begins: it takes that long too. */
  readonly before?: (verb: Verb) => Promise<void>;
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

const timeOf = (verb: Verb): number => (methodTraits[verb].reads === true ? 0 : 5);

/** Frozen and stored guests have what they had. */
const keepsSize: readonly PowerState[] = [power.running, power.paused, power.suspended];

function viewOf(guest: FakeGuest, mute: boolean, nowMs: number): GuestView {
  const running = guest.powerState === power.running;
  const { vcpus, memoryMb } = usedBy(guest, nowMs);
  return {
    uuid: guest.spec.uuid,
    powerState: guest.powerState,
    size: keepsSize.includes(guest.powerState) ? { vcpus: guest.pluggedVcpus, memoryMb } : guest.boot,
    onlineVcpus: running && !mute ? vcpus : null,
    // a kernel keeps some for itself
    availableMb: running && !mute && memoryDriverLoaded(guest, nowMs) ? Math.floor(memoryMb * 0.9) : null,
    maximum: guest.spec.maximum,
  };
}

function started(guest: FakeGuest, spec: GuestSpec, memoryDriverAtMs: number | null): FakeGuest {
  const running: FakeGuest = {
    ...guest,
    spec,
    powerState: power.running,
    size: spec.boot,
    memoryDriverAtMs,
    pluggedVcpus: spec.boot.vcpus,
    boot: spec.boot,
    starts: guest.starts + 1,
  };
  const lines = [
    `[    0.000000] Linux version 0.0.0-xloud-fake`,
    `[    0.100000] smp: Brought up 1 node, ${spec.boot.vcpus} CPUs`,
    sizeLine(spec.boot),
    `${spec.hostname} login: `,
  ];
  return lines.reduce(written, running);
}

export function makeFakeDriver(options: FakeDriverOptions): FakeDriver {
  const { clock, sink, hostname = 'fake', peers = new Map<string, FakeStore>() } = options;
  const store = options.store ?? memoryStore();
  peers.set(hostname, store);
  const { timing = {} } = options;
  const listeners = new Set<(event: GuestEvent) => void>();
  const cache = fakeImages(options.images);
  const closing = new AbortController();

  function emit(event: GuestEvent): void {
    consoles.heard(event);
    for (const listener of listeners) {
      setImmediate(() => {
        if (listeners.has(listener)) listener(event);
      });
    }
  }

  function guestOf(uuid: string): FakeGuest {
    const guest = store.get(uuid);
    if (guest === undefined) throw notFound(`Instance ${uuid} is not on this host.`, { code: 'virt.no_guest' });
    return guest;
  }

  const releases = options.releaseGuestOffline ?? false;
  const view = (guest: FakeGuest): GuestView => {
    const seen = viewOf(guest, behaviourOf(guest).mute, clock.now());
    return releases ? lettingGo(seen, guest.size.vcpus) : seen;
  };

  /** Tells of the memory when the guest's driver is loaded. */
  function watchMemory({ spec: { uuid }, memoryDriverAtMs }: FakeGuest): void {
    const leftMs = (memoryDriverAtMs ?? 0) - clock.now();
    if (leftMs <= 0) return;
    const tell = (): void => {
      const guest = store.get(uuid);
      if (guest?.memoryDriverAtMs === memoryDriverAtMs && guest.powerState === power.running)
        emit({ kind: 'resized', uuid });
    };
    clock.sleep(leftMs, closing.signal).then(tell, () => undefined);
  }

  const driverTime = ({ balloonMs }: Behaviour): number | null =>
    balloonMs === null || balloonMs === 0 ? balloonMs : clock.now() + balloonMs;

  async function take(verb: Verb, behaviour: Behaviour): Promise<void> {
    await options.before?.(verb);
    const ms = (timing[verb] ?? timeOf(verb)) + behaviour.slowMs;
    if (ms > 0) await clock.sleep(ms);
    if (behaviour.failing.has(verb))
      throw internal(`The fake guest fails at ${verb}, as it was told.`, { code: 'fake.told' });
  }

  function crash(uuid: string, reason: string): void {
    const guest = guestOf(uuid);
    if (guest.powerState !== power.running) return;
    store.put(written({ ...guest, powerState: power.crashed }, `Kernel panic - not syncing: ${reason}`));
    emit({ kind: 'crashed', uuid, reason });
  }

  function start(guest: FakeGuest, spec: GuestSpec): GuestView {
    checkDevices(spec, options.machine?.devices ?? fakeDevices, store);
    const running = started(guest, spec, driverTime(behaviourOf({ ...guest, spec })));
    store.put(running);
    watchMemory(running);
    emit({ kind: 'started', uuid: spec.uuid });
    if (behaviourOf(running).crash) crash(spec.uuid, 'as it was told');
    return view(guestOf(spec.uuid));
  }

  function stop(uuid: string, reason: string): void {
    const guest = guestOf(uuid);
    if (guest.powerState === power.shutdown) return;
    store.put(written({ ...guest, powerState: power.shutdown }, `reboot: Power down`));
    emit({ kind: 'stopped', uuid, reason });
  }

  const consoles = makeConsoles({ guestOf });
  for (const guest of store.all()) if (guest.powerState === power.running) watchMemory(guest);

  const host: FakeHost = {
    ...{ clock, store, guestOf, view, emit },
    begin: (verb, uuid) => take(verb, behaviourOf(guestOf(uuid))),
  };

  const { adjust } = adjustVerb(host);
  const driver: FakeDriver = {
    kind: 'fake',
    store,
    ...makeMigrateVerbs({
      clock,
      hostname,
      store,
      peers,
      liveMs: timing.liveMigrate ?? timeOf('liveMigrate'),
      behaviourOf,
      take,
      view,
      start,
      powerOff: (args) => driver.powerOff(args),
    }),

    async inventory() {
      let memoryMb = 0;
      let diskGb = 0;
      for (const guest of store.all()) {
        if (guest.powerState === power.running) memoryMb += usedBy(guest, clock.now()).memoryMb;
        diskGb += guest.spec.disks.rootGb + guest.spec.disks.ephemeralGb;
      }
      return fakeInventory(hostname, options.inventory ?? {}, { memoryMb, diskGb }, verbsOf(driver), options.machine);
    },

    async spawn({ spec }) {
      const behaviour = parseBehaviour(behaviourTextOf(spec));
      const before = store.get(spec.uuid);
      if (before?.powerState === power.running) return view(before);
      if (before === undefined) {
        store.put(newGuest(spec));
      }
      try {
        await cache.fetchFor(spec);
        await take('spawn', behaviour);
        return start(guestOf(spec.uuid), spec);
      } catch (error) {
        // disks of a guest that ran before are not ours to take
        if (store.get(spec.uuid)?.starts === 0) store.remove(spec.uuid);
        throw error;
      }
    },

    async destroy({ uuid }) {
      const guest = store.get(uuid);
      if (guest === undefined) return null;
      await take('destroy', behaviourOf(guest));
      if (store.get(uuid)?.powerState === power.running) emit({ kind: 'stopped', uuid, reason: 'destroyed' });
      store.remove(uuid);
      return null;
    },

    async powerOn({ spec }) {
      const guest = guestOf(spec.uuid);
      if (guest.powerState === power.running) return view(guest);
      await take('powerOn', behaviourOf({ ...guest, spec }));
      return start(guestOf(spec.uuid), spec);
    },

    async powerOff({ uuid, timeoutMs }) {
      const guest = guestOf(uuid);
      const behaviour = behaviourOf(guest);
      await take('powerOff', behaviour);
      if (behaviour.deaf && guest.powerState === power.running && timeoutMs > 0) await clock.sleep(timeoutMs);
      stop(uuid, behaviour.deaf || timeoutMs === 0 ? 'destroyed' : 'shutdown');
      return view(guestOf(uuid));
    },

    async reboot({ spec, type, timeoutMs }) {
      const guest = guestOf(spec.uuid);
      const behaviour = behaviourOf({ ...guest, spec });
      await take('reboot', behaviour);
      // either way a power cycle: asked or not, the machine is then started as the spec says
      const asks = type === 'SOFT' && guest.powerState === power.running;
      if (asks && behaviour.deaf) await clock.sleep(timeoutMs);
      const now = guestOf(spec.uuid);
      const again = start(asks && !behaviour.deaf ? written(now, 'reboot: Restarting system') : now, spec);
      emit({ kind: 'rebooted', uuid: spec.uuid });
      return again;
    },

    async rebuild({ spec, preserveEphemeral }) {
      await cache.fetchFor(spec);
      await take('rebuild', parseBehaviour(behaviourTextOf(spec)));
      const before = store.get(spec.uuid);
      if (before !== undefined) stop(spec.uuid, 'destroyed');
      store.put(newGuest(spec, before, preserveEphemeral));
      return start(guestOf(spec.uuid), spec);
    },

    ...rescueVerbs(host, cache, { start, stop }),
    adjust: async (args) => {
      const outcome = await adjust(args);
      return releases ? lettingGoOf(outcome) : outcome;
    },
    ...stateVerbs(host),
    ...insideVerbs(host),
    ...nicVerbs(host),
    ...consoles.verbs,

    ...(sink === undefined ? {} : snapshotVerbs(host, sink)),

    async console({ uuid, maxBytes }) {
      await take('console', behaviourOf(guestOf(uuid)));
      const bytes = Buffer.from(guestOf(uuid).console);
      let from = Math.max(0, bytes.length - maxBytes);
      // not from the middle of a character
      while (from < bytes.length && ((bytes[from] as number) & 0xc0) === 0x80) from += 1;
      return bytes.subarray(from).toString();
    },

    cacheImage: ({ image }) => cache.fetch(image),
    async inspect({ uuid }) {
      const guest = store.get(uuid);
      if (guest === undefined) return null;
      await take('inspect', behaviourOf(guest));
      const now = store.get(uuid);
      return now === undefined ? null : view(now);
    },

    async diagnostics({ uuid }) {
      const guest = guestOf(uuid);
      await take('diagnostics', behaviourOf(guest));
      if (guest.powerState !== power.running) throw notRunning(uuid);
      return fakeDiagnostics(guest);
    },

    async list() {
      return store.all().map(view);
    },

    onEvent(listener) {
      const own = (event: GuestEvent) => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },

    async close() {
      listeners.clear();
      consoles.close();
      closing.abort();
    },

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
  return driver;
}
