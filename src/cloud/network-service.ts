// Why: Nova's logic for a server's ports is the same for the built-in network service and for Neutron. It is implemented once, over the calls
// of `NetworkApi`.

import { badRequest, conflict, Fault, notFound } from '../base/errors.ts';
import type { ServerPort } from '../domain/networks/networks.ts';
import type { NicSpec } from '../domain/networks/server-nics.ts';
import { makeFloatingProxy } from './floating-ips.ts';
import type { NetworkPlan, NetworkService, PortTarget, ServerPorts, WhichPort } from './network.ts';
import type { NetworkRequest } from '../domain/servers/create-request.ts';
import type { AddressRequest, NetworkApi, PortBinding, PortFacts } from './network-api.ts';
import { destinationOf, markOf, portsOfServer, profileOf, profileTowards } from './port-mark.ts';
import { makePlanning, portInUse, portLimitExceeded, portNotFound } from './port-plan.ts';
import { makeGroupProxy } from './security-groups.ts';

const isMeant = (port: PortFacts, which: WhichPort): boolean =>
  'portId' in which ? port.id === which.portId : markOf(port)?.position === which.position;

/** Neutron's error type for a subnet or network without a free address. */
const NO_ROOM = 'IpAddressGenerationFailure';

/** The fault for a failed port creation, in Nova's words; an unknown one is returned unchanged. */
function creationFault(error: unknown, { networkId, fixedIp }: NetworkRequest): unknown {
  if (!(error instanceof Fault)) return error;
  switch (error.code) {
    case NO_ROOM:
      return badRequest(`No fixed IP addresses available for network: ${networkId}`, { code: 'NoMoreFixedIps' });
    case 'IpAddressAlreadyAllocated':
    case 'IpAddressInUse':
      return conflict(`Fixed IP ${fixedIp} is already in use.`, { code: 'FixedIpAlreadyInUse' });
    case 'InvalidIpForNetwork':
    case 'InvalidIpForSubnet': {
      const reason = `Fixed IP ${fixedIp} is not a valid ip address for network ${networkId}.`;
      return badRequest(`Invalid input received: ${reason}`, { code: 'InvalidInput' });
    }
    case 'OverQuota':
      return portLimitExceeded();
    default:
      return error;
  }
}

const seen = (port: PortFacts): ServerPort => ({
  portId: port.id,
  networkId: port.networkId,
  serverUuid: port.deviceId,
  mac: port.mac,
  state: port.status,
  fixedIps: port.fixedIps,
});

const unique = (ids: readonly string[]): readonly string[] => [...new Set(ids)];

/** In the order of their positions, which need not be that of their creation; ports without a mark come last. */
const inOrder = (ports: readonly PortFacts[]): readonly PortFacts[] => {
  const place = (port: PortFacts): number => markOf(port)?.position ?? Number.MAX_SAFE_INTEGER;
  return ports.toSorted((a, b) => place(a) - place(b));
};

/** Absent for a port that may send only from its own addresses. */
const guardOf = ({ portSecurity: enabled, addressPairs: pairs }: PortFacts): Pick<NicSpec, 'guard'> =>
  enabled && pairs.length === 0 ? {} : { guard: { enabled, pairs } };

/** Ports with their networks, groups and floating addresses. */
async function nicsOf(api: NetworkApi, given: readonly PortFacts[]): Promise<readonly NicSpec[]> {
  const ports = inOrder(given);
  const [facts, names, floating] = await Promise.all([
    api.facts(unique(ports.map(({ networkId }) => networkId))),
    api.groupNames(unique(ports.flatMap(({ securityGroups }) => securityGroups))),
    ports.length === 0 ? [] : api.floatingIps(null, { portIds: ports.map(({ id }) => id) }),
  ]);
  const networks = new Map(facts.map((network) => [network.id, network]));
  const floatingByPort = Map.groupBy(floating, ({ portId }) => portId);
  const marked = ports.map((port, index) => ({
    port,
    mark: markOf(port) ?? { position: index, preexisting: true, tag: null },
  }));
  marked.sort((a, b) => a.mark.position - b.mark.position);
  return marked.map(({ port, mark }) => {
    const network = networks.get(port.networkId);
    if (network === undefined) throw new Fault('internal', `Network ${port.networkId} of port ${port.id} is gone.`);
    return {
      portId: port.id,
      mac: port.mac,
      network,
      fixedIps: port.fixedIps,
      floatingIps: (floatingByPort.get(port.id) ?? []).flatMap(({ address, fixedIp }) =>
        fixedIp === null ? [] : [{ address, fixedIp }],
      ),
      tag: mark.tag,
      vifType: port.vifType,
      vifDetails: port.vifDetails,
      ...guardOf(port),
      securityGroups: port.securityGroups.map((id) => names.get(id) ?? id),
      preexisting: mark.preexisting,
    };
  });
}

const fixedIpsOf = (port: PortFacts): AddressRequest[] => port.fixedIps.map(({ address }) => ({ address }));

/**
 * The port of a request, bound to the server: `mine` (from an earlier attempt), the requested one, or a new one. Null: the request
 * names neither port nor network.
 */
