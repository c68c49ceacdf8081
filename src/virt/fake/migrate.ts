// Why: a guest that moves between fake hosts is on one of them at every moment, as a real one is: its disks are set aside here
// before it is made there, and a running one is there before it is no more here.

import type { Clock } from '../../base/clock.ts';
import { conflict, notFound, unavailable } from '../../base/errors.ts';
import type { AgentVerbs } from '../../domain/servers/agent-methods.ts';
import {
  type GuestSpec,
  type GuestView,
  hasVolumeRoot,
  liveDisksProblem,
  type LiveProgress,
  type LiveState,
  type LiveTarget,
  ownRootGb,
} from '../../domain/servers/guests.ts';
import { localDisksOf } from '../../domain/servers/local-disks.ts';
import { power } from '../../domain/servers/servers.ts';
import type { Behaviour, Verb } from './behaviour.ts';
import type { FakeGuest, FakeStore } from './store.ts';

/** The hypervisors that reach each other, by name. */
export type FakePeers = Map<string, FakeStore>;

export interface MigrateParts {
  readonly clock: Clock;
  readonly hostname: string;
  readonly store: FakeStore;
  readonly peers: FakePeers;
  /** How long a live migration takes by itself, in milliseconds. */
  readonly liveMs: number;
  readonly behaviourOf: (guest: FakeGuest) => Behaviour;
  readonly take: (verb: Verb, behaviour: Behaviour) => Promise<void>;
  readonly view: (guest: FakeGuest) => GuestView;
  readonly start: (guest: FakeGuest, spec: GuestSpec) => GuestView;
  readonly powerOff: AgentVerbs['powerOff'];
}

type ColdVerb = 'migrateDisk' | 'offerDisk' | 'fetchDisk' | 'receiveDisk' | 'restoreDisk' | 'dropDisk';
type LiveVerb = 'prepareLive' | 'landLive' | 'liveMigrate' | 'liveProgress' | 'steerLive';

