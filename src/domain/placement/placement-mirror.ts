// Why: what an operator's Placement should contain about our hosts and servers is computed from our database alone, where claims are decided.
// What others wrote to Placement is kept.

import { createHash } from 'node:crypto';
import { dedicatedVcpus, type NumaTopology } from '../numa/numa.ts';
import { type PciDevice, type TakenDevice, whileTaken } from '../pci/pci.ts';
import { capacityOf } from './claims.ts';
import type { Host } from './hosts.ts';
import { overridden, type Resources } from './resource-specs.ts';
import { type Amounts, roomTaken } from './resources.ts';

/** As Placement's API has it. */
export interface Inventory {
  readonly total: number;
  readonly reserved: number;
  readonly min_unit: number;
  readonly max_unit: number;
  readonly step_size: number;
  readonly allocation_ratio: number;
}

/** By resource class. */
export type Inventories = Readonly<Record<string, Inventory>>;

/** Amounts by resource class. */
export type ClassAmounts = Readonly<Record<string, number>>;

/** Amounts by the uuid of their resource provider. */
export type ProviderAmounts = Readonly<Record<string, ClassAmounts>>;

/** A host's provider as Placement should have it, or as it was last written. */
export interface MirroredProvider {
  readonly name: string;
  readonly inventories: Inventories;
  /** Sorted. */
  readonly traits: readonly string[];
  /** Sorted uuids. */
  readonly aggregates: readonly string[];
}

/** A consumer's allocation on one host, by our claims. */
export interface MirroredAllocation {
  /** The server's uuid; for what a migration holds on the other host the migration's uuid, as in Nova. */
  readonly consumer: string;
  readonly kind: 'INSTANCE' | 'MIGRATION';
  readonly projectId: string;
  readonly userId: string;
  /** The host's uuid. */
  readonly provider: string;
  readonly resources: ClassAmounts;
}

/** Placement's numbers are 32 bits wide. */
const MOST = 2 ** 31 - 1;
const DISABLED = 'COMPUTE_STATUS_DISABLED';
/** Classes that a server has only from its host's provider. */
const ofServers: ReadonlySet<string> = new Set(['VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB']);

/** Whether Placement accepts the name of a trait or class. */
const isName = (name: string): boolean => name.length <= 255 && /^[A-Z][A-Z0-9_]*$/.test(name);

