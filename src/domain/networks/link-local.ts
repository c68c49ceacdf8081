// Why: a guest that asks from its link-local address of IPv6 says by it which MAC address it has, and on one network that is one port's.

import { parseIp } from '../../base/ip.ts';

const PREFIX = 0xfe80n << 48n;
const FLIPPED = 0x02;

/** The MAC address that an address of the form `fe80::…ff:fe…` was made of; null: it is another address. */
export function macOfLinkLocal(address: string): string | null {
  const ip = parseIp(address);
  if (ip === null || ip.version === 4 || ip.value >> 64n !== PREFIX) return null;
  const bytes = Array.from({ length: 8 }, (_, at) => Number((ip.value >> BigInt(8 * (7 - at))) & 0xffn));
  if (bytes[3] !== 0xff || bytes[4] !== 0xfe) return null;
  const mac = [(bytes[0] ?? 0) ^ FLIPPED, ...bytes.slice(1, 3), ...bytes.slice(5)];
  return mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
