// Why: a flavor of Nova's, of its table or as a server keeps it, is one of ours field by field; what has no field here is told.

import { elasticProblem, type Flavor, type FlavorSnapshot, snapshotOf } from '../machines/flavors.ts';
import { boolIn, jsonIn, type NovaRow, numberIn, objectData, objectIn, textIn } from './nova-rows.ts';

const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.keys(objectIn(value)).flatMap((key) => {
      const text = textIn(objectIn(value), key);
      return text === null ? [] : [[key, text] as const];
    }),
  );

/** Of a row, or of the fields of an object of Nova's. */
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

/** What of a flavor is not kept here. */
export const lostOfFlavor = (row: NovaRow): readonly string[] =>
  (numberIn(row, 'vcpu_weight') ?? 0) === 0 ? [] : ['vcpu_weight has no meaning here and is left out'];

/** What columns for numbers of them have room for. */
const MOST = 2 ** 31 - 1;
const isWhole = (number: number, least: number): boolean =>
  Number.isInteger(number) && number >= least && number <= MOST;

/** Why nothing can have such a size; null: it can. */
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

/** Why a flavor cannot be one here; null: it can. */
export function flavorProblem(flavor: Omit<Flavor, 'id'>): string | null {
  if (flavor.flavorid === '' || flavor.name === '') return 'it has no name or id';
  return sizeProblem(flavor) ?? elasticProblem(flavor);
}

/** The flavor that a server has (`instance_extra.flavor`), with another one that it is on its way to or from; null: it cannot be read. */
export function readServerFlavor(cell: unknown): { readonly flavor: FlavorSnapshot; readonly moves: boolean } | null {
  const { cur, old, new: next } = objectIn(jsonIn(cell));
  const data = objectData(cur);
  if (data['flavorid'] === undefined) return null;
  const flavor = snapshotOf({ id: 0, ...readFlavor(data, textsOf(data['extra_specs'])) });
  return { flavor, moves: (old ?? next ?? null) !== null };
}
