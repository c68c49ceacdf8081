// Why: a server's network requests are validated before anything is created, with Nova's error messages. Nova's rules and messages differ
// between a new server and one more port of an existing server.

import { badRequest, conflict, type Fault, forbidden, notFound } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { NetworkPlan, ServerPorts } from './network.ts';
import type { NetworkRequest } from '../domain/servers/create-request.ts';
import type { NetworkApi, NetworkSummary, PortFacts } from './network-api.ts';
import { idOfGroup } from './security-groups.ts';

const networkNotFound = (ids: readonly string[]): Fault =>
  badRequest(`Network ${ids.join(', ')} could not be found.`, { code: 'NetworkNotFound' });
export const portNotFound = (id: string): Fault =>
  badRequest(`Port id ${id} could not be found.`, { code: 'PortNotFound' });
export const portInUse = (id: string): Fault => conflict(`Port ${id} is still in use.`, { code: 'PortInUse' });

export const portLimitExceeded = (): Fault =>
  forbidden('Maximum number of ports exceeded', { code: 'PortLimitExceeded' });

async function groupIds(api: NetworkApi, caller: Caller, wanted: readonly string[]): Promise<readonly string[]> {
  // Neutron puts a port into the project's default group by itself
  if (wanted.every((name) => name === 'default')) return [];
  const known = await api.groupIds(caller);
  const ids = wanted.map((name) => {
    const id = idOfGroup(known, name);
    if (id !== null) return id;
    throw badRequest(`Unable to find security_group with name or id '${name}'`, { code: 'SecurityGroupNotFound' });
  });
  return [...new Set(ids)];
}

function checkExternal(mayAttachExternal: boolean, network: NetworkSummary): void {
  if (!network.external || network.shared || mayAttachExternal) return;
  throw forbidden(`It is not allowed to create an interface on external network ${network.id}`, {
    code: 'ExternalNetworkAttachForbidden',
  });
}

function mustAttach(mayAttachExternal: boolean, network: NetworkSummary): void {
  checkExternal(mayAttachExternal, network);
  if (network.subnetIds.length === 0) {
    throw badRequest(`Network ${network.id} requires a subnet in order to boot instances on.`, {
      code: 'NetworkRequiresSubnet',
    });
  }
}

/** Ports that are devices of a host (SR-IOV) are refused, rather than plugged as something else. */
function mustBePluggable({ id, vnicType }: PortFacts): void {
  if (vnicType === 'normal') return;
  throw badRequest(`Port ${id} cannot be plugged here: its vnic_type is ${vnicType}, not normal.`, {
    code: 'PortVnicType',
  });
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
  mustBePluggable(port);
  return port;
}