const inOrder = <V>(of: Readonly<Record<string, V>>): Readonly<Record<string, V>> =>
  Object.fromEntries(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The class of devices of one kind, as Nova names it. */
const classOfDevice = ({ vendorId, productId }: Pick<PciDevice, 'vendorId' | 'productId'>): string =>
  `CUSTOM_PCI_${vendorId}_${productId}`.toUpperCase();

/** @param capacity all that may be claimed, which a single server may have */
function inventory(total: number, reserved: number, ratio: number, capacity: number): Inventory {
  const whole = Math.min(Math.max(0, Math.floor(total)), MOST);
  return {
    // Placement requires a total of at least 1: an empty class is one that is fully reserved
    total: Math.max(1, whole),
    reserved: whole === 0 ? 1 : Math.min(Math.max(0, reserved), whole),
    min_unit: 1,
    max_unit: Math.min(Math.max(1, capacity), MOST),
    step_size: 1,
    allocation_ratio: ratio,
  };
}

/** Inventories of PCI devices by class; devices that cannot be assigned while related ones are in use are reserved. */
function deviceInventories({ inventory: { facts }, pciTaken }: Pick<Host, 'inventory' | 'pciTaken'>): Inventories {
  const taken = new Set(pciTaken?.map(({ address }) => address));
  const isFree = whileTaken(pciTaken);
  const byClass = Map.groupBy(facts.pciDevices ?? [], classOfDevice);
  return Object.fromEntries(
    [...byClass].map(([name, devices]) => {
      const barred = devices.filter((one) => !taken.has(one.address) && !isFree(one)).length;
      return [name, inventory(devices.length, barred, 1, devices.length)];
    }),
  );
}

/** A host's inventories, as our own scheduler counts them. */
function inventoriesOf(host: Host): Inventories {
  const { inventory: has, ratios, reserved } = host;
  const capacity = capacityOf(host);
  const claimed = roomTaken(host.claimed, host.resourcesUsed);
  const dedicated = has.facts.dedicatedCpus ?? 0;
  const all: Record<string, Inventory> = { ...deviceInventories(host) };
  const put = (name: string, total: number, less: number, ratio: number, most: number, used: number): void => {
    if (total > 0 || used > 0) all[name] = inventory(total, less, ratio, most);
  };
  put('VCPU', has.vcpus - dedicated, reserved.vcpus, ratios.cpu, capacity.vcpus, claimed.vcpus);
  put('PCPU', dedicated, 0, 1, dedicated, 0);
  put('MEMORY_MB', has.memoryMb, reserved.memoryMb, ratios.ram, capacity.memoryMb, claimed.memoryMb);
  put('DISK_GB', has.diskGb, reserved.diskGb, ratios.disk, capacity.diskGb, claimed.diskGb);
  const counted = { ...has.facts.resources };
  for (const name of Object.keys(host.resourcesUsed ?? {})) {
    if (!Object.hasOwn(overridden, name)) counted[name] ??= 0;
  }
  for (const [name, total] of Object.entries(counted)) {
    if (isName(name)) put(name, total, 0, 1, total, host.resourcesUsed?.[name] ?? 0);
  }
  return inOrder(all);
}

/** @param aggregates uuids of the host's aggregates */
export function mirroredProvider(host: Host, aggregates: readonly string[]): MirroredProvider {
  const { facts, hypervisorHostname } = host.inventory;
  return {
    name: hypervisorHostname,
    inventories: inventoriesOf(host),
    traits: [...new Set([...facts.traits.filter(isName), ...(host.disabled ? [DISABLED] : [])])].toSorted(),
    aggregates: aggregates.toSorted(),
  };
}

/** A claim's parts, as in our database. */
export interface ClaimedParts extends Amounts {
  readonly numa: NumaTopology | null;
  readonly resources: Resources | null;
  readonly pci: readonly TakenDevice[] | null;
}

/**
 * A claim by resource class, without classes of amount 0.
 * @param devices the host's, for the classes of the claimed addresses
 */
export function claimedAmounts(claim: ClaimedParts, devices: readonly PciDevice[]): ClassAmounts {
  const { numa, resources, pci } = claim;
  const room = roomTaken({ vcpus: claim.vcpus, memoryMb: claim.memoryMb, diskGb: claim.diskGb }, resources);
  const pinned = dedicatedVcpus(numa);
  const all: Record<string, number> = {
    VCPU: room.vcpus - pinned,
    PCPU: pinned + (numa?.emulatorCpus.length ?? 0),
    MEMORY_MB: room.memoryMb,
    DISK_GB: room.diskGb,
  };
  for (const [name, amount] of Object.entries(resources ?? {}))
    if (!Object.hasOwn(overridden, name) && isName(name)) all[name] = amount;
  const classes = new Map(devices.map((device) => [device.address, classOfDevice(device)]));
  for (const { address } of pci ?? []) {
    const name = classes.get(address);
    if (name !== undefined) all[name] = (all[name] ?? 0) + 1;
  }
  return inOrder(Object.fromEntries(Object.entries(all).filter(([, amount]) => amount > 0)));
}

/** A digest of an allocation, to detect changes since it was written. */
export const allocationDigest = (allocation: Omit<MirroredAllocation, 'consumer'>): string => {
  const { kind, projectId, userId, provider, resources } = allocation;
  const parts = [kind, projectId, userId, provider, inOrder(resources)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
};

/** Whether two allocations have the same amounts. */
export const sameAmounts = (a: ClassAmounts, b: ClassAmounts): boolean =>
  JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));

/** What has to be written for a host's consumers. */
export interface ConsumerDifference {
  readonly tell: readonly MirroredAllocation[];
  /** Consumers that were written for this host and have no claim on it any more. */
  readonly gone: readonly string[];
}

