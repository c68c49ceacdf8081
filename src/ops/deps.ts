// Why: what the verbs act on, handed in once by the wiring.

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Bus } from '../bus/bus.ts';
import type { AgentReport } from '../bus/contract.ts';
import type { CopyStore } from '../cloud/copy-store.ts';
import type { ImageService } from '../cloud/image.ts';
import type { NetworkService } from '../cloud/network.ts';
import type { PlacementService } from '../cloud/placement.ts';
import type { VolumeService } from '../cloud/volume.ts';
import type { Database } from '../db/engine.ts';
import type { SshPortRange } from '../db/ssh-ports.ts';
import type { Host } from '../domain/placement/hosts.ts';
import type { CloudInitTemplates } from '../domain/servers/cloud-init-templates.ts';
import type { SizedFlavorTerms } from '../domain/machines/sized-flavors.ts';
import type { PciAliases } from '../domain/pci/pci-alias.ts';
import type { QuotaLimits } from '../domain/placement/quota-sets.ts';
import type { Size } from '../domain/adjustment/size.ts';
import type { SelectOptions } from '../scheduler/select.ts';

export interface OpsConfig {
  /** The zone of hosts that nobody put into another. */
  readonly defaultZone: string;
  readonly ratios: Host['ratios'];
  readonly reserved: Host['reserved'];
  /** A host that has not reported for this long is down, in milliseconds. */
  readonly hostDownMs: number;
  /** How long a guest may take to shut down before it is switched off, in milliseconds. */
  readonly shutdownMs: number;
  /** Whether every server has a config drive, whatever was asked for: nothing else would bring it its keys and user data. */
  readonly forceConfigDrive: boolean;
  /** How long a deleted server can be restored, in milliseconds; 0: not at all, it is deleted at once. */
  readonly reclaimMs: number;
  /** How long the rows of a deleted server are kept, in milliseconds; 0: for ever. */
  readonly retentionMs: number;
  /** How long an adjustment waits for the guest, in milliseconds. */
  readonly adjustConfirmMs: number;
  /** Whether a server whose host has no room to grow goes to one that has, unless its request says otherwise. */
  readonly adjustMayMigrate: boolean;
  /** How long a start may take until the guest's balloon is down at the server's size, in milliseconds. */
  readonly startSettleMs: number;
  /** The share of what may be claimed of a host up to which servers grow by themselves. */
  readonly autoscaleHostShare: number;
  /** Whether a resize may leave a server on its host. */
  readonly allowResizeToSameHost: boolean;
  /** A resize that nobody confirmed for this long is confirmed, in milliseconds; 0: never. */
  readonly resizeConfirmMs: number;
  /** How long the ports of a new server may take until they work, where the network service says so; 0: it is not waited for. */
  readonly plugTimeoutMs: number;
  /** Where the operator's own proxy serves consoles; null: this program's does, and there are only those that it carries. */
  readonly consoleBaseUrl: string | null;
  /** Whether anybody shall be told of what happens: a broker for notifications is configured. */
  readonly notifications: boolean;
  /** How long a shelved server stays on its host, in milliseconds; 0: it leaves at once, negative: it stays. */
  readonly shelvedOffloadMs: number;
  /** How long a host is silent until its servers are built anew elsewhere, in milliseconds; 0: nobody does it by himself. */
  readonly evacuateAfterMs: number;
  /** Whether only servers whose metadata asks for it are. */
  readonly evacuateMarkedOnly: boolean;
  /** The devices that flavors may ask for. */
  readonly pciAliases: PciAliases;
  /** The documents for cloud-init that new servers may name. */
  readonly cloudInitTemplates: CloudInitTemplates;
  /** How long a new server waits for room, in milliseconds; 0: it does not. */
  readonly placementWaitMs: number;
  /** Flavors that projects have by asking for a size. */
  readonly sizedFlavors: SizedFlavorTerms;
  /** Limits of a project unless an administrator set others; -1: none. */
  readonly quota: QuotaLimits;
}

/** Called at every point where a process may die; production has none. For tests that kill it there. */
export interface OpsHooks {
  /** `create.ports.before`, `create.ports.made`, `create.ports.after`, `create.committed` ... */
  readonly point?: (name: string) => void;
}

/** How an adjustment ended. */
export interface AdjustEnd {
  /** `stored`: kept for the next boot. */
  readonly outcome: 'success' | 'partial' | 'error' | 'stored';
  /** From the request until the guest had confirmed; null where no guest was asked, or none confirmed. */
  readonly seconds: number | null;
  /** By how much the guest changed; negative where it shrank. */
  readonly moved: Size;
}

/** What the operations tell of themselves, for metrics. */
export interface OpsObserver {
  adjusted(end: AdjustEnd): void;
  acted(end: ActionEnd): void;
  reconciled(end: ReconcilerEnd): void;
  /** A report of a host was taken. */
  reported(kind: AgentReport['kind']): void;
}

/** How a run of a reconciler ended. */
export interface ReconcilerEnd {
  readonly reconciler: string;
  readonly outcome: 'success' | 'error';
  readonly seconds: number;
}

/** How an action of a server ended. */
export interface ActionEnd {
  readonly action: string;
  readonly outcome: 'success' | 'error' | 'overtaken';
  /** From the request to the end. */
  readonly seconds: number;
}

/** Ports of this machine that lead to the SSH of servers. */
export interface SshPorts extends SshPortRange {
  /** Where it is listened. */
  readonly address: string;
  /** Who has which port has changed; resolves when it is listened so. */
  changed(): Promise<void>;
  /** Why nobody listens on one; null: it is listened. */
  problem(port: number): string | null;
}

export interface OpsDeps {
  readonly database: Database;
  readonly bus: Bus;
  readonly image: ImageService;
  readonly network: NetworkService;
  readonly volume: VolumeService;
  readonly copies: CopyStore;
  /** An operator's, which shows others what is claimed here; absent: nobody is told. */
  readonly placement?: PlacementService;
  readonly scheduler: Pick<SelectOptions, 'filters' | 'multipliers' | 'settings'>;
  readonly config: OpsConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: servers have none. */
  readonly sshPorts?: SshPorts;
  readonly hooks?: OpsHooks;
  readonly observer?: OpsObserver;
}