async function checkAddress(api: NetworkApi, caller: Caller, networkId: string, address: string): Promise<void> {
  const holder = await api.addressHolder(caller, networkId, address);
  if (holder !== null) {
    // on a shared network the server may be another project's, which the caller must not learn
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

/** The requests for `auto`, or for a server without requests. */
async function defaultRequests(
  api: NetworkApi,
  caller: Caller,
  auto: boolean,
  mayAttachExternal: boolean,
): Promise<readonly NetworkRequest[]> {
  const [only, ...more] = await api.networks(caller, null);
  if (more.length > 0) {
    throw conflict(AMBIGUOUS, { code: 'NetworkAmbiguous' });
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
  asked: readonly NetworkRequest[],
  serverCount: number,
  mayAttachExternal: boolean,
): Promise<readonly NetworkRequest[]> {
  if (serverCount > 1 && asked.some(({ portId }) => portId !== null)) {
    throw badRequest(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
      { code: 'MultiplePortsNotApplicable' },
    );
  }
  if (serverCount > 1 && asked.some(({ fixedIp }) => fixedIp !== null)) {
    throw badRequest('Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.', {
      code: 'InvalidFixedIpAndMaxCountRequest',
    });
  }
  const portIds = asked.flatMap(({ portId }) => (portId === null ? [] : [portId]));
  const twice = portIds.find((id, index) => portIds.indexOf(id) !== index);
  if (twice !== undefined) {
    throw badRequest(`Port ID '${twice}' was specified twice: you cannot attach a port multiple times.`, {
      code: 'PortDuplicated',
    });
  }
  const requests: NetworkRequest[] = [];
  for (const one of asked) {
    if (one.portId === null) requests.push(one);
    else requests.push({ ...one, networkId: (await checkPort(api, caller, one.portId)).networkId });
  }
  const involved = [...new Set(requests.flatMap(({ networkId }) => (networkId === null ? [] : [networkId])))];
  if (involved.length > 0) {
    // for ports too: a port that an administrator created for the project on another project's network cannot be used
    const known = new Map((await api.networks(caller, involved)).map((network) => [network.id, network]));
    const lost = involved.filter((id) => !known.has(id));
    if (lost.length > 0) throw networkNotFound(lost);
    for (const { portId, networkId } of asked) {
      const network = networkId === null ? undefined : known.get(networkId);
      if (portId === null && network !== undefined) mustAttach(mayAttachExternal, network);
    }
  }
  const addresses = new Set<string>();
  for (const { portId, networkId, fixedIp } of asked) {
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

async function mustHaveFree(api: NetworkApi, caller: Caller, needed: number): Promise<void> {
  const free = await api.freePorts(caller);
  if (free !== null && free < needed) throw portLimitExceeded();
}

const AMBIGUOUS = 'Multiple possible networks found, use a Network ID to be more specific.';

/** One more port of an existing server: Nova checks less than for a new server, with other error kinds. */
async function checkedAttachment(
  api: NetworkApi,
  caller: Caller,
  serverUuid: string,
  one: NetworkRequest,
  mayAttachExternal: boolean,
): Promise<NetworkRequest> {
  if (one.portId !== null) {
    const port = await api.port(caller, one.portId);
    if (port === null) throw notFound(`Port id ${one.portId} could not be found.`, { code: 'PortNotFound' });
    if (port.projectId !== caller.projectId) {
      throw badRequest(`Port ${one.portId} not usable for instance ${serverUuid}.`, { code: 'PortNotUsable' });
    }
    if (port.deviceId !== '') throw portInUse(one.portId);
    mustBePluggable(port);
    const [network] = await api.networks(caller, [port.networkId]);
    if (network === undefined) {
      throw notFound(`Network ${port.networkId} could not be found.`, { code: 'NetworkNotFound' });
    }
    checkExternal(mayAttachExternal, network);
    return { ...one, networkId: port.networkId };
  }
  if (one.networkId !== null) {
    const [network] = await api.networks(caller, [one.networkId]);
    if (network === undefined) {
      throw notFound(`Network ${one.networkId} could not be found.`, { code: 'NetworkNotFound' });
    }
    checkExternal(mayAttachExternal, network);
    return one;
  }
  const [only, ...more] = await api.networks(caller, null);
  if (only === undefined) {
    throw badRequest(`No specific network was requested and none are available for project '${caller.projectId}'.`, {
      code: 'InterfaceAttachFailedNoNetwork',
    });
  }
  if (more.length > 0) throw badRequest(AMBIGUOUS, { code: 'NetworkAmbiguous' });
  checkExternal(mayAttachExternal, only);
  return { ...one, networkId: only.id };
}

export function makePlanning(api: NetworkApi): Pick<ServerPorts, 'plan' | 'planOne'> {
  return {
    async plan(caller, asked, securityGroups, serverCount, mayAttachExternal = caller.isAdmin): Promise<NetworkPlan> {
      const groups = await groupIds(api, caller, securityGroups);
      if (asked === 'none') return { requests: [], securityGroups: groups };
      const open = asked === null || asked === 'auto' || asked.length === 0;
      const requests = open
        ? await defaultRequests(api, caller, asked === 'auto', mayAttachExternal)
        : await checkedRequests(api, caller, asked, serverCount, mayAttachExternal);
      const needed = requests.filter(({ portId }) => portId === null).length * serverCount;
      if (needed > 0) await mustHaveFree(api, caller, needed);
      return { requests, securityGroups: groups };
    },

    async planOne(caller, server, one, mayAttachExternal): Promise<NetworkPlan> {
      // networks and limits are those of the server's project, whoever makes the request
      const owner = { ...caller, projectId: server.projectId };
      const request = await checkedAttachment(api, owner, server.uuid, one, mayAttachExternal);
      if (request.portId === null) await mustHaveFree(api, owner, 1);
      return { requests: [request], securityGroups: [] };
    },
  };
}
