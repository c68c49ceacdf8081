// Why: the tables of what the scheduler can do, under the names that operators know from Nova. Configuration, the pass itself
// and the reasons in a fault read them.

import type { GroupPolicy } from '../domain/servers/server-groups.ts';
import {
  aggregateImagePropertiesIsolation,
  aggregateInstanceExtraSpecsFilter,
  aggregateMultiTenancyIsolation,
  aggregateTypeAffinityFilter,
} from './filters/aggregates.ts';
import { availabilityZoneFilter } from './filters/availability-zone.ts';
import {
  aggregateIoOpsFilter,
  aggregateNumInstancesFilter,
  ioOpsFilter,
  numInstancesFilter,
} from './filters/bounds.ts';
import { computeCapabilitiesFilter } from './filters/compute-capabilities.ts';
import { computeFilter } from './filters/compute.ts';
import { growthCeilingFilter } from './filters/growth-ceiling.ts';
import { hostLabelsFilter } from './filters/host-labels.ts';
import { imagePropertiesFilter } from './filters/image-properties.ts';
import { isolatedHostsFilter } from './filters/isolated-hosts.ts';
import { jsonFilter } from './filters/json.ts';
import { memoryMethodFilter } from './filters/memory-method.ts';
import { numaTopologyFilter } from './filters/numa-topology.ts';
import { differentHostFilter, sameHostFilter } from './filters/other-servers.ts';
import { pciPassthroughFilter } from './filters/pci-passthrough.ts';
import { resourceFilter } from './filters/resource.ts';
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './filters/server-group.ts';
import { simpleCidrAffinityFilter } from './filters/simple-cidr-affinity.ts';
import { traitIsolationFilter, traitsFilter } from './filters/traits.ts';
import type { Filter, ImageFilter, Weigher } from './spec.ts';
import { cpuWeigher, diskWeigher, ramWeigher } from './weighers/free.ts';
import { headroomWeigher } from './weighers/headroom.ts';
import { hypervisorVersionWeigher, ioOpsWeigher, numInstancesWeigher } from './weighers/load.ts';
import { pciWeigher } from './weighers/pci.ts';
import { softAffinityWeigher, softAntiAffinityWeigher } from './weighers/server-group.ts';

export interface FilterRow {
  readonly prepare: Filter;
  /** Holds even for a forced host: what it says is a fact, not a preference. */
  readonly binding: boolean;
  /** Its answer changes as servers of the same request are placed. */
  readonly everyPick: boolean;
  /** Asked unless the configuration says otherwise. */
  readonly enabled: boolean;
  /** What it refuses a host for passes when the host's servers go or shrink. */
  readonly ofRoom: boolean;
}

const fact = { binding: true, everyPick: false, enabled: true, ofRoom: false };
const preference = { ...fact, binding: false };
const optional = { ...preference, enabled: false };
const room = { ...fact, ofRoom: true };

/** Those that are asked once more when a server is built anew from another image. */
export const imageFilters: Partial<Record<FilterName, ImageFilter>> = {
  ImagePropertiesFilter: imagePropertiesFilter,
  TraitsFilter: traitsFilter,
  AggregateImagePropertiesIsolation: aggregateImagePropertiesIsolation,
  IsolatedHostsFilter: isolatedHostsFilter,
};

export const filters = {
  ComputeFilter: { prepare: computeFilter, ...fact },
  AvailabilityZoneFilter: { prepare: availabilityZoneFilter, ...preference },
  HostLabelsFilter: { prepare: hostLabelsFilter, ...preference },
  ComputeCapabilitiesFilter: { prepare: computeCapabilitiesFilter, ...preference },
  ImagePropertiesFilter: { prepare: imagePropertiesFilter, ...preference },
  MemoryMethodFilter: { prepare: memoryMethodFilter, ...fact },
  TraitsFilter: { prepare: traitsFilter, ...fact },
  // says nothing unless `enable_isolated_aggregate_filtering` is on
  TraitIsolationFilter: { prepare: traitIsolationFilter, ...fact },
  GrowthCeilingFilter: { prepare: growthCeilingFilter, ...room },
  ResourceFilter: { prepare: resourceFilter, ...room, everyPick: true },
  NUMATopologyFilter: { prepare: numaTopologyFilter, ...room, everyPick: true },
  PciPassthroughFilter: { prepare: pciPassthroughFilter, ...room, everyPick: true },
  ServerGroupAntiAffinityFilter: { prepare: serverGroupAntiAffinityFilter, ...preference, everyPick: true },
  ServerGroupAffinityFilter: { prepare: serverGroupAffinityFilter, ...preference, everyPick: true },
  AggregateImagePropertiesIsolation: { prepare: aggregateImagePropertiesIsolation, ...optional },
  AggregateInstanceExtraSpecsFilter: { prepare: aggregateInstanceExtraSpecsFilter, ...optional },
  AggregateIoOpsFilter: { prepare: aggregateIoOpsFilter, ...optional, everyPick: true },
  AggregateMultiTenancyIsolation: { prepare: aggregateMultiTenancyIsolation, ...optional },
  AggregateNumInstancesFilter: { prepare: aggregateNumInstancesFilter, ...optional, everyPick: true },
  AggregateTypeAffinityFilter: { prepare: aggregateTypeAffinityFilter, ...optional },
  DifferentHostFilter: { prepare: differentHostFilter, ...optional },
  IoOpsFilter: { prepare: ioOpsFilter, ...optional, everyPick: true },
  IsolatedHostsFilter: { prepare: isolatedHostsFilter, ...optional },
  JsonFilter: { prepare: jsonFilter, ...optional, everyPick: true },
  NumInstancesFilter: { prepare: numInstancesFilter, ...optional, everyPick: true },
  SameHostFilter: { prepare: sameHostFilter, ...optional },
  SimpleCIDRAffinityFilter: { prepare: simpleCidrAffinityFilter, ...optional },
} as const satisfies Record<string, FilterRow>;

