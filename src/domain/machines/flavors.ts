// Why: a flavor is a server's maximum; two extra specs give its minimum, and a third how memory moves between the two. They are
// read here and nowhere else.

import {
  MEMORY_METHOD,
  inBlocks,
  memoryLaws,
  memoryMethodOf,
  memoryMethods,
  spannedMinimum,
} from '../adjustment/memory-method.ts';
import { inForce, type ProfileMarks, profiledSpecs } from './profiles.ts';
import { overridesOf, wholeNumber } from '../placement/resource-specs.ts';
import { type Size, sameSize } from '../adjustment/size.ts';

export interface Flavor {
  readonly id: number;
  readonly flavorid: string;
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly rootGb: number;
  readonly ephemeralGb: number;
  readonly swapMb: number;
  readonly rxtxFactor: number;
  readonly isPublic: boolean;
  readonly disabled: boolean;
  readonly description: string | null;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

/** What of its flavor a guest does not have before it is started here. */
interface StartMarks {
  /** It runs as another program (Nova) started it, at its maximum, in a machine whose size stays. Absent: not so. */
  readonly startedElsewhere?: true;
}

/** What a server keeps of its flavor: later changes of the flavor do not reach it. */
export type FlavorSnapshot = Omit<Flavor, 'id'> & ProfileMarks & StartMarks;

/** Whether a start changes what a guest has of its flavor. */
export const awaitsStart = ({ profilePending, startedElsewhere }: FlavorSnapshot): boolean =>
  profilePending === true || startedElsewhere === true;

/** The same flavor once its guest was started here. */
export function startedHere(flavor: FlavorSnapshot): FlavorSnapshot {
  const { startedElsewhere: _elsewhere, ...rest } = inForce(flavor);
  return rest;
}

export const snapshotOf = (flavor: Flavor): FlavorSnapshot => ({
  flavorid: flavor.flavorid,
  name: flavor.name,
  vcpus: flavor.vcpus,
  memoryMb: flavor.memoryMb,
  rootGb: flavor.rootGb,
  ephemeralGb: flavor.ephemeralGb,
  swapMb: flavor.swapMb,
  rxtxFactor: flavor.rxtxFactor,
  isPublic: flavor.isPublic,
  disabled: flavor.disabled,
  description: flavor.description,
  ...profiledSpecs(flavor.extraSpecs),
});

export const MINIMUM_CPU = 'minimum_cpu';
export const MINIMUM_MEMORY = 'minimum_memory';

/** With how much a new server of the flavor begins: `minimum` unless it is said. */
export const START_SIZE = 'xloud:start_size';
export const startSizes = ['minimum', 'maximum'] as const;

/** Whether an extra spec is one of the two that give the minimum, and thus asks nothing of a host. */
export const isMinimumSpec = (key: string): boolean => key === MINIMUM_CPU || key === MINIMUM_MEMORY;

export const maximumOf = (flavor: Pick<FlavorSnapshot, 'vcpus' | 'memoryMb'>): Size => ({
  vcpus: flavor.vcpus,
  memoryMb: flavor.memoryMb,
});

/** What the disks of a server take: root, ephemeral and swap together, in GiB. */
export const diskGbOf = (flavor: Pick<FlavorSnapshot, 'rootGb' | 'ephemeralGb' | 'swapMb'>): number =>
  flavor.rootGb + flavor.ephemeralGb + Math.ceil(flavor.swapMb / 1024);

/**
 * The guaranteed floor: `minimum_cpu` and `minimum_memory`, each the flavor's own size where it is absent (adjust.md). With
 * virtio-mem as much more memory as leaves a whole device above it.
 */
export function minimumOf(flavor: FlavorSnapshot): Size {
  const read = (key: string, maximum: number) => {
    const value = flavor.extraSpecs[key];
    const number = value === undefined ? null : wholeNumber(value);
    return number === null ? maximum : Math.min(Math.max(number, 1), maximum);
  };
  const memoryMb = read(MINIMUM_MEMORY, flavor.memoryMb);
  return {
    vcpus: read(MINIMUM_CPU, flavor.vcpus),
    memoryMb: spannedMinimum(memoryMethodOf(flavor), memoryMb, flavor.memoryMb),
  };
}

/** What a new server of the flavor begins with. */
export const startSizeOf = (flavor: FlavorSnapshot): Size =>
  flavor.extraSpecs[START_SIZE] === 'maximum' ? maximumOf(flavor) : minimumOf(flavor);

/** Whether a server of the flavor can have more than one size. */
export const isElastic = (flavor: FlavorSnapshot): boolean => !sameSize(minimumOf(flavor), maximumOf(flavor));

/** MiB that a server of the flavor gets where so much is wished of it: more, up to a block, where memory goes in blocks. */
export const memoryFor = (flavor: FlavorSnapshot, wishedMb: number): number =>
  inBlocks(memoryMethodOf(flavor), wishedMb, flavor.memoryMb, 'above');

/** The most MiB that a server of the flavor can have where so much may be given to it. */
export const memoryWithin = (flavor: FlavorSnapshot, roomMb: number): number =>
  inBlocks(memoryMethodOf(flavor), Math.min(roomMb, flavor.memoryMb), flavor.memoryMb, 'below');

/** Why the memory of a flavor whose minimum is in order cannot move as its extra spec says; null: it can. */
function methodProblem({ memoryMb, extraSpecs }: Pick<Flavor, 'memoryMb' | 'extraSpecs'>): string | null {
  const value = extraSpecs[MEMORY_METHOD];
  if (value === undefined) return null;
  const method = memoryMethods.find((one) => one === value);
  if (method === undefined) {
    return `Validation failed; extra spec '${MEMORY_METHOD}': '${value}' is not one of: ${memoryMethods.join(', ')}.`;
  }
  const { spanMb } = memoryLaws[method];
  if (method === 'balloon' || memoryMb - Number(extraSpecs[MINIMUM_MEMORY] ?? memoryMb) >= spanMb) return null;
  return `Validation failed; extra spec '${MEMORY_METHOD}': ${method} needs a '${MINIMUM_MEMORY}' at least ${spanMb} MiB below the flavor's ram of ${memoryMb}.`;
}

function startProblem({ extraSpecs }: Pick<Flavor, 'extraSpecs'>): string | null {
  const value = extraSpecs[START_SIZE];
  if (value === undefined || startSizes.some((one) => one === value)) return null;
  return `Validation failed; extra spec '${START_SIZE}': '${value}' is not one of: ${startSizes.join(', ')}.`;
}

/**
 * Why the extra specs of an elastic flavor do not fit the flavor (adjust.md row 13), in words for a 400; null when they do. Checked at every
 * microversion when they are set, and again when a flavor is used whose specs were there before its size.
 */
export function elasticProblem(flavor: Pick<Flavor, 'vcpus' | 'memoryMb' | 'extraSpecs'>): string | null {
  const bounds = [
    [MINIMUM_CPU, flavor.vcpus, 'vcpus', 'VCPU'],
    [MINIMUM_MEMORY, flavor.memoryMb, 'ram', 'MEMORY_MB'],
  ] as const;
  const overrides = overridesOf(flavor.extraSpecs);
  for (const [key, maximum, name, kind] of bounds) {
    const value = flavor.extraSpecs[key];
    if (value === undefined) continue;
    const number = wholeNumber(value);
    if (number === null) return `Validation failed; '${value}' is not a valid integer value for extra spec '${key}'.`;
    if (number < 1) return `Validation failed; extra spec '${key}': ${number} is less than the min value of 1.`;
    if (number > maximum) {
      return `Validation failed; extra spec '${key}': ${number} is greater than the max value of ${maximum} (the flavor's ${name}).`;
    }
    // what is claimed follows the size of an elastic server, and cannot be two things
    if (number < maximum && overrides[kind] !== undefined) {
      return `Validation failed; extra spec 'resources:${kind}' fixes what is claimed: '${key}' must equal the flavor's ${name} of ${maximum}, or be absent.`;
    }
  }
  return startProblem(flavor) ?? methodProblem(flavor);
}
