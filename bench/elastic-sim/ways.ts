// Why: the ways to place and to grow that are compared, each as what it does differently and nothing else.

import { defaultFilters, type FilterName } from '../../src/scheduler/index.ts';
import type { Multipliers } from '../../src/scheduler/scores.ts';

export interface Way {
  /** In figures and JSON. */
  readonly name: 'elastic' | 'elasticUnweighed' | 'nova' | 'novaPacked' | 'unclaimed';
  /** In tables and plots. */
  readonly title: string;
  /** Whether servers begin at a minimum and change; else they have their flavor from the first moment to the last. */
  readonly adjusts: boolean;
  /** Whether growth is claimed on the host before the guest gets it, and refused where there is no room. */
  readonly claimsGrowth: boolean;
  readonly filters: readonly FilterName[];
  readonly multipliers: Multipliers;
}

const novaFilters = defaultFilters.filter((name) => name !== 'GrowthCeilingFilter');
const novaWeighers: Multipliers = { HeadroomWeigher: 0 };

export const ways: readonly Way[] = [
  {
    name: 'elastic',
    title: 'ours',
    ...{ adjusts: true, claimsGrowth: true },
    ...{ filters: defaultFilters, multipliers: {} },
  },
  {
    name: 'elasticUnweighed',
    title: 'ours, no headroom weigher',
    ...{ adjusts: true, claimsGrowth: true },
    ...{ filters: defaultFilters, multipliers: novaWeighers },
  },
  {
    name: 'nova',
    title: 'plain Nova',
    ...{ adjusts: false, claimsGrowth: false },
    ...{ filters: novaFilters, multipliers: novaWeighers },
  },
  {
    name: 'novaPacked',
    title: 'plain Nova, packing',
    ...{ adjusts: false, claimsGrowth: false },
    filters: novaFilters,
    multipliers: { ...novaWeighers, RAMWeigher: -1, CPUWeigher: -1, DiskWeigher: -1 },
  },
  {
    name: 'unclaimed',
    title: 'growth never claimed',
    ...{ adjusts: true, claimsGrowth: false },
    ...{ filters: novaFilters, multipliers: novaWeighers },
  },
];
