// Why: OVN answers DHCP itself and parses the options only when a packet arrives: an invalid one leaves all ports of the subnet without an
// answer and is reported only in a daemon's log. So options are generated here, from validated data only.

import { createHash } from 'node:crypto';
import type { SubnetFacts } from './facts.ts';
import { METADATA } from './metadata-port.ts';

/** Seconds. Leases do not expire into other hands here, so this only bounds how late a guest learns of changed options. */
const LEASE_S = 3600;

/** The DHCP server's address on subnets without a gateway; no port ever has it. */
const NO_GATEWAY = '169.254.0.1';
const EVERYWHERE = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** The metadata address is on-link, without a next hop (RFC 3442). */
const TO_METADATA = `${METADATA.ip4}/32,0.0.0.0`;

const LOCAL_UNICAST = 0x02;

/** The MAC address of a subnet's DHCP server; ports never get it, since theirs begin with fa:16:3e. */
export function serverMac(subnetId: string): string {
  const bytes = createHash('sha256').update(subnetId).digest().subarray(0, 5);
  return [LOCAL_UNICAST, ...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

const listed = (values: readonly string[]): string => `{${values.join(', ')}}`;

function optionsOf4(
  { id, gatewayIp, dnsNameservers, hostRoutes }: SubnetFacts,
  mtu: number,
  metadata: boolean,
): Record<string, string> {
  const dns = dnsNameservers.filter((address) => !address.includes(':'));
  const own = hostRoutes.map(({ destination, nexthop }) => `${destination},${nexthop}`);
  // a host route to metadata that somebody configured takes precedence
  const isTold = hostRoutes.some(({ destination }) => destination === `${METADATA.ip4}/32`);
  const routes = metadata && !isTold ? [TO_METADATA, ...own] : own;
  // clients that get classless routes ignore the router option (RFC 3442)
  const whole = gatewayIp === null ? routes : [...routes, `${EVERYWHERE[4]},${gatewayIp}`];
  return {
    server_id: gatewayIp ?? NO_GATEWAY,
    server_mac: serverMac(id),
    lease_time: String(LEASE_S),
    mtu: String(mtu),
    ...(gatewayIp === null ? {} : { router: gatewayIp }),
    ...(dns.length === 0 ? {} : { dns_server: listed(dns) }),
    ...(routes.length === 0 ? {} : { classless_static_route: listed(whole) }),
  };
}

function optionsOf6({ id, dnsNameservers }: SubnetFacts): Record<string, string> {
  const dns = dnsNameservers.filter((address) => address.includes(':'));
  return { server_id: serverMac(id), ...(dns.length === 0 ? {} : { dns_server: listed(dns) }) };
}

/**
 * The DHCP options of a subnet.
 * @param mtu bytes
 * @param metadata whether to include the route to the metadata service
 */
export const dhcpOptions = (subnet: SubnetFacts, mtu: number, metadata: boolean): Record<string, string> =>
  subnet.ipVersion === 4 ? optionsOf4(subnet, mtu, metadata) : optionsOf6(subnet);
