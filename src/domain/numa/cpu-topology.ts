// Why: how many sockets, cores and threads a guest sees is wished by flavors and images, within bounds that either may set.
// Nova's rules and texts.

import { badRequest } from '../../base/errors.ts';
import type { FlavorSnapshot } from '../machines/flavors.ts';
import type { ImageFacts } from '../machines/images.ts';
import { badImage, noNumber } from '../machines/request-words.ts';

export interface CpuTopology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/** Preferred (0: no matter) and largest counts. */
export interface CpuTopologyRequest {
  readonly preferred: CpuTopology;
  readonly maximum: CpuTopology;
}

const parts = ['sockets', 'cores', 'threads'] as const;
const UNBOUNDED = 65_536;

const made = (of: (part: (typeof parts)[number]) => number): CpuTopology => ({
  sockets: of('sockets'),
  cores: of('cores'),
  threads: of('threads'),
});

/** The counts under names such as `hw:cpu_max_sockets`; 0: not said. */
function countsOf(values: Readonly<Record<string, string>>, prefix: string, bad: (why: string) => Error): CpuTopology {
  return made((part) => {
    const value = values[`${prefix}${part}`] ?? '0';
    if (!/^\s*[+-]?\d{1,9}\s*$/.test(value)) throw bad(noNumber(value));
    return Number(value);
  });
}

const exceeds = (counts: CpuTopology, bounds: CpuTopology): boolean =>
  parts.some((part) => bounds[part] > 0 && counts[part] > bounds[part]);

const written = ({ sockets, cores, threads }: CpuTopology): string =>
  `(sockets=${sockets}, cores=${cores}, threads=${threads})`;

const isUnsaid = (counts: CpuTopology): boolean => parts.every((part) => counts[part] === 0);

/**
 * What flavor and image wish together. Throws Nova's 400s where the image goes beyond the flavor's bounds.
 * Source: nova.virt.hardware.get_cpu_topology_constraints.
 */
export function cpuTopologyRequestOf(
  { extraSpecs }: Pick<FlavorSnapshot, 'extraSpecs'>,
  image: Pick<ImageFacts, 'properties'> | null,
): CpuTopologyRequest {
  const badFlavor = (why: string) => badRequest(`Invalid flavor extra spec. Error: ${why}`);
  const properties = image?.properties ?? {};
  const bounds = countsOf(extraSpecs, 'hw:cpu_max_', badFlavor);
  const lower = countsOf(properties, 'hw_cpu_max_', badImage);
  if (exceeds(lower, bounds)) {
    throw badRequest(
      `Image vCPU topology limits ${written(lower)} exceeds the limits of the flavor ${written(bounds)}`,
    );
  }
  const maximum = made((part) => lower[part] || bounds[part] || UNBOUNDED);
  const own = countsOf(extraSpecs, 'hw:cpu_', badFlavor);
  const wanted = countsOf(properties, 'hw_cpu_', badImage);
  if (exceeds(wanted, maximum)) {
    throw badRequest(
      `Image vCPU topology ${written(wanted)} exceeds the limits of the flavor or image ${written(maximum)}`,
    );
  }
  // what the image says replaces the flavor's wish as a whole; bounds that the image lowered undo it
  const kept = exceeds(own, maximum) ? made(() => 0) : own;
  return { preferred: isUnsaid(wanted) ? kept : wanted, maximum };
}

/** Every way to make up the number, sockets before cores before threads, as Nova prefers them. */
function waysOf(vcpus: number, maximum: CpuTopology): CpuTopology[] {
  const ways: CpuTopology[] = [];
  for (let threads = 1; threads <= Math.min(vcpus, maximum.threads); threads += 1) {
    if (vcpus % threads !== 0) continue;
    const whole = vcpus / threads;
    for (let cores = 1; cores <= Math.min(whole, maximum.cores); cores += 1) {
      if (whole % cores === 0 && whole / cores <= maximum.sockets)
        ways.push({ sockets: whole / cores, cores, threads });
    }
  }
  return ways;
}

/**
 * The topology that comes closest to what is wished; null: nothing is, and the hypervisor's own (a socket for each vCPU) does.
 * Throws Nova's text where the bounds leave none.
 */
export function bestCpuTopology(vcpus: number, { preferred, maximum }: CpuTopologyRequest): CpuTopology | null {
  if (isUnsaid(preferred) && parts.every((part) => maximum[part] === UNBOUNDED)) return null;
  const ways = waysOf(vcpus, maximum);
  const score = (way: CpuTopology): number =>
    parts.filter((part) => preferred[part] > 0 && way[part] === preferred[part]).length;
  const best = Math.max(...ways.map(score));
  const found = ways.find((way) => score(way) === best);
  if (found !== undefined) return found;
  const limit = made((part) => Math.min(vcpus, maximum[part]));
  throw badRequest(
    `Requested vCPU limits ${limit.sockets}:${limit.cores}:${limit.threads} are impossible to satisfy for vcpus count ${vcpus}`,
  );
}
