// Why: floating addresses: each is held by a port of its own on an external network, and leads to an address of a port of its
// project. OVN carries what is sent to them, by a router; where nothing real is plugged they are records (docs/decisions/0007).

import { type Fault, notFound } from '../../base/errors.ts';
import { type Caller, systemCaller } from '../../base/op.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { FloatingApi } from '../../cloud/network-api.ts';
import type { Reader } from '../../db/engine.ts';
import { floatingIpNoun, type StoredFloatingIp } from '../../db/floating-ips.ts';
import { notePriced } from '../../db/priced-spans.ts';
import {
  type Allocation,
  allocationsBy,
  listRows,
  networkNoun,
  noFilters,
  portNoun,
  replaceRow,
  rowsBy,
  type StoredNetwork,
} from '../../db/networks.ts';
import { forwardingNoun, type StoredForwarding } from '../../db/port-forwardings.ts';
import { findRow, insertRow, lockRow } from '../../db/table.ts';
import type { Tx } from '../../db/tx.ts';
import type { FloatingIp } from '../../domain/networks/networks.ts';
import { parseIp } from '../../base/ip.ts';
import { readUpdate, type Values } from './attributes.ts';
import {
  bornUnnamed,
  changeable,
  changedUnnamed,
  description,
  fixed,
  required,
  unnamedFilters,
  unnamedSortable,
  unnamedView,
} from './common.ts';
import { floatingNotOffered, inUse, invalid, missing } from './faults.ts';
import { unseen } from './group-api.ts';
import type { Act, Noun } from './noun.ts';
import type { NetworkParts } from './parts.ts';
import { ipAddress, orNull, uuid } from './forms.ts';
import { changeObject, createObjects, removeObject, seenObject, updateOf } from './objects.ts';
import { routerBetween } from './router-noun.ts';
import { allowedOf } from './rules.ts';
import { metBy } from './on-network.ts';
import { createPort, FLOATING_OWNER, removeFloatingIp, unbound } from './ports.ts';

type Target = Pick<StoredFloatingIp, 'portId' | 'fixedIp' | 'status' | 'routerId'>;

const nowhere: Target = { portId: null, fixedIp: null, status: 'DOWN', routerId: '' };

const bad = (message: string) => invalid(`Bad floatingip request: ${message}.`, 'BadRequest');

const isIpv4 = ({ address }: { readonly address: string }): boolean => parseIp(address)?.version === 4;

/**
 * The address of a port that a floating one shall lead to: the one asked for, or its only one of IPv4.
 * @param bad the words of a refusal
 */
export async function fixedIpOf(
  tx: Tx,
  portId: string,
  asked: string | null,
  bad: (message: string) => Fault,
): Promise<Allocation> {
  const addresses = (await allocationsBy(tx, 'port_id', [portId])).filter(isIpv4);
  if (asked !== null) {
    const found = addresses.find(({ address }) => address === asked);
    if (found !== undefined) return found;
    throw bad(`Port ${portId} does not have fixed ip ${asked}`);
  }
  const [only, ...more] = addresses;
  if (only === undefined) throw bad(`Cannot add floating IP to port ${portId} that has no fixed IPv4 addresses`);
  if (more.length === 0) return only;
  throw bad(
    `Port ${portId} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP`,
  );
}

/** The router by which a port is reached from an external network. @throws notFound */
export async function routerFor(
  tx: Tx,
  { portId, subnetId, networkId }: { readonly portId: string; readonly subnetId: string; readonly networkId: string },
) {
  const router = await routerBetween(tx, subnetId, networkId);
  if (router !== null) return router;
  throw notFound(
    `External network ${networkId} is not reachable from subnet ${subnetId}.  Therefore, cannot associate Port ${portId} with a Floating IP.`,
    { code: 'ExternalGatewayForFloatingIPNotFound' },
  );
}