/** @param told digests of what was written for consumers here; null: it is unknown whether the write succeeded */
export function consumerDifference(
  books: readonly MirroredAllocation[],
  told: ReadonlyMap<string, string | null>,
): ConsumerDifference {
  const here = new Set(books.map(({ consumer }) => consumer));
  return {
    tell: books.filter((one) => told.get(one.consumer) !== allocationDigest(one)),
    gone: [...told.keys()].filter((consumer) => !here.has(consumer)),
  };
}

/** Consumers whose allocation in Placement differs from our claims (`wrong`), or that have no claim (`unknown`). */
export function strayConsumers(
  books: readonly MirroredAllocation[],
  seen: ProviderAmounts,
): { readonly wrong: readonly string[]; readonly unknown: readonly string[] } {
  const wanted = new Map(books.map((one) => [one.consumer, one.resources]));
  return {
    wrong: [...wanted].flatMap(([consumer, resources]) => {
      const found = seen[consumer];
      return found !== undefined && sameAmounts(found, resources) ? [] : [consumer];
    }),
    unknown: Object.keys(seen).filter((consumer) => !wanted.has(consumer)),
  };
}

/**
 * A consumer's allocations on all providers: on our hosts our claims; on others' providers what is there, except classes that a server has
 * only from its host (these are on Nova's provider of the same machine, from which the server was taken over).
 * @param wanted null: nothing on our hosts; everything on other providers stays
 * @param own uuids of our hosts
 */
export function allocationsWith(
  current: ProviderAmounts,
  wanted: Pick<MirroredAllocation, 'provider' | 'resources'> | null,
  own: ReadonlySet<string>,
): ProviderAmounts {
  const kept = Object.entries(current).flatMap(([provider, amounts]): [string, ClassAmounts][] => {
    if (own.has(provider) || provider === wanted?.provider) return [];
    if (wanted === null) return [[provider, amounts]];
    const others = Object.entries(amounts).filter(([name]) => !ofServers.has(name) && !(name in wanted.resources));
    return others.length === 0 ? [] : [[provider, Object.fromEntries(others)]];
  });
  const all = Object.fromEntries(kept);
  return wanted === null ? all : { ...all, [wanted.provider]: wanted.resources };
}

/** Whether two consumers' allocations are the same. */
export const sameAllocations = (a: ProviderAmounts, b: ProviderAmounts): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([provider, amounts]) => provider in b && sameAmounts(amounts, b[provider] as ClassAmounts));

/** Merges our names into a list: those that others added stay, those that we wrote before and no longer want are removed. */
export const withOurs = (
  current: readonly string[],
  wanted: readonly string[],
  told: readonly string[],
): readonly string[] => {
  const [ours, before] = [new Set(wanted), new Set(told)];
  return [...ours, ...current.filter((one) => !ours.has(one) && !before.has(one))].toSorted();
};

/** As `withOurs`, for traits; `COMPUTE_STATUS_DISABLED` is always ours, whoever set it. */
export const traitsWith = (
  current: readonly string[],
  wanted: readonly string[],
  told: readonly string[],
): readonly string[] => withOurs(current, wanted, [...told, DISABLED]);

/** As `withOurs`, for inventories. */
export function inventoriesWith(current: Inventories, wanted: Inventories, told: Inventories): Inventories {
  const others = Object.entries(current).filter(([name]) => !Object.hasOwn(told, name) && !ofServers.has(name));
  return { ...Object.fromEntries(others), ...wanted };
}

/** Placement stores ratios with single precision. */
const sameNumber = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));

const units = ['total', 'reserved', 'min_unit', 'max_unit', 'step_size', 'allocation_ratio'] as const;

export const sameInventories = (a: Inventories, b: Inventories): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, one]) => {
    const other = b[name];
    return other !== undefined && units.every((unit) => sameNumber(one[unit], other[unit]));
  });

/** The same classes without limits, for claims that exceed a host's capacity. */
export const unbounded = (inventories: Inventories): Inventories =>
  Object.fromEntries(
    Object.entries(inventories).map(([name, one]) => [name, { ...one, total: MOST, reserved: 0, max_unit: MOST }]),
  );

export const sameNames = (a: readonly string[], b: readonly string[]): boolean => {
  const there = new Set(b);
  return a.length === b.length && a.every((one) => there.has(one));
};
