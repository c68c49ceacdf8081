// Why: a hypervisor of pure data. It runs the development server and the functional tests, and it documents what a driver must
// do: test/support/driver-contract.ts holds it and libvirt's driver to the same words.

import type { Clock } from '../base/clock.ts';
import { badRequest, internal, notFound } from '../base/errors.ts';
import { adjustOrder } from '../domain/adjust.ts';
import type { AdjustOutcome, AdjustRequest, GuestEvent, GuestSpec, GuestView, PartOutcome } from '../domain/guest.ts';
import type { HostInventory } from '../domain/host.ts';
import { power, type PowerState } from '../domain/instance.ts';
import type { Size } from '../domain/size.ts';
import { type Driver, type ImageSink, type ImageSource, verbsOf } from './driver.ts';
import { type Behaviour, behaviourOf, behaviourTextOf, parseBehaviour, type Verb, verbs } from './fake/behaviour.ts';
import { makeConsoles } from './fake/consoles.ts';
import { fakeDiagnostics } from './fake/diagnostics.ts';
import { type Hand, makeHand } from './fake/hand.ts';
import { type FakeHost, notRunning } from './fake/host.ts';
import { fakeImages } from './fake/images.ts';
import { insideVerbs } from './fake/inside.ts';
import { fakeInventory } from './fake/inventory.ts';
import { nicVerbs } from './fake/nics.ts';
import { rescueVerbs } from './fake/rescue.ts';
import { stateVerbs } from './fake/states.ts';
import { type FakePeers, makeMigrateVerbs } from './fake/migrate.ts';
import { fakeSnapshots } from './fake/snapshots.ts';
import { type FakeGuest, type FakeStore, memoryStore, newGuest, written } from './fake/store.ts';

export interface FakeDriverOptions {
  readonly clock: Clock;
  /** The hypervisor's name; default `fake`. */
  readonly hostname?: string;
  readonly inventory?: Partial<HostInventory>;
  /** Milliseconds that each verb takes; default 5 for those that change something, 0 for those that read. */
  readonly timing?: Partial<Readonly<Record<Verb, number>>>;
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
  readonly hand: Hand;
  /** Changes a guest's behaviour from now on (words: `parseBehaviour`); null: as its spec says. */
  behave(uuid: string, words: string | null): void;
  /** As after a lost connection: tells that events may have been missed. */
  reconnect(): void;
  readonly store: FakeStore;
}

const READING: ReadonlySet<Verb> = new Set(['console', 'diagnostics', 'inspect']);
const defaultTiming = Object.fromEntries(verbs.map((verb) => [verb, READING.has(verb) ? 0 : 5])) as Record<
  Verb,
  number
>;

const balloonLoaded = ({ balloonAtMs }: FakeGuest, nowMs: number): boolean =>
  balloonAtMs !== null && balloonAtMs <= nowMs;

/** What a running guest uses now. */
const usedBy = (guest: FakeGuest, nowMs: number): Size =>
  balloonLoaded(guest, nowMs) ? guest.size : { ...guest.size, memoryMb: guest.spec.maximum.memoryMb };

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
    availableMb: running && !mute && balloonLoaded(guest, nowMs) ? Math.floor(memoryMb * 0.9) : null,
    maximum: guest.spec.maximum,
  };
}

const sizeLine = (size: Size): string => `xloud-guest: online_vcpus=${size.vcpus} memory_mb=${size.memoryMb}`;

