// Why: routers, as Neutron has them: a project's own, each on any number of its networks and perhaps on one external one. Only OVN carries
// what goes through them, so they are offered with it alone.

import type { Caller } from '../../base/op.ts';
import { contains, overlaps, parseCidr, parseIp } from '../../base/ip.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import { carriersOf } from '../../cloud/ovn/router-rows.ts';
import { hostChassis } from '../../db/hosts.ts';
import type { Reader } from '../../db/engine.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import {
  allocationsBy,
  deleteRow,
  networkNoun,
  replaceRow,
  rowsBy,
  type StoredSubnet,
  subnetNoun,
} from '../../db/networks.ts';
import { interfacePorts, routerNoun, type StoredRouter } from '../../db/routers.ts';
import { findRow, insertRow } from '../../db/table.ts';
import type { Values } from './attributes.ts';
import {
  born,
  changeable,
  changed,
  commonFilters,
  commonSortable,
  commonView,
  fixed,
  nameAndDescription,
} from './common.ts';
import { inUse, invalid } from './faults.ts';
import { boolean, ipAddress, listOf, objectOf, oneOf, orNull, saying, uuid } from './forms.ts';
import type { Act, Noun } from './noun.ts';
import { type AddressRequest, createPort, removePort, unbound } from './ports.ts';
import { metBy } from './on-network.ts';
import { destination } from './subnet-noun.ts';

/** Whose ports are routers' ways to networks, and to external ones. */
export const ROUTER_OWNERS = { interface: 'network:router_interface', gateway: 'network:router_gateway' } as const;

export const badRouter = (message: string) => invalid(`Bad router request: ${message}.`, 'BadRequest');

/** What `external_gateway_info` says. */
interface GatewayWish {
  readonly network_id?: string;
  readonly enable_snat?: boolean;
  readonly external_fixed_ips?: readonly AddressRequest[];
}

const route = objectOf({ destination, nexthop: ipAddress }, ['destination', 'nexthop']);
const externalAddress = objectOf({ subnet_id: uuid, ip_address: ipAddress });
/** Nothing at all, or a network and what else is wanted of it. */
const gatewayInfo = objectOf(
  { network_id: uuid, enable_snat: boolean, external_fixed_ips: listOf(externalAddress) },
  [],
  { anyOf: [{ maxProperties: 0 }, { required: ['network_id'] }], ...saying({ anyOf: "'network_id' is required." }) },
);

/** The subnets that a router is on, with its ports there. */
export async function subnetsOf(reader: Reader, routerId: string) {
  const ports = await interfacePorts(reader, [routerId]);
  const taken = await allocationsBy(
    reader,
    'port_id',
    ports.map(({ port }) => port.id),
  );
  const subnets = new Map(
    (
      await rowsBy(
        reader,
        subnetNoun,
        'id',
        taken.map(({ subnetId }) => subnetId),
      )
    ).map((subnet) => [subnet.id, subnet]),
  );
  return taken.flatMap(({ subnetId, portId }) => {
    const subnet = subnets.get(subnetId);
    return subnet === undefined ? [] : [{ subnet, portId }];
  });
}

/** @throws badRequest where a subnet's range is that of another one of the router's */
export function checkOverlap(subnet: StoredSubnet, others: readonly StoredSubnet[]): void {
  const own = parseCidr(subnet.cidr);
  for (const other of others) {
    const cidr = parseCidr(other.cidr);
    if (own !== null && cidr !== null && overlaps(own, cidr))
      throw badRouter(
        `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.id}`,
      );
  }
}

