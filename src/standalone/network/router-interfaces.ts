// Why: a router comes to a network by a port there: with the address that the network's servers take for their way out, or with any other
// that its owner gave a port.

import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { forwardingNoun } from '../../db/port-forwardings.ts';
import { floatingIpNoun } from '../../db/floating-ips.ts';
import {
  allocationsBy,
  networkNoun,
  portNoun,
  replaceRow,
  rowsBy,
  type StoredNetwork,
  type StoredPort,
  type StoredSubnet,
  subnetNoun,
} from '../../db/networks.ts';
import { deleteInterface, insertInterface, interfacePorts, routerNoun, type StoredRouter } from '../../db/routers.ts';
import { findRow, lockRow } from '../../db/table.ts';
import { readJson } from '../../web/json-body.ts';
import type { Routes } from '../http.ts';
import type { Schema } from '../schema.ts';
import { checkForm } from './attributes.ts';
import { touch } from './engine.ts';
import { inUse, missing } from './faults.ts';
import { converted, orNull, saying, uuid, type Words } from './forms.ts';
import type { Act } from './noun.ts';
import { changeObject } from './objects.ts';
import type { NetworkParts } from './parts.ts';
import { createPort, removePort, savePort, unbound } from './ports.ts';
import { badRouter, checkOverlap, ROUTER_OWNERS, routers, subnetsOf } from './router-noun.ts';
import { metBy } from './on-network.ts';
import { ofObject } from './rules.ts';

/** Which interface is meant: of a subnet, or that port. */
interface InterfaceWish {
  readonly subnetId: string | null;
  readonly portId: string | null;
}

const named = orNull(uuid);
const neither: Words = ['Bad router request: Either subnet_id or port_id must be specified.', 'BadRequest'];

/** Of a body only this is read. */
const wish: Schema = {
  type: 'object',
  properties: { subnet_id: named.schema, port_id: named.schema },
  anyOf: [
    { required: ['subnet_id'], properties: { subnet_id: { not: { type: 'null' } } } },
    { required: ['port_id'], properties: { port_id: { not: { type: 'null' } } } },
  ],
  ...saying({ type: neither, anyOf: neither }),
};

/** @throws badRequest in Neutron's words */
function wishFrom(body: unknown): InterfaceWish {
  checkForm(wish, body);
  const { subnet_id: subnetId = null, port_id: portId = null } = body as Readonly<Record<string, unknown>>;
  return { subnetId: converted(named, subnetId) as string | null, portId: converted(named, portId) as string | null };
}

/**
 * A network that a router may come to: its project's own. Others' networks, shared ones too, would lend their servers a way that their
 * owner knows nothing of.
 */
async function networkFor({ tx, everywhere, caller }: Act, id: string, what: () => Error): Promise<StoredNetwork> {
  const found = await findRow(tx, networkNoun, { id });
  if (found === null) throw what();
  const network = await metBy(tx, caller.projectId, found);
  const knows = everywhere || network.projectId === caller.projectId;
  if (!knows && !network.shared && !network.external) throw what();
  if (!knows) throw badRouter(`network ${id} is another project's`);
  if (network.external) throw badRouter(`network ${id} is external: a router leads to it by its gateway`);
  // on every host at once it would have one MAC address in many places of that wire
  if (network.physicalNetwork !== null)
    throw badRouter(`network ${id} is on a physical network, which has routers of its own`);
  return network;
}

async function checkSubnets({ tx }: Act, router: StoredRouter, subnets: readonly StoredSubnet[]): Promise<void> {
  const present = (await subnetsOf(tx, router.id)).map(({ subnet }) => subnet);
  const outside =
    router.gatewayNetworkId === null ? [] : await rowsBy(tx, subnetNoun, 'network_id', [router.gatewayNetworkId]);
  for (const subnet of subnets) {
    if (present.some(({ id }) => id === subnet.id)) throw badRouter(`Router already has a port on subnet ${subnet.id}`);
    checkOverlap(subnet, [...present, ...outside]);
  }
}

/** A port of the router's with the subnet's gateway address. */
async function bySubnet(act: Act, router: StoredRouter, subnetId: string): Promise<StoredPort> {
  const subnet = await lockRow(act.tx, subnetNoun, { id: subnetId });
  if (subnet === null) throw missing('subnet', subnetId);
  const network = await networkFor(act, subnet.networkId, () => missing('subnet', subnetId));
  if (subnet.gatewayIp === null) throw badRouter('Subnet for router interface must have a gateway IP');
  await checkSubnets(act, router, [subnet]);
  return createPort(
    act.tx,
    network,
    {
      ...{ projectId: router.projectId, networkId: network.id, name: '', description: '', macAddress: null },
      ...{ adminStateUp: true, deviceId: router.id, deviceOwner: ROUTER_OWNERS.interface, portSecurityEnabled: false },
      ...{ securityGroups: [], allowedAddressPairs: [], binding: unbound, isRouter: true },
    },
    [{ subnet_id: subnet.id, ip_address: subnet.gatewayIp }],
    act,
  );
}

