// Why: which addresses of a network hosts may have, and which of them are free.

import { bitsOf, type Cidr, formatIp, type Ip, parseIp } from '../../base/ip.ts';
import type { Pool } from '../../db/networks.ts';

/** The addresses that a host may have: not the network's own, nor IPv4's broadcast, where the network has more than two. */
export function hostRange(cidr: Cidr): { readonly first: bigint; readonly last: bigint } {
  if (bitsOf(cidr.version) - cidr.prefix <= 1) return cidr;
  return { first: cidr.first + 1n, last: cidr.version === 4 ? cidr.last - 1n : cidr.last };
}

export const isHost = (cidr: Cidr, ip: Ip): boolean => {
  const range = hostRange(cidr);
  return ip.version === cidr.version && ip.value >= range.first && ip.value <= range.last;
};

/** Everything that a host may have but the gateway, as one or two ranges. */
export function defaultPools(cidr: Cidr, gateway: Ip | null): Pool[] {
  const { first, last } = hostRange(cidr);
  const pool = (start: bigint, end: bigint): Pool[] =>
    start > end
      ? []
      : [
          {
            start: formatIp({ version: cidr.version, value: start }),
            end: formatIp({ version: cidr.version, value: end }),
          },
        ];
  if (gateway === null || gateway.value < first || gateway.value > last) return pool(first, last);
  return [...pool(first, gateway.value - 1n), ...pool(gateway.value + 1n, last)];
}

/** A power of two up to which every number that `random` gives has a whole part of its own. */
const STEPS = 2 ** 48;

interface Span {
  readonly version: 4 | 6;
  readonly first: bigint;
  readonly size: bigint;
}

const spansOf = (pools: readonly Pool[]): Span[] =>
  pools.flatMap((pool) => {
    const start = parseIp(pool.start);
    const end = parseIp(pool.end);
    return start === null || end === null || end.value < start.value
      ? []
      : [{ version: start.version, first: start.value, size: end.value - start.value + 1n }];
  });

const totalOf = (spans: readonly Span[]): bigint => spans.reduce((sum, { size }) => sum + size, 0n);

/** The address so many places into the spans, which have that many. */
function addressAt(spans: readonly Span[], place: bigint): string {
  let offset = place;
  for (const { version, first, size } of spans) {
    if (offset < size) return formatIp({ version, value: first + offset });
    offset -= size;
  }
  throw new RangeError(`the pools end before place ${place}`);
}

const anyPlace = (total: bigint, random: () => number): bigint =>
  (BigInt(Math.floor(random() * STEPS)) * total) / BigInt(STEPS);

/**
 * Different addresses of the pools by chance, at most so many. By chance, because DHCP servers keep an address for the guest that
 * had it until its lease is over: the next guest shall not get what was just given back.
 * @param random 0 up to, not including, 1
 */
export function anyAddresses(pools: readonly Pool[], count: number, random: () => number): string[] {
  const spans = spansOf(pools);
  const total = totalOf(spans);
  if (total === 0n) return [];
  return [...new Set(Array.from({ length: count }, () => addressAt(spans, anyPlace(total, random))))];
}

/**
 * An address of the pools that is not taken, from a random place on; null when there is none.
 * @param random 0 up to, not including, 1
 */
export function anyFree(pools: readonly Pool[], taken: ReadonlySet<string>, random: () => number): string | null {
  const spans = spansOf(pools);
  const total = totalOf(spans);
  const begin = anyPlace(total, random);
  // one step more than there are taken ones cannot miss
  for (let step = 0n; step < total && step <= BigInt(taken.size); step += 1n) {
    const address = addressAt(spans, (begin + step) % total);
    if (!taken.has(address)) return address;
  }
  return null;
}
