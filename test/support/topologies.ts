// Why: any cloud of networks, groups, ports and routers, for laws that hold of all of them.

import fc from 'fast-check';
import type {
  AddressFacts,
  GroupFacts,
  NetworkFacts,
  PortFacts,
  RouterFacts,
  SubnetFacts,
} from '../../src/cloud/ovn/facts.ts';
import { groupRows } from '../../src/cloud/ovn/group-rows.ts';
import { guardRows } from '../../src/cloud/ovn/guard-rows.ts';
import { networkRows } from '../../src/cloud/ovn/network-rows.ts';
import { rankOf, type Unit, units, type WantedRow } from '../../src/cloud/ovn/northbound.ts';
import { portRows } from '../../src/cloud/ovn/port-rows.ts';
import { routerRows } from '../../src/cloud/ovn/router-rows.ts';

export const uuidOf = (kind: number, number: number): string =>
  `${String(kind).padStart(8, '0')}-0000-4000-8000-${String(number).padStart(12, '0')}`;

const site = { wire: 'external', gateways: ['host-1', 'host-2'], metadata: true };

export interface Topology {
  readonly networks: readonly { readonly network: NetworkFacts; readonly subnets: readonly SubnetFacts[] }[];
  readonly groups: readonly GroupFacts[];
  readonly ports: readonly { readonly port: PortFacts; readonly addresses: readonly AddressFacts[] }[];
  readonly routers: readonly RouterFacts[];
}

const some = <T>(of: fc.Arbitrary<T>, most: number) => fc.array(of, { maxLength: most });
const COUNT = 4;
const number = fc.integer({ min: 0, max: COUNT - 1 });

const networks = fc.uniqueArray(
  fc.record({ id: number, external: fc.boolean(), mtu: fc.constantFrom(1442, 1500), dhcp: some(fc.boolean(), 2) }),
  { maxLength: COUNT, selector: ({ id }) => id },
);
const rule = fc.record({
  ...{ id: number, direction: fc.constantFrom('ingress', 'egress'), ethertype: fc.constantFrom('IPv4', 'IPv6') },
  protocol: fc.constantFrom(null, 'tcp', 'icmp', 'esp', '58', 'udplite'),
  ...{ low: fc.constantFrom(null, 22), remote: fc.option(number), prefix: fc.boolean() },
});
const groups = fc.uniqueArray(
  fc.record({
    id: number,
    stateful: fc.boolean(),
    rules: fc.uniqueArray(rule, { maxLength: 3, selector: ({ id }) => id }),
  }),
  { maxLength: COUNT, selector: ({ id }) => id },
);
const ports = fc.uniqueArray(
  fc.record({
    ...{ id: fc.integer({ min: 0, max: 7 }), network: number, up: fc.boolean(), guarded: fc.boolean() },
    ...{ groups: fc.uniqueArray(number, { maxLength: 3 }), hasAddress: fc.boolean(), pair: fc.boolean() },
    owner: fc.constantFrom('compute:nova', '', 'network:floatingip'),
  }),
  { maxLength: 8, selector: ({ id }) => id },
);
const routers = fc.uniqueArray(
  fc.record({
    ...{ id: number, up: fc.boolean(), snat: fc.boolean(), gateway: fc.option(number) },
    ...{ inside: fc.uniqueArray(number, { maxLength: 2 }), floating: fc.boolean() },
    forwarded: fc.uniqueArray(fc.tuple(fc.constantFrom('tcp', 'udp'), fc.integer({ min: 1, max: 3 })), {
      ...{ maxLength: 4, selector: String },
    }),
  }),
  { maxLength: 2, selector: ({ id }) => id },
);

