// Why: a host as the scheduler and the claims see it, and the facts that its agent reports.

import type { MemoryMethod } from '../adjustment/memory-method.ts';
import type { HostCell, NumaUsage } from '../numa/numa.ts';
import type { NumaHost } from '../numa/numa-fit.ts';
import type { PciDevice, TakenDevice } from '../pci/pci.ts';
import { methodNames, methodTraits, type OptionalVerb } from '../servers/agent-methods.ts';
import type { HostConnector } from '../servers/volume-source.ts';
import type { HostTerms } from './host-terms.ts';
import type { Resources } from './resource-specs.ts';

/** What an agent measures on its host and sends with every report. */
export interface HostInventory {
  readonly hypervisorHostname: string;
  /** `QEMU`, `KVM` or `fake`, as Nova's hypervisor_type. */
  readonly hypervisorType: string;
  /** libvirt's form: major * 1000000 + minor * 1000 + release. */
  readonly hypervisorVersion: number;
  readonly hostIp: string;
  /** CPUs that guests may use, shared and dedicated. */
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly facts: HostFacts;
}

export interface HostFacts {
  readonly cpu: {
    readonly arch: string;
    readonly model: string;
    readonly vendor: string;
    readonly topology: {
      readonly cells: number;
      readonly sockets: number;
      readonly cores: number;
      readonly threads: number;
    };
    readonly features: readonly string[];
  };
  readonly numaCells: readonly HostCell[];
  /** How many of its CPUs are each given to one vCPU; absent: none. The others are shared. */
  readonly dedicatedCpus?: number;
  readonly freeDiskGb: number;
  readonly freeMemoryMb: number;
  readonly uptime: string | null;
  /** What it can do and what it is, by the names of os-traits and the operator's own. */
  readonly traits: readonly string[];
  /** The devices that it hands to guests; absent: none. */
  readonly pciDevices?: readonly PciDevice[];
  /** What its operator counts there, by kind; absent: nothing. */
  readonly resources?: Resources;
  /** How much of it may be claimed, and its zone; absent: an agent of before that told so. */
  readonly terms?: HostTerms;
  /** How storage knows it; absent: an agent of before that told so, which opens files alone. */
  readonly connector?: HostConnector;
  /** What it is in OVN; absent: nothing, or it cannot tell just now. */
  readonly chassis?: Chassis;
  readonly capabilities: HostCapabilities;
}

/** A host as OVN knows it. */
export interface Chassis {
  /** Its `system-id`. */
  readonly name: string;
  /** The physical networks that it leads to (`ovn-bridge-mappings`). */
  readonly wires: readonly string[];
}

const CHASSIS_WORD = /^[^\s,:"]{1,255}$/;

/** What a host says that it is in OVN, as far as it can be so: OVN reads lists of names there. Null: nothing. */
export function believableChassis(told: Chassis): Chassis | null {
  if (!CHASSIS_WORD.test(told.name)) return null;
  return { name: told.name, wires: told.wires.filter((wire) => CHASSIS_WORD.test(wire)) };
}

/** What of an inventory decides anything: without what is another number each time. Two texts that are the same say the same. */
export const steadyText = ({ facts, ...inventory }: HostInventory): string =>
  JSON.stringify({ ...inventory, facts: { ...facts, freeDiskGb: 0, freeMemoryMb: 0, uptime: null } });

/**
 * What a driver may be able to do beyond the methods that every driver has. A host says in its inventory which ones it has, and a
 * move that needs another is refused.
 */
export const optionalVerbs = methodNames.filter((name): name is OptionalVerb => methodTraits[name].optional === true);
export type { OptionalVerb };

/** What the scheduler and the API may ask of a host's driver; unsupported work is refused before a host is chosen. */
export interface HostCapabilities {
  /** `qemu` (TCG) or `kvm` guests, and why; `fake`. */
  readonly virtType: string;
  readonly virtTypeReason: string;
  /** Architectures, hypervisor types and vm modes that ImagePropertiesFilter compares. */
  readonly guests: readonly { readonly arch: string; readonly hypervisorType: string; readonly vmMode: string }[];
  readonly diskFormats: readonly string[];
  /** The optional verbs of the host's driver. */
  readonly verbs: readonly OptionalVerb[];
  readonly liveVcpus: boolean;
  /** Whether an unplug of a vCPU completes (KVM), or guests must take them offline (TCG). */
  readonly vcpuUnplug: boolean;
  readonly liveMemory: boolean;
  /** How it can give a guest memory and take it back. */
  readonly memoryMethods: readonly MemoryMethod[];
  readonly maxVcpus: number;
}

export interface Host {
  readonly id: number;
  readonly uuid: string;
  readonly serviceId: number;
  readonly host: string;
  readonly inventory: HostInventory;
  readonly zone: string;
  readonly disabled: boolean;
  readonly disabledReason: string | null;
  readonly forcedDown: boolean;
  readonly lastSeenAt: number | null;
  readonly ratios: HostTerms['ratios'];
  readonly reserved: HostTerms['reserved'];
  readonly claimed: { readonly vcpus: number; readonly memoryMb: number; readonly diskGb: number };
  /** What servers here have of its NUMA nodes; null: nothing. */
  readonly numaUsed: NumaUsage | null;
  /** What is taken of its `resources`; null: nothing. */
  readonly resourcesUsed: Resources | null;
  /** Those of its devices that servers have; null: none. */
  readonly pciTaken: readonly TakenDevice[] | null;
  /** The sum of the maxima of the servers here. */
  readonly ceiling: { readonly vcpus: number; readonly memoryMb: number };
  readonly runningVms: number;
  readonly generation: number;
}

/** A host as the scheduler sees it. */
export interface Candidate extends Host {
  /** The metadata of all aggregates that the host is in, by key; values are split at commas. Shared by hosts alike. */
  readonly labels: Labels;
  /** How many servers here are being built, copied or moved (Nova's num_io_ops). */
  readonly ioOps: number;
}

/** What of a host decides whether a guest's NUMA nodes fit. */
export const numaHostOf = ({ inventory, numaUsed, ratios }: Host): NumaHost => ({
  cells: inventory.facts.numaCells,
  usage: numaUsed,
  ratios,
});

export type Labels = ReadonlyMap<string, ReadonlySet<string>>;

/** A host is up when it reported within `downMs` and nobody forced it down. */
export function isHostUp(host: Pick<Host, 'lastSeenAt' | 'forcedDown'>, nowMs: number, downMs: number): boolean {
  return !host.forcedDown && host.lastSeenAt !== null && nowMs - host.lastSeenAt <= downMs;
}
