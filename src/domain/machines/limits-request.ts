// Why: how much of its host's time, disks and network a guest may take at most is said by extra specs `quota:…`. What libvirt would
// refuse at the start of the guest is refused before one is promised.

import { badRequest } from '../../base/errors.ts';

export interface Bandwidth {
  /** KiB per second. */
  readonly average: number;
  /** KiB per second. */
  readonly peak: number | null;
  /** KiB. */
  readonly burst: number | null;
}

export interface GuestLimits {
  /** By libvirt's names: `shares`, `period` and `quota` (microseconds). */
  readonly cpu: Readonly<Record<string, number>>;
  /** By libvirt's names: `read_bytes_sec`, `total_iops_sec_max`; of each disk. */
  readonly disk: Readonly<Record<string, number>>;
  /** Of each interface, as the guest sees it; absent: no bound. */
  readonly inbound?: Bandwidth;
  readonly outbound?: Bandwidth;
}

const CPU = ['shares', 'period', 'quota'];
const DIRECTIONS = ['total', 'read', 'write'] as const;
const KINDS = ['bytes_sec', 'iops_sec'] as const;

/** The names of disk limits; longer ones need the shorter. */
export const diskLimits: readonly string[] = KINDS.flatMap((kind) =>
  DIRECTIONS.flatMap((way) => ['', '_max', '_max_length'].map((end) => `${way}_${kind}${end}`)),
);

/** libvirt's bounds: of a period, in microseconds, and the least quota. */
const [PERIOD_LEAST, PERIOD_MOST, QUOTA_LEAST] = [1_000, 1_000_000, 1_000];
const [SHARES_LEAST, SHARES_MOST] = [2, 262_144];

/** Limits that a host may be unable to hold guests to; those of disks are QEMU's own. */
export type LimitKind = 'cpu' | 'inbound' | 'outbound';

/** The traits of hosts that hold guests to them, ours. */
export const limitTraits: Readonly<Record<LimitKind, string>> = {
  cpu: 'CUSTOM_XLOUD_CPU_LIMITS',
  inbound: 'CUSTOM_XLOUD_INBOUND_LIMITS',
  outbound: 'CUSTOM_XLOUD_OUTBOUND_LIMITS',
};

/** Those of them that are asked for. */
export const limitKinds = ({ cpu, inbound, outbound }: GuestLimits): readonly LimitKind[] => [
  ...(Object.keys(cpu).length > 0 ? (['cpu'] as const) : []),
  ...(inbound === undefined ? [] : (['inbound'] as const)),
  ...(outbound === undefined ? [] : (['outbound'] as const)),
];

type Specs = Readonly<Record<string, string>>;

function numbersOf(extraSpecs: Specs, prefix: string, names: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) {
    const text = extraSpecs[`quota:${prefix}${name}`];
    if (text === undefined || text === '') continue;
    const value = Number(text);
    if (!/^-?\d{1,15}$/.test(text)) throw badRequest(`quota:${prefix}${name} must be a whole number, not '${text}'.`);
    found[name] = value;
  }
  return found;
}

function within(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw badRequest(`quota:${name} must be between ${least} and ${most}, not ${value}.`);
}

function cpuOf(extraSpecs: Specs): Record<string, number> {
  const cpu = numbersOf(extraSpecs, 'cpu_', CPU);
  within('cpu_shares', cpu['shares'], SHARES_LEAST, SHARES_MOST);
  within('cpu_period', cpu['period'], PERIOD_LEAST, PERIOD_MOST);
  // a negative one is none
  if ((cpu['quota'] ?? -1) >= 0) within('cpu_quota', cpu['quota'], QUOTA_LEAST, Number.MAX_SAFE_INTEGER);
  return cpu;
}

function diskOf(extraSpecs: Specs): Record<string, number> {
  const disk = numbersOf(extraSpecs, 'disk_', diskLimits);
  for (const [name, value] of Object.entries(disk)) {
    within(`disk_${name}`, value, 0, Number.MAX_SAFE_INTEGER);
    const shorter = name.replace(/_(?:max|length)$/, '');
    if (shorter !== name && value > 0 && !disk[shorter]) {
      throw badRequest(`quota:disk_${name} says nothing without quota:disk_${shorter}.`);
    }
  }
  for (const kind of KINDS) {
    for (const end of ['', '_max']) {
      const parts = [disk[`read_${kind}${end}`], disk[`write_${kind}${end}`]];
      if (disk[`total_${kind}${end}`] && parts.some(Boolean)) {
        throw badRequest(`quota:disk_total_${kind}${end} cannot be set with that of reads or writes.`);
      }
    }
  }
  // 0: no bound
  return Object.fromEntries(Object.entries(disk).filter(([, value]) => value > 0));
}

function bandwidthOf(extraSpecs: Specs, way: 'inbound' | 'outbound'): Bandwidth | undefined {
  const { average, peak, burst } = numbersOf(extraSpecs, `vif_${way}_`, ['average', 'peak', 'burst']);
  for (const [name, value] of Object.entries({ average, peak, burst })) {
    within(`vif_${way}_${name}`, value, 0, 2 ** 32 - 1);
  }
  if (!average) {
    if (peak || burst) throw badRequest(`quota:vif_${way}_average must be set with its peak and burst.`);
    return undefined;
  }
  if (peak && peak < average) throw badRequest(`quota:vif_${way}_peak is less than quota:vif_${way}_average.`);
  return { average, peak: peak || null, burst: burst || null };
}

/** Throws 400 for what no hypervisor would take. */
export function limitsRequestOf(extraSpecs: Specs): GuestLimits {
  const [inbound, outbound] = [bandwidthOf(extraSpecs, 'inbound'), bandwidthOf(extraSpecs, 'outbound')];
  return {
    cpu: cpuOf(extraSpecs),
    disk: diskOf(extraSpecs),
    ...(inbound === undefined ? {} : { inbound }),
    ...(outbound === undefined ? {} : { outbound }),
  };
}