async function portFor(
  api: NetworkApi,
  server: PortTarget,
  { securityGroups }: NetworkPlan,
  request: NetworkRequest,
  position: number,
  mine: PortFacts | null,
): Promise<PortFacts | null> {
  const { portId, networkId, fixedIp, tag } = request;
  const binding: PortBinding = {
    serverUuid: server.uuid,
    host: server.host,
    deviceOwner: `compute:${server.zone}`,
    profile: profileOf({ position, preexisting: portId !== null, tag }),
  };
  if (mine !== null) return mine.hostId === server.host ? mine : api.bindPort(mine.id, binding);
  if (portId !== null) {
    const port = await api.portById(portId);
    if (port === null) throw portNotFound(portId);
    if (port.deviceId !== '' && port.deviceId !== server.uuid) throw portInUse(portId);
    return api.bindPort(portId, { ...binding, profile: { ...port.profile, ...binding.profile } });
  }
  if (networkId === null) return null;
  const { projectId } = server;
  return api
    .createPort({ ...binding, projectId, networkId, fixedIp, securityGroups, position })
    .catch((error: unknown) => {
      throw creationFault(error, request);
    });
}

type FixedIps = Pick<ServerPorts, 'addFixedIp' | 'removeFixedIp'>;

const makeFixedIps = (api: NetworkApi): FixedIps => ({
  async addFixedIp(server, networkId) {
    const missing = () =>
      notFound(`Network could not be found for instance ${server.uuid}.`, { code: 'NetworkNotFoundForInstance' });
    const port = (await portsOfServer(api, server)).find((one) => one.networkId === networkId);
    if (port === undefined) throw missing();
    const [network] = await api.facts([networkId]);
    // the first subnet with a free address; any other error is passed on
    for (const { id: subnetId } of network?.subnets ?? []) {
      try {
        await api.changePort(null, port.id, { fixedIps: [...fixedIpsOf(port), { subnetId }] });
        return;
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== NO_ROOM) throw error;
      }
    }
    if ((network?.subnets ?? []).length === 0) throw missing();
    throw creationFault(conflict('', { code: NO_ROOM }), {
      networkId,
      portId: null,
      fixedIp: null,
      tag: null,
    });
  },

  async removeFixedIp(server, address) {
    const port = (await portsOfServer(api, server)).find(({ fixedIps }) =>
      fixedIps.some((ip) => ip.address === address),
    );
    if (port === undefined) {
      throw badRequest(`Instance ${server.uuid} does not have fixed IP '${address}'.`, {
        code: 'FixedIpNotFoundForInstance',
      });
    }
    const fixedIps = port.fixedIps.filter((ip) => ip.address !== address).map((ip) => ({ address: ip.address }));
    await api.changePort(null, port.id, { fixedIps });
  },
});

function makeServerPorts(api: NetworkApi): ServerPorts {
  return {
    ...makePlanning(api),
    ...makeFixedIps(api),

    async allocate(server, plan, first = 0, fresh = false) {
      const existing = fresh ? [] : await portsOfServer(api, server);
      const ports: PortFacts[] = [];
      for (const [index, request] of plan.requests.entries()) {
        const position = first + index;
        const mine = existing.find((port) => markOf(port)?.position === position) ?? null;
        const port = await portFor(api, server, plan, request, position, mine);
        if (port !== null) ports.push(port);
      }
      return nicsOf(api, ports);
    },

    async announceMove(server, host) {
      for (const port of await portsOfServer(api, server)) {
        if (port.hostId === host || destinationOf(port.profile) === host) continue;
        await api.announceMove(port, host, profileTowards(port.profile, host));
      }
    },

    async rebind(server) {
      const { uuid, host, zone } = server;
      const ports: PortFacts[] = [];
      for (const port of await portsOfServer(api, server)) {
        const isMoving = destinationOf(port.profile) !== null;
        const isThere = port.hostId === host && !isMoving;
        const profile = profileTowards(port.profile, null);
        const binding = { serverUuid: uuid, host, deviceOwner: `compute:${zone}`, profile };
        if (isMoving) await api.endMove?.(port, host);
        ports.push(isThere ? port : await api.bindPort(port.id, binding));
      }
      return nicsOf(api, ports);
    },

    async release(server, which) {
      for (const port of await portsOfServer(api, server)) {
        if (which !== undefined && !isMeant(port, which)) continue;
        // a port without our mark belongs to somebody else and is only unbound, unless Nova made it for the server
        const mark = markOf(port);
        const isMade = mark === null ? server.made?.includes(port.id) === true : !mark.preexisting;
        if (isMade) await api.deletePort(port.id);
        else await api.unbindPort(port.id);
      }
    },

    async portsOf(server) {
      return nicsOf(api, await portsOfServer(api, server));
    },

    async seenPorts(caller, server) {
      const ports = await portsOfServer(api, server);
      return ports.filter(({ projectId }) => caller.isAdmin || projectId === caller.projectId).map(seen);
    },

    async seenPort(caller, portId) {
      const port = await api.port(caller, portId);
      return port === null ? null : seen(port);
    },
  };
}

/** Compute's network service over any network API. */
export const makeNetworkService = (api: NetworkApi): NetworkService => ({
  ...makeServerPorts(api),
  networks: (caller) => api.seenNetworks(caller),
  async network(caller, id) {
    const [network] = await api.networks(caller, [id]);
    return network ?? null;
  },
  ...makeGroupProxy(api),
  ...makeFloatingProxy(api),
});
