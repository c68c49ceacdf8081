// Why: what travels between the control plane and a host: what a guest shall be (absolute) and what it is (achieved).

import type { CpuTopology } from '../numa/cpu-topology.ts';
import type { ImageFacts } from '../machines/images.ts';
import { type PowerState, power } from './servers.ts';
import type { LocalDisks } from './local-disks.ts';
import type { VolumeDisk } from './server-volumes.ts';
import type { MemoryMethod } from '../adjustment/memory-method.ts';
import type { Transfer } from './migrations.ts';
import type { NicSpec } from '../networks/server-nics.ts';
import type { NumaTopology } from '../numa/numa.ts';
import type { Size } from '../adjustment/size.ts';

/** Everything that a guest is, absolute: two spawns with the same spec are one. */
export interface GuestSpec {
  readonly uuid: string;
  readonly name: string;
  readonly hostname: string;
  readonly projectId: string;
  readonly userId: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The ceiling of the domain. */
  readonly maximum: Size;
  readonly minimum: Size;
  /** The size to boot with, between the two. */
  readonly boot: Size;
  readonly flavorName: string;
  readonly extraSpecs: Readonly<Record<string, string>>;
  readonly disks: {
    readonly image: ImageFacts | null;
    /** 0: as large as the image. */
    readonly rootGb: number;
    readonly ephemeralGb: number;
    readonly swapMb: number;
    /** What was said of them when the server was made; absent: nothing, they are as the flavor says. */
    readonly local?: LocalDisks;
    /** Volumes of the volume service; absent: it has none. */
    readonly volumes?: readonly VolumeDisk[];
  };
  /** Its NUMA nodes, and where they lie on the host; null: it leaves that to the host. */
  readonly numa: NumaTopology | null;
  /** The addresses of its host's devices that it has (`0000:81:00.1`). */
  readonly hostDevices: readonly string[];
  /** Null: a socket for each vCPU. */
  readonly cpuTopology: CpuTopology | null;
  /** Whether its memory stays in the host's, whatever happens there. */
  readonly lockedMemory: boolean;
  readonly kernel: ImageFacts | null;
  readonly ramdisk: ImageFacts | null;
  /** Booted from in place of the guest's own disks, which are there beside it; absent: not rescued. */
  readonly rescue?: ImageFacts;
  readonly nics: readonly NicSpec[];
  /** Null: no config drive. */
  readonly configDrive: ConfigDriveSpec | null;
  readonly createdAt: number;
}

/** Whether it boots from a volume: then it has no root disk on its host. */
export const hasVolumeRoot = ({ volumes = [] }: GuestSpec['disks']): boolean =>
  volumes.some(({ bootIndex }) => bootIndex === 0);

/** The size of the root disk on its host, in GiB: 0 where that is a volume, or as large as the image. */
export const ownRootGb = (disks: GuestSpec['disks']): number => (hasVolumeRoot(disks) ? 0 : disks.rootGb);

/**
 * Why a guest's disks cannot go with it as it runs in the way that is asked for; null: they can. Volumes are not copied.
 * @param asked whether disks must be copied; null: as the storage needs
 * @param shared whether both hosts have the same storage
 * @param own how many disks it has on its host that it writes to
 */
export function liveDisksProblem(asked: boolean | null, shared: boolean, own: number): string | null {
  if (asked === true && shared) return 'both hosts have the same storage, so no disk can be copied';
  if (asked === true && own === 0) return 'it has no disk on its host that could be copied';
  if (asked === false && !shared && own > 0) return 'its storage is not shared, so its disks must be copied';
  return null;
}

export interface ConfigDriveSpec {
  readonly availabilityZone: string;
  readonly keyName: string | null;
  readonly publicKey: string | null;
  readonly keyType: string | null;
  readonly adminPass: string | null;
  /** base64; with a cloud-init template it has that too. */
  readonly userData: string | null;
  readonly launchIndex: number;
  readonly projectName: string | null;
  readonly files: readonly InjectedFile[];
}

/** A file that the creator of a server gave along (`personality`). */
export interface InjectedFile {
  readonly path: string;
  /** base64, as the API got it. */
  readonly contents: string;
}

/** What the hypervisor and the guest say now. */
export interface GuestView {
  readonly uuid: string;
  readonly powerState: PowerState;
  /** vCPUs that are plugged, and the memory that the guest has, in MiB. For a guest that is off: what it boots with. */
  readonly size: Size;
  /** vCPUs online inside the guest, as its agent says; null where nobody can be asked. */
  readonly onlineVcpus: number | null;
  /** MiB available inside the guest (balloon statistics); null without a driver in the guest. */
  readonly availableMb: number | null;
  readonly maximum: Size;
  /** vCPUs that it counts for, where its host's operator lets those go that are offline inside; absent: all that are plugged. */
  readonly heldVcpus?: number;
}

/** What a guest holds of its host. */
export const heldOf = ({ size, heldVcpus = size.vcpus }: GuestView): Size => ({ ...size, vcpus: heldVcpus });

/** A guest that says anything runs on one vCPU at least. */
export const fewestOnline = 1;

/** How many vCPUs of those that are plugged a guest has online, as far as what it says can be; null: nobody says. */
export const onlineOf = (said: number | null, plugged: number): number | null =>
  said === null || !Number.isFinite(said) ? null : Math.max(fewestOnline, Math.min(Math.floor(said), plugged));

/**
 * A guest whose vCPUs that are offline inside are nobody's. Where none tells of them, those that are plugged may be in use.
 * @param frozen how many were left online when somebody last saw to it: a frozen guest turns on none; null: not known
 */
