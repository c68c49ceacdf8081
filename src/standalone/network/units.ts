// Why: what OVN is told of an object is made of the rows of that object and of those around it; here they are read, of many objects at
// once, and nothing of others.

import type {
  AddressFacts,
  ChassisOfHosts,
  NetworkFacts,
  PortContext,
  RouterPortFacts,
  RuleFacts,
  Site,
} from '../../cloud/ovn/facts.ts';
import { groupRows } from '../../cloud/ovn/group-rows.ts';
import { guardRows } from '../../cloud/ovn/guard-rows.ts';
import { networkRows } from '../../cloud/ovn/network-rows.ts';
import { readUnit, type Unit, type UnitKind, units as unitOf, type WantedRow } from '../../cloud/ovn/northbound.ts';
import { portRows } from '../../cloud/ovn/port-rows.ts';
import { destinationOf } from '../../cloud/port-mark.ts';
import type { UnitSource } from '../../cloud/ovn/source.ts';
import { routerRows } from '../../cloud/ovn/router-rows.ts';
import type { Clock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { addressGroupNoun } from '../../db/address-groups.ts';
import type { Database, Reader } from '../../db/engine.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import {
  allocationsBy,
  groupNoun,
  networkNoun,
  portNoun,
  rowsBy,
  ruleNoun,
  type StoredPort,
  type StoredRule,
  subnetNoun,
} from '../../db/networks.ts';
import {
  dirtyUnits,
  everyUnit,
  forgetUnits,
  raiseUnits,
  settlePortStatus,
  settleUnits,
  unitStates,
} from '../../db/network-units.ts';
import { limitNoun } from '../../db/qos.ts';
import { forwardingNoun } from '../../db/port-forwardings.ts';
import { interfacePorts, routerNoun } from '../../db/routers.ts';
import { hostChassis } from '../../db/hosts.ts';
import { tx } from '../../db/tx.ts';

type Rows = [Unit, readonly WantedRow[]][];

/** The addresses of ports, by port. */
async function addressesOf(reader: Reader, ports: readonly StoredPort[]): Promise<Map<string, AddressFacts[]>> {
  const allocations = await allocationsBy(
    reader,
    'port_id',
    ports.map(({ id }) => id),
  );
  const subnetIds = [...new Set(allocations.map(({ subnetId }) => subnetId))];
  const subnets = new Map((await rowsBy(reader, subnetNoun, 'id', subnetIds)).map((subnet) => [subnet.id, subnet]));
  const byPort = new Map<string, AddressFacts[]>();
  for (const { portId, subnetId, address } of allocations) {
    const subnet = subnets.get(subnetId);
    if (subnet === undefined) continue;
    byPort.set(portId, [...(byPort.get(portId) ?? []), { address, subnet }]);
  }
  return byPort;
}

async function networksOf(reader: Reader, ids: readonly string[], site: Site): Promise<Rows> {
  const subnets = Map.groupBy(await rowsBy(reader, subnetNoun, 'network_id', ids), ({ networkId }) => networkId);
  const networks = await rowsBy(reader, networkNoun, 'id', ids);
  return networks.map((network) => [
    unitOf.network(network.id),
    networkRows(network, subnets.get(network.id) ?? [], site),
  ]);
}

async function groupsOf(reader: Reader, ids: readonly string[]): Promise<Rows> {
  const rules = Map.groupBy(await rowsBy(reader, ruleNoun, 'security_group_id', ids), (rule) => rule.securityGroupId);
  const groups = await rowsBy(reader, groupNoun, 'id', ids);
  const named = [...rules.values()].flatMap((of) => of.flatMap(({ remoteAddressGroupId: id }) => id ?? []));
  const lists = new Map(
    (await rowsBy(reader, addressGroupNoun, 'id', [...new Set(named)])).map(({ id, addresses }) => [id, addresses]),
  );
  const withRanges = (rule: StoredRule): RuleFacts =>
    rule.remoteAddressGroupId === null ? rule : { ...rule, remoteRanges: lists.get(rule.remoteAddressGroupId) ?? [] };
  return groups.map(({ id, stateful }) => {
    const of = (rules.get(id) ?? []).map(withRanges);
    return [unitOf.group(id), groupRows({ id, stateful, rules: of })];
  });
}

/** The chassis that may have a port; none while one of its hosts did not tell what it is. */
function chassisFor({ binding }: StoredPort, hosts: ChassisOfHosts): readonly string[] {
  const names = new Set([binding.host_id, destinationOf(binding.profile) ?? '']);
  names.delete('');
  const found = [...names].flatMap((host) => hosts.get(host)?.name ?? []);
  return found.length === names.size ? found : [];
}

/** What the rows of ports have in them of their networks, and of the policy that each names or else its network. */
async function contextsOf(reader: Reader, ports: readonly StoredPort[], { metadata }: Site) {
  const hosts = await hostChassis(reader);
  const networkIds = [...new Set(ports.map(({ networkId }) => networkId))];
  const networks = new Map((await rowsBy(reader, networkNoun, 'id', networkIds)).map((n) => [n.id, n]));
  const policyOf = (port: StoredPort): string => port.qosPolicyId ?? networks.get(port.networkId)?.qosPolicyId ?? '';
  const ids = [...new Set(ports.map(policyOf))].filter((id) => id !== '');
  const limits = Map.groupBy(await rowsBy(reader, limitNoun, 'qos_policy_id', ids), ({ policyId }) => policyId);
  return (port: StoredPort): PortContext => {
    const mtu = networks.get(port.networkId)?.mtu;
    const chassis = chassisFor(port, hosts);
    return { limits: limits.get(policyOf(port)) ?? [], metadata, chassis, ...(mtu === undefined ? {} : { mtu }) };
  };
}

