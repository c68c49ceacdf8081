// Why: a router connects switches with each other and with an external network. Outgoing traffic is translated to the router's address or to a
// floating one, incoming traffic to the port of its floating address.

import { createHash } from 'node:crypto';
import { parseCidr } from '../../base/ip.ts';
import { limits } from '../../base/limits.ts';
import type { ChassisOfHosts, RouterFacts, RouterPortFacts, Site } from './facts.ts';
import { wireOf } from './network-rows.ts';
import { units, type WantedRow } from './northbound.ts';

/** Bytes; the minimum MTU of IPv6. */
const IPV6_LEAST_MTU = 1280;

const portName = (portId: string): string => `router-port-${portId}`;
const portKey = (portId: string): string => `router-port/${portId}`;

const isIpv4 = (address: string): boolean => !address.includes(':');
const networksOf = ({ addresses }: RouterPortFacts): readonly string[] =>
  addresses.map(({ address, subnet }) => `${address}/${parseCidr(subnet.cidr)?.prefix ?? 0}`).sort();

/** Router advertisements for IPv6 guests; addresses come by DHCPv6. */
function advertisements({ addresses, network }: RouterPortFacts): Record<string, string> {
  if (!addresses.some(({ subnet }) => subnet.ipVersion === 6 && subnet.enableDhcp)) return {};
  const mtu = network.mtu < IPV6_LEAST_MTU ? {} : { mtu: String(network.mtu) };
  return { address_mode: 'dhcpv6_stateful', send_periodic: 'true', ...mtu };
}

/** The router port and the switch port that connect a router to a network. */
function waysTo(
  routerId: string,
  way: RouterPortFacts,
  options: Record<string, string>,
  isGateway: boolean,
): WantedRow[] {
  const { port, network } = way;
  return [
    {
      table: 'Logical_Router_Port',
      key: portKey(port.id),
      columns: {
        name: portName(port.id),
        mac: port.macAddress,
        networks: networksOf(way),
        options,
        ipv6_ra_configs: isGateway ? {} : advertisements(way),
      },
      within: { key: units.router(routerId), column: 'ports' },
    },
    {
      table: 'Logical_Switch_Port',
      key: `router-end/${port.id}`,
      columns: {
        name: port.id,
        type: 'router',
        addresses: ['router'],
        options: { 'router-port': portName(port.id), ...(isGateway ? { 'nat-addresses': 'router' } : {}) },
      },
      within: { key: units.network(network.id), column: 'ports' },
    },
  ];
}

const routeRow = (routerId: string, destination: string, nexthop: string): WantedRow => ({
  table: 'Logical_Router_Static_Route',
  key: `route/${routerId}/${destination}/${nexthop}`,
  columns: { ip_prefix: destination, nexthop },
  within: { key: units.router(routerId), column: 'static_routes' },
});

const natRow = (routerId: string, key: string, type: string, externalIp: string, logicalIp: string): WantedRow => ({
  table: 'NAT',
  key,
  columns: { type, external_ip: externalIp, logical_ip: logicalIp },
  within: { key: units.router(routerId), column: 'nat' },
});

/**
 * Port forwardings: only the forwarded ports of the address reach a server.
 * One load balancer per address and protocol, each of whose ports has one backend.
 */
function forwardingRows({ id, forwardings }: RouterFacts): WantedRow[] {
  const groups = Map.groupBy(forwardings, ({ floatingIpId, protocol }) => `${id}/${floatingIpId}/${protocol}`);
  return [...groups].map(([key, of]) => ({
    table: 'Load_Balancer',
    key: `forwarding/${key}`,
    columns: {
      name: `forwarding-${key.replaceAll('/', '-')}`,
      protocol: of.slice(0, 1).map(({ protocol }) => protocol),
      vips: Object.fromEntries(
        of.map(({ address, externalPort, fixedIp, internalPort }) => [
          `${address}:${externalPort}`,
          `${fixedIp}:${internalPort}`,
        ]),
      ),
    },
    within: { key: units.router(id), column: 'load_balancer' },
  }));
}

/**
 * The gateway chassis of a router for a physical network, in order of priority. The order differs between routers, so that no host
 * carries all of them, and is stable for each.
 */
export function carriersOf(routerId: string, hosts: ChassisOfHosts, wire: string): readonly string[] {
  const rank = (name: string): string => createHash('sha1').update(`${routerId} ${name}`).digest('hex');
  const names = [...hosts.values()].flatMap(({ name, wires }) => (wires.includes(wire) ? [name] : []));
  return [...new Set(names)]
    .map((name) => ({ name, rank: rank(name) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ name }) => name)
    .slice(0, limits.ovnGatewaysOfRouter);
}

/** The gateway: its chassis, default routes and address translations. */
function gatewayRows(router: RouterFacts, gateway: RouterPortFacts, site: Site, hosts: ChassisOfHosts): WantedRow[] {
  const wire = wireOf(gateway.network, site);
  const gateways = site.gateways.length > 0 || wire === null ? site.gateways : carriersOf(router.id, hosts, wire);
  const { id, interfaces, floatingIps, enableSnat } = router;
  const inside = Math.max(...interfaces.map(({ network }) => network.mtu), 0);
  const mtu = gateway.network.mtu < inside ? { gateway_mtu: String(gateway.network.mtu) } : {};
  const own = gateway.addresses.find(({ address }) => isIpv4(address))?.address;
  const subnets = interfaces.flatMap(({ addresses }) => addresses.map(({ subnet }) => subnet));
  return [
    ...waysTo(id, gateway, mtu as Record<string, string>, true),
    ...gateways.map(
      (chassis, at): WantedRow => ({
        table: 'Gateway_Chassis',
        key: `gateway/${gateway.port.id}/${chassis}`,
        columns: {
          name: `${portName(gateway.port.id)}-${chassis}`,
          chassis_name: chassis,
          priority: gateways.length - at,
        },
        within: { key: portKey(gateway.port.id), column: 'gateway_chassis' },
      }),
    ),
    ...gateway.addresses.flatMap(({ subnet: { ipVersion, gatewayIp } }) =>
      gatewayIp === null ? [] : [routeRow(id, ipVersion === 4 ? '0.0.0.0/0' : '::/0', gatewayIp)],
    ),
    ...(own === undefined || !enableSnat
      ? []
      : subnets
          .filter(({ ipVersion }) => ipVersion === 4)
          .map((subnet) => natRow(id, `snat/${id}/${subnet.id}`, 'snat', own, subnet.cidr))),
    ...floatingIps.map((ip) => natRow(id, `floating/${id}/${ip.id}`, 'dnat_and_snat', ip.address, ip.fixedIp)),
    ...forwardingRows(router),
  ];
}

/** @param hosts the chassis of all hosts */
export function routerRows(router: RouterFacts, site: Site, hosts: ChassisOfHosts = new Map()): readonly WantedRow[] {
  const { id, adminStateUp, interfaces, gateway, routes } = router;
  const rows: readonly WantedRow[] = [
    { table: 'Logical_Router', key: units.router(id), columns: { name: `router-${id}`, enabled: [adminStateUp] } },
    ...interfaces.flatMap((way) => waysTo(id, way, {}, false)),
    ...(gateway === null ? [] : gatewayRows(router, gateway, site, hosts)),
    ...routes.map(({ destination, nexthop }) => routeRow(id, destination, nexthop)),
  ];
  // a configured route that equals a default one is only one row
  return [...new Map(rows.map((row) => [row.key, row])).values()];
}