/** A router's port on its external network. */
async function makeGateway(act: Act, router: StoredRouter, wish: GatewayWish): Promise<StoredRouter> {
  const { tx, engine } = act;
  const networkId = wish.network_id ?? '';
  const found = await findRow(tx, networkNoun, { id: networkId });
  const network = found === null ? null : await metBy(tx, router.projectId, found);
  if (network === null || !network.external) throw badRouter(`Network ${networkId} is not an external network`);
  const wire = network.physicalNetwork ?? engine.wire;
  const chassis = await hostChassis(tx);
  if (engine.gateways.length === 0 && carriersOf(router.id, chassis, wire).length === 0)
    throw invalid(
      `No host leads to physical network ${wire} (ovn-bridge-mappings), and none is named that carries what goes out of routers (network.ovn_gateways).`,
      'NotOffered',
    );
  const outside = await rowsBy(tx, subnetNoun, 'network_id', [network.id]);
  for (const { subnet } of await subnetsOf(tx, router.id)) checkOverlap(subnet, outside);
  const requests = wish.external_fixed_ips ?? [];
  const port = await createPort(
    tx,
    network,
    {
      ...{ projectId: '', networkId, name: '', description: '', macAddress: null, adminStateUp: true },
      ...{ deviceId: router.id, deviceOwner: ROUTER_OWNERS.gateway, portSecurityEnabled: false },
      ...{ securityGroups: [], allowedAddressPairs: [], binding: unbound },
    },
    requests.length === 0 ? null : requests,
    act,
  );
  if ((await allocationsBy(tx, 'port_id', [port.id])).length === 0)
    throw badRouter(`Network ${networkId} has no subnet, so that the router would have no address there`);
  return { ...router, gatewayNetworkId: networkId, gatewayPortId: port.id, enableSnat: wish.enable_snat ?? true };
}

/** Takes the way out from a router. The row has to say so before the port goes. */
async function dropGateway({ tx, now }: Act, router: StoredRouter): Promise<StoredRouter> {
  const { id, gatewayPortId, gatewayNetworkId } = router;
  if (gatewayPortId === null) return router;
  if ((await rowsBy(tx, floatingIpNoun, 'router_id', [id])).length > 0) {
    throw inUse(
      'RouterExternalGatewayInUseByFloatingIp',
      `Gateway cannot be updated for router ${id}, since a gateway to external network ${gatewayNetworkId} is required by one or more floating IPs.`,
    );
  }
  const without = { ...router, gatewayNetworkId: null, gatewayPortId: null, enableSnat: true };
  await replaceRow(tx, routerNoun, without);
  await removePort(tx, gatewayPortId, now);
  return without;
}

/** The router as `external_gateway_info` says; undefined: it does not say. The row is written. */
async function withGateway(act: Act, router: StoredRouter, info: unknown): Promise<StoredRouter> {
  if (info === undefined) return router;
  const wish = (info ?? {}) as GatewayWish;
  if (wish.network_id === undefined) return dropGateway(act, router);
  if (router.gatewayNetworkId === wish.network_id && wish.external_fixed_ips === undefined)
    return { ...router, enableSnat: wish.enable_snat ?? router.enableSnat };
  return makeGateway(act, await dropGateway(act, router), wish);
}

/** A route leads to where the router is. */
async function checkRoutes({ tx }: Act, router: StoredRouter): Promise<void> {
  if (router.routes.length === 0) return;
  const outside =
    router.gatewayNetworkId === null ? [] : await rowsBy(tx, subnetNoun, 'network_id', [router.gatewayNetworkId]);
  const reached = [...(await subnetsOf(tx, router.id)).map(({ subnet }) => subnet), ...outside];
  for (const { nexthop, destination: to } of router.routes) {
    const ip = parseIp(nexthop);
    const cidrs = reached.map(({ cidr }) => parseCidr(cidr));
    if (ip === null || !cidrs.some((cidr) => cidr !== null && contains(cidr, ip)))
      throw invalid(
        `Invalid format for routes: [{'destination': '${to}', 'nexthop': '${nexthop}'}], the nexthop is not connected with router`,
        'InvalidRoutes',
      );
    if (parseCidr(to)?.version !== ip.version)
      throw invalid(`Invalid format for routes: ${to} and ${nexthop} are of two families`, 'InvalidRoutes');
  }
}

