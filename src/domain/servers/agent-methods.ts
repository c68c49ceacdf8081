// Why: what the agent of a host may be asked is said once, here. From these entries derive the contract of the bus and its time limits,
// what an agent does with a request, the type of a driver, the verbs that a host tells of, and what fake guests can be told to fail at.

import { limits } from '../../base/limits.ts';
import type { ImageFacts } from '../machines/images.ts';
import type { ForeignGuest } from '../moving/foreign-guest.ts';
import type { InterfacePlan } from '../networks/interface-plan.ts';
import type { NicSpec } from '../networks/server-nics.ts';
import type { CloudInitFiles } from './cloud-init-status.ts';
import type { VolumeDisk } from './server-volumes.ts';
import type { Diagnostics } from './server-diagnostics.ts';
import type {
  AdjustOutcome,
  GuestAdjustRequest,
  DiskCopied,
  DiskCopy,
  DiskCopyOrder,
  DiskOffer,
  DiskProgress,
  DiskSource,
  GuestSpec,
  GuestView,
  LiveLanding,
  LiveProgress,
  LiveTarget,
} from './guests.ts';
import type { ConsoleEndpoint, ConsoleProtocol } from './console-endpoint.ts';

/** What is said of a method, whose arguments are absolute and which may be asked twice. */
export interface MethodTraits<Args, Reply> {
  /** What a driver does; a type alone. */
  readonly verb?: (args: Args) => Promise<Reply>;
  /** How long the caller waits for an answer before it treats the outcome as unknown, in milliseconds. */
  readonly deadlineMs: number;
  /** The guest that it is about; null: it is about the host. */
  readonly guest: ((args: Args) => string) | null;
  /** What it waits its turn for; null: for nothing. Absent: for its guest, which does one thing at a time. */
  readonly queue?: ((args: Args) => string) | null;
  /** A driver may lack it, and a host tells of it. A name: it comes with the method of that name. Absent: every driver has it. */
  readonly optional?: true | string;
  /** It changes nothing. */
  readonly reads?: true;
  /** Done twice it shows: whoever repeats an attempt gets the answer of the first time. */
  readonly once?: true;
  /** Nothing of the guest is left on the host afterwards. */
  readonly ends?: true;
}

const method =
  <Args, Reply = GuestView>() =>
  <const Traits extends MethodTraits<Args, Reply>>(traits: Traits): Traits & MethodTraits<Args, Reply> =>
    traits;

interface Guest {
  readonly uuid: string;
}
interface Spec {
  readonly spec: GuestSpec;
}
interface Copy extends Guest {
  /** The image that the copy becomes. */
  readonly imageId: string;
}

const byUuid = ({ uuid }: Guest): string => uuid;
const bySpec = ({ spec }: Spec): string => spec.uuid;
const byImage = ({ imageId }: Copy): string => imageId;