async function portsOf(reader: Reader, ids: readonly string[], site: Site): Promise<Rows> {
  const ports = await rowsBy(reader, portNoun, 'id', ids);
  const groupIds = [...new Set(ports.flatMap(({ securityGroups }) => securityGroups))];
  const groups = new Set((await rowsBy(reader, groupNoun, 'id', groupIds)).map(({ id }) => id));
  const addresses = await addressesOf(reader, ports);
  const contextOf = await contextsOf(reader, ports, site);
  return ports.map((port) => {
    const securityGroups = port.securityGroups.filter((id) => groups.has(id));
    return [unitOf.port(port.id), portRows({ ...port, securityGroups }, addresses.get(port.id) ?? [], contextOf(port))];
  });
}

/** Ports of routers with their networks. */
async function waysOf(reader: Reader, ports: readonly StoredPort[]): Promise<Map<string, RouterPortFacts>> {
  const addresses = await addressesOf(reader, ports);
  const ids = [...new Set(ports.map(({ networkId }) => networkId))];
  const networks = new Map<string, NetworkFacts>((await rowsBy(reader, networkNoun, 'id', ids)).map((n) => [n.id, n]));
  return new Map(
    ports.flatMap((port) => {
      const network = networks.get(port.networkId);
      const of = addresses.get(port.id) ?? [];
      return network === undefined || of.length === 0 ? [] : [[port.id, { port, network, addresses: of }] as const];
    }),
  );
}

async function routersOf(reader: Reader, ids: readonly string[], site: Site): Promise<Rows> {
  const routers = await rowsBy(reader, routerNoun, 'id', ids);
  const inside = await interfacePorts(reader, ids);
  const gateways = await rowsBy(
    reader,
    portNoun,
    'id',
    routers.flatMap(({ gatewayPortId }) => gatewayPortId ?? []),
  );
  const hosts = gateways.length === 0 ? new Map() : await hostChassis(reader);
  const ways = await waysOf(reader, [...inside.map(({ port }) => port), ...gateways]);
  const floating = await rowsBy(reader, floatingIpNoun, 'router_id', ids);
  const addresses = new Map(floating.map((ip) => [ip.id, ip]));
  const forwardings = await rowsBy(reader, forwardingNoun, 'floatingip_id', [...addresses.keys()]);
  return routers.map((router) => {
    const facts = {
      ...{ id: router.id, adminStateUp: router.adminStateUp, enableSnat: router.enableSnat, routes: router.routes },
      gateway: ways.get(router.gatewayPortId ?? '') ?? null,
      interfaces: inside
        .filter(({ routerId }) => routerId === router.id)
        .flatMap(({ port }) => ways.get(port.id) ?? []),
      floatingIps: floating
        .filter(({ routerId }) => routerId === router.id)
        .flatMap(({ id, address, fixedIp }) => (fixedIp === null ? [] : [{ id, address, fixedIp }])),
      forwardings: forwardings.flatMap((one) => {
        const { routerId, address = '' } = addresses.get(one.floatingIpId) ?? {};
        return routerId === router.id ? [{ ...one, address }] : [];
      }),
    };
    return [unitOf.router(router.id), routerRows(facts, site, hosts)];
  });
}

/** What units should come to; those that are gone are left out. */
async function rowsOf(
  reader: Reader,
  wanted: readonly Unit[],
  site: Site,
): Promise<ReadonlyMap<Unit, readonly WantedRow[]>> {
  const byKind = Map.groupBy(
    wanted.flatMap((unit) => readUnit(unit) ?? []),
    ({ kind }) => kind,
  );
  const ids = (kind: UnitKind): readonly string[] => (byKind.get(kind) ?? []).map(({ id }) => id);
  return new Map([
    ...(byKind.has('guard') ? ([[unitOf.guard, guardRows()]] as Rows) : []),
    ...(await networksOf(reader, ids('network'), site)),
    ...(await groupsOf(reader, ids('group'))),
    ...(await routersOf(reader, ids('router'), site)),
    ...(await portsOf(reader, ids('port'), site)),
  ]);
}

/** The tables as the reconciler asks them. */
export function makeUnitSource(database: Database, clock: Clock, site: Site): UnitSource {
  const { read } = database;
  return {
    dirty: (most) => dirtyUnits(read, most),
    async read(units) {
      // first how often they were changed: what is read then is that state or a later one
      const states = await unitStates(read, units);
      const rows = await rowsOf(read, units, site);
      return units.map((unit) => {
        const { revision = 0, dirty = false } = states.get(unit) ?? {};
        return { unit, revision, dirty, rows: rows.get(unit) ?? [] };
      });
    },
    settled: (told) => tx(database, (trx) => settleUnits(trx, told)),
    raise: (revisions) => tx(database, (trx) => raiseUnits(trx, revisions, clock.now())),
    async all() {
      const all = [unitOf.guard, ...(await everyUnit(read))];
      await tx(database, (trx) => forgetUnits(trx, new Set(all), clock.now() - limits.ovnForgetMs));
      return all;
    },
    chassis: async () => JSON.stringify([...(await hostChassis(read))]),
    portsAre: (up, portIds) => tx(database, (trx) => settlePortStatus(trx, portIds, up ? 'ACTIVE' : 'DOWN')),
  };
}
