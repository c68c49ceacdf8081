// Why: what an address and a range of addresses are is read in one place, both families alike, in whole numbers: what one part took for
// an address another would not.

import ipaddr from 'ipaddr.js';

export interface Ip {
  readonly version: 4 | 6;
  readonly value: bigint;
}

export interface Cidr {
  readonly version: 4 | 6;
  readonly prefix: number;
  /** The network's own address and its last one (IPv4's broadcast). */
  readonly first: bigint;
  readonly last: bigint;
}

export const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);

/** An address in the usual notation; null for anything else (a zone, octal or leading zeros). */
export function parseIp(text: string): Ip | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split('.');
    if (parts.some((part) => Number(part) > 255 || String(Number(part)) !== part)) return null;
    return { version: 4, value: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n) };
  }
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !ipaddr.IPv6.isValid(text)) return null;
  const value = ipaddr.IPv6.parse(text)
    .toByteArray()
    .reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return { version: 6, value };
}

export function formatIp({ version, value }: Ip): string {
  const count = bitsOf(version) / 8;
  const bytes = Array.from({ length: count }, (_, index) => Number((value >> BigInt(8 * (count - 1 - index))) & 255n));
  return version === 4 ? bytes.join('.') : ipaddr.fromByteArray(bytes).toString();
}

/** The address in its one canonical notation, or null. */
export function canonicalIp(text: string): string | null {
  const ip = parseIp(text);
  return ip === null ? null : formatIp(ip);
}

/** A network as `address/prefix`; bits of the address behind the prefix are cut off. */
export function parseCidr(text: string): Cidr | null {
  const [address = '', prefixText = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(prefixText)) return null;
  const ip = parseIp(address);
  if (ip === null) return null;
  const bits = bitsOf(ip.version);
  const prefix = Number(prefixText);
  if (prefix > bits) return null;
  const size = 1n << BigInt(bits - prefix);
  const first = ip.value - (ip.value % size);
  return { version: ip.version, prefix, first, last: first + size - 1n };
}

export const formatCidr = (cidr: Cidr): string =>
  `${formatIp({ version: cidr.version, value: cidr.first })}/${cidr.prefix}`;

export const contains = (cidr: Cidr, ip: Ip): boolean =>
  ip.version === cidr.version && ip.value >= cidr.first && ip.value <= cidr.last;

export const overlaps = (a: Cidr, b: Cidr): boolean =>
  a.version === b.version && a.first <= b.last && b.first <= a.last;
