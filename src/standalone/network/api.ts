// Why: compute in the same process asks the network service's tables themselves.

import { asMetBy, isShared } from '../../db/network-rbac.ts';
import { Fault } from '../../base/errors.ts';
import { type Caller, systemCaller } from '../../base/op.ts';
import { units as unitOf } from '../../cloud/ovn/northbound.ts';
import type { NetworkApi, NetworkSummary, PortFacts } from '../../cloud/network-api.ts';
import type { Reader } from '../../db/engine.ts';
import {
  type Allocation,
  allocationsBy,
  findForPort,
  listRows,
  networkNoun,
  networksWithSubnets,
  type NetworkWithSubnets,
  noFilters,
  portNoun,
  rowsBy,
  type StoredPort,
  type StoredSubnet,
  subnetNoun,
} from '../../db/networks.ts';
import { findRow, lockRow } from '../../db/table.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { SubnetFacts } from '../../domain/networks/server-nics.ts';
import { canonicalIp } from '../../base/ip.ts';
import { derivedUuid } from './derived.ts';
import { touch } from './engine.ts';
import { missing } from './faults.ts';
import { makeLocalFloatingIps, noFloatingIps } from './floating-ips.ts';
import { makeLocalGroups, unseen } from './group-api.ts';
import { defaultGroupId, ensureDefaultGroup } from './groups.ts';
import type { NetworkParts } from './parts.ts';
import { changeObject, updateOf } from './objects.ts';
import { networks } from './network-noun.ts';
import type { Act, Noun, Owned } from './noun.ts';
import { ports } from './port-noun.ts';
import { makePort, removePort, savePort, unbound, unplugged } from './ports.ts';
import { checkHostOnWire } from './provider.ts';
import { checkRoom, roomFor } from './quotas.ts';
import { allowedOf, ownedBy } from './rules.ts';
import { fitsSubnet } from './subnet-noun.ts';
import { autoAllocate } from './topology.ts';

const factsOf = (subnet: StoredSubnet): SubnetFacts => ({
  id: subnet.id,
  cidr: subnet.cidr,
  ipVersion: subnet.ipVersion,
  gateway: subnet.gatewayIp,
  enableDhcp: subnet.enableDhcp,
  dnsServers: subnet.dnsNameservers,
  hostRoutes: subnet.hostRoutes,
});

const portWith = (port: StoredPort, addresses: readonly Allocation[]): PortFacts => ({
  id: port.id,
  projectId: port.projectId,
  networkId: port.networkId,
  mac: port.macAddress,
  status: port.status,
  deviceId: port.deviceId,
  fixedIps: addresses.map(({ address, subnetId }) => ({ address, subnetId })),
  securityGroups: port.securityGroups,
  portSecurity: port.portSecurityEnabled,
  addressPairs: port.allowedAddressPairs.map(({ ip_address: address, mac_address: mac }) => ({
    address,
    mac: mac ?? null,
  })),
  hostId: port.binding.host_id,
  vnicType: port.binding.vnic_type,
  vifType: port.binding.vif_type,
  vifDetails: port.binding.vif_details,
  profile: port.binding.profile,
});

async function portFacts(reader: Reader, ports: readonly StoredPort[]): Promise<PortFacts[]> {
  const allocations = await allocationsBy(
    reader,
    'port_id',
    ports.map(({ id }) => id),
  );
  const byPort = Map.groupBy(allocations, ({ portId }) => portId);
  return ports.map((port) => portWith(port, byPort.get(port.id) ?? []));
}

async function onlyFacts(reader: Reader, port: StoredPort): Promise<PortFacts> {
  const [facts] = await portFacts(reader, [port]);
  if (facts === undefined) throw new Fault('internal', `Port ${port.id} is gone.`);
  return facts;
}

/** In the order in which they are read back. */
const inOrder = (addresses: readonly Allocation[]): Allocation[] => {
  const key = ({ subnetId, address }: Allocation): string => `${subnetId} ${address}`;
  return addresses.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
};

/** Makes a port for a server; null: its project has no default group yet. */
async function portForServer(
  trx: Tx,
  id: string,
  wanted: Parameters<NetworkApi['createPort']>[0],
  how: Pick<Act, 'now' | 'engine'>,
): Promise<PortFacts | null> {
  const { projectId, networkId } = wanted;
  const byDefault = defaultGroupId(projectId);
  const found = await findForPort(trx, networkId, byDefault, projectId);
  if (found === null) throw missing('network', networkId);
  if (!found.hasGroup && projectId !== '') return null;
  checkRoom('port', found.ports);
  await checkHostOnWire(trx, found.network, wanted.host);
  const { portSecurityEnabled } = found.network;
  const { port, addresses } = await makePort(
    trx,
    found.network,
    {
      id,
      projectId,
      networkId,
      name: '',
      description: '',
      macAddress: null,
      adminStateUp: true,
      deviceId: wanted.serverUuid,
      deviceOwner: wanted.deviceOwner,
      portSecurityEnabled,
      securityGroups: wanted.securityGroups.length > 0 ? wanted.securityGroups : portSecurityEnabled ? [byDefault] : [],
      allowedAddressPairs: [],
      binding: { ...unbound, host_id: wanted.host, profile: wanted.profile },
    },
    wanted.fixedIp === null ? null : [{ ip_address: canonicalIp(wanted.fixedIp) ?? wanted.fixedIp }],
    how,
  );
  await touch(trx, how.engine, [unitOf.port(port.id)], how.now);
  return portWith(port, inOrder(addresses));
}