/** Where the values lead the address to; undefined: they do not say. Locks the port. */
async function targetOf(
  { tx, caller, engine }: Act,
  ip: Omit<StoredFloatingIp, keyof Target>,
  values: Values,
): Promise<Target | undefined> {
  const portId = values['port_id'] as string | null | undefined;
  const asked = (values['fixed_ip_address'] as string | null | undefined) ?? null;
  const forwardings = await rowsBy(tx, forwardingNoun, 'floatingip_id', [ip.id]);
  if (portId == null) {
    if (asked !== null) throw bad('fixed_ip_address cannot be specified without a port_id');
    // one whose ports lead somewhere leads nowhere as a whole
    return portId === null && forwardings.length === 0 ? nowhere : undefined;
  }
  if (forwardings.length > 0)
    throw inUse('FipInUseByPortForwarding', `Floating IP ${ip.id} in use by Port Forwarding resources.`);
  const port = await lockRow(tx, portNoun, { id: portId });
  // another project's is as one that is not there
  if (port === null || (port.projectId !== ip.projectId && !caller.isAdmin)) throw missing('port', portId);
  const { address: fixedIp, subnetId } = await fixedIpOf(tx, portId, asked, bad);
  if ((await rowsBy(tx, forwardingNoun, 'internal_port_id', [portId])).some((one) => one.fixedIp === fixedIp)) {
    throw inUse(
      'PortHasPortForwarding',
      `Cannot associate floating IP ${ip.address} (${ip.id}) with port ${portId} using fixed IP ${fixedIp}, as that port already has a Port Forwarding resource.`,
    );
  }
  const others = await rowsBy(tx, floatingIpNoun, 'port_id', [portId]);
  if (others.some((other) => other.id !== ip.id && other.fixedIp === fixedIp && other.networkId === ip.networkId)) {
    throw inUse(
      'FloatingIPPortAlreadyAssociated',
      `Cannot associate floating IP ${ip.address} (${ip.id}) with port ${portId} using fixed IP ${fixedIp}, as that fixed IP already has a floating IP on external network ${ip.networkId}.`,
    );
  }
  if (engine.kind === 'basic') return { portId, fixedIp, status: 'ACTIVE', routerId: '' };
  const router = await routerFor(tx, { portId, subnetId, networkId: ip.networkId });
  return { portId, fixedIp, status: 'ACTIVE', routerId: router.id };
}

/** The port that holds a floating address on its network, and the address. It is no project's, so that it counts as nobody's. */
async function hold(act: Act, network: StoredNetwork, floatingId: string, values: Values) {
  const wanted = {
    ...(values['subnet_id'] === null ? {} : { subnet_id: values['subnet_id'] as string }),
    ...(values['floating_ip_address'] === null ? {} : { ip_address: values['floating_ip_address'] as string }),
  };
  const { tx } = act;
  const port = await createPort(
    tx,
    network,
    {
      projectId: '',
      networkId: network.id,
      name: '',
      description: '',
      macAddress: null,
      adminStateUp: true,
      deviceId: floatingId,
      deviceOwner: FLOATING_OWNER,
      portSecurityEnabled: false,
      securityGroups: [],
      allowedAddressPairs: [],
      binding: unbound,
    },
    Object.keys(wanted).length === 0 ? null : [wanted],
    act,
  );
  const held = (await allocationsBy(tx, 'port_id', [port.id])).find(isIpv4);
  if (held === undefined) throw bad(`Network ${network.id} does not contain any IPv4 subnet`);
  return { floatingPortId: port.id, address: held.address };
}

/** Where a port of a floating address leads, as Neutron shows it. */
export const forwardingView = (one: StoredForwarding) => ({
  id: one.id,
  protocol: one.protocol,
  external_port: one.externalPort,
  internal_port_id: one.portId,
  internal_ip_address: one.fixedIp,
  internal_port: one.internalPort,
});

async function views(reader: Reader, _caller: Caller, ips: readonly StoredFloatingIp[]) {
  const ids = ips.map(({ id }) => id);
  const forwardings = Map.groupBy(
    await rowsBy(reader, forwardingNoun, 'floatingip_id', ids),
    ({ floatingIpId }) => floatingIpId,
  );
  return ips.map((ip) => ({
    ...unnamedView(ip),
    floating_network_id: ip.networkId,
    floating_ip_address: ip.address,
    port_id: ip.portId,
    fixed_ip_address: ip.fixedIp,
    router_id: ip.routerId || null,
    status: ip.status,
    port_forwardings: (forwardings.get(ip.id) ?? []).map(forwardingView),
  }));
}