/** A port that its owner made for it. */
async function byPort(act: Act, router: StoredRouter, portId: string): Promise<StoredPort> {
  const port = await lockRow(act.tx, portNoun, { id: portId });
  if (port === null || (!act.everywhere && port.projectId !== act.caller.projectId)) throw missing('port', portId);
  await networkFor(act, port.networkId, () => missing('port', portId));
  if (port.deviceId !== '' || port.binding.host_id !== '')
    throw inUse('PortInUse', `Unable to complete operation on port ${portId}: it has a device already.`);
  const held = await allocationsBy(act.tx, 'port_id', [portId]);
  if (held.length === 0) throw badRouter('Port must have at least one fixed IP');
  const ids = held.map(({ subnetId }) => subnetId);
  await checkSubnets(act, router, await rowsBy(act.tx, subnetNoun, 'id', ids));
  const owned = { ...port, deviceId: router.id, deviceOwner: ROUTER_OWNERS.interface };
  return savePort(act.tx, { ...owned, portSecurityEnabled: false, securityGroups: [] }, act);
}

async function add(act: Act, router: StoredRouter, wish: InterfaceWish): Promise<StoredPort> {
  const { subnetId, portId } = wish;
  if (subnetId !== null && portId !== null) throw badRouter('Cannot specify both subnet-id and port-id');
  const port = portId === null ? await bySubnet(act, router, subnetId ?? '') : await byPort(act, router, portId);
  await insertInterface(act.tx, router.id, port.id);
  return port;
}

async function remove(act: Act, router: StoredRouter, { subnetId, portId }: InterfaceWish): Promise<StoredPort> {
  const { tx, now } = act;
  const ports = (await interfacePorts(tx, [router.id])).map(({ port }) => port);
  const on = await subnetsOf(tx, router.id);
  const port = ports.find(
    ({ id }) =>
      (portId === null || id === portId) &&
      (subnetId === null || on.some((one) => one.portId === id && one.subnet.id === subnetId)),
  );
  if (port === undefined) {
    throw subnetId === null
      ? missing('port', portId ?? '')
      : missing('router_interface', `${router.id} does not have an interface on subnet ${subnetId}`);
  }
  const subnetIds = on.filter((one) => one.portId === port.id).map(({ subnet }) => subnet.id);
  const floating = await rowsBy(tx, floatingIpNoun, 'router_id', [router.id]);
  const addressIds = floating.map(({ id }) => id);
  const led = [...floating, ...(await rowsBy(tx, forwardingNoun, 'floatingip_id', addressIds))];
  const targets = await allocationsBy(
    tx,
    'port_id',
    led.flatMap((one) => one.portId ?? []),
  );
  for (const { portId: target, fixedIp } of led) {
    const at = targets.find((one) => one.portId === target && one.address === fixedIp);
    if (at === undefined || !subnetIds.includes(at.subnetId)) continue;
    throw inUse(
      'RouterInterfaceInUseByFloatingIP',
      `Router interface for subnet ${at.subnetId} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
    );
  }
  await deleteInterface(tx, port.id);
  await removePort(tx, port.id, now);
  return port;
}

/** Hangs in how routers come to networks and leave them. */
export function addRouterInterfaces(routes: Routes, parts: NetworkParts): void {
  for (const [verb, work] of [
    ['add_router_interface', add],
    ['remove_router_interface', remove],
  ] as const) {
    routes.on('PUT', `/v2.0/routers/:id/${verb}`, ofObject(routers, verb), async (ctx, caller, { id = '' }) => {
      const wish = wishFrom(await readJson(ctx));
      let answer: Record<string, unknown> = {};
      const to = async (act: Act, router: StoredRouter): Promise<StoredRouter> => {
        const before = verb === 'remove_router_interface' ? await subnetsOf(act.tx, router.id) : [];
        const port = await work(act, router, wish);
        // a port that was somebody's is a router's now, or is gone
        await touch(act.tx, act.engine, [unitOf.port(port.id)], act.now);
        const after = verb === 'add_router_interface' ? await subnetsOf(act.tx, router.id) : before;
        const subnetIds = after.filter(({ portId }) => portId === port.id).map(({ subnet }) => subnet.id);
        const next = { ...router, revision: router.revision + 1, updatedAt: act.now };
        await replaceRow(act.tx, routerNoun, next);
        answer = {
          ...{ id: router.id, tenant_id: router.projectId, project_id: router.projectId, port_id: port.id },
          ...{ network_id: port.networkId, subnet_id: subnetIds[0] ?? null, subnet_ids: subnetIds, tags: router.tags },
        };
        return next;
      };
      const show = async (_reader: Reader, router: StoredRouter) => router;
      await changeObject(parts, routers, caller, id, { rule: verb, values: {}, to }, show);
      ctx.status = 200;
      ctx.type = 'application/json';
      ctx.body = JSON.stringify(answer);
    });
  }
}
