// Why: how a server comes to its ports is Nova's logic and the same wherever the network service is: in this process or across
// HTTP. Here it is once, over the few questions that it asks.

import { badRequest, conflict, Fault, forbidden } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { FixedIp, NetworkFacts, NicSpec } from '../domain/nic.ts';
import type { NetworkPlan, NetworkRequest, NetworkService } from './network.ts';

/** A network as its users see it. */
export interface NetworkSummary {
  readonly id: string;
  readonly projectId: string;
  readonly shared: boolean;
  readonly external: boolean;
  readonly subnetIds: readonly string[];
}

export interface PortFacts {
  readonly id: string;
  readonly projectId: string;
  readonly networkId: string;
  readonly mac: string;
  readonly deviceId: string;
  readonly fixedIps: readonly FixedIp[];
  /** Their ids. */
  readonly securityGroups: readonly string[];
  readonly hostId: string;
  readonly vifType: string;
  readonly vifDetails: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
}

/** What a server's port carries in its binding profile, so that it is found again and known for what it is. */
export interface PortMark {
  readonly position: number;
  /** The port was there before the server and outlives it. */
  readonly preexisting: boolean;
  readonly tag: string | null;
}

export interface PortBinding {
  readonly serverUuid: string;
  readonly host: string;
  /** `compute:` and the availability zone. */
  readonly deviceOwner: string;
  readonly profile: Readonly<Record<string, unknown>>;
}

export interface AddressHolder {
  readonly projectId: string;
  /** Empty for none. */
  readonly deviceId: string;
}

/** What the service asks. With a caller: as that caller may see it. Without: with the service's own rights. */
export interface NetworkApi {
  /** The named networks, or all that the caller's project may put a server on (its own and shared ones). */
  networks(caller: Caller, ids: readonly string[] | null): Promise<readonly NetworkSummary[]>;
  port(caller: Caller, portId: string): Promise<PortFacts | null>;
  /** Whose port has an address in a network, the caller's or not; null when it is free. */
  addressHolder(caller: Caller, networkId: string, address: string): Promise<AddressHolder | null>;
  /** Whether an address can be given out in a network at all. */
  addressFits(caller: Caller, networkId: string, address: string): Promise<boolean>;
  /** Ports that the project may still make; null is unlimited. */
  freePorts(caller: Caller): Promise<number | null>;
  securityGroups(caller: Caller): Promise<readonly { readonly id: string; readonly name: string }[]>;
  /** The names of groups by their ids, whosever they are; one that is gone is left out. */
  groupNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The project's own network, found or made; null where that cannot be done. */
  autoAllocate(caller: Caller): Promise<string | null>;
  facts(networkIds: readonly string[]): Promise<readonly NetworkFacts[]>;
  portsOfDevice(deviceId: string): Promise<readonly PortFacts[]>;
  portById(portId: string): Promise<PortFacts | null>;
  createPort(
    wanted: PortBinding & {
      readonly projectId: string;
      readonly networkId: string;
      readonly fixedIp: string | null;
      readonly securityGroups: readonly string[];
      readonly position: number;
    },
  ): Promise<PortFacts>;
  bindPort(portId: string, binding: PortBinding): Promise<PortFacts>;
  unbindPort(portId: string): Promise<void>;
  deletePort(portId: string): Promise<void>;
}

const POSITION = 'xloud_position';
const PREEXISTING = 'xloud_preexisting';
const TAG = 'xloud_tag';

const profileOf = (mark: PortMark): Record<string, unknown> => ({
  [POSITION]: mark.position,
  [PREEXISTING]: mark.preexisting,
  ...(mark.tag === null ? {} : { [TAG]: mark.tag }),
});

/** The mark of a port of ours; null for one that something else gave the server's id. */
function markOf({ profile }: PortFacts): PortMark | null {
  const position = profile[POSITION];
  const tag = profile[TAG];
  if (typeof position !== 'number') return null;
  return { position, preexisting: profile[PREEXISTING] === true, tag: typeof tag === 'string' ? tag : null };
}

const networkNotFound = (ids: readonly string[]): Fault =>
  badRequest(`Network ${ids.join(', ')} could not be found.`, { code: 'NetworkNotFound' });
const portNotFound = (id: string): Fault => badRequest(`Port id ${id} could not be found.`, { code: 'PortNotFound' });
const portInUse = (id: string): Fault => conflict(`Port ${id} is still in use.`, { code: 'PortInUse' });

