// Why: the tables of what the scheduler can do, under the names that operators know from Nova. Configuration, the pass itself
// and the reasons in a fault read them.

import { availabilityZoneFilter } from './filters/availability-zone.ts';
import { computeFilter } from './filters/compute.ts';
import { growthCeilingFilter } from './filters/growth-ceiling.ts';
import { imagePropertiesFilter } from './filters/image-properties.ts';
import { resourceFilter } from './filters/resource.ts';
import { serverGroupAffinityFilter, serverGroupAntiAffinityFilter } from './filters/server-group.ts';
import type { Filter, Weigher } from './spec.ts';
import { cpuWeigher, diskWeigher, ramWeigher } from './weighers/free.ts';
import { headroomWeigher } from './weighers/headroom.ts';
import { softAffinityWeigher, softAntiAffinityWeigher } from './weighers/server-group.ts';

export interface FilterRow {
  readonly prepare: Filter;
  /** Holds even for a forced host: what it says is a fact, not a preference. */
  readonly binding: boolean;
  /** Its answer changes as servers of the same request are placed. */
  readonly everyPick: boolean;
}

export const filters = {
  ComputeFilter: { prepare: computeFilter, binding: true, everyPick: false },
  AvailabilityZoneFilter: { prepare: availabilityZoneFilter, binding: false, everyPick: false },
  ImagePropertiesFilter: { prepare: imagePropertiesFilter, binding: false, everyPick: false },
  GrowthCeilingFilter: { prepare: growthCeilingFilter, binding: true, everyPick: false },
  ResourceFilter: { prepare: resourceFilter, binding: true, everyPick: true },
  ServerGroupAntiAffinityFilter: { prepare: serverGroupAntiAffinityFilter, binding: false, everyPick: true },
  ServerGroupAffinityFilter: { prepare: serverGroupAffinityFilter, binding: false, everyPick: true },
} as const satisfies Record<string, FilterRow>;

export type FilterName = keyof typeof filters;

export interface WeigherRow {
  readonly prepare: Weigher;
  /** The lower end of the scale when it is fixed; else the least weight seen. */
  readonly floor: number | null;
}

export const weighers = {
  RAMWeigher: { prepare: ramWeigher, floor: 0 },
  CPUWeigher: { prepare: cpuWeigher, floor: 0 },
  DiskWeigher: { prepare: diskWeigher, floor: 0 },
  HeadroomWeigher: { prepare: headroomWeigher, floor: null },
  ServerGroupSoftAffinityWeigher: { prepare: softAffinityWeigher, floor: null },
  ServerGroupSoftAntiAffinityWeigher: { prepare: softAntiAffinityWeigher, floor: null },
} as const satisfies Record<string, WeigherRow>;

export type WeigherName = keyof typeof weighers;

export const defaultFilters = Object.keys(filters) as FilterName[];

/** A negative multiplier turns spreading into stacking; zero leaves the weigher out. */
export const defaultMultipliers: Readonly<Record<WeigherName, number>> = {
  RAMWeigher: 1,
  CPUWeigher: 1,
  DiskWeigher: 1,
  HeadroomWeigher: 1,
  // what a user asked for goes before what spreads: more than all others together
  ServerGroupSoftAffinityWeigher: 10,
  ServerGroupSoftAntiAffinityWeigher: 10,
};
