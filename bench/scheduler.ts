// Why: a placement must not cost more when a cloud grows. Decisions (filter, weigh, choose, and the claim entered into the
// snapshot) per second in one process, on clouds of 100 to 10,000 hosts in all states that hosts are in.
//
// usage: node bench/scheduler.ts [--json] [--seconds N]

import { limits } from '../src/base/limits.ts';
import { withClaim } from '../src/domain/placement/claims.ts';
import type { Candidate } from '../src/domain/placement/hosts.ts';
import { select } from '../src/scheduler/select.ts';
import type { PlacementSpec } from '../src/scheduler/spec.ts';
import { aHost, aPlacement, NOW_MS } from '../test/support/samples.ts';
import { table } from '../src/base/table.ts';
import { conclude, type Figure, percentile, round, say } from './lib/figures.ts';
import { numbers, type Random } from './lib/random.ts';

const SIZES = [100, 1_000, 5_000, 10_000];
const SECONDS = process.argv.includes('--seconds') ? Number(process.argv[process.argv.indexOf('--seconds') + 1]) : 4;
const WARM_UP = 2_000;
/** Nomad's C1M: a million containers on 5,000 hosts by five servers, 3,750 placements a second. */
const NOMAD_PER_SECOND = 3_750;
const ZONES = 3;

/** Hosts of three zones and sizes, half full on average; of a hundred, three are down, two disabled and ten full. */
function cloudOf(count: number): Candidate[] {
  const next = numbers(count);
  return Array.from({ length: count }, (_, index) => {
    const size = [1, 2, 4][Math.floor(next() * 3)] as number;
    const state = next();
    const share = state > 0.9 ? 1 : next() * 0.9;
    const plain = aHost(`host-${index}`);
    const inventory = { ...plain.inventory, vcpus: 32 * size, memoryMb: 131_072 * size, diskGb: 4_000 };
    return {
      ...plain,
      id: index,
      inventory,
      zone: `zone-${index % ZONES}`,
      labels: new Map([['ssd', new Set([index % 2 === 0 ? 'true' : 'false'])]]),
      ratios: { cpu: 4, ram: 1, disk: 1 },
      lastSeenAt: state < 0.03 ? NOW_MS - 600_000 : NOW_MS,
      disabled: state >= 0.03 && state < 0.05,
      claimed: {
        vcpus: Math.floor(inventory.vcpus * 4 * share),
        memoryMb: Math.floor(inventory.memoryMb * share),
        diskGb: Math.floor(inventory.diskGb * share * 0.5),
      },
      ceiling: {
        vcpus: Math.floor(inventory.vcpus * 6 * share),
        memoryMb: Math.floor(inventory.memoryMb * 1.5 * share),
      },
      runningVms: Math.floor(60 * share),
      ioOps: Math.floor(next() * 4),
    };
  });
}

/** What tenants ask for: mostly small and elastic, a third in a zone, some with needs of the image or of an aggregate. */
function requestsOf(next: Random): PlacementSpec[] {
  return Array.from({ length: 64 }, (_, index) => {
    const size = 2 ** Math.floor(next() * 4);
    const plain = aPlacement();
    return aPlacement({
      minimum: { vcpus: 1, memoryMb: 512 },
      maximum: { vcpus: size, memoryMb: 1_024 * size },
      diskGb: 10,
      zone: next() < 0.33 ? `zone-${index % ZONES}` : null,
      image: next() < 0.5 ? { ...plain.image, arch: 'x86_64', diskFormat: 'qcow2' } : plain.image,
      flavor: { name: 'elastic', extraSpecs: next() < 0.3 ? { 'aggregate_instance_extra_specs:ssd': 'true' } : {} },
    });
  });
}

interface Measured {
  readonly hosts: number;
  readonly decisionsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function measure(count: number): Measured {
  const cloud = cloudOf(count);
  const requests = requestsOf(numbers(7));
  const filters = [
    ...(['ComputeFilter', 'AvailabilityZoneFilter', 'ComputeCapabilitiesFilter', 'ImagePropertiesFilter'] as const),
    ...(['GrowthCeilingFilter', 'ResourceFilter', 'ServerGroupAntiAffinityFilter'] as const),
    ...(['ServerGroupAffinityFilter', 'AggregateInstanceExtraSpecsFilter', 'IoOpsFilter'] as const),
  ];
  const timesMs: number[] = [];
  let from = 0;
  const decide = (turn: number): void => {
    const spec = requests[turn % requests.length] as PlacementSpec;
    const { hosts } = select(cloud, spec, { nowMs: NOW_MS, filters, enough: limits.hostsWeighed, from });
    from += limits.hostsWeighed;
    const best = hosts[0];
    if (best === undefined) throw new Error(`no valid host among ${count}`);
    // what is claimed is given back by the next one, so that the cloud stays as full as it is
    const sign = turn % 2 === 0 ? 1 : -1;
    const delta = { vcpus: sign, memoryMb: sign * 512, diskGb: sign * 10 };
    cloud[best.id] = withClaim(best, delta);
  };
  for (let turn = 0; turn < WARM_UP; turn += 1) decide(turn);
  const started = performance.now();
  for (let turn = 0; performance.now() - started < SECONDS * 1000; turn += 1) {
    const before = performance.now();
    decide(turn);
    timesMs.push(performance.now() - before);
  }
  const seconds = (performance.now() - started) / 1000;
  timesMs.sort((a, b) => a - b);
  return {
    hosts: count,
    decisionsPerSecond: timesMs.length / seconds,
    p50Ms: percentile(timesMs, 0.5),
    p99Ms: percentile(timesMs, 0.99),
  };
}

const sizes = SIZES.map(measure);
say(
  table([
    ['hosts', 'decisions/s', 'p50 ms', 'p99 ms'],
    ...sizes.map((one) => [one.hosts, ...[one.decisionsPerSecond, one.p50Ms, one.p99Ms].map(round)]),
  ]),
);
const at = (hosts: number): Measured => sizes.find((one) => one.hosts === hosts) as Measured;
const figures: Figure[] = [
  {
    name: 'milliseconds of a decision among 5,000 hosts',
    value: 1_000 / at(5_000).decisionsPerSecond,
    unit: 'ms',
    atMost: 1_000 / NOMAD_PER_SECOND,
    note: `${Math.round(at(5_000).decisionsPerSecond)} a second; Nomad's C1M ${NOMAD_PER_SECOND}`,
  },
  { name: 'p99 among 5,000 hosts', value: at(5_000).p99Ms, unit: 'ms', atMost: 2 },
  {
    name: 'a decision among 10,000 hosts beside 1,000',
    value: at(1_000).decisionsPerSecond / at(10_000).decisionsPerSecond,
    unit: 'x',
    atMost: 4,
  },
];
conclude('scheduler', figures, {
  sizes: sizes.map((one) => ({
    hosts: one.hosts,
    decisionsPerSecond: round(one.decisionsPerSecond),
    p50Ms: round(one.p50Ms),
    p99Ms: round(one.p99Ms),
  })),
});