async function groupIds(api: NetworkApi, caller: Caller, wanted: readonly string[]): Promise<readonly string[]> {
  // a port gets the project's default group by itself
  if (wanted.every((name) => name === 'default')) return [];
  const known = await api.securityGroups(caller);
  const ids = wanted.map((name) => {
    if (known.some(({ id }) => id === name)) return name;
    const [first, ...more] = known.filter((group) => group.name === name);
    if (first === undefined) {
      throw badRequest(`Unable to find security_group with name or id '${name}'`, { code: 'SecurityGroupNotFound' });
    }
    if (more.length > 0) {
      throw conflict(`Multiple security_group matches found for name '${name}', use an ID to be more specific.`, {
        code: 'NoUniqueMatch',
      });
    }
    return first.id;
  });
  return [...new Set(ids)];
}

function mustAttach(mayAttachExternal: boolean, network: NetworkSummary): void {
  if (network.external && !network.shared && !mayAttachExternal) {
    throw forbidden(`It is not allowed to create an interface on external network ${network.id}`, {
      code: 'ExternalNetworkAttachForbidden',
    });
  }
  if (network.subnetIds.length === 0) {
    throw badRequest(`Network ${network.id} requires a subnet in order to boot instances on.`, {
      code: 'NetworkRequiresSubnet',
    });
  }
}

async function checkPort(api: NetworkApi, caller: Caller, portId: string): Promise<PortFacts> {
  const port = await api.port(caller, portId);
  if (port === null) throw portNotFound(portId);
  if (port.projectId !== caller.projectId) {
    throw badRequest(`Port ${portId} not usable for instance.`, { code: 'PortNotUsable' });
  }
  if (port.deviceId !== '') throw portInUse(portId);
  if (port.fixedIps.length === 0) {
    throw badRequest(`Port ${portId} requires a FixedIP in order to be used.`, { code: 'PortRequiresFixedIP' });
  }
  return port;
}

async function checkAddress(api: NetworkApi, caller: Caller, networkId: string, address: string): Promise<void> {
  const holder = await api.addressHolder(caller, networkId, address);
  if (holder !== null) {
    // on a shared network the server may be another project's, of which the caller learns nothing
    const named = holder.deviceId !== '' && (caller.isAdmin || holder.projectId === caller.projectId);
    throw badRequest(
      `Fixed IP address ${address} is already in use${named ? ` on instance ${holder.deviceId}` : ''}.`,
      { code: 'FixedIpAlreadyInUse' },
    );
  }
  if (!(await api.addressFits(caller, networkId, address))) {
    throw badRequest(`Fixed IP address ${address} does not exist in network ${networkId}.`, {
      code: 'FixedIpNotFoundForNetwork',
    });
  }
}

const requestFor = (networkId: string): NetworkRequest => ({ networkId, portId: null, fixedIp: null, tag: null });

/** What `auto`, or nothing at all, becomes. */
async function defaultRequests(
  api: NetworkApi,
  caller: Caller,
  auto: boolean,
  mayAttachExternal: boolean,
): Promise<readonly NetworkRequest[]> {
  const [only, ...more] = await api.networks(caller, null);
  if (more.length > 0) {
    throw conflict('Multiple possible networks found, use a Network ID to be more specific.', {
      code: 'NetworkAmbiguous',
    });
  }
  if (only !== undefined) {
    mustAttach(mayAttachExternal, only);
    return [requestFor(only.id)];
  }
  if (!auto) return [];
  const made = await api.autoAllocate(caller);
  if (made === null) {
    throw badRequest(`Unable to automatically allocate a network for project ${caller.projectId}`, {
      code: 'UnableToAutoAllocateNetwork',
    });
  }
  return [requestFor(made)];
}

async function checkedRequests(
  api: NetworkApi,
  caller: Caller,
  wishes: readonly NetworkRequest[],
  serverCount: number,
  mayAttachExternal: boolean,
): Promise<readonly NetworkRequest[]> {
  if (serverCount > 1 && wishes.some(({ portId }) => portId !== null)) {
    throw badRequest(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
      { code: 'MultiplePortsNotApplicable' },
    );
  }
  if (serverCount > 1 && wishes.some(({ fixedIp }) => fixedIp !== null)) {
    throw badRequest('Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.', {
      code: 'InvalidFixedIpAndMaxCountRequest',
    });
  }
  const portIds = wishes.flatMap(({ portId }) => (portId === null ? [] : [portId]));
  const twice = portIds.find((id, index) => portIds.indexOf(id) !== index);
  if (twice !== undefined) {
    throw badRequest(`Port ID '${twice}' was specified twice: you cannot attach a port multiple times.`, {
      code: 'PortDuplicated',
    });
  }
  const requests: NetworkRequest[] = [];
  for (const wish of wishes) {
    if (wish.portId === null) requests.push(wish);
    else requests.push({ ...wish, networkId: (await checkPort(api, caller, wish.portId)).networkId });
  }
  const byNetwork = wishes.flatMap(({ portId, networkId }) =>
    portId === null && networkId !== null ? [networkId] : [],
  );
  if (byNetwork.length > 0) {
    const known = await api.networks(caller, [...new Set(byNetwork)]);
    const lost = [...new Set(byNetwork)].filter((id) => !known.some((network) => network.id === id));
    if (lost.length > 0) throw networkNotFound(lost);
    for (const network of known) mustAttach(mayAttachExternal, network);
  }
  const addresses = new Set<string>();
  for (const { portId, networkId, fixedIp } of wishes) {
    if (portId !== null || networkId === null || fixedIp === null) continue;
    await checkAddress(api, caller, networkId, fixedIp);
    const key = `${networkId} ${fixedIp}`;
    if (addresses.has(key)) {
      throw badRequest(`Fixed IP address ${fixedIp} is asked for twice.`, { code: 'FixedIpAlreadyInUse' });
    }
    addresses.add(key);
  }
  return requests;
}

