// Why: a Nova flavor, from its table or embedded in a server, is converted field by field; what has no field here is reported.

import { elasticProblem, type Flavor, type FlavorSnapshot, snapshotOf } from '../machines/flavors.ts';
import { boolIn, jsonIn, type NovaRow, numberIn, objectData, objectIn, textIn } from './nova-rows.ts';

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.keys(objectIn(value)).flatMap((key) => {
      const text = textIn(objectIn(value), key);
      return text === null ? [] : [[key, text] as const];
    }),
  );

/** Reads a flavor from a row or from the fields of a versioned object. */
export function readFlavor(row: NovaRow, extraSpecs: Readonly<Record<string, string>>): Omit<Flavor, 'id'> {
  return {
    flavorid: textIn(row, 'flavorid') ?? '',
    name: textIn(row, 'name') ?? '',
    vcpus: numberIn(row, 'vcpus') ?? 0,
    memoryMb: numberIn(row, 'memory_mb') ?? 0,
    rootGb: numberIn(row, 'root_gb') ?? 0,
    ephemeralGb: numberIn(row, 'ephemeral_gb') ?? 0,
    swapMb: numberIn(row, 'swap') ?? 0,
    rxtxFactor: numberIn(row, 'rxtx_factor') ?? 1,
    isPublic: row['is_public'] === undefined || row['is_public'] === null || boolIn(row, 'is_public'),
    disabled: boolIn(row, 'disabled'),
    description: textIn(row, 'description'),
    extraSpecs,
  };
}

/** What is lost of a flavor. */
export const lostOfFlavor = (row: NovaRow): readonly string[] =>
  (numberIn(row, 'vcpu_weight') ?? 0) === 0 ? [] : ['vcpu_weight has no meaning here and is left out'];

/** The largest number of our integer columns. */
const MOST = 2 ** 31 - 1;
const isWhole = (number: number, least: number): boolean =>
  Number.isInteger(number) && number >= least && number <= MOST;

/** Why a size is invalid; null: it is valid. */
export function sizeProblem({
  vcpus,
  memoryMb,
  ...disks
}: Pick<Flavor, 'vcpus' | 'memoryMb' | 'rootGb' | 'ephemeralGb' | 'swapMb'>): string | null {
  if (vcpus < 1 || memoryMb < 1) return 'it has no vCPUs or no memory';
  const isSize = isWhole(vcpus, 1) && isWhole(memoryMb, 1);
  const areDisks = [disks.rootGb, disks.ephemeralGb, disks.swapMb].every((size) => isWhole(size, 0));
  return isSize && areDisks ? null : 'its size is not in whole numbers, or is too large';
}

/** Why a flavor cannot be taken over; null: it can. */
export function flavorProblem(flavor: Omit<Flavor, 'id'>): string | null {
  if (flavor.flavorid === '' || flavor.name === '') return 'it has no name or id';
  return sizeProblem(flavor) ?? elasticProblem(flavor);
}

/** A server's embedded flavor (`instance_extra.flavor`); `moves`: it is being resized. Null: it cannot be read. */
export function readServerFlavor(cell: unknown): { readonly flavor: FlavorSnapshot; readonly moves: boolean } | null {
  const { cur, old, new: next } = objectIn(jsonIn(cell));
  const data = objectData(cur);
  if (data['flavorid'] === undefined) return null;
  const flavor = snapshotOf({ id: 0, ...readFlavor(data, textsOf(data['extra_specs'])) });
  return { flavor, moves: (old ?? next ?? null) !== null };
}
