// Why: subnets: their arithmetic is checked here once, so that whoever takes an address later need not ask again.

import type { Caller } from '../../base/op.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { routersOnSubnets } from '../../db/routers.ts';
import {
  allocationsBy,
  deleteRow,
  networkNoun,
  type Pool,
  portsWithOptions,
  replaceRow,
  type StoredSubnet,
  subnetNoun,
} from '../../db/networks.ts';
import { projectsGiven } from '../../db/network-rbac.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import { contains, formatCidr, formatIp, parseCidr, parseIp, type Cidr } from '../../base/ip.ts';
import { defaultPools, hostRange, isHost } from './addresses.ts';
import {
  boolean,
  type Form,
  integer,
  ipAddress,
  listOf,
  objectOf,
  oneOf,
  orNull,
  saying,
  subnet as cidrText,
  uuid,
} from './forms.ts';
import { addFormat } from '../schema.ts';
import {
  born,
  changeable,
  changed,
  commonFilters,
  commonSortable,
  commonView,
  fixed,
  nameAndDescription,
  required,
} from './common.ts';
import { inUse, invalid, invalidInput, missing, sharedIpv6NotOffered } from './faults.ts';
import { knownNetwork, metBy, ofNetworks, onNetwork } from './on-network.ts';
import type { Noun } from './noun.ts';
import { poolFor, rangeOf } from './subnet-pools.ts';
import { checkRange, lockRanges, mattersTo } from './subnet-ranges.ts';

const pool = objectOf({ start: ipAddress, end: ipAddress }, ['start', 'end']);

addFormat('neutron-destination', (text) => {
  const cidr = parseCidr(text);
  return cidr !== null && parseIp(text.split('/')[0] ?? '')?.value === cidr.first;
});

/** A way leads to a whole network, or to one address. */
export const destination: Form = {
  schema: { type: 'string', format: 'neutron-destination', ...saying({ '*': '{value} is not a valid CIDR.' }) },
  convert: (value) => formatCidr(parseCidr(value as string) as Cidr),
};
const route = objectOf({ destination, nexthop: ipAddress }, ['destination', 'nexthop']);

const fields = {
  gateway_ip: 'gatewayIp',
  enable_dhcp: 'enableDhcp',
  allocation_pools: 'allocationPools',
  dns_nameservers: 'dnsNameservers',
  host_routes: 'hostRoutes',
} as const;

/** @throws badRequest or conflict where pools leave the subnet, overlap, or hold the gateway */
function checkPools(cidr: Cidr, gatewayIp: string | null, pools: readonly Pool[]): void {
  const gateway = gatewayIp === null ? null : parseIp(gatewayIp);
  const seen: { first: bigint; last: bigint }[] = [];
  for (const { start, end } of pools) {
    const first = parseIp(start);
    const last = parseIp(end);
    const shown = `${start}-${end}`;
    if (first === null || last === null || first.version !== last.version || first.value > last.value) {
      throw invalid(`The allocation pool ${shown} is not valid.`, 'InvalidAllocationPool');
    }
    if (!isHost(cidr, first) || !isHost(cidr, last)) {
      throw invalid(
        `The allocation pool ${shown} spans beyond the subnet cidr ${formatCidr(cidr)}.`,
        'OutOfBoundsAllocationPool',
      );
    }
    if (seen.some((other) => other.first <= last.value && first.value <= other.last)) {
      throw inUse(
        'OverlappingAllocationPools',
        `Found overlapping allocation pools: ${shown} for subnet ${formatCidr(cidr)}.`,
      );
    }
    if (gateway !== null && gateway.value >= first.value && gateway.value <= last.value) {
      throw inUse(
        'GatewayConflictWithAllocationPools',
        `Gateway ip ${gatewayIp} conflicts with allocation pool ${shown}.`,
      );
    }
    seen.push({ first: first.value, last: last.value });
  }
}

function checkGateway(cidr: Cidr, gatewayIp: string | null): void {
  const gateway = gatewayIp === null ? null : parseIp(gatewayIp);
  if (gateway !== null && !isHost(cidr, gateway)) throw invalidInput(`Gateway is not valid on subnet`);
}