/** Any cloud; objects refer to none but those that are there. */
export const topologies: fc.Arbitrary<Topology> = fc
  .record({ networks, groups, ports, routers })
  .map(({ networks: nets, groups: sets, ports: plugs, routers: joints }) => {
    const made = nets.map(({ id, external, mtu, dhcp }) => ({
      network: { id: uuidOf(1, id), external, mtu },
      subnets: dhcp.map(
        (enableDhcp, at): SubnetFacts => ({
          ...{ id: uuidOf(2, 10 * id + at), networkId: uuidOf(1, id), ipVersion: at === 0 ? 4 : 6 },
          cidr: at === 0 ? '10.0.0.0/24' : 'fd00::/64',
          ...{ gatewayIp: at === 0 ? '10.0.0.1' : null, enableDhcp, dnsNameservers: ['9.9.9.9'], hostRoutes: [] },
        }),
      ),
    }));
    const known = new Set(sets.map(({ id }) => id));
    const addressesOn = (subnets: readonly SubnetFacts[], host: number): AddressFacts[] =>
      subnets.map((subnet) => ({ subnet, address: subnet.ipVersion === 4 ? `10.0.0.${host}` : `fd00::${host}` }));
    const at = (id: number) => made.find(({ network }) => network.id === uuidOf(1, id));
    const wayTo = (router: number, id: number) => {
      const found = at(id);
      return found === undefined || found.subnets.length === 0
        ? []
        : [
            {
              port: { id: uuidOf(6, 10 * router + id), macAddress: `fa:16:3e:01:0${router}:0${id}` },
              ...{ network: found.network, addresses: addressesOn(found.subnets, 1 + router) },
            },
          ];
    };
    // one floating address, which goes from router to router
    const carrier = joints.find(({ floating }) => floating)?.id;
    return {
      networks: made,
      groups: sets.map(({ id, stateful, rules }) => ({
        ...{ id: uuidOf(3, id), stateful },
        rules: rules.map((one) => ({
          ...{
            id: uuidOf(4, 10 * id + one.id),
            direction: one.direction,
            ethertype: one.ethertype,
            protocol: one.protocol,
          },
          portRangeMin: one.protocol === 'tcp' || one.protocol === 'udplite' ? one.low : null,
          portRangeMax: one.protocol === 'tcp' || one.protocol === 'udplite' ? one.low : null,
          remoteIpPrefix: one.prefix ? '10.0.0.0/8' : null,
          remoteGroupId: one.remote !== null && known.has(one.remote) ? uuidOf(3, one.remote) : null,
        })),
      })),
      ports: plugs.flatMap((plug) => {
        const net = at(plug.network);
        if (net === undefined) return [];
        const port: PortFacts = {
          ...{ id: uuidOf(5, plug.id), networkId: net.network.id, macAddress: `fa:16:3e:00:00:0${plug.id}` },
          ...{ adminStateUp: plug.up, deviceOwner: plug.owner, portSecurityEnabled: plug.guarded },
          securityGroups: plug.guarded ? plug.groups.filter((id) => known.has(id)).map((id) => uuidOf(3, id)) : [],
          allowedAddressPairs: plug.pair ? [{ ip_address: '10.9.0.0/16', mac_address: 'fa:16:3e:99:00:01' }] : [],
        };
        return [{ port, addresses: plug.hasAddress ? addressesOn(net.subnets, 10 + plug.id) : [] }];
      }),
      routers: joints.map(({ id, up, snat, gateway, inside, forwarded }) => {
        const [out = null] = gateway === null ? [] : wayTo(id, gateway);
        return {
          ...{ id: uuidOf(7, id), adminStateUp: up, enableSnat: snat, gateway: out },
          routes: [{ destination: '10.8.0.0/16', nexthop: '10.0.0.9' }],
          interfaces: inside.filter((one) => one !== gateway).flatMap((one) => wayTo(id, one)),
          floatingIps: id === carrier ? [{ id: uuidOf(8, 0), address: '203.0.113.9', fixedIp: '10.0.0.9' }] : [],
          forwardings: forwarded.map(([protocol, externalPort]) => ({
            ...{ floatingIpId: uuidOf(9, id), address: '203.0.113.8', protocol, externalPort },
            ...{ fixedIp: '10.0.0.8', internalPort: 20 + externalPort },
          })),
        };
      }),
    };
  });

/** What a cloud should come to, by unit, in the order of making. */
export function rowsOf(topology: Topology): readonly (readonly [Unit, readonly WantedRow[]])[] {
  const all: [Unit, readonly WantedRow[]][] = [
    [units.guard, guardRows()],
    ...topology.networks.map(({ network, subnets }): [Unit, readonly WantedRow[]] => [
      units.network(network.id),
      networkRows(network, subnets, site),
    ]),
    ...topology.groups.map((group): [Unit, readonly WantedRow[]] => [units.group(group.id), groupRows(group)]),
    ...topology.routers.map((router): [Unit, readonly WantedRow[]] => [
      units.router(router.id),
      routerRows(router, site),
    ]),
    ...topology.ports.map(({ port, addresses }): [Unit, readonly WantedRow[]] => [
      units.port(port.id),
      portRows(port, addresses),
    ]),
  ];
  return all.toSorted(([a], [b]) => rankOf(a) - rankOf(b));
}