interface Job extends Pick<LiveTarget, 'numa'> {
  readonly to: string;
  readonly beganMs: number;
  /** When it is over; moved to now by force. */
  endsMs: number;
  state: LiveState;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

function transfer(total: number, share: number) {
  const processed = Math.round(total * share);
  return { total, processed, remaining: total - processed };
}

const missing = (uuid: string) => notFound(`Instance ${uuid} is not on this host.`, { code: 'virt.no_guest' });

/** How many disks a guest has on its host. */
const ownDisks = ({ disks }: GuestSpec): number =>
  (hasVolumeRoot(disks) ? 0 : 1) + localDisksOf(disks.local, disks).length;

const takeIfHere = async ({ store, take, behaviourOf }: MigrateParts, verb: Verb, uuid: string): Promise<void> => {
  const guest = store.get(uuid);
  if (guest !== undefined) await take(verb, behaviourOf(guest));
};

export const makeMigrateVerbs = (parts: MigrateParts): Pick<AgentVerbs, ColdVerb | LiveVerb> => ({
  ...coldVerbs(parts),
  ...liveVerbs(parts),
});

function coldVerbs(parts: MigrateParts): Pick<AgentVerbs, ColdVerb> {
  const { store, peers, behaviourOf, take, view, start, powerOff } = parts;

  /** A guest over these disks, under another spec, running if `on`. */
  function put(disks: FakeGuest, spec: GuestSpec, on: boolean): GuestView {
    const guest = { ...disks, spec, boot: spec.boot, size: spec.boot, powerState: power.shutdown };
    store.put(guest);
    return on ? start(guest, spec) : view(guest);
  }

  return {
    async migrateDisk({ uuid, timeoutMs }) {
      const guest = store.get(uuid);
      if (guest === undefined) {
        if (store.aside.get(uuid) === undefined) throw missing(uuid);
        return null;
      }
      await take('migrateDisk', behaviourOf(guest));
      await powerOff({ uuid, timeoutMs });
      store.aside.put({ ...(store.get(uuid) as FakeGuest), powerState: power.shutdown });
      store.remove(uuid);
      return null;
    },

    async offerDisk({ uuid }) {
      await takeIfHere(parts, 'offerDisk', uuid);
      return null;
    },

    async fetchDisk({ spec, from }) {
      const disks = store.get(spec.uuid) ?? peers.get(from.node)?.aside.get(spec.uuid);
      if (disks === undefined) throw missing(spec.uuid);
      await take('fetchDisk', behaviourOf({ ...disks, spec }));
      return { done: true, disk: transfer(ownRootGb(spec.disks) * GIB, 1) };
    },

    async receiveDisk({ spec, from, on }) {
      const before = store.get(spec.uuid);
      if (before !== undefined && (!on || before.powerState === power.running)) return view(before);
      const disks = before ?? peers.get(from.node)?.aside.get(spec.uuid);
      if (disks === undefined) throw missing(spec.uuid);
      await take('receiveDisk', behaviourOf({ ...disks, spec }));
      return put(disks, spec, on);
    },

    async restoreDisk({ spec, on }) {
      const aside = store.aside.get(spec.uuid);
      const before = store.get(spec.uuid);
      if (aside === undefined && before === undefined) throw missing(spec.uuid);
      const disks = aside ?? (before as FakeGuest);
      await take('restoreDisk', behaviourOf({ ...disks, spec }));
      const back = aside !== undefined || (on && disks.powerState !== power.running);
      const shown = back ? put(disks, spec, on) : view(disks);
      store.aside.remove(spec.uuid);
      return shown;
    },

    async dropDisk({ uuid }) {
      const aside = store.aside.get(uuid);
      if (aside === undefined) return null;
      await take('dropDisk', behaviourOf(aside));
      store.aside.remove(uuid);
      return null;
    },
  };
}

function liveVerbs(parts: MigrateParts): Pick<AgentVerbs, LiveVerb> {
  const { clock, hostname, store, peers, behaviourOf, take, view } = parts;
  const jobs = new Map<string, Job>();

  function progressOf(guest: FakeGuest, { state, beganMs, endsMs }: Job): LiveProgress {
    const share = endsMs <= beganMs ? 1 : Math.min(1, (clock.now() - beganMs) / (endsMs - beganMs));
    const { memoryMb } = guest.size;
    return {
      state,
      memory: transfer(memoryMb * MIB, share),
      disk: transfer(ownRootGb(guest.spec.disks) * GIB, share),
    };
  }

  const idle = (state: LiveState): LiveProgress => {
    const unknown = { total: null, processed: null, remaining: null };
    return { state, memory: unknown, disk: unknown };
  };

  /** There first, then no more here: whoever dies between finds it there. */
  function handOver(guest: FakeGuest, job: Job): LiveProgress {
    const { uuid } = guest.spec;
    const peer = peers.get(job.to);
    if (peer === undefined) throw unavailable(`Host ${job.to} cannot be reached.`, { code: 'fake.no_peer' });
    peer.put({ ...guest, spec: { ...guest.spec, numa: job.numa } });
    store.remove(uuid);
    jobs.delete(uuid);
    return progressOf(guest, { ...job, state: 'completed' });
  }

  function progress(uuid: string): LiveProgress {
    const job = jobs.get(uuid);
    const guest = store.get(uuid);
    if (job === undefined || guest === undefined) return idle('none');
    if (job.state !== 'running') return idle(job.state);
    return clock.now() >= job.endsMs ? handOver(guest, job) : progressOf(guest, job);
  }

  return {
    async prepareLive({ spec, from, blockMigration }) {
      const guest = store.get(spec.uuid) ?? peers.get(from.node)?.get(spec.uuid);
      if (guest === undefined) throw missing(spec.uuid);
      // these share their storage where that is asked for
      const problem = liveDisksProblem(blockMigration, blockMigration === false, ownDisks(spec));
      if (problem !== null) throw conflict(`Instance ${spec.uuid} cannot move here as it runs: ${problem}.`);
      await take('prepareLive', behaviourOf(guest));
      return null;
    },

    async landLive({ spec }) {
      const guest = store.get(spec.uuid);
      if (guest === undefined) throw missing(spec.uuid);
      await take('landLive', behaviourOf(guest));
      // as this host reaches them
      const { volumes } = spec.disks;
      if (volumes === undefined) return view(guest);
      store.put({ ...guest, spec: { ...guest.spec, disks: { ...guest.spec.disks, volumes } } });
      return view(store.get(spec.uuid) ?? guest);
    },

    async liveMigrate({ uuid, to }) {
      const guest = store.get(uuid);
      if (guest === undefined) {
        if (peers.get(to.node)?.get(uuid) === undefined) throw missing(uuid);
        return idle('completed');
      }
      const job = jobs.get(uuid);
      if (job?.state === 'running' && job.to === to.node) return progress(uuid);
      await take('liveMigrate', behaviourOf(guest));
      if (to.node === hostname || !peers.has(to.node)) {
        throw unavailable(`Host ${to.node} cannot be reached.`, { code: 'fake.no_peer' });
      }
      const beganMs = clock.now();
      const endsMs = beganMs + parts.liveMs + behaviourOf(guest).liveMs;
      jobs.set(uuid, { to: to.node, numa: to.numa, beganMs, endsMs, state: 'running' });
      return progress(uuid);
    },

    async liveProgress({ uuid }) {
      await takeIfHere(parts, 'liveProgress', uuid);
      return progress(uuid);
    },

    async steerLive({ uuid, how }) {
      await takeIfHere(parts, 'steerLive', uuid);
      const job = jobs.get(uuid);
      if (job?.state !== 'running') return null;
      if (how === 'abort') job.state = 'cancelled';
      else job.endsMs = clock.now();
      return null;
    },
  };
}