/** Every method. The order of those that are optional is that in which hosts tell of them. */
export const agentMethods = {
  /** Makes disks, networks and the domain, and starts it. Running already: nothing happens. Failing: leaves nothing behind. */
  spawn: method<Spec>()({ deadlineMs: limits.spawnMs, guest: bySpec }),
  /** Ends the guest and removes everything it had here. Unknown uuid: nothing happens. */
  destroy: method<Guest, null>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, ends: true }),
  /** Starts a guest that is off; rebuilds its domain from the spec. */
  powerOn: method<Spec>()({ deadlineMs: limits.spawnMs, guest: bySpec }),
  /** Asks the guest to shut down and switches it off after `timeoutMs` (0: at once). */
  powerOff: method<Guest & { readonly timeoutMs: number }>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid }),
  /** `SOFT` asks the guest and falls back to `HARD` after `timeoutMs`; `HARD` rebuilds the domain from the spec. */
  reboot: method<Spec & { readonly type: 'SOFT' | 'HARD'; readonly timeoutMs: number }>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: bySpec,
    once: true,
  }),
  /** Freezes a running guest in memory; frozen already: nothing happens. */
  pause: method<Guest>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, optional: true }),
  /** Lets a frozen guest run; running already: nothing happens. */
  unpause: method<Guest>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, optional: true }),
  /** Writes the memory of a running guest to disk and ends it; stored already: nothing happens. */
  suspend: method<Guest>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, optional: true }),
  /** Lets a stored guest go on where it was; running already: nothing happens. */
  resume: method<Guest>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, optional: true }),
  /** Boots a guest from `spec.rescue`, with its own root disk beside it; rescued already: nothing happens. */
  rescue: method<Spec>()({ deadlineMs: limits.spawnMs, guest: bySpec, optional: true }),
  /** Boots a rescued guest from its own disk and removes what it was rescued with; running from it: nothing happens. */
  unrescue: method<Spec>()({ deadlineMs: limits.spawnMs, guest: bySpec, optional: true }),
  /**
   * Makes a guest's disks anew from the spec and starts it, whatever there was of it before; asked again, does it again.
   * `preserveEphemeral`: the ephemeral disk stays.
   */
  rebuild: method<Spec & { readonly preserveEphemeral: boolean }>()({
    deadlineMs: limits.spawnMs,
    guest: bySpec,
    optional: true,
    once: true,
  }),
  /** Through the agent in the guest. Throws `notImplemented` where none answers, `conflict` for a guest that does not run. */
  setAdminPassword: method<Guest & { readonly user: string; readonly password: string }, null>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
    once: true,
  }),
  /** Interrupts a guest, upon which it may dump its memory. Throws `conflict` for one that is off. */
  injectNmi: method<Guest, null>()({
    deadlineMs: limits.libvirtJobCallMs,
    guest: byUuid,
    optional: true,
    once: true,
  }),
  /**
   * Copies the root disk as it is at one moment, while the guest runs or not. Copied already: nothing happens.
   * `quiesce`: the guest's file systems must be still at that moment; 409 where its agent does not do it.
   */
  snapshot: method<Copy & { readonly quiesce: boolean }, DiskCopy>()({
    deadlineMs: limits.snapshotMs,
    guest: byUuid,
    optional: true,
  }),
  /** Brings a copy to the image service and forgets it. There already: nothing happens. The guest need not wait for a transfer. */
  uploadSnapshot: method<Copy, null>()({
    deadlineMs: limits.imageTransferMs,
    guest: byUuid,
    queue: byImage,
    optional: 'snapshot',
  }),
  /** Forgets a copy. Unknown: nothing happens. */
  dropSnapshot: method<Copy, null>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    queue: byImage,
    optional: 'snapshot',
  }),
  /** Switches a guest off as `powerOff` and sets its disks aside, to be taken over, restored or dropped. Set aside: nothing. */
  migrateDisk: method<Guest & { readonly timeoutMs: number }, null>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /**
   * Lets another host read what is set aside of a guest here, or of one that shall move as it runs, for as long as it does and a
   * while longer; null: hosts reach each other's disks anyway. Asked again: one offer more.
   */
  offerDisk: method<Guest, DiskOffer | null>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    optional: 'migrateDisk',
  }),
  /** Begins to bring disks that were set aside on a host to this one, or goes on; `receiveDisk` makes the guest over them. */
  fetchDisk: method<Spec & { readonly from: DiskSource }, DiskProgress>()({
    deadlineMs: limits.libvirtCallMs,
    guest: bySpec,
    optional: 'receiveDisk',
  }),
  /** Makes a guest over the disks that were set aside on a host (this one, perhaps) and starts it if `on`. There: nothing. */
  receiveDisk: method<Spec & { readonly from: DiskSource; readonly on: boolean }>()({
    deadlineMs: limits.spawnMs,
    guest: bySpec,
    optional: true,
  }),
  /** What was set aside here is the guest again, in place of what took over from it here, and starts if `on`. There: nothing. */
  restoreDisk: method<Spec & { readonly on: boolean }>()({
    deadlineMs: limits.spawnMs,
    guest: bySpec,
    optional: true,
  }),
  /** Removes what was set aside here. Nothing: nothing. */
  dropDisk: method<Guest, null>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, optional: true }),
  /**
   * Makes ready what a guest that comes as it runs needs here, and looks whether it can; null: nothing is needed. Throws `conflict`
   * with the reason where it cannot. It is no guest here until it came.
   */
  prepareLive: method<
    Spec & { readonly from: DiskSource; readonly blockMigration: boolean | null },
    LiveLanding | null
  >()({ deadlineMs: limits.imageTransferMs, guest: bySpec, optional: 'liveMigrate' }),
  /** Sees to it that a guest that came as it ran is whole here, and this host's from now on. Throws `notFound` where it did not come. */
  landLive: method<Spec>()({ deadlineMs: limits.libvirtSlowCallMs, guest: bySpec, optional: 'liveMigrate' }),
  /** Begins to move a guest as it runs, or goes on; see `liveProgress`. At its end the guest is there and not here. */
  liveMigrate: method<Guest & { readonly to: LiveTarget }, LiveProgress>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /** How far the move is; asked while the guest is under way. */
  liveProgress: method<Guest, LiveProgress>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    queue: null,
    optional: true,
    reads: true,
  }),
  /** Gives the move up, or ends it at any price. None goes on: nothing. */
  steerLive: method<Guest & { readonly how: 'abort' | 'force' }, null>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    queue: null,
    optional: true,
  }),
  /**
   * Plugs a port into a guest, running or off, for this run and those after it; one that is plugged takes what changed of it.
   * `plan`: what it is beside its port; the same for one that is plugged.
   */
  attachNic: method<Guest & { readonly nic: NicSpec; readonly plan: InterfacePlan }>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /** Takes a port away, for good; not there: nothing happens. Rejects when the guest does not let go of it. */
  detachNic: method<Guest & { readonly portId: string }>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /** Plugs a volume into a guest, running or off, for this run and those after it; one that is plugged stays. */
  attachVolume: method<Guest & { readonly disk: VolumeDisk }>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /** Takes a volume away, for good; not there: nothing happens. Rejects when the guest does not let go of it. */
  detachVolume: method<Guest & { readonly volumeId: string }>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /**
   * Copies a volume that a guest has to a new file, as it is when this begins, while the guest goes on writing; a copy that an
   * earlier call left is made anew. `path` is in the directory of volumes. `quiesce`: the file systems of a guest that runs must be
   * still at that moment; 409 where its agent does not do it.
   */
  copyVolume: method<Guest & { readonly volumeId: string; readonly path: string; readonly quiesce: boolean }, null>()({
    deadlineMs: limits.imageTransferMs,
    guest: byUuid,
    optional: true,
  }),
  /** Makes a volume that a guest has larger, so that the guest sees it at once; one that is as large stays. */
  growVolume: method<Guest & { readonly volumeId: string; readonly bytes: number }>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    optional: true,
  }),
  /**
   * Copies the root disk as it is at one moment to a file, while the guest runs or not; what is there already is whole, and stays.
   * `changes`: only what changed since that earlier copy, where that is known; the answer says whether it was.
   */
  copyDisk: method<DiskCopyOrder, DiskCopied>()({ deadlineMs: limits.snapshotMs, guest: byUuid, optional: true }),
  /** Ends the copying of a disk to a file, though it is the guest's turn, and removes what there is of it. Nothing: nothing. */
  dropDiskCopy: method<Guest & { readonly path: string }, null>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    queue: null,
    optional: 'copyDisk',
  }),
  /** Puts the disk that copies stand for in the place of the root disk of a guest that is off; `chain`: the whole one first. */
  replaceDisk: method<Spec & { readonly chain: readonly string[] }>()({
    deadlineMs: limits.imageTransferMs,
    guest: bySpec,
    optional: 'copyDisk',
  }),
  /** Brings a running guest to a size, as far as it goes. */
  adjust: method<Guest & { readonly request: GuestAdjustRequest }, AdjustOutcome>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
  }),
  /** The last bytes of the serial console as text. */
  console: method<Guest & { readonly maxBytes: number }, string>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    queue: null,
    reads: true,
  }),
  /** Of a running guest; any other: 409. */
  diagnostics: method<Guest, Diagnostics>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    queue: null,
    optional: true,
    reads: true,
  }),
  /** Where the console of a guest listens; null: it has none of that protocol, or is off. */
  remoteConsole: method<Guest & { readonly protocol: ConsoleProtocol }, ConsoleEndpoint | null>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    queue: null,
    optional: true,
    reads: true,
  }),
  /** Brings an image to this host before a guest needs it. Whether it was fetched now; false: it was there. */
  cacheImage: method<{ readonly image: ImageFacts }, boolean>()({
    deadlineMs: limits.imageTransferMs,
    guest: null,
    optional: true,
  }),
  /** What is seen of a guest, after all that was asked before; null: no such guest here. */
  inspect: method<Guest, GuestView | null>()({ deadlineMs: limits.libvirtCallMs, guest: byUuid, reads: true }),
  list: method<Record<string, never>, readonly GuestView[]>()({
    deadlineMs: limits.libvirtCallMs,
    guest: null,
    reads: true,
  }),
  /**
   * Sets the clock of a running guest to the host's through its agent, and asks the agent anew. Throws `notImplemented` where none
   * answers, `conflict` for a guest that does not run.
   */
  syncGuest: method<Guest>()({ deadlineMs: limits.libvirtSlowCallMs, guest: byUuid, optional: true }),
  /**
   * What cloud-init keeps about itself in a running guest, each bounded; null: no agent answers there. Throws `conflict` for a guest that
   * does not run.
   */
  cloudInit: method<Guest, CloudInitFiles | null>()({
    deadlineMs: limits.libvirtSlowCallMs,
    guest: byUuid,
    queue: null,
    optional: true,
    reads: true,
  }),
  /** A guest as its host has it, whoever made it; null: there is none of that id. */
  survey: method<Guest, ForeignGuest | null>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    optional: 'adopt',
    reads: true,
  }),
  /** A guest that another program made is ours from now on, and goes on as it is. Ours already: nothing happens. */
  adopt: method<Guest & { readonly nics: readonly NicSpec[] }>()({
    deadlineMs: limits.libvirtCallMs,
    guest: byUuid,
    optional: true,
  }),
  /** A guest that was taken over is the other program's again, and goes on as it is. Not ours: nothing happens. */
  release: method<Guest, null>()({ deadlineMs: limits.libvirtCallMs, guest: byUuid, optional: 'adopt' }),
};

