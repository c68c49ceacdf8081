// Why: a port is a logical switch port by its own id, which is what the host's interface is tied to. What it may send is what its addresses
// and address pairs say; what it may be sent, and whom it may speak to, is what its groups say.

import { dhcpOptions } from './dhcp.ts';
import { extraOptions } from './extra-dhcp.ts';
import type { AddressFacts, LimitFacts, PortFacts, PortContext } from './facts.ts';
import { subnetKey } from './network-rows.ts';
import { units, type WantedRow } from './northbound.ts';
import { inOrder } from './ovsdb/values.ts';

/** Ports that are no place to plug something: they hold an address, or are a router's and come with it. */
const NOT_PLUGGED: ReadonlySet<string> = new Set([
  'network:floatingip',
  'network:router_interface',
  'network:router_gateway',
]);

const DEFAULT_MTU_BYTES = 1500;

/** An address that nobody may send from; a MAC address alone would let its port send from any. */
const NO_ADDRESS = '0.0.0.0';

/** As what a guarded port may speak: each of its MAC addresses with the addresses that go with it. */
export function portSecurity(port: PortFacts, addresses: readonly string[]): readonly string[] {
  const own = port.macAddress.toLowerCase();
  const byMac = new Map<string, string[]>([[own, [...addresses]]]);
  for (const { ip_address: address, mac_address: mac } of port.allowedAddressPairs) {
    const key = (mac ?? own).toLowerCase();
    byMac.set(key, [...(byMac.get(key) ?? []), address]);
  }
  return [...byMac].map(([mac, of]) => [mac, ...(of.length === 0 ? [NO_ADDRESS] : new Set(of))].join(' '));
}

/** The address of a family that is given out; undefined: none, or its subnet wants no DHCP. */
const givenOut = (addresses: readonly AddressFacts[], version: 4 | 6): AddressFacts | undefined =>
  addresses.find(({ subnet }) => subnet.ipVersion === version && subnet.enableDhcp);

/** The options by which a port's first address of a family is given out: its subnet's, or its own where it has some. */
function dhcpOf(addresses: readonly AddressFacts[], version: 4 | 6): readonly string[] {
  const first = givenOut(addresses, version);
  return first === undefined ? [] : [subnetKey(first.subnet)];
}

/** The options of a port that is told something else than others of its subnet. */
function ownOptions(port: PortFacts, addresses: readonly AddressFacts[], context: PortContext): readonly WantedRow[] {
  const first = givenOut(addresses, 4);
  const extra = extraOptions(port.extraDhcpOpts ?? []);
  if (first === undefined || Object.keys(extra).length === 0) return [];
  const { mtu = DEFAULT_MTU_BYTES, metadata = false } = context;
  const options = { ...dhcpOptions(first.subnet, mtu, metadata), ...extra };
  return [{ table: 'DHCP_Options', key: `dhcp/${port.id}`, columns: { cidr: first.subnet.cidr, options } }];
}

/** All limits have one rank: of a port and a direction there is one. */
const LIMIT_PRIORITY = 1000;

/** What a port may send and be sent in a second: what is more is dropped where it comes to its switch. */
const limitRow = ({ id, networkId }: PortFacts, { direction, maxKbps, maxBurstKbps }: LimitFacts): WantedRow => ({
  table: 'QoS',
  key: `limit/${direction}/${networkId}/${id}`,
  columns: {
    priority: LIMIT_PRIORITY,
    ...(direction === 'egress'
      ? { direction: 'from-lport', match: `inport == "${id}"` }
      : { direction: 'to-lport', match: `outport == "${id}"` }),
    bandwidth: { rate: maxKbps, ...(maxBurstKbps === 0 ? {} : { burst: maxBurstKbps }) },
  },
  within: { key: units.network(networkId), column: 'qos_rules' },
});

/**
 * Which chassis may have a port. While its server moves two may: the first has it until the server speaks from the other one, which QEMU
 * does for it by an announcement (RARP) as soon as it runs there.
 */
function bound(chassis: readonly string[]): Record<string, string> {
  if (chassis.length === 0) return {};
  const requested = { 'requested-chassis': chassis.join(',') };
  return chassis.length === 1 ? requested : { ...requested, 'activation-strategy': 'rarp' };
}

export function portRows(
  port: PortFacts,
  addresses: readonly AddressFacts[],
  context: PortContext = {},
): readonly WantedRow[] {
  if (NOT_PLUGGED.has(port.deviceOwner)) return [];
  const own = port.macAddress.toLowerCase();
  const texts = addresses.map(({ address }) => address);
  const guarded = port.portSecurityEnabled;
  const others = port.allowedAddressPairs.flatMap(({ mac_address: mac }) => mac?.toLowerCase() ?? []);
  const known = [[own, ...texts].join(' '), ...others.filter((mac) => mac !== own)];
  const options = ownOptions(port, addresses, context);
  return [
    // what is referred to comes first
    ...options,
    {
      table: 'Logical_Switch_Port',
      key: units.port(port.id),
      columns: {
        name: port.id,
        type: '',
        options: bound(context.chassis ?? []),
        enabled: [port.adminStateUp],
        addresses: inOrder(guarded ? known : [...known, 'unknown']),
        port_security: inOrder(guarded ? portSecurity(port, texts) : []),
      },
      refs: {
        dhcpv4_options: options.length === 0 ? dhcpOf(addresses, 4) : options.map(({ key }) => key),
        dhcpv6_options: dhcpOf(addresses, 6),
      },
      within: { key: units.network(port.networkId), column: 'ports' },
      groups: guarded ? [units.guard, ...port.securityGroups.map(units.group)] : [],
    },
    ...(context.limits ?? []).map((limit) => limitRow(port, limit)),
  ];
}