/** Those of the objects that the caller may see. */
const mayGet = <T extends Owned>(parts: NetworkParts, noun: Noun<T>, caller: Caller, found: readonly T[]) =>
  allowedOf(parts.allows, parts.database.read, noun, caller, found);

/** Those of the networks that the caller may see. */
async function summaries(
  parts: NetworkParts,
  caller: Caller,
  found: readonly NetworkWithSubnets[],
): Promise<NetworkSummary[]> {
  const seen = await mayGet(
    parts,
    networks,
    caller,
    found.map(({ network }) => network),
  );
  const subnets = new Map(found.map((one) => [one.network.id, one.subnets]));
  return seen.map(({ id, name, projectId, shared, external }) => {
    return { id, name, projectId, shared, external, subnetIds: (subnets.get(id) ?? []).map((subnet) => subnet.id) };
  });
}

/** Those that the caller may know of, as he meets them. */
async function seenBy(
  reader: Reader,
  { isAdmin, projectId }: Caller,
  found: readonly NetworkWithSubnets[],
): Promise<readonly NetworkWithSubnets[]> {
  const met = await asMetBy(
    reader,
    projectId,
    found.map(({ network }) => network),
    isShared,
  );
  return found.flatMap((one, at) => {
    const network = met[at] ?? one.network;
    const isSeen = isAdmin || network.shared || network.external || network.projectId === projectId;
    return isSeen ? [{ ...one, network }] : [];
  });
}

type NetworkReads = Pick<NetworkApi, 'networks' | 'seenNetworks' | 'facts' | 'addressFits' | 'autoAllocate'>;

/** What is asked of networks. */
function networkReads(parts: NetworkParts): NetworkReads {
  const { read } = parts.database;
  return {
    async networks(caller, ids) {
      if (ids === null)
        return summaries(parts, caller, await networksWithSubnets(read, { usableBy: caller.projectId ?? '-' }));
      const found = await networksWithSubnets(read, { ids });
      return summaries(parts, caller, await seenBy(read, caller, found));
    },
    async seenNetworks(caller) {
      const scope = caller.isAdmin ? null : { projectId: caller.projectId ?? '-', alsoShared: true };
      const ids = ((await listRows(read, networkNoun, scope)) ?? []).map(({ id }) => id);
      return summaries(parts, caller, await seenBy(read, caller, await networksWithSubnets(read, { ids })));
    },
    async facts(networkIds) {
      if (networkIds.length === 0) return [];
      const found = await networksWithSubnets(read, { ids: networkIds });
      return found.map(({ network: { id, name, projectId, mtu }, subnets }) => {
        return { id, name, projectId, mtu, subnets: subnets.map(factsOf) };
      });
    },
    async addressFits(_caller, networkId, address) {
      const subnets = await rowsBy(read, subnetNoun, 'network_id', [networkId]);
      return subnets.some((subnet) => fitsSubnet(subnet, address) && canonicalIp(address) !== subnet.gatewayIp);
    },
    async autoAllocate(caller) {
      if (caller.projectId === null) return null;
      if (!parts.allows(caller, 'get_auto_allocated_topology', ownedBy(caller.projectId))) return null;
      try {
        return (await autoAllocate(parts, caller.projectId)).id;
      } catch (error) {
        if (error instanceof Fault && error.kind === 'conflict') return null;
        throw error;
      }
    },
  };
}

type PortReads = Pick<NetworkApi, 'port' | 'addressHolder' | 'freePorts' | 'portsOfDevice' | 'portById'>;