type Table = typeof agentMethods;
type VerbOf<M extends AgentMethod> = NonNullable<Table[M]['verb']>;
type ArgsByMethod = { readonly [M in AgentMethod]: Parameters<VerbOf<M>>[0] };
type ReplyByMethod = { readonly [M in AgentMethod]: Awaited<ReturnType<VerbOf<M>>> };
type Where<Trait> = { [M in AgentMethod]: Table[M] extends Trait ? M : never }[AgentMethod];

export type AgentMethod = keyof Table;
export type AgentArgs<M extends AgentMethod> = ArgsByMethod[M];
export type AgentReply<M extends AgentMethod> = ReplyByMethod[M];

/** What does the methods: a function for each, from its arguments to its reply. */
export type AgentVerbs = { [M in keyof Table]: (args: ArgsByMethod[M]) => Promise<ReplyByMethod[M]> };

/** What a driver may lack. */
export type OptionalMethod = Where<{ readonly optional: true | string }>;
/** What a host tells of. */
export type OptionalVerb = Where<{ readonly optional: true }>;
/** What is about one guest. */
export type GuestMethod = Exclude<AgentMethod, Where<{ readonly guest: null }>>;

/** Each may be what a driver lacks: `driver.rescue` is the code of that fault. */
declare module '../../base/fault-codes.ts' {
  interface DriverVerbs extends Record<AgentMethod, true> {}
}

/** The same table, for whoever was given the name of any method. */
export const methodTraits: { readonly [M in AgentMethod]: MethodTraits<ArgsByMethod[M], ReplyByMethod[M]> } =
  agentMethods;

// the keys of a constant are known, which the type of `Object.keys` does not say
export const methodNames = Object.keys(agentMethods) as readonly AgentMethod[];