export type FilterName = keyof typeof filters;

/** The filter without which a strict policy of server groups would mean nothing. */
const filterOfPolicy: Readonly<Record<string, FilterName>> = {
  affinity: 'ServerGroupAffinityFilter',
  'anti-affinity': 'ServerGroupAntiAffinityFilter',
};

/** The filter that a group's policy needs and that is not enabled; null: all is well. */
export function missingFilter(policy: GroupPolicy, enabled: readonly FilterName[] = defaultFilters): FilterName | null {
  const needed = filterOfPolicy[policy];
  return needed === undefined || enabled.includes(needed) ? null : needed;
}

export const filterNames = Object.keys(filters) as readonly FilterName[];

export const defaultFilters: readonly FilterName[] = filterNames.filter((name) => filters[name].enabled);

export interface WeigherRow {
  readonly prepare: Weigher;
  /** The lower end of the scale when it is fixed; else the least weight seen. */
  readonly floor: number | null;
  /** Nova's name of its multiplier, as an option and as metadata of an aggregate. */
  readonly option: string;
  /** How much it counts unless the configuration says otherwise. Negative: the other way round; 0: not at all. */
  readonly multiplier: number;
  /** For the configuration: what a positive multiplier prefers. */
  readonly prefers: string;
}

export const weighers = {
  RAMWeigher: {
    ...{ prepare: ramWeigher, floor: 0, multiplier: 1 },
    option: 'ram_weight_multiplier',
    prefers: 'free memory (negative: pack)',
  },
  CPUWeigher: {
    ...{ prepare: cpuWeigher, floor: 0, multiplier: 1 },
    option: 'cpu_weight_multiplier',
    prefers: 'free vCPUs',
  },
  DiskWeigher: {
    ...{ prepare: diskWeigher, floor: 0, multiplier: 1 },
    option: 'disk_weight_multiplier',
    prefers: 'free disk',
  },
  HeadroomWeigher: {
    ...{ prepare: headroomWeigher, floor: null, multiplier: 1 },
    option: 'headroom_weight_multiplier',
    prefers: 'servers that have room to grow',
  },
  IoOpsWeigher: {
    ...{ prepare: ioOpsWeigher, floor: 0, multiplier: -1 },
    option: 'io_ops_weight_multiplier',
    prefers: 'many servers being built or copied (negative: few)',
  },
  NumInstancesWeigher: {
    ...{ prepare: numInstancesWeigher, floor: null, multiplier: 0 },
    option: 'num_instances_weight_multiplier',
    prefers: 'many servers (negative: few)',
  },
  HypervisorVersionWeigher: {
    ...{ prepare: hypervisorVersionWeigher, floor: null, multiplier: 1 },
    option: 'hypervisor_version_weight_multiplier',
    prefers: 'a newer hypervisor',
  },
  PCIWeigher: {
    ...{ prepare: pciWeigher, floor: null, multiplier: 1 },
    option: 'pci_weight_multiplier',
    prefers: 'few free PCI devices, or none',
  },
  // what a user asked for goes before what spreads: more than all others together
  ServerGroupSoftAffinityWeigher: {
    ...{ prepare: softAffinityWeigher, floor: null, multiplier: 10 },
    option: 'soft_affinity_weight_multiplier',
    prefers: 'more servers of the same soft-affinity group',
  },
  ServerGroupSoftAntiAffinityWeigher: {
    ...{ prepare: softAntiAffinityWeigher, floor: null, multiplier: 10 },
    option: 'soft_anti_affinity_weight_multiplier',
    prefers: 'fewer servers of the same soft-anti-affinity group',
  },
} as const satisfies Record<string, WeigherRow>;

export type WeigherName = keyof typeof weighers;
export type WeigherOption = (typeof weighers)[WeigherName]['option'];

export const weigherNames = Object.keys(weighers) as readonly WeigherName[];
