// Why: what an operator's Placement should say of our hosts and servers follows from our books alone: what is claimed is decided there, and
// Placement shows it to those who read it. What others wrote there is theirs and stays.

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

/** What Placement should have of a host, or was told. */
export interface MirroredProvider {
  readonly name: string;
  readonly inventories: Inventories;
  /** In the order of the alphabet. */
  readonly traits: readonly string[];
  /** Uuids, in their order. */
  readonly aggregates: readonly string[];
}

/** What a consumer has of one host, as our books say. */
export interface MirroredAllocation {
  /** The server's uuid; of what a move holds on the other host the migration's, as in Nova. */
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
/** What servers have of no provider but their host. */
const ofServers: ReadonlySet<string> = new Set(['VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB']);

/** What Placement takes as the name of a trait or a class. */
const isName = (name: string): boolean => name.length <= 255 && /^[A-Z][A-Z0-9_]*$/.test(name);

const inOrder = <V>(of: Readonly<Record<string, V>>): Readonly<Record<string, V>> =>
  Object.fromEntries(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The class of devices of one kind, as Nova names it. */
const classOfDevice = ({ vendorId, productId }: Pick<PciDevice, 'vendorId' | 'productId'>): string =>
  `CUSTOM_PCI_${vendorId}_${productId}`.toUpperCase();

/** @param capacity all that may be claimed: no single server is kept from it */
function inventory(total: number, reserved: number, ratio: number, capacity: number): Inventory {
  const whole = Math.min(Math.max(0, Math.floor(total)), MOST);
  return {
    // Placement knows no class of which there is nothing: one that is full
    total: Math.max(1, whole),
    reserved: whole === 0 ? 1 : Math.min(Math.max(0, reserved), whole),
    min_unit: 1,
    max_unit: Math.min(Math.max(1, capacity), MOST),
    step_size: 1,
    allocation_ratio: ratio,
  };
}

/** Of each class of devices how many there are, and how many nobody can have while others of them are taken. */
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

/** What a host has, counted as our own scheduler counts it. */
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

/** @param aggregates uuids of those that the host is in */
export function mirroredProvider(host: Host, aggregates: readonly string[]): MirroredProvider {
  const { facts, hypervisorHostname } = host.inventory;
  return {
    name: hypervisorHostname,
    inventories: inventoriesOf(host),
    traits: [...new Set([...facts.traits.filter(isName), ...(host.disabled ? [DISABLED] : [])])].toSorted(),
    aggregates: aggregates.toSorted(),
  };
}

/** Of a claim, as the books have it. */
export interface ClaimedParts extends Amounts {
  readonly numa: NumaTopology | null;
  readonly resources: Resources | null;
  readonly pci: readonly TakenDevice[] | null;
}

/**
 * What a claim takes of its host, by resource class; no class of which it is nothing.
 * @param devices the host's, which say of what class an address is
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

/** What a consumer was told to have, as a short text: two that are the same say the same. */
export const allocationDigest = (allocation: Omit<MirroredAllocation, 'consumer'>): string => {
  const { kind, projectId, userId, provider, resources } = allocation;
  const parts = [kind, projectId, userId, provider, inOrder(resources)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
};

/** Whether two allocations on one host are the same amounts. */
export const sameAmounts = (a: ClassAmounts, b: ClassAmounts): boolean =>
  JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));

/** What of a host's consumers is to be told. */
export interface ConsumerDifference {
  readonly tell: readonly MirroredAllocation[];
  /** Consumers that were told to have something here, and have not. */
  readonly gone: readonly string[];
}

/** @param told digests of what was told of consumers here; null: it is not known whether that was done */
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

/** Of what Placement says that consumers have of a host: those of which the books say otherwise. */
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
 * What a consumer is to have of all providers: of our hosts what the books say; of others' what they gave it, but for what a server has
 * of its host alone (Nova's provider of the same machine, from which the server was taken over).
 * @param wanted null: nothing of our hosts, and what stands elsewhere is not ours to judge
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

/** What there is with ours in it: what others added stays, what we told of before and is no more goes. */
export const withOurs = (
  current: readonly string[],
  wanted: readonly string[],
  told: readonly string[],
): readonly string[] => {
  const [ours, before] = [new Set(wanted), new Set(told)];
  return [...ours, ...current.filter((one) => !ours.has(one) && !before.has(one))].toSorted();
};

/** As `withOurs`, of traits: whether a host takes servers is our word, whoever said it there. */
export const traitsWith = (
  current: readonly string[],
  wanted: readonly string[],
  told: readonly string[],
): readonly string[] => withOurs(current, wanted, [...told, DISABLED]);

/** As `withOurs`, of inventories. */
export function inventoriesWith(current: Inventories, wanted: Inventories, told: Inventories): Inventories {
  const others = Object.entries(current).filter(([name]) => !Object.hasOwn(told, name) && !ofServers.has(name));
  return { ...Object.fromEntries(others), ...wanted };
}

/** Placement keeps ratios with single precision. */
const sameNumber = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));

const units = ['total', 'reserved', 'min_unit', 'max_unit', 'step_size', 'allocation_ratio'] as const;

export const sameInventories = (a: Inventories, b: Inventories): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, one]) => {
    const other = b[name];
    return other !== undefined && units.every((unit) => sameNumber(one[unit], other[unit]));
  });

/** The same classes without a bound: for what our books hold beyond what a host may have. */
export const unbounded = (inventories: Inventories): Inventories =>
  Object.fromEntries(
    Object.entries(inventories).map(([name, one]) => [name, { ...one, total: MOST, reserved: 0, max_unit: MOST }]),
  );

export const sameNames = (a: readonly string[], b: readonly string[]): boolean => {
  const there = new Set(b);
  return a.length === b.length && a.every((one) => there.has(one));
};
