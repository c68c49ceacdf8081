// Why: the tables of what the scheduler can do, under the names that operators know from Nova. Configuration, the pass itself
// and the reasons in a fault read them.

import { availabilityZoneFilter } from './filters/availability-zone.ts';
import { computeFilter } from './filters/compute.ts';
import { growthCeilingFilter } from './filters/growth-ceiling.ts';
import { imagePropertiesFilter } from './filters/image-properties.ts';
import { resourceFilter } from './filters/resource.ts';
import type { Filter, Weigher } from './spec.ts';
import { cpuWeigher, diskWeigher, ramWeigher } from './weighers/free.ts';
import { headroomWeigher } from './weighers/headroom.ts';

export interface FilterRow {
  readonly refuse: Filter;
  /** Holds even for a forced host: what it says is a fact, not a preference. */
  readonly binding: boolean;
  /** Its answer changes as servers of the same request are placed. */
  readonly everyPick: boolean;
}

export const filters = {
  ComputeFilter: { refuse: computeFilter, binding: true, everyPick: false },
  AvailabilityZoneFilter: { refuse: availabilityZoneFilter, binding: false, everyPick: false },
  ImagePropertiesFilter: { refuse: imagePropertiesFilter, binding: false, everyPick: false },
  GrowthCeilingFilter: { refuse: growthCeilingFilter, binding: true, everyPick: false },
  ResourceFilter: { refuse: resourceFilter, binding: true, everyPick: true },
} as const satisfies Record<string, FilterRow>;

export type FilterName = keyof typeof filters;

export interface WeigherRow {
  readonly weigh: Weigher;
  /** The lower end of the scale when it is fixed; else the least weight seen. */
  readonly floor: number | null;
}

export const weighers = {
  RAMWeigher: { weigh: ramWeigher, floor: 0 },
  CPUWeigher: { weigh: cpuWeigher, floor: 0 },
  DiskWeigher: { weigh: diskWeigher, floor: 0 },
  HeadroomWeigher: { weigh: headroomWeigher, floor: null },
} as const satisfies Record<string, WeigherRow>;

export type WeigherName = keyof typeof weighers;

export const defaultFilters = Object.keys(filters) as FilterName[];

/** A negative multiplier turns spreading into stacking; zero leaves the weigher out. */
export const defaultMultipliers: Readonly<Record<WeigherName, number>> = {
  RAMWeigher: 1,
  CPUWeigher: 1,
  DiskWeigher: 1,
  HeadroomWeigher: 1,
};
