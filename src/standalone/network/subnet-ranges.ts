// Why: which ranges tenants take is the operator's to say: behind libvirt's NAT their networks share one host's routes, so that one that a
// tenant chose freely could be the host's own, another tenant's, or the way to the world. With OVN each network is by itself.

import { limits } from '../../base/limits.ts';
import { takeLock } from '../../db/named-locks.ts';
import { subnetCidrs } from '../../db/networks.ts';
import type { Tx } from '../../db/tx.ts';
import { bitsOf, type Cidr, formatCidr, overlaps, parseCidr } from '../../base/ip.ts';
import { invalidInput, overQuota } from './faults.ts';

/** What subnets may be made of. */
export interface SubnetRanges {
  /** Where those of projects lie. */
  readonly tenants: readonly Cidr[];
  /** IPv4 addresses that one project's subnets have in all; -1: no limit. */
  readonly addresses: number;
}

/** IANA's ranges for private use, of both families. */
export const PRIVATE_RANGES: readonly string[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

const known = (text: string): Cidr => {
  const cidr = parseCidr(text);
  if (cidr === null) throw new Error(`no range: ${text}`);
  return cidr;
};

/** Ranges that mean something to every host (IANA's special-purpose registries): nobody's network has them. */
const reserved: readonly Cidr[] = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'],
].map(known);

export const isWithin = (inner: Cidr, outer: Cidr): boolean =>
  inner.version === outer.version && inner.first >= outer.first && inner.last <= outer.last;

const sizeOf = ({ first, last }: Cidr): bigint => last - first + 1n;

/**
 * The ranges that a configuration names.
 * @throws Error for a text that is no range
 */
export const readRanges = (texts: readonly string[], addresses: number): SubnetRanges => ({
  tenants: texts.map(known),
  addresses,
});

// one answer for what is not allowed and for what is taken: the difference would tell who has what
const notToBeHad = (cidr: Cidr, { tenants }: SubnetRanges) =>
  invalidInput(
    `The range ${formatCidr(cidr)} is not to be had. Subnets are made of what is free of ${tenants.map(formatCidr).join(', ')}`,
  );

function checkTenant(cidr: Cidr, ranges: SubnetRanges): void {
  if (!ranges.tenants.some((range) => isWithin(cidr, range))) throw notToBeHad(cidr, ranges);
  const least = limits.tenantPrefix[cidr.version];
  if (cidr.prefix < least) throw invalidInput(`The prefix of ${formatCidr(cidr)} is shorter than /${least}`);
}

/** A subnet's range, and whose it is. */
export interface Taken {
  readonly cidr: Cidr;
  readonly projectId: string;
  readonly networkId: string;
  /** The pool that it is of. */
  readonly poolId: string | null;
  /** Its network is external. */
  readonly external: boolean;
}

/** Of what a subnet is to be. */
export interface Place {
  readonly projectId: string;
  /** Null: of one that is to be made. */
  readonly networkId: string | null;
  readonly external: boolean;
}

/** The ranges of all subnets; no other one is made until the transaction ends. */
export async function lockRanges(tx: Tx): Promise<readonly Taken[]> {
  await takeLock(tx, 'subnet_ranges');
  const all = (await subnetCidrs(tx)).map(({ cidr, ...of }) => ({ cidr: parseCidr(cidr), ...of }));
  return all.filter((one): one is Taken => one.cidr !== null);
}

/** Who asks, and for what kind of networks. */
interface RangeChecks {
  readonly everywhere: boolean;
  readonly ranges: SubnetRanges;
  readonly engine: { readonly kind: 'basic' | 'ovn' };
}

/** Which ranges a new subnet of a network may not have: where each network is by itself, its own, and of external ones, which share a wire. */
export const mattersTo =
  ({ kind }: RangeChecks['engine'], { networkId, external }: Pick<Place, 'networkId' | 'external'>) =>
  (other: Taken): boolean =>
    kind === 'basic' || other.networkId === networkId || (external && other.external);