function checkFamily(version: number, addresses: readonly string[], what: string): void {
  for (const address of addresses) {
    const found = parseIp(address) ?? parseCidr(address);
    if (found?.version !== version)
      throw invalidInput(`${what} '${address}' does not match the ip_version '${version}'`);
  }
}

function checkRest(subnet: StoredSubnet): void {
  const { ipVersion, hostRoutes } = subnet;
  checkFamily(
    ipVersion,
    hostRoutes.flatMap(({ destination, nexthop }) => [destination, nexthop]),
    'host route',
  );
}

async function views(_reader: Reader, _caller: Caller, subnets: readonly StoredSubnet[]) {
  return subnets.map((subnet) => ({
    ...commonView(subnet),
    network_id: subnet.networkId,
    ip_version: subnet.ipVersion,
    cidr: subnet.cidr,
    gateway_ip: subnet.gatewayIp,
    enable_dhcp: subnet.enableDhcp,
    allocation_pools: subnet.allocationPools,
    dns_nameservers: subnet.dnsNameservers,
    host_routes: subnet.hostRoutes,
    subnetpool_id: subnet.subnetPoolId,
    ipv6_ra_mode: null,
    ipv6_address_mode: null,
    service_types: [],
  }));
}

export const subnets: Noun<StoredSubnet> = {
  singular: 'subnet',
  collection: 'subnets',
  quota: 'subnet',
  rows: subnetNoun,
  attributes: {
    ...nameAndDescription,
    network_id: required(uuid),
    ip_version: fixed(oneOf([4, 6])),
    cidr: fixed(cidrText),
    gateway_ip: changeable(orNull(ipAddress)),
    enable_dhcp: changeable(boolean, true),
    allocation_pools: changeable(listOf(pool)),
    dns_nameservers: changeable(listOf(ipAddress), []),
    host_routes: changeable(listOf(route), []),
    subnetpool_id: fixed(orNull(uuid), null),
    use_default_subnetpool: fixed(boolean, false),
    prefixlen: fixed(integer(0, 128)),
    // addresses are given out by DHCP alone
    ipv6_ra_mode: fixed(oneOf([null]), null),
    ipv6_address_mode: fixed(oneOf([null]), null),
  },
  filters: {
    ...commonFilters,
    network_id: { column: 'network_id' },
    ip_version: { column: 'ip_version', as: 'number' },
    cidr: { column: 'cidr' },
    subnetpool_id: { column: 'subnetpool_id' },
    gateway_ip: { column: 'gateway_ip' },
    enable_dhcp: { column: 'enable_dhcp', as: 'bool' },
  },
  sortable: [...commonSortable, 'network_id', 'cidr', 'ip_version', 'gateway_ip', 'enable_dhcp'],
  async sees(reader, caller, { networkId }) {
    const network = await findRow(reader, networkNoun, { id: networkId });
    if (network === null) return false;
    return network.projectId === caller.projectId || (await metBy(reader, caller.projectId, network)).shared;
  },
  views,
  targets: ofNetworks,
  wanted: async (act, values) => onNetwork(await knownNetwork(act, values['network_id'] as string)),
  async create(act, values) {
    const { tx, now } = act;
    const network = await lockRow(tx, networkNoun, { id: values['network_id'] as string });
    if (network === null) throw missing('network', values['network_id'] as string);
    const text = values['cidr'] as string | undefined;
    const named = text === undefined ? null : parseCidr(text);
    const pool = await poolFor(act, values);
    const prefix = values['prefixlen'] as number | undefined;
    if (named !== null && prefix !== undefined)
      throw invalid('Bad subnets request: cidr and prefixlen must not be supplied together.', 'BadRequest');
    const taken = await lockRanges(tx);
    const projectId = values['project_id'] as string;
    const cidr =
      pool === null
        ? named
        : rangeOf(
            pool,
            { cidr: named, prefix, projectId },
            taken,
            mattersTo(act.engine, { networkId: network.id, external: network.external }),
          );
    if (cidr === null)
      throw invalid('Bad subnets request: a subnetpool must be specified in the absence of a cidr.', 'BadRequest');
    const ipVersion = (values['ip_version'] as number | undefined) ?? cidr.version;
    if (ipVersion !== cidr.version)
      throw invalidInput(`cidr '${formatCidr(cidr)}' does not match the ip_version '${ipVersion}'`);
    if (cidr.version === 6 && act.engine.kind === 'ovn') {
      const given = await projectsGiven(tx, network.id, 'access_as_shared');
      if (network.shared || given.size > 0) throw sharedIpv6NotOffered();
    }
    // as in Neutron a subnet is its maker's or whose he says it is, on whosever network: of whom it is, it counts for
    checkRange(act, taken, cidr, { projectId, networkId: network.id, external: network.external });
    const { first } = hostRange(cidr);
    const asked = values['gateway_ip'] as string | null | undefined;
    const gatewayIp = asked === undefined ? formatIp({ version: cidr.version, value: first }) : asked;
    checkGateway(cidr, gatewayIp);
    const pools = values['allocation_pools'] as readonly Pool[] | undefined;
    const allocationPools = pools ?? defaultPools(cidr, gatewayIp === null ? null : parseIp(gatewayIp));
    checkPools(cidr, gatewayIp, allocationPools);
    const subnet: StoredSubnet = {
      ...born(values, now),
      networkId: network.id,
      ipVersion: cidr.version,
      cidr: formatCidr(cidr),
      gatewayIp,
      enableDhcp: values['enable_dhcp'] as boolean,
      allocationPools,
      dnsNameservers: values['dns_nameservers'] as string[],
      hostRoutes: values['host_routes'] as StoredSubnet['hostRoutes'],
      subnetPoolId: pool?.id ?? null,
    };
    checkRest(subnet);
    await insertRow(tx, subnetNoun, subnet);
    return subnet;
  },
  async update({ tx, now }, subnet, values) {
    const next = changed(subnet, now, values, fields);
    const cidr = parseCidr(subnet.cidr);
    if (cidr !== null) {
      checkGateway(cidr, next.gatewayIp);
      checkPools(cidr, next.gatewayIp, next.allocationPools);
    }
    checkRest(next);
    if (next.gatewayIp !== null && next.gatewayIp !== subnet.gatewayIp) {
      const taken = await allocationsBy(tx, 'subnet_id', [subnet.id]);
      const holder = taken.find(({ address }) => address === next.gatewayIp);
      if (holder !== undefined) {
        throw inUse(
          'GatewayIpInUse',
          `Current gateway ip ${next.gatewayIp} already in use by port ${holder.portId}. Unable to update.`,
        );
      }
    }
    await replaceRow(tx, subnetNoun, next);
    return next;
  },
  async remove({ tx }, subnet) {
    await lockRow(tx, subnetNoun, { id: subnet.id });
    if ((await allocationsBy(tx, 'subnet_id', [subnet.id])).length > 0) {
      throw inUse(
        'SubnetInUse',
        `Unable to complete operation on subnet ${subnet.id}: One or more ports have an IP allocation from this subnet.`,
      );
    }
    await deleteRow(tx, subnetNoun, subnet.id);
  },
  async units(reader, before, after) {
    const subnet = after ?? before;
    if (subnet === null) return [];
    const isOther = before !== null && after !== null && before.enableDhcp !== after.enableDhcp;
    const held = isOther ? await allocationsBy(reader, 'subnet_id', [subnet.id]) : [];
    // what DHCP tells them is made of what the subnet says
    const told = before === null || after === null ? [] : await portsWithOptions(reader, subnet.networkId);
    const routers = before === null ? [] : await routersOnSubnets(reader, [subnet.id]);
    return [
      unitOf.network(subnet.networkId),
      ...held.map(({ portId }) => unitOf.port(portId)),
      ...told.map(unitOf.port),
      ...routers.map(unitOf.router),
    ];
  },
  tagsOf: ({ tags }) => tags,
  async retag({ tx, now }, subnet, tags) {
    const next = { ...subnet, tags, revision: subnet.revision + 1, updatedAt: now };
    await replaceRow(tx, subnetNoun, next);
    return next;
  },
};

/** Whether an address could be given out in a subnet at all. */
export function fitsSubnet(subnet: StoredSubnet, address: string): boolean {
  const cidr = parseCidr(subnet.cidr);
  const ip = parseIp(address);
  return cidr !== null && ip !== null && contains(cidr, ip) && isHost(cidr, ip);
}
