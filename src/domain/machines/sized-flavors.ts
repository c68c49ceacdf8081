// Why: who asks for a size has no use for the names of flavors. One of exactly that size, whose servers begin with all of it and may shrink to
// a floor, follows from the size; it is the same for everybody who asks for the same.

import { createHash } from 'node:crypto';
import { type Flavor, elasticProblem, MINIMUM_CPU, MINIMUM_MEMORY, START_SIZE } from './flavors.ts';
import { profileProblem, withProfile } from './profiles.ts';
import { fixedSizeProblem } from '../numa/numa-request.ts';
import { fixedMemoryProblem } from '../pci/pci-alias.ts';

export interface WantedSize {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  /** What servers of it are guaranteed; absent: one vCPU and a quarter of the memory. */
  readonly floor?: { readonly vcpus: number; readonly memoryMb: number };
  /** With what servers of it begin; absent: with all of it. */
  readonly start?: 'floor';
}

/** What the deployment says of such flavors. */
export interface SizedFlavorTerms {
  /** How many of them a project may have; 0: there are none. */
  readonly perProject: number;
  /** The largest. */
  readonly most: WantedSize;
  /** The flavor whose extra specs they all have; null: none. */
  readonly base: string | null;
}

/** All their names begin so. */
export const SIZED = 'sized-';

/** The least memory that a server may be left with where it has more; else a quarter of what it has. */
const LEAST_MB = 256;

export const floorMbOf = (memoryMb: number): number => Math.min(memoryMb, Math.max(LEAST_MB, Math.ceil(memoryMb / 4)));

/** Why a size is not given, in words for a 400; null: it is. */
export function sizeProblem(size: WantedSize, most: WantedSize): string | null {
  const bounds = [
    ['vcpus', size.vcpus, most.vcpus],
    ['memory_mb', size.memoryMb, most.memoryMb],
    ['disk_gb', size.diskGb, most.diskGb],
  ] as const;
  const over = bounds.find(([, wanted, limit]) => wanted > limit);
  if (over !== undefined) return `${over[0]}: ${over[1]} is more than the ${over[2]} that flavors by size have here.`;
  const { floor } = size;
  if (floor !== undefined && (floor.vcpus > size.vcpus || floor.memoryMb > size.memoryMb))
    return `floor: ${floor.vcpus} vCPUs and ${floor.memoryMb} MiB are more than the size.`;
  return null;
}

/**
 * The flavor of a size. Its name follows from the size and from what the base says, so that a base with other prices gives another flavor.
 * @param base the extra specs that the deployment wants in each
 */
export function sizedFlavor(
  { vcpus, memoryMb, diskGb, floor, start }: WantedSize,
  base: Readonly<Record<string, string>>,
): Omit<Flavor, 'id'> {
  const entries = Object.entries(base).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const mark =
    entries.length === 0 ? '' : `-${createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 8)}`;
  const usual = { vcpus: 1, memoryMb: floorMbOf(memoryMb) };
  const least = floor ?? usual;
  const own =
    least.vcpus === usual.vcpus && least.memoryMb === usual.memoryMb ? '' : `-floor-${least.vcpus}-${least.memoryMb}`;
  const name = `${SIZED}${vcpus}-${memoryMb}-${diskGb}${own}${start === undefined ? '' : '-from-floor'}${mark}`;
  const specs = {
    ...{ [MINIMUM_CPU]: String(least.vcpus), [MINIMUM_MEMORY]: String(least.memoryMb) },
    ...(start === undefined ? { [START_SIZE]: 'maximum' } : {}),
  };
  return {
    ...{ flavorid: name, name, vcpus, memoryMb, rootGb: diskGb, ephemeralGb: 0, swapMb: 0, rxtxFactor: 1 },
    ...{ isPublic: false, disabled: false, description: null },
    extraSpecs: { ...base, ...specs },
  };
}

/** Why what the base says does not fit such a flavor; null: it does. */
export function baseProblem(flavor: Omit<Flavor, 'id'>): string | null {
  const whole = { ...flavor, extraSpecs: withProfile(flavor.extraSpecs) };
  return (
    profileProblem(flavor.extraSpecs) ?? elasticProblem(whole) ?? fixedSizeProblem(whole) ?? fixedMemoryProblem(whole)
  );
}

/** Whether a flavor that is there under that name is the one that was meant, and nobody else's. */
export const isTheSame = (found: Flavor, wanted: Omit<Flavor, 'id'>): boolean =>
  !found.isPublic &&
  !found.disabled &&
  found.vcpus === wanted.vcpus &&
  found.memoryMb === wanted.memoryMb &&
  found.rootGb === wanted.rootGb;