async function views(reader: Reader, _caller: Caller | null, routers: readonly StoredRouter[]) {
  const portIds = routers.flatMap(({ gatewayPortId }) => gatewayPortId ?? []);
  const addresses = Map.groupBy(await allocationsBy(reader, 'port_id', portIds), ({ portId }) => portId);
  return routers.map((router) => ({
    ...commonView(router),
    admin_state_up: router.adminStateUp,
    status: 'ACTIVE',
    external_gateway_info:
      router.gatewayPortId === null
        ? null
        : {
            network_id: router.gatewayNetworkId,
            enable_snat: router.enableSnat,
            external_fixed_ips: (addresses.get(router.gatewayPortId) ?? []).map(({ subnetId, address }) => ({
              subnet_id: subnetId,
              ip_address: address,
            })),
          },
    routes: router.routes,
    distributed: false,
    ha: false,
    flavor_id: null,
    availability_zone_hints: [],
    availability_zones: [],
  }));
}

async function create(act: Act, values: Values): Promise<StoredRouter> {
  const router: StoredRouter = {
    ...born(values, act.now),
    adminStateUp: values['admin_state_up'] as boolean,
    ...{ gatewayNetworkId: null, gatewayPortId: null, enableSnat: true, routes: [] },
  };
  await insertRow(act.tx, routerNoun, router);
  const whole = await withGateway(act, router, values['external_gateway_info'] ?? undefined);
  if (whole !== router) await replaceRow(act.tx, routerNoun, whole);
  return whole;
}

export const routers: Noun<StoredRouter> = {
  singular: 'router',
  collection: 'routers',
  quota: 'router',
  rows: routerNoun,
  attributes: {
    ...nameAndDescription,
    admin_state_up: changeable(boolean, true),
    external_gateway_info: changeable(orNull(gatewayInfo)),
    routes: { ...changeable(listOf(route)), onCreate: false },
    // each is on one host at a time, the next where that one dies: OVN sees to it
    distributed: fixed(oneOf([false, null])),
    ha: fixed(oneOf([false, null])),
  },
  filters: {
    ...commonFilters,
    admin_state_up: { column: 'admin_state_up', as: 'bool' },
    status: { always: 'ACTIVE' },
  },
  sortable: [...commonSortable, 'admin_state_up'],
  sees: async () => false,
  views,
  create,
  async update(act, router, values) {
    const next = changed(router, act.now, values, { admin_state_up: 'adminStateUp', routes: 'routes' });
    const whole = await withGateway(act, next, values['external_gateway_info']);
    if (values['routes'] !== undefined) await checkRoutes(act, whole);
    await replaceRow(act.tx, routerNoun, whole);
    return whole;
  },
  async remove(act, router) {
    const { tx } = act;
    if ((await interfacePorts(tx, [router.id])).length > 0)
      throw inUse('RouterInUse', `Router ${router.id} still has ports`);
    const alone = await dropGateway(act, router);
    await deleteRow(tx, routerNoun, alone.id);
  },
  units: async (_reader, before, after) =>
    [before, after].flatMap((router) => (router ? [unitOf.router(router.id)] : [])),
  tagsOf: ({ tags }) => tags,
  async retag({ tx, now }: Act, router, tags) {
    const next = { ...router, tags, revision: router.revision + 1, updatedAt: now };
    await replaceRow(tx, routerNoun, next);
    return next;
  },
};

/** The router by which a port's subnet is reached from an external network; null: there is none. */
export async function routerBetween(reader: Reader, subnetId: string, networkId: string): Promise<StoredRouter | null> {
  const held = await allocationsBy(reader, 'subnet_id', [subnetId]);
  const ports = await interfacePorts(
    reader,
    null,
    held.map(({ portId }) => portId),
  );
  const found = await rowsBy(
    reader,
    routerNoun,
    'id',
    ports.map(({ routerId }) => routerId),
  );
  return found.find(({ gatewayNetworkId }) => gatewayNetworkId === networkId) ?? null;
}

/** Whether a port is a router's; who it says it belongs to is not asked, since anybody may write that. */
export async function isRouterPort(reader: Reader, portId: string): Promise<boolean> {
  if ((await interfacePorts(reader, null, [portId])).length > 0) return true;
  return (await findRow(reader, routerNoun, { gateway_port_id: portId })) !== null;
}