/**
 * The subnet of this range may be made for a project.
 * @param taken by the subnets that there are (`lockRanges`)
 * @throws badRequest for what is reserved, not allowed, or taken; conflict `OverQuota`
 */
export function checkRange(
  { everywhere, ranges, engine }: RangeChecks,
  taken: readonly Taken[],
  cidr: Cidr,
  { projectId, networkId, external }: Place,
): void {
  if (reserved.some((range) => overlaps(range, cidr))) {
    throw invalidInput(`The range ${formatCidr(cidr)} is reserved and no network's`);
  }
  if (!everywhere) checkTenant(cidr, ranges);
  let own = 0n;
  const matters = mattersTo(engine, { networkId, external });
  for (const other of taken) {
    const isOwn = other.projectId === projectId;
    if (matters(other) && overlaps(cidr, other.cidr)) {
      if (!everywhere && !isOwn) throw notToBeHad(cidr, ranges);
      throw invalidInput(`Requested subnet with cidr: ${formatCidr(cidr)} overlaps with another subnet`);
    }
    if (isOwn && other.cidr.version === 4) own += sizeOf(other.cidr);
  }
  const limit = ranges.addresses;
  if (!everywhere && cidr.version === 4 && limit >= 0 && own + sizeOf(cidr) > BigInt(limit)) throw overQuota('address');
}

/** The ranges of a network that becomes external are no other external one's: they share a wire. @throws badRequest */
export function checkOnWire(own: readonly Taken[], others: readonly Taken[]): void {
  for (const { cidr } of own) {
    if (others.some((other) => overlaps(cidr, other.cidr)))
      throw invalidInput(`Requested subnet with cidr: ${formatCidr(cidr)} overlaps with another subnet`);
  }
}

/** Networks that are made unasked are so large, and lie here as far as the operator leaves it to projects: few have anything there. */
const UNASKED_PREFIX = 24;
const unasked = known('10.124.0.0/14');

/** The first range of a prefix's length within another that is free of others, which are in order. */
function firstFree(range: Cidr, prefix: number, others: readonly Cidr[]): Cidr | null {
  const size = 1n << BigInt(bitsOf(range.version) - prefix);
  let first = range.first;
  for (const other of others) {
    if (other.last < first) continue;
    if (other.first >= first + size) break;
    first = (other.last / size + 1n) * size;
  }
  const last = first + size - 1n;
  return last > range.last ? null : { version: range.version, prefix, first, last };
}

const inOrder = (ranges: readonly Cidr[]): Cidr[] =>
  ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));

/** The first range of a length within some of one family that is free of others and not reserved; null: there is none. */
export function freeWithin(ranges: readonly Cidr[], prefix: number, others: readonly Cidr[]): Cidr | null {
  const [family] = ranges;
  const ordered = inOrder([...reserved, ...others].filter(({ version }) => version === family?.version));
  for (const range of ranges) {
    const found = range.prefix <= prefix ? firstFree(range, prefix, ordered) : null;
    if (found !== null) return found;
  }
  return null;
}

/** A /24 of what the operator leaves to projects that nobody has; null: there is none. One walk through the subnets for each range. */
export function freeRange({ tenants }: SubnetRanges, taken: readonly Taken[]): Cidr | null {
  const ranges = tenants.filter(({ version, prefix }) => version === 4 && prefix <= UNASKED_PREFIX);
  const best = ranges.flatMap((range) =>
    isWithin(range, unasked) ? [range] : isWithin(unasked, range) ? [unasked] : [],
  );
  const others = inOrder([...reserved, ...taken.map(({ cidr }) => cidr)].filter(({ version }) => version === 4));
  for (const range of [...best, ...ranges]) {
    const found = firstFree(range, UNASKED_PREFIX, others);
    if (found !== null) return found;
  }
  return null;
}
