// Why: what one client may have at once is counted by its address, but whoever has IPv6 has a network of 2^64 of them. What counts
// for one is said here, for everything that counts.

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Under what a client is counted: an IPv4 address itself, of an IPv6 address its /64, which is the least that one customer gets.
 * An IPv4 address in IPv6's form (`::ffff:192.0.2.1`) is that IPv4 address, and a zone (`%eth0`) is left out.
 * @param address as a socket or a proxy names it; what is no address is its own key
 */
export function clientKey(address: string): string {
  const kind = isIP(address);
  if (kind !== 6) return address;
  const parsed = ipaddr.IPv6.parse(address.replace(/%.*/s, ''));
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`;
}
