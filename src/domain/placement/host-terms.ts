// Why: how much of a host may be claimed, and in which zone it is, is its operator's word: told in the host's own configuration,
// and for hosts of an aggregate overridden by the aggregate's metadata, in the words of Nova's options.

export interface HostTerms {
  /** Where it is, unless an aggregate puts it into another zone. */
  readonly zone: string;
  /** What may be claimed of it, as a multiple of what there is. */
  readonly ratios: { readonly cpu: number; readonly ram: number; readonly disk: number };
  /** CPUs, MiB and GiB that are never claimed. */
  readonly reserved: { readonly vcpus: number; readonly memoryMb: number; readonly diskGb: number };
}

type Metadata = Readonly<Record<string, string>>;

interface Override {
  readonly key: string;
  readonly least: number;
  readonly whole: boolean;
  /** The terms with this value; of several aggregates' values the one that leaves less to claim counts. */
  readonly apply: (terms: HostTerms, values: readonly number[]) => HostTerms;
}

const MIB_PER_GIB = 1024;
const MOST = 1_000_000_000;

const ratio = (key: string, name: keyof HostTerms['ratios']): Override => ({
  key,
  least: 0.01,
  whole: false,
  apply: (terms, values) => ({ ...terms, ratios: { ...terms.ratios, [name]: Math.min(...values) } }),
});

const reserve = (key: string, name: keyof HostTerms['reserved'], perUnit = 1): Override => ({
  key,
  least: 0,
  whole: true,
  apply: (terms, values) => ({
    ...terms,
    reserved: { ...terms.reserved, [name]: Math.ceil(Math.max(...values) / perUnit) },
  }),
});

const overrides: readonly Override[] = [
  ratio('cpu_allocation_ratio', 'cpu'),
  ratio('ram_allocation_ratio', 'ram'),
  ratio('disk_allocation_ratio', 'disk'),
  reserve('reserved_host_cpus', 'vcpus'),
  reserve('reserved_host_memory_mb', 'memoryMb'),
  reserve('reserved_host_disk_mb', 'diskGb', MIB_PER_GIB),
];

/** The keys of an aggregate's metadata that override what its hosts say of themselves. */
export const termKeys: readonly string[] = overrides.map(({ key }) => key);

const read = ({ least, whole }: Override, text: string): number | null => {
  const value = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= MOST && (!whole || Number.isInteger(value)) ? value : null;
};

/** Why metadata does not say what it should, or null. A pair whose value is null goes. */
export function termsProblem(metadata: Readonly<Record<string, string | null>>): string | null {
  for (const override of overrides) {
    const text = metadata[override.key] ?? null;
    if (text === null || read(override, text) !== null) continue;
    return `${override.key} must be ${override.whole ? 'a whole number' : 'a number'} from ${override.least} to ${MOST}`;
  }
  return null;
}

/** What a host says of itself, with what its aggregates' metadata says instead. */
export const overridden = (terms: HostTerms, aggregates: readonly Metadata[]): HostTerms =>
  overrides.reduce((now, override) => {
    const values = aggregates.flatMap(({ [override.key]: text }) => (text === undefined ? [] : [read(override, text)]));
    const said = values.filter((value) => value !== null);
    return said.length === 0 ? now : override.apply(now, said);
  }, terms);