export function lettingGo(view: GuestView, frozen: number | null): GuestView {
  const { size, powerState } = view;
  const said = view.onlineVcpus ?? (powerState === power.paused ? frozen : null);
  const online = onlineOf(said, size.vcpus);
  return online === null || online >= size.vcpus ? view : { ...view, heldVcpus: online };
}

/** A disk copied for the image service. */
export interface DiskCopy {
  readonly format: 'raw' | 'qcow2';
}

/** What of a guest's root disk is copied where. */
export interface DiskCopyOrder {
  readonly uuid: string;
  readonly path: string;
  /** The guest's file systems must be still at that moment; 409 where its agent does not do it. */
  readonly quiesce: boolean;
  /** By which name a later copy may ask for what changed since; null: none will. */
  readonly mark: string | null;
  /** Only what changed since an earlier copy of a disk of that size; null: all. */
  readonly changes: { readonly since: string; readonly virtualBytes: number } | null;
}

export interface DiskCopied {
  readonly virtualBytes: number;
  /** Whether the copy is of the changes alone; else it is whole. */
  readonly incremental: boolean;
  /** Whether the guest was on. */
  readonly live: boolean;
}

export interface GuestAdjustRequest {
  readonly actionId: string;
  /** Absolute targets; what equals the present is left alone. */
  readonly target: Size;
  /** Also write the size that the next boot takes. */
  readonly persist: boolean;
  /** How long to wait for the guest. */
  readonly timeoutMs: number;
}

export type AdjustMethod = 'hotplug' | 'guest-offline' | 'guest-online' | MemoryMethod | 'next-boot' | 'none';

export interface PartOutcome {
  readonly target: number;
  /** What was reached, as confirmed by the guest where it can confirm, else by the hypervisor. */
  readonly reached: number;
  readonly confirmedBy: 'guest' | 'hypervisor' | 'none';
  readonly method: AdjustMethod;
  /**
   * What the guest may still hold or take back without asking: the claim must not fall below it. Equal to `reached` for a
   * confirmed unplug; the old number for an unplug that timed out or for vCPUs that are only offline in the guest.
   */
  readonly held: number;
  /** Why the target was not reached; null when it was. */
  readonly problem: string | null;
}

export interface AdjustOutcome {
  readonly vcpus: PartOutcome;
  readonly memoryMb: PartOutcome;
  readonly view: GuestView;
}

/** As `lettingGo`, for what an adjustment came to. */
export const lettingGoOf = ({ vcpus, memoryMb, view }: AdjustOutcome): AdjustOutcome => ({
  vcpus: {
    ...vcpus,
    held: vcpus.confirmedBy === 'guest' ? Math.min(vcpus.held, Math.max(fewestOnline, vcpus.reached)) : vcpus.held,
  },
  memoryMb,
  view: lettingGo(view, null),
});

export type GuestEvent =
  | { readonly kind: 'started'; readonly uuid: string }
  | { readonly kind: 'stopped'; readonly uuid: string; readonly reason: string }
  | { readonly kind: 'crashed'; readonly uuid: string; readonly reason: string }
  | { readonly kind: 'paused' | 'resumed' | 'rebooted'; readonly uuid: string }
  | { readonly kind: 'resized'; readonly uuid: string }
  /** Events may have been missed: read everything again. */
  | { readonly kind: 'reconnected'; readonly uuid: null };

/**
 * How another host gets what a guest has on this one, for a while: where to ask, and the key that opens it. Whoever holds it reads
 * the guest's disks, so it goes from host to host and is written down nowhere.
 */
export interface DiskOffer {
  readonly address: string;
  readonly port: number;
  readonly id: string;
  /** Of TLS (a pre-shared key), in hex. */
  readonly key: string;
}

/** Where the disks of a guest stand that another host shall take over. */
export interface DiskSource {
  /** The hypervisor's name. */
  readonly node: string;
  readonly hostIp: string;
  /** Null: the host itself, or hosts that reach each other's disks anyway. */
  readonly offer: DiskOffer | null;
}

/** How far disks are that are brought to a host. */
export interface DiskProgress {
  readonly done: boolean;
  readonly disk: Transfer;
}

/** What a host has made ready for a guest that comes as it runs, in the words of its hypervisor. */
export interface LiveLanding {
  /** Where its libvirtd is asked, and where its QEMU takes the guest. */
  readonly uri: string;
  readonly address: string;
  /** The guest's definitions there: as it runs, and as it starts next. */
  readonly xml: string;
  readonly persistentXml: string;
  /** The disks that are copied, by the guest's names; none: both hosts have them. */
  readonly disks: readonly string[];
}

/** Where a running guest shall go, and how. */
export interface LiveTarget {
  /** The hypervisor's name. */
  readonly node: string;
  readonly hostIp: string;
  /** Whether disks are copied too; null: whatever the storage needs. */
  readonly blockMigration: boolean | null;
  /** Where the guest's NUMA nodes lie there; null: it leaves that to the host. */
  readonly numa: NumaTopology | null;
  /** What `prepareLive` said there; null: nothing had to be made ready. */
  readonly landing: LiveLanding | null;
}

/** `none`: nothing goes on and nothing went well since the guest came here. */
export type LiveState = 'running' | 'completed' | 'cancelled' | 'none';

export interface LiveProgress {
  readonly state: LiveState;
  readonly memory: Transfer;
  readonly disk: Transfer;
}