export const floatingIps: Noun<StoredFloatingIp> = {
  singular: 'floatingip',
  collection: 'floatingips',
  quota: 'floatingip',
  rows: floatingIpNoun,
  attributes: {
    description,
    floating_network_id: required(uuid),
    floating_ip_address: fixed(orNull(ipAddress), null),
    subnet_id: fixed(orNull(uuid), null),
    port_id: changeable(orNull(uuid)),
    fixed_ip_address: changeable(orNull(ipAddress)),
  },
  filters: {
    ...unnamedFilters,
    floating_network_id: { column: 'floating_network_id' },
    floating_ip_address: { column: 'floating_ip_address' },
    port_id: { column: 'port_id' },
    fixed_ip_address: { column: 'fixed_ip_address' },
    status: { column: 'status' },
    router_id: { column: 'router_id' },
  },
  sortable: [...unnamedSortable, 'floating_network_id', 'floating_ip_address', 'port_id', 'fixed_ip_address', 'status'],
  sees: async () => false,
  views,
  async create(act, values) {
    const networkId = values['floating_network_id'] as string;
    const found = await findRow(act.tx, networkNoun, { id: networkId });
    const network = found === null ? null : await metBy(act.tx, values['project_id'] as string, found);
    if (network === null || !network.external) throw bad(`Network ${networkId} is not a valid external network`);
    const own = bornUnnamed(values, act.now);
    const ip = { ...own, networkId, ...(await hold(act, network, own.id, values)) };
    const made: StoredFloatingIp = { ...ip, ...((await targetOf(act, ip, values)) ?? nowhere) };
    await insertRow(act.tx, floatingIpNoun, made);
    notePriced(act.tx, 'floating_ip', made.id, act.now);
    return made;
  },
  async update(act, ip, values) {
    const next = { ...changedUnnamed(ip, act.now, values, {}), ...(await targetOf(act, ip, values)) };
    await replaceRow(act.tx, floatingIpNoun, next);
    return next;
  },
  remove: ({ tx, now }, ip) => removeFloatingIp(tx, ip, now),
  // servers show the floating addresses that lead to them
  async concerns(reader, before, after) {
    const portIds = [before, after].flatMap((ip) => ip?.portId ?? []);
    return rowsBy(reader, portNoun, 'id', portIds);
  },
  units: async (_reader, before, after) =>
    [before, after].flatMap((ip) => (ip === null || ip.routerId === '' ? [] : [unitOf.router(ip.routerId)])),
  tagsOf: ({ tags }) => tags,
  async retag({ tx, now }, ip, tags) {
    const next = { ...ip, tags, revision: ip.revision + 1, updatedAt: now };
    await replaceRow(tx, floatingIpNoun, next);
    return next;
  },
};

const factsOf = ({ id, address, networkId, portId, fixedIp }: StoredFloatingIp): FloatingIp => ({
  id,
  address,
  networkId,
  portId,
  fixedIp,
});

/** For compute in the same process, by the rules that hold for clients over HTTP. */
export function makeLocalFloatingIps(parts: NetworkParts): FloatingApi {
  const { read } = parts.database;
  const show = async (_reader: Reader, ip: StoredFloatingIp) => factsOf(ip);

  return {
    async floatingIps(as, filter) {
      const caller = as ?? systemCaller;
      const { isAdmin, projectId } = caller;
      const scope = isAdmin ? null : { projectId: projectId ?? '-', alsoShared: false };
      const oneOf: Record<string, readonly string[]> =
        'projectId' in filter
          ? { project_id: [filter.projectId] }
          : 'address' in filter
            ? { floating_ip_address: [filter.address] }
            : { port_id: filter.portIds };
      const found = (await listRows(read, floatingIpNoun, scope, { ...noFilters, oneOf })) ?? [];
      return (await allowedOf(parts.allows, read, floatingIps, caller, found)).map(factsOf);
    },
    floatingIp: (caller, id) =>
      seenObject(parts, floatingIps, caller, id).then(({ object }) => factsOf(object), unseen(null)),
    async createFloatingIp(caller, networkId) {
      const body = { floatingip: { floating_network_id: networkId } };
      const first = async (_reader: Reader, made: readonly StoredFloatingIp[]) => made.map(factsOf);
      const { shown } = await createObjects(parts, floatingIps, caller, body, first);
      return shown[0] as FloatingIp;
    },
    async pointFloatingIp(caller, id, to) {
      const target = to === null ? { port_id: null } : { port_id: to.portId, fixed_ip_address: to.fixedIp };
      const values = readUpdate(floatingIps, { floatingip: target }, caller);
      await changeObject(parts, floatingIps, caller, id, updateOf(floatingIps, values), show);
    },
    deleteFloatingIp: (caller, id) => removeObject(parts, floatingIps, caller, id).then(() => true, unseen(false)),
  };
}

/** Where none are offered there are none, and none can be made. */
export const noFloatingIps: FloatingApi = {
  floatingIps: async () => [],
  floatingIp: async () => null,
  async createFloatingIp() {
    throw floatingNotOffered();
  },
  async pointFloatingIp() {
    throw floatingNotOffered();
  },
  deleteFloatingIp: async () => false,
};