/** Compute's network service over any network API. */
export function makeNetworkService(api: NetworkApi): NetworkService {
  async function nics(ports: readonly PortFacts[]): Promise<readonly NicSpec[]> {
    const unique = (ids: readonly string[]): readonly string[] => [...new Set(ids)];
    const [facts, names] = await Promise.all([
      api.facts(unique(ports.map(({ networkId }) => networkId))),
      api.groupNames(unique(ports.flatMap(({ securityGroups }) => securityGroups))),
    ]);
    const marked = ports.map((port, index) => ({
      port,
      mark: markOf(port) ?? { position: index, preexisting: true, tag: null },
    }));
    marked.sort((a, b) => a.mark.position - b.mark.position);
    return marked.map(({ port, mark }) => {
      const network = facts.find(({ id }) => id === port.networkId);
      if (network === undefined) throw new Fault('internal', `Network ${port.networkId} of port ${port.id} is gone.`);
      return {
        portId: port.id,
        mac: port.mac,
        network,
        fixedIps: port.fixedIps,
        tag: mark.tag,
        vifType: port.vifType,
        vifDetails: port.vifDetails,
        securityGroups: port.securityGroups.map((id) => names.get(id) ?? id),
        preexisting: mark.preexisting,
      };
    });
  }

  return {
    async plan(caller, wishes, securityGroups, serverCount, mayAttachExternal = caller.isAdmin): Promise<NetworkPlan> {
      const groups = await groupIds(api, caller, securityGroups);
      if (wishes === 'none') return { requests: [], securityGroups: groups };
      const open = wishes === null || wishes === 'auto' || wishes.length === 0;
      const requests = open
        ? await defaultRequests(api, caller, wishes === 'auto', mayAttachExternal)
        : await checkedRequests(api, caller, wishes, serverCount, mayAttachExternal);
      const needed = requests.filter(({ portId }) => portId === null).length * serverCount;
      const free = needed === 0 ? null : await api.freePorts(caller);
      if (free !== null && free < needed) {
        throw forbidden('Maximum number of ports exceeded', { code: 'PortLimitExceeded' });
      }
      return { requests, securityGroups: groups };
    },

    async allocate(server, plan) {
      const existing = await api.portsOfDevice(server.uuid);
      const ports: PortFacts[] = [];
      for (const [position, request] of plan.requests.entries()) {
        const mark = { position, preexisting: request.portId !== null, tag: request.tag };
        const binding: PortBinding = {
          serverUuid: server.uuid,
          host: server.host,
          deviceOwner: `compute:${server.zone}`,
          profile: profileOf(mark),
        };
        const mine = existing.find((port) => markOf(port)?.position === position);
        if (mine !== undefined) {
          ports.push(mine.hostId === server.host ? mine : await api.bindPort(mine.id, binding));
        } else if (request.portId !== null) {
          const port = await api.portById(request.portId);
          if (port === null) throw portNotFound(request.portId);
          if (port.deviceId !== '' && port.deviceId !== server.uuid) throw portInUse(request.portId);
          ports.push(
            await api.bindPort(request.portId, { ...binding, profile: { ...port.profile, ...binding.profile } }),
          );
        } else if (request.networkId !== null) {
          const { networkId, fixedIp } = request;
          const { projectId } = server;
          const { securityGroups } = plan;
          ports.push(await api.createPort({ ...binding, projectId, networkId, fixedIp, securityGroups, position }));
        }
      }
      return nics(ports);
    },

    async release(serverUuid) {
      for (const port of await api.portsOfDevice(serverUuid)) {
        // what nobody here marked is somebody else's and is only let go
        if (markOf(port)?.preexisting === false) await api.deletePort(port.id);
        else await api.unbindPort(port.id);
      }
    },

    async portsOf(serverUuid) {
      return nics(await api.portsOfDevice(serverUuid));
    },
  };
}
