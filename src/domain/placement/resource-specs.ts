// Why: a flavor asks for amounts of what is counted on hosts (`resources:KIND` = `2`, `resources1:KIND` for a group). How such extra
// specs are written is known here and nowhere else.

/**
 * Amounts by kind, none zero, in the order of the alphabet: the same amounts are the same text. Vcpus, memory and disk are claimed
 * anyway; of these kinds it is what an override (`resources:DISK_GB` = `0`) makes it more, or less (below zero).
 */
export type Resources = Readonly<Record<string, number>>;

/** A positive whole number of plain ASCII digits, or zero, as amounts are written; null for anything else. */
export function wholeNumber(text: string): number | null {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : null;
}

export type ExtraSpecs = Readonly<Record<string, string>>;

export interface AskedResource {
  /** Empty: none. */
  readonly group: string;
  readonly kind: string;
  readonly amount: number;
}

const RESOURCE = /^resources([a-zA-Z0-9_-]{1,64})?:(.+)$/;

/** What extra specs ask for. What is no amount says nothing, as in Nova. */
export const askedResources = (extraSpecs: ExtraSpecs): readonly AskedResource[] => [
  ...Object.entries(extraSpecs).flatMap(([key, value]) => {
    const [, group = '', kind] = RESOURCE.exec(key) ?? [];
    const amount = wholeNumber(value);
    return kind === undefined || amount === null ? [] : [{ group, kind, amount }];
  }),
  ...persistentMemory(extraSpecs['hw:pmem'] ?? ''),
];

/** Each namespace of persistent memory by its label (`hw:pmem` = `6GB,6GB`), as a resource that a host may have. */
const persistentMemory = (labels: string): AskedResource[] =>
  labels.split(',').flatMap((label) => {
    const word = label
      .trim()
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]/g, '_');
    return word === '' ? [] : [{ group: '', kind: `CUSTOM_PMEM_NAMESPACE_${word}`, amount: 1 }];
  });

/** What of a server's size and disks an override stands in for. */
export const overridden = { VCPU: 'vcpus', MEMORY_MB: 'memoryMb', DISK_GB: 'diskGb' } as const;

/** What is counted for a server on its host in place of its own amounts, all groups together. */
export function overridesOf(extraSpecs: ExtraSpecs): Partial<Record<keyof typeof overridden, number>> {
  const sums: Partial<Record<string, number>> = {};
  for (const { kind, amount } of askedResources(extraSpecs)) {
    if (Object.hasOwn(overridden, kind)) sums[kind] = (sums[kind] ?? 0) + amount;
  }
  return sums;
}