/** What is asked of ports. */
function portReads(parts: NetworkParts): PortReads {
  const { read } = parts.database;
  return {
    async port(caller, portId) {
      const port = await findRow(read, portNoun, { id: portId });
      const mine = port !== null && (caller.isAdmin || port.projectId === caller.projectId) ? [port] : [];
      const [seen] = await mayGet(parts, ports, caller, mine);
      return seen === undefined ? null : onlyFacts(read, seen);
    },
    async addressHolder(_caller, networkId, address) {
      const filters = {
        ...noFilters,
        oneOf: { network_id: [networkId] },
        addresses: [{ column: 'ip_address' as const, values: [canonicalIp(address) ?? address] }],
      };
      const [port] = (await listRows(read, portNoun, null, filters)) ?? [];
      return port === undefined ? null : { projectId: port.projectId, deviceId: port.deviceId };
    },
    async freePorts(caller) {
      return roomFor(read, 'port', caller.projectId ?? '');
    },
    async portsOfDevice(deviceId) {
      return deviceId === '' ? [] : portFacts(read, await rowsBy(read, portNoun, 'device_id', [deviceId]));
    },
    async portById(portId) {
      const port = await findRow(read, portNoun, { id: portId });
      return port === null ? null : onlyFacts(read, port);
    },
  };
}

type PortChanges = Pick<
  NetworkApi,
  'createPort' | 'bindPort' | 'announceMove' | 'changePort' | 'unbindPort' | 'deletePort'
>;

/** What becomes of ports. */
function portChanges(parts: NetworkParts): PortChanges {
  const { database, clock, engine } = parts;
  const { read } = database;
  const how = () => ({ now: clock.now(), engine });
  async function mayBeOn(trx: Tx, { networkId }: StoredPort, host: string): Promise<void> {
    const network = engine.kind === 'basic' || host === '' ? null : await findRow(trx, networkNoun, { id: networkId });
    if (network !== null) await checkHostOnWire(trx, network, host);
  }
  /** Writes a port that is on another host than before, which the engine is told. */
  async function saveBound(trx: Tx, port: StoredPort): Promise<StoredPort> {
    await mayBeOn(trx, port, port.binding.host_id);
    await touch(trx, engine, [unitOf.port(port.id)], clock.now());
    return savePort(trx, port, how());
  }
  return {
    async createPort(wanted) {
      // one port per server and place, however often and by how many it is asked for
      const id = derivedUuid('port', wanted.serverUuid, String(wanted.position));
      const make = () => tx(database, (trx) => portForServer(trx, id, wanted, how()));
      try {
        const made = await make();
        if (made !== null) return made;
        await ensureDefaultGroup(parts, wanted.projectId);
        return (await make()) as PortFacts;
      } catch (error) {
        // one that is there already is nobody's mistake, be there room for another or not
        const made = await findRow(read, portNoun, { id });
        if (made === null) throw error;
        return onlyFacts(read, made);
      }
    },
    bindPort(portId, binding) {
      return tx(database, async (trx) => {
        const port = await lockRow(trx, portNoun, { id: portId });
        if (port === null) throw missing('port', portId);
        if (port.deviceId !== '' && port.deviceId !== binding.serverUuid) {
          throw new Fault('conflict', `Port ${portId} is still in use.`, { code: 'PortInUse' });
        }
        const next = {
          ...port,
          deviceId: binding.serverUuid,
          deviceOwner: binding.deviceOwner,
          binding: { ...port.binding, host_id: binding.host, profile: binding.profile },
        };
        return onlyFacts(trx, await saveBound(trx, next));
      });
    },
    async announceMove({ id: portId }, host, profile) {
      // libvirt's own networks are one on each host: there is nothing to be told
      if (engine.kind === 'basic') return;
      await tx(database, async (trx) => {
        const port = await lockRow(trx, portNoun, { id: portId });
        if (port === null) return;
        await mayBeOn(trx, port, host);
        await saveBound(trx, { ...port, binding: { ...port.binding, profile } });
      });
    },
    async changePort(as, portId, { fixedIps, securityGroups }) {
      const requests = fixedIps?.map((request) =>
        'address' in request ? { ip_address: request.address } : { subnet_id: request.subnetId },
      );
      const values = {
        ...(requests === undefined ? {} : { fixed_ips: requests }),
        ...(securityGroups === undefined ? {} : { security_groups: securityGroups }),
      };
      const change = updateOf(ports, values);
      return changeObject(parts, ports, as ?? systemCaller, portId, change, onlyFacts).catch(unseen(null));
    },
    async unbindPort(portId) {
      await tx(database, async (trx) => {
        const port = await lockRow(trx, portNoun, { id: portId });
        if (port !== null) await saveBound(trx, unplugged(port));
      });
    },
    async deletePort(portId) {
      await tx(database, async (trx) => {
        const port = engine.kind === 'basic' ? null : await findRow(trx, portNoun, { id: portId });
        if (port !== null) await touch(trx, engine, (await ports.units?.(trx, port, null)) ?? [], clock.now());
        await removePort(trx, portId, clock.now());
      });
    },
  };
}

export const makeLocalApi = (parts: NetworkParts): NetworkApi => ({
  ...makeLocalGroups(parts),
  ...(parts.floatingIps ? makeLocalFloatingIps(parts) : noFloatingIps),
  ...networkReads(parts),
  ...portReads(parts),
  ...portChanges(parts),
});
