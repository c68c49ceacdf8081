// Why: the narrow type that a hypervisor is to us: absolute inputs, achieved outputs, every verb safe to run twice. The fake
// driver and libvirt's pass one contract suite (test/support/driver-contract.ts).

import type {
  AdjustOutcome,
  AdjustRequest,
  DiskCopy,
  DiskSource,
  GuestEvent,
  GuestSpec,
  GuestView,
  LiveProgress,
  LiveTarget,
} from '../domain/servers/guest.ts';
import type { Diagnostics } from '../domain/servers/diagnostics.ts';
import type { ImageFacts } from '../domain/machines/image.ts';
import type { InterfacePlan } from '../domain/networks/interface-plan.ts';
import type { NicSpec } from '../domain/networks/nic.ts';
import type { ConsoleEndpoint, ConsoleProtocol } from '../domain/servers/remote-console.ts';
import { type HostInventory, type OptionalVerb, optionalVerbs } from '../domain/placement/host.ts';

/** Where image bytes come from; handed in by the wiring, so that a driver knows no neighbour. */
export interface ImageSource {
  /** The image's bytes as stored. Rejects with a Fault when it cannot be had. */
  read(imageId: string): Promise<AsyncIterable<Uint8Array>>;
}

/** Where the bytes of a copied disk go. */
export interface ImageSink {
  /**
   * Stores an image's bytes; of one that has its bytes already nothing is read. Rejects with a Fault, `notFound` for an image
   * that is gone.
   */
  write(imageId: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Copies of guests' disks, each named by the image that it becomes. */
export interface Snapshots {
  /**
   * Copies the root disk as it is at one moment, while the guest runs or not. Copied already: nothing happens.
   * @param quiesce the guest's file systems must be still at that moment; 409 where its agent does not do it
   */
  take(uuid: string, imageId: string, quiesce?: boolean): Promise<DiskCopy>;
  /** Brings a copy to the image service and forgets it. There already: nothing happens. */
  upload(uuid: string, imageId: string): Promise<void>;
  /** Forgets a copy. Unknown: nothing happens. */
  drop(uuid: string, imageId: string): Promise<void>;
}

/** The optional verbs that a driver has, for its inventory. */
export const verbsOf = (driver: Partial<Record<OptionalVerb, unknown>>): readonly OptionalVerb[] =>
  optionalVerbs.filter((verb) => driver[verb] !== undefined);

export interface Driver {
  readonly kind: 'libvirt' | 'fake';
  inventory(): Promise<HostInventory>;
  /** Makes disks, networks and the domain, and starts it. Running already: nothing happens. Failing: leaves nothing behind. */
  spawn(spec: GuestSpec): Promise<GuestView>;
  /** Ends the guest and removes everything it had here. Unknown uuid: nothing happens. */
  destroy(uuid: string): Promise<void>;
  /** Starts a guest that is off; rebuilds its domain from the spec. */
  powerOn(spec: GuestSpec): Promise<GuestView>;
  /** Asks the guest to shut down and switches it off after `timeoutMs` (0: at once). */
  powerOff(uuid: string, timeoutMs: number): Promise<GuestView>;
  /** `SOFT` asks the guest and falls back to `HARD` after `timeoutMs`; `HARD` rebuilds the domain from the spec. */
  reboot(spec: GuestSpec, type: 'SOFT' | 'HARD', timeoutMs: number): Promise<GuestView>;
  /** Freezes a running guest in memory; frozen already: nothing happens. */
  pause?(uuid: string): Promise<GuestView>;
  /** Lets a frozen guest run; running already: nothing happens. */
  unpause?(uuid: string): Promise<GuestView>;
  /** Writes the memory of a running guest to disk and ends it; stored already: nothing happens. */
  suspend?(uuid: string): Promise<GuestView>;
  /** Lets a stored guest go on where it was; running already: nothing happens. */
  resume?(uuid: string): Promise<GuestView>;
  readonly snapshot?: Snapshots;
  /**
   * Makes a guest's disks anew from the spec and starts it, whatever there was of it before; asked again, does it again.
   * @param preserveEphemeral the ephemeral disk stays
   */
  rebuild?(spec: GuestSpec, preserveEphemeral: boolean): Promise<GuestView>;
  /** Boots a guest from `spec.rescue`, with its own root disk beside it; rescued already: nothing happens. */
  rescue?(spec: GuestSpec): Promise<GuestView>;
  /** Boots a rescued guest from its own disk and removes what it was rescued with; running from it: nothing happens. */
  unrescue?(spec: GuestSpec): Promise<GuestView>;
  /** Through the agent in the guest. Throws `notImplemented` where none answers, `conflict` for a guest that does not run. */
  setAdminPassword?(uuid: string, user: string, password: string): Promise<void>;
  /** Interrupts a guest, upon which it may dump its memory. Throws `conflict` for one that is off. */
  injectNmi?(uuid: string): Promise<void>;
  /**
   * Plugs a port into a guest, running or off, for this run and those after it; one that is plugged takes what changed of it.
   * @param plan what it is beside its port; the same for one that is plugged
   */
  attachNic?(uuid: string, nic: NicSpec, plan: InterfacePlan): Promise<GuestView>;
  /** Takes a port away, for good; not there: nothing happens. Rejects when the guest does not let go of it. */
  detachNic?(uuid: string, portId: string): Promise<GuestView>;
  /** Switches a guest off as `powerOff` and sets its disks aside, to be taken over, restored or dropped. Set aside: nothing. */
  migrateDisk?(uuid: string, timeoutMs: number): Promise<void>;
  /** Makes a guest over the disks that were set aside on a host (this one, perhaps) and starts it if `on`. There: nothing. */
  receiveDisk?(spec: GuestSpec, from: DiskSource, on: boolean): Promise<GuestView>;
  /** What was set aside here is the guest again, in place of what took over from it here, and starts if `on`. There: nothing. */
  restoreDisk?(spec: GuestSpec, on: boolean): Promise<GuestView>;
  /** Removes what was set aside here. Nothing: nothing. */
  dropDisk?(uuid: string): Promise<void>;
  /** Begins to move a guest as it runs, or goes on; see `liveProgress`. At its end the guest is there and not here. */
  liveMigrate?(uuid: string, to: LiveTarget): Promise<LiveProgress>;
  liveProgress?(uuid: string): Promise<LiveProgress>;
  /** Gives the move up, or ends it at any price. None goes on: nothing. */
  steerLive?(uuid: string, wish: 'abort' | 'force'): Promise<void>;
  adjust(uuid: string, request: AdjustRequest): Promise<AdjustOutcome>;
  /** The last bytes of the serial console as text. */
  console(uuid: string, maxBytes: number): Promise<string>;
  /** Where the console of a guest listens; null: it has none of that protocol, or is off. */
  remoteConsole?(uuid: string, protocol: ConsoleProtocol): Promise<ConsoleEndpoint | null>;
  /** Of a running guest; any other: 409. */
  diagnostics?(uuid: string): Promise<Diagnostics>;
  /** Brings an image to this host before a guest needs it. Whether it was fetched now; false: it was there. */
  cacheImage?(image: ImageFacts): Promise<boolean>;
  /** Null: no such guest here. */
  inspect(uuid: string): Promise<GuestView | null>;
  list(): Promise<readonly GuestView[]>;
  /** Returns the function that ends the subscription. */
  onEvent(listener: (event: GuestEvent) => void): () => void;
  close(): Promise<void>;
}
