// Why: production's networks are Neutron's; this asks it (or anything that speaks Neutron v2.0) what compute asks of networks.
// Looking is done with the caller's token, so that Neutron decides what the caller may see; making and binding with our own.

import { badRequest, conflict, type Fault, forbidden } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { NetworkFacts, SubnetFacts } from '../domain/nic.ts';
import {
  makeNeighbour,
  type NeighbourAnswer,
  type NeighbourOptions,
  record,
  records,
  textOf,
  textOrNull,
} from './neighbour.ts';
import type { NetworkService } from './network.ts';
import {
  makeNetworkService,
  type NetworkApi,
  type NetworkSummary,
  type PortBinding,
  type PortFacts,
} from './network-service.ts';

/** Ids in one query at most, to keep its address short enough for any proxy. */
const IDS_PER_QUERY = 50;

/** What a refused write becomes for whoever waits for the server. */
function refusal(answer: NeighbourAnswer, what: string): Fault {
  const options = { code: answer.type === '' ? 'NetworkRefused' : answer.type, detail: answer };
  const message = answer.message === '' ? `The network service refused to ${what}.` : answer.message;
  if (answer.status === 403) return forbidden(message, options);
  if (answer.status === 409) return conflict(message, options);
  return badRequest(message, options);
}

const summaryFrom = (network: Readonly<Record<string, unknown>>): NetworkSummary => ({
  id: textOf(network['id']),
  projectId: textOf(network['project_id'] ?? network['tenant_id']),
  shared: network['shared'] === true,
  external: network['router:external'] === true,
  subnetIds: Array.isArray(network['subnets']) ? network['subnets'].map(textOf) : [],
});

const subnetFrom = (subnet: Readonly<Record<string, unknown>>): SubnetFacts => ({
  id: textOf(subnet['id']),
  cidr: textOf(subnet['cidr']),
  ipVersion: subnet['ip_version'] === 6 ? 6 : 4,
  gateway: textOrNull(subnet['gateway_ip']),
  enableDhcp: subnet['enable_dhcp'] === true,
  dnsServers: Array.isArray(subnet['dns_nameservers']) ? subnet['dns_nameservers'].map(textOf) : [],
  hostRoutes: records(subnet['host_routes']).map((route) => ({
    destination: textOf(route['destination']),
    nexthop: textOf(route['nexthop']),
  })),
});

const portFrom = (port: Readonly<Record<string, unknown>>): PortFacts => ({
  id: textOf(port['id']),
  projectId: textOf(port['project_id'] ?? port['tenant_id']),
  networkId: textOf(port['network_id']),
  mac: textOf(port['mac_address']),
  deviceId: textOf(port['device_id']),
  fixedIps: records(port['fixed_ips']).map((ip) => ({
    address: textOf(ip['ip_address']),
    subnetId: textOf(ip['subnet_id']),
  })),
  securityGroups: Array.isArray(port['security_groups']) ? port['security_groups'].map(textOf) : [],
  hostId: textOf(port['binding:host_id']),
  vifType: textOf(port['binding:vif_type']),
  vifDetails: record(port['binding:vif_details']),
  profile: record(port['binding:profile']),
});

function chunks<T>(values: readonly T[]): (readonly T[])[] {
  const result: (readonly T[])[] = [];
  for (let at = 0; at < values.length; at += IDS_PER_QUERY) result.push(values.slice(at, at + IDS_PER_QUERY));
  return result;
}

const queryText = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');

