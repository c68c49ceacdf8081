// Why: OVN answers DHCP itself, from options that it reads only where a packet comes: one that it cannot read leaves all ports of the
// subnet without an answer and says so in a daemon's log alone. So they are made here of what was checked, and nothing else.

import { createHash } from 'node:crypto';
import type { SubnetFacts } from './facts.ts';
import { METADATA } from './metadata-port.ts';

/** Seconds. Addresses do not change hands by running out here, so this is only how late a guest hears of other options. */
const LEASE_S = 3600;

/** Whom guests without a gateway hear; an address that is nobody's on any network. */
const NO_GATEWAY = '169.254.0.1';
const EVERYWHERE = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** Metadata is on the network itself, behind no other address (RFC 3442). */
const TO_METADATA = `${METADATA.ip4}/32,0.0.0.0`;

const LOCAL_UNICAST = 0x02;

/** The MAC address of the server of a subnet: none that a port is given, since those begin with fa:16:3e. */
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
  // whoever wrote a way to metadata has that one
  const isTold = hostRoutes.some(({ destination }) => destination === `${METADATA.ip4}/32`);
  const routes = metadata && !isTold ? [TO_METADATA, ...own] : own;
  // who is told of routes takes no notice of the router beside them (RFC 3442)
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
 * @param metadata whether its guests are told the way to the metadata service
 */
export const dhcpOptions = (subnet: SubnetFacts, mtu: number, metadata: boolean): Record<string, string> =>
  subnet.ipVersion === 4 ? optionsOf4(subnet, mtu, metadata) : optionsOf6(subnet);
