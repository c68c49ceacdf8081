// Why: what the fake hypervisor's verbs do to guests is one thing, how they are asked another: here guests start, stop, crash, take their
// time and tell what became of them.

import type { Clock } from '../../base/clock.ts';
import { internal, notFound } from '../../base/errors.ts';
import { type GuestEvent, type GuestSpec, type GuestView, lettingGo } from '../../domain/servers/guests.ts';
import { power, type PowerState } from '../../domain/servers/servers.ts';
import { methodTraits } from '../../domain/servers/agent-methods.ts';
import { sizeLine } from './adjust.ts';
import { type Behaviour, behaviourOf, type Verb } from './behaviour.ts';
import { checkDevices, fakeDevices } from './devices.ts';
import type { FakeHost } from './host.ts';
import type { FakeMachine } from './inventory.ts';
import { memoryDriverLoaded, usedBy } from './memory.ts';
import { type FakeGuest, type FakeStore, written } from './store.ts';

/** Milliseconds that a verb takes where nobody says otherwise. */
export const timeOf = (verb: Verb): number => (methodTraits[verb].reads === true ? 0 : 5);

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

/** The host with what its verbs do to guests. */
export interface FakeMachinery extends FakeHost {
  /** As `begin`, for what is no guest of the store yet, or was changed. */
  readonly take: (verb: Verb, behaviour: Behaviour) => Promise<void>;
  readonly start: (guest: FakeGuest, spec: GuestSpec) => GuestView;
  readonly stop: (uuid: string, reason: string) => void;
  readonly crash: (uuid: string, reason: string) => void;
}

export interface MachineryOptions {
  readonly clock: Clock;
  /** How its processors and memory lie, and its devices; default: one node, no threads, nothing dedicated, no device for guests. */
  readonly machine?: Partial<FakeMachine>;
  /** Milliseconds that each verb takes; default 5 for those that change something, 0 for those that read. */
  readonly timing?: Partial<Readonly<Record<Verb, number>>>;
  /** Whether vCPUs that are offline inside a guest are nobody's; default: they stay the guest's. */
  readonly releaseGuestOffline?: boolean;
  /** Awaited when a verb begins: it takes that long too. */
  readonly before?: (verb: Verb) => Promise<void>;
}

/**
 * @param emit who is told what became of guests
 * @param signal aborted when the driver is closed
 */
export function makeMachinery(
  { clock, timing = {}, machine, before, releaseGuestOffline = false }: MachineryOptions,
  store: FakeStore,
  emit: (event: GuestEvent) => void,
  signal: AbortSignal,
): FakeMachinery {
  function guestOf(uuid: string): FakeGuest {
    const guest = store.get(uuid);
    if (guest === undefined) throw notFound(`Instance ${uuid} is not on this host.`, { code: 'virt.no_guest' });
    return guest;
  }

  const view = (guest: FakeGuest): GuestView => {
    const seen = viewOf(guest, behaviourOf(guest).mute, clock.now());
    return releaseGuestOffline ? lettingGo(seen, guest.size.vcpus) : seen;
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
    clock.sleep(leftMs, signal).then(tell, () => undefined);
  }

  const driverTime = ({ balloonMs }: Behaviour): number | null =>
    balloonMs === null || balloonMs === 0 ? balloonMs : clock.now() + balloonMs;

  async function take(verb: Verb, behaviour: Behaviour): Promise<void> {
    await before?.(verb);
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
    checkDevices(spec, machine?.devices ?? fakeDevices, store);
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

  // those that a driver before this one left
  for (const guest of store.all()) if (guest.powerState === power.running) watchMemory(guest);
  const begin: FakeHost['begin'] = (verb, uuid) => take(verb, behaviourOf(guestOf(uuid)));
  return { clock, store, guestOf, view, emit, begin, take, start, stop, crash };
}