function started(guest: FakeGuest, spec: GuestSpec, balloonAtMs: number | null): FakeGuest {
  const running: FakeGuest = {
    ...guest,
    spec,
    powerState: power.running,
    size: spec.boot,
    balloonAtMs,
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

/** How far a part gets that goes `percent` of the way, rounded towards where it was. */
function reachedOf(before: number, target: number, percent: number): number {
  return before + Math.trunc(((target - before) * percent) / 100);
}

interface Moves {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly problems: { readonly vcpus: string | null; readonly memoryMb: string | null };
}

/** Moves the parts in their order; when one does not move at all, the pair is given up and what moved before is put back. */
function move(before: Size, target: Size, percent: Behaviour['percent']): Moves {
  const reached = { vcpus: before.vcpus, memoryMb: before.memoryMb };
  const problems: { vcpus: string | null; memoryMb: string | null } = { vcpus: null, memoryMb: null };
  const names = { vcpus: 'vCPUs', memoryMb: 'memory' } as const;
  const done: ('vcpus' | 'memoryMb')[] = [];
  const order = adjustOrder(before, target);
  for (const part of order) {
    reached[part] = reachedOf(before[part], target[part], percent[part]);
    if (reached[part] === before[part]) {
      problems[part] = `the guest refused to change its ${names[part]}`;
      for (const other of order) {
        if (other === part) continue;
        reached[other] = before[other];
        problems[other] = done.includes(other)
          ? `put back, because the ${names[part]} could not be changed`
          : `not tried, because the ${names[part]} could not be changed`;
      }
      break;
    }
    if (reached[part] !== target[part]) problems[part] = `the guest went only a part of the way`;
    done.push(part);
  }
  return { ...reached, problems };
}

export function makeFakeDriver(options: FakeDriverOptions): FakeDriver {
  const { clock, sink, hostname = 'fake', peers = new Map<string, FakeStore>() } = options;
  const store = options.store ?? memoryStore();
  peers.set(hostname, store);
  const timing = { ...defaultTiming, ...options.timing };
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

  const view = (guest: FakeGuest): GuestView => viewOf(guest, behaviourOf(guest).mute, clock.now());

  /** Tells of the balloon when the guest's driver is loaded. */
  function watchBalloon({ spec: { uuid }, balloonAtMs }: FakeGuest): void {
    const leftMs = (balloonAtMs ?? 0) - clock.now();
    if (leftMs <= 0) return;
    const tell = (): void => {
      const guest = store.get(uuid);
      if (guest?.balloonAtMs === balloonAtMs && guest.powerState === power.running) emit({ kind: 'resized', uuid });
    };
    clock.sleep(leftMs, closing.signal).then(tell, () => undefined);
  }

  const balloonTime = ({ balloonMs }: Behaviour): number | null =>
    balloonMs === null || balloonMs === 0 ? balloonMs : clock.now() + balloonMs;

  async function take(verb: Verb, behaviour: Behaviour): Promise<void> {
    const ms = timing[verb] + behaviour.slowMs;
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
    const running = started(guest, spec, balloonTime(behaviourOf({ ...guest, spec })));
    store.put(running);
    watchBalloon(running);
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
  for (const guest of store.all()) if (guest.powerState === power.running) watchBalloon(guest);

  const host: FakeHost = {
    ...{ clock, store, guestOf, view, emit },
    begin: (verb, uuid) => take(verb, behaviourOf(guestOf(uuid))),
  };

  const driver: FakeDriver = {
    kind: 'fake',
    store,
    ...makeMigrateVerbs({
      clock,
      hostname,
      store,
      peers,
      liveMs: timing.liveMigrate,
      behaviourOf,
      take,
      view,
      start,
      powerOff: (uuid, timeoutMs) => driver.powerOff(uuid, timeoutMs),
    }),

    async inventory() {
      let memoryMb = 0;
      let diskGb = 0;
      for (const guest of store.all()) {
        if (guest.powerState === power.running) memoryMb += usedBy(guest, clock.now()).memoryMb;
        diskGb += guest.spec.disks.rootGb + guest.spec.disks.ephemeralGb;
      }
      return fakeInventory(hostname, options.inventory ?? {}, { memoryMb, diskGb }, verbsOf(driver));
    },

    async spawn(spec) {
      const behaviour = parseBehaviour(behaviourTextOf(spec));
      const before = store.get(spec.uuid);
      if (before?.powerState === power.running) return view(before);
      if (before === undefined) {
        store.put(newGuest(spec));
      }
      try {
        await cache.fetchFor(spec);
        await take('spawn', behaviour);
      } catch (error) {
        // disks of a guest that ran before are not ours to take
        if (store.get(spec.uuid)?.starts === 0) store.remove(spec.uuid);
        throw error;
      }
      return start(guestOf(spec.uuid), spec);
    },

    async destroy(uuid) {
      const guest = store.get(uuid);
      if (guest === undefined) return;
      await take('destroy', behaviourOf(guest));
      if (store.get(uuid)?.powerState === power.running) emit({ kind: 'stopped', uuid, reason: 'destroyed' });
      store.remove(uuid);
    },

    async powerOn(spec) {
      const guest = guestOf(spec.uuid);
      if (guest.powerState === power.running) return view(guest);
      await take('powerOn', behaviourOf({ ...guest, spec }));
      return start(guestOf(spec.uuid), spec);
    },

    async powerOff(uuid, timeoutMs) {
      const guest = guestOf(uuid);
      const behaviour = behaviourOf(guest);
      await take('powerOff', behaviour);
      if (behaviour.deaf && guest.powerState === power.running && timeoutMs > 0) await clock.sleep(timeoutMs);
      stop(uuid, behaviour.deaf || timeoutMs === 0 ? 'destroyed' : 'shutdown');
      return view(guestOf(uuid));
    },

    async reboot(spec, type, timeoutMs) {
      const guest = guestOf(spec.uuid);
      const behaviour = behaviourOf({ ...guest, spec });
      await take('reboot', behaviour);
      const asks = type === 'SOFT' && guest.powerState === power.running;
      if (asks && behaviour.deaf) await clock.sleep(timeoutMs);
      if (asks && !behaviour.deaf) {
        // the guest restarts inside the same machine, which keeps its size
        const now = guestOf(spec.uuid);
        const restarted = { ...now, balloonAtMs: balloonTime(behaviour) };
        store.put(written(written(restarted, 'reboot: Restarting system'), sizeLine(now.size)));
        watchBalloon(restarted);
        emit({ kind: 'rebooted', uuid: spec.uuid });
        return view(guestOf(spec.uuid));
      }
      const again = start(guestOf(spec.uuid), spec);
      emit({ kind: 'rebooted', uuid: spec.uuid });
      return again;
    },

    async rebuild(spec, preserveEphemeral) {
      await cache.fetchFor(spec);
      await take('rebuild', parseBehaviour(behaviourTextOf(spec)));
      const before = store.get(spec.uuid);
      if (before !== undefined) stop(spec.uuid, 'destroyed');
      store.put(newGuest(spec, before, preserveEphemeral));
      return start(guestOf(spec.uuid), spec);
    },

    ...rescueVerbs(host, cache, { start, stop }),
    ...stateVerbs(host),
    ...insideVerbs(host),
    ...nicVerbs(host),
    ...consoles.verbs,

    ...(sink === undefined
      ? {}
      : { snapshot: fakeSnapshots({ guestOf, store, sink, take: (verb, guest) => take(verb, behaviourOf(guest)) }) }),

    async adjust(uuid: string, { target, persist, timeoutMs }: AdjustRequest): Promise<AdjustOutcome> {
      const { maximum } = guestOf(uuid).spec;
      if (
        target.vcpus > maximum.vcpus ||
        target.memoryMb > maximum.memoryMb ||
        target.vcpus < 1 ||
        target.memoryMb < 1
      ) {
        throw badRequest(
          `Instance ${uuid} cannot have ${target.vcpus} vCPUs and ${target.memoryMb} MiB: ` +
            `its ceiling is ${maximum.vcpus} vCPUs and ${maximum.memoryMb} MiB.`,
          { code: 'virt.above_maximum' },
        );
      }
      await take('adjust', behaviourOf(guestOf(uuid)));
      const loadsInMs = (guestOf(uuid).balloonAtMs ?? Infinity) - clock.now();
      // a driver that comes in time takes the target that it finds
      if (loadsInMs > 0 && loadsInMs < timeoutMs) await clock.sleep(loadsInMs);
      const guest = guestOf(uuid);
      const behaviour = behaviourOf(guest);
      if (guest.powerState !== power.running) {
        throw notRunning(uuid);
      }
      const before = usedBy(guest, clock.now());
      const loaded = balloonLoaded(guest, clock.now());
      const percent = { ...behaviour.percent, ...(loaded ? {} : { memoryMb: 0 }) };
      const moved = move(before, target, percent);
      const after: Size = { vcpus: moved.vcpus, memoryMb: moved.memoryMb };
      const offline = behaviour.guestOffline && after.vcpus < before.vcpus;
      const pluggedVcpus =
        offline || after.vcpus === before.vcpus ? Math.max(guest.pluggedVcpus, after.vcpus) : after.vcpus;
      const changed = after.vcpus !== before.vcpus || after.memoryMb !== before.memoryMb;
      const next: FakeGuest = { ...guest, size: after, pluggedVcpus, boot: persist ? after : guest.boot };
      store.put(changed ? written(next, sizeLine(after)) : next);
      if (changed) emit({ kind: 'resized', uuid });

      const confirmedBy = behaviour.mute ? 'hypervisor' : 'guest';
      const vcpus: PartOutcome = {
        target: target.vcpus,
        reached: after.vcpus,
        confirmedBy,
        method: after.vcpus === before.vcpus ? 'none' : offline ? 'guest-offline' : 'hotplug',
        held: Math.max(pluggedVcpus, after.vcpus),
        problem: moved.problems.vcpus,
      };
      const memoryMb: PartOutcome = {
        target: target.memoryMb,
        reached: after.memoryMb,
        confirmedBy,
        method: after.memoryMb === before.memoryMb ? 'none' : 'balloon',
        held: after.memoryMb,
        problem: moved.problems.memoryMb,
      };
      return { vcpus, memoryMb, view: view(guestOf(uuid)) };
    },

    async console(uuid, maxBytes) {
      await take('console', behaviourOf(guestOf(uuid)));
      const bytes = Buffer.from(guestOf(uuid).console);
      let from = Math.max(0, bytes.length - maxBytes);
      // not from the middle of a character
      while (from < bytes.length && ((bytes[from] as number) & 0xc0) === 0x80) from += 1;
      return bytes.subarray(from).toString();
    },

    cacheImage: (image) => cache.fetch(image),
    async inspect(uuid) {
      const guest = store.get(uuid);
      if (guest === undefined) return null;
      await take('inspect', behaviourOf(guest));
      const now = store.get(uuid);
      return now === undefined ? null : view(now);
    },

    async diagnostics(uuid) {
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
    hand: makeHand({ store, guestOf, emit, stop, start: (guest) => start(guest, { ...guest.spec, boot: guest.boot }) }),
    crashFromInside: (uuid) => crash(uuid, 'told from inside'),
    behave(uuid, words) {
      if (words !== null) parseBehaviour(words);
      store.put({ ...guestOf(uuid), behaviour: words });
    },
    reconnect: () => emit({ kind: 'reconnected', uuid: null }),
  };
  return driver;
}
