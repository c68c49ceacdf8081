// Why: a port is a logical switch port named by its id, which is the `iface-id` of the host's interface. Port security limits its source
// addresses to its own and its address pairs; its security groups limit the traffic.

import { dhcpOptions } from './dhcp.ts';
import { extraOptions } from './extra-dhcp.ts';
import type { AddressFacts, LimitFacts, PortFacts, PortContext } from './facts.ts';
import { subnetKey } from './network-rows.ts';
import { units, type WantedRow } from './northbound.ts';
import { inOrder } from './ovsdb/values.ts';

/** Ports without a logical switch port: they only reserve an address, or belong to a router's rows. */
const NOT_PLUGGED: ReadonlySet<string> = new Set([
  'network:floatingip',
  'network:router_interface',
  'network:router_gateway',
]);

const DEFAULT_MTU_BYTES = 1500;

/** An address that nobody can send from; a MAC address alone would allow any source address. */
const NO_ADDRESS = '0.0.0.0';

/** A port's `port_security`: each allowed MAC address with its allowed source addresses. */
export function portSecurity(port: PortFacts, addresses: readonly string[]): readonly string[] {
  const own = port.macAddress.toLowerCase();
  const byMac = new Map<string, string[]>([[own, [...addresses]]]);
  for (const { ip_address: address, mac_address: mac } of port.allowedAddressPairs) {
    const key = (mac ?? own).toLowerCase();
    byMac.set(key, [...(byMac.get(key) ?? []), address]);
  }
  return [...byMac].map(([mac, of]) => [mac, ...(of.length === 0 ? [NO_ADDRESS] : new Set(of))].join(' '));
}

/** The address of a family that DHCP hands out; undefined: there is none, or its subnet has no DHCP. */
const givenOut = (addresses: readonly AddressFacts[], version: 4 | 6): AddressFacts | undefined =>
  addresses.find(({ subnet }) => subnet.ipVersion === version && subnet.enableDhcp);

/** The key of the DHCP options of a port's first address of a family. */
function dhcpOf(addresses: readonly AddressFacts[], version: 4 | 6): readonly string[] {
  const first = givenOut(addresses, version);
  return first === undefined ? [] : [subnetKey(first.subnet)];
}

/** The DHCP options of a port that has options of its own. */
function ownOptions(port: PortFacts, addresses: readonly AddressFacts[], context: PortContext): readonly WantedRow[] {
  const first = givenOut(addresses, 4);
  const extra = extraOptions(port.extraDhcpOpts ?? []);
  if (first === undefined || Object.keys(extra).length === 0) return [];
  const { mtu = DEFAULT_MTU_BYTES, metadata = false } = context;
  const options = { ...dhcpOptions(first.subnet, mtu, metadata), ...extra };
  return [{ table: 'DHCP_Options', key: `dhcp/${port.id}`, columns: { cidr: first.subnet.cidr, options } }];
}

/** One for all limits: there is one per port and direction. */
const LIMIT_PRIORITY = 1000;

/** A bandwidth limit; excess packets are dropped where they enter the switch. */
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
 * Which chassis may bind a port. During a live migration there are two: the first has it until the other one sees the RARP that QEMU sends
 * as soon as the guest runs there.
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
    // referenced rows come first
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