/** A network service over HTTP; `close` ends its connections. */
export function makeNeutron(options: NeighbourOptions): NetworkService & { close(): Promise<void> } {
  const neutron = makeNeighbour('network', options);

  async function list(as: Caller | null, collection: string, pairs: readonly (readonly [string, string])[]) {
    const path = `/v2.0/${collection.replaceAll('_', '-')}?${queryText(pairs)}`;
    const answer = await neutron.ask(as, 'GET', path);
    if (answer.status !== 200) throw refusal(answer, `list ${collection}`);
    return records(record(answer.body)[collection]);
  }

  const byIds = async (as: Caller | null, collection: string, key: string, ids: readonly string[]) =>
    (
      await Promise.all(
        chunks(ids).map((some) =>
          list(
            as,
            collection,
            some.map((id) => [key, id]),
          ),
        ),
      )
    ).flat();

  async function one(as: Caller | null, path: string, name: string): Promise<Readonly<Record<string, unknown>> | null> {
    const answer = await neutron.ask(as, 'GET', path);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw refusal(answer, `show a ${name}`);
    return record(record(answer.body)[name]);
  }

  async function updatePort(portId: string, port: Readonly<Record<string, unknown>>): Promise<PortFacts | null> {
    const answer = await neutron.ask(null, 'PUT', `/v2.0/ports/${encodeURIComponent(portId)}`, { port });
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw refusal(answer, 'change a port');
    return portFrom(record(record(answer.body)['port']));
  }

  const bound = (binding: PortBinding) => ({
    device_id: binding.serverUuid,
    device_owner: binding.deviceOwner,
    'binding:host_id': binding.host,
    'binding:profile': binding.profile,
  });

  const pathOfPort = (portId: string): string => `/v2.0/ports/${encodeURIComponent(portId)}`;

  const projectOf = (caller: Caller): string => caller.projectId ?? '';

  const api: NetworkApi = {
    async networks(caller, ids) {
      if (ids !== null) return (await byIds(caller, 'networks', 'id', ids)).map(summaryFrom);
      const own = await list(caller, 'networks', [
        ['tenant_id', projectOf(caller)],
        ['shared', 'False'],
      ]);
      const shared = await list(caller, 'networks', [['shared', 'True']]);
      return [...own, ...shared].map(summaryFrom);
    },
    async port(caller, portId) {
      const port = await one(caller, pathOfPort(portId), 'port');
      return port === null ? null : portFrom(port);
    },
    async addressHolder(caller, networkId, address) {
      // our own rights: the port that has the address may be another project's
      const pairs = [
        ['network_id', networkId],
        ['fixed_ips', `ip_address=${address}`],
      ] as const;
      const [holder] = await list(caller.token === null ? caller : null, 'ports', pairs);
      return holder === undefined
        ? null
        : { projectId: textOf(holder['project_id'] ?? holder['tenant_id']), deviceId: textOf(holder['device_id']) };
    },
    // Neutron itself refuses an address that does not fit, when the port is made
    addressFits: async () => true,
    async freePorts(caller) {
      const path = `/v2.0/quotas/${encodeURIComponent(projectOf(caller))}`;
      const limit = (await one(caller, path, 'quota'))?.['port'];
      if (typeof limit !== 'number' || limit < 0) return null;
      const ports = await list(caller, 'ports', [
        ['tenant_id', projectOf(caller)],
        ['fields', 'id'],
      ]);
      return limit - ports.length;
    },
    async securityGroups(caller) {
      const pairs = [
        ['tenant_id', projectOf(caller)],
        ['fields', 'id'],
        ['fields', 'name'],
      ] as const;
      const groups = await list(caller, 'security_groups', pairs);
      return groups.map((group) => ({ id: textOf(group['id']), name: textOf(group['name']) }));
    },
    async groupNames(ids) {
      const groups = await byIds(null, 'security_groups', 'id', ids);
      return new Map(groups.map((group) => [textOf(group['id']), textOf(group['name'])]));
    },
    async autoAllocate(caller) {
      const path = `/v2.0/auto-allocated-topology/${encodeURIComponent(projectOf(caller))}`;
      const answer = await neutron.ask(caller, 'GET', path);
      if (answer.status !== 200) return null;
      return textOrNull(record(record(answer.body)['auto_allocated_topology'])['id']);
    },
    async facts(networkIds) {
      const [networks, subnets] = await Promise.all([
        byIds(null, 'networks', 'id', networkIds),
        byIds(null, 'subnets', 'network_id', networkIds),
      ]);
      return networks.map((network): NetworkFacts => {
        const { id, projectId } = summaryFrom(network);
        const own = subnets.filter((subnet) => textOf(subnet['network_id']) === id);
        const mtu = typeof network['mtu'] === 'number' ? network['mtu'] : 1500;
        return { id, name: textOf(network['name']), projectId, mtu, subnets: own.map(subnetFrom) };
      });
    },
    async portsOfDevice(deviceId) {
      return (await list(null, 'ports', [['device_id', deviceId]])).map(portFrom);
    },
    async portById(portId) {
      const port = await one(null, pathOfPort(portId), 'port');
      return port === null ? null : portFrom(port);
    },
    async createPort(wanted) {
      const answer = await neutron.ask(null, 'POST', '/v2.0/ports', {
        port: {
          ...bound(wanted),
          project_id: wanted.projectId,
          network_id: wanted.networkId,
          admin_state_up: true,
          ...(wanted.fixedIp === null ? {} : { fixed_ips: [{ ip_address: wanted.fixedIp }] }),
          ...(wanted.securityGroups.length === 0 ? {} : { security_groups: wanted.securityGroups }),
        },
      });
      if (answer.status !== 201) throw refusal(answer, 'make a port');
      return portFrom(record(record(answer.body)['port']));
    },
    async bindPort(portId, binding) {
      const port = await updatePort(portId, bound(binding));
      if (port === null) throw badRequest(`Port id ${portId} could not be found.`, { code: 'PortNotFound' });
      return port;
    },
    async unbindPort(portId) {
      await updatePort(portId, { device_id: '', device_owner: '', 'binding:host_id': '', 'binding:profile': {} });
    },
    async deletePort(portId) {
      const answer = await neutron.ask(null, 'DELETE', pathOfPort(portId));
      if (answer.status !== 204 && answer.status !== 404) throw refusal(answer, 'delete a port');
    },
  };

  return { ...makeNetworkService(api), close: () => neutron.close() };
}
