// Why: in production networks are Neutron's; this is compute's network interface over Neutron's v2.0 API.
// Reads use the caller's token, so that Neutron decides what the caller may see; ports are created and bound with our own.

import { Fault, unavailable } from '../base/errors.ts';
import type { Caller } from '../base/op.ts';
import type { NetworkFacts } from '../domain/networks/server-nics.ts';
import { countOrNull, record, textOf, textOrNull } from './answer-values.ts';
import { makeNeighbour, type Neighbour, type NeighbourOptions } from './neighbour.ts';
import type { NetworkService, OwnedServer } from './network.ts';
import type { PortApi, PortBinding, PortChange, PortFacts } from './network-api.ts';
import { makeNetworkService } from './network-service.ts';
import { isPortOf } from './port-mark.ts';
import { portInUse, portNotFound } from './port-plan.ts';
import { neutronBindings } from './neutron-bindings.ts';
import { neutronFloatingIps, neutronGroups } from './neutron-groups.ts';
import { type Json, neutronHttp, type NeutronHttp } from './neutron-http.ts';
import { portFrom as shapedPort, subnetFrom, summaryFrom } from './neutron-shapes.ts';

const bound = (binding: PortBinding) => ({
  device_id: binding.serverUuid,
  device_owner: binding.deviceOwner,
  'binding:host_id': binding.host,
  'binding:profile': binding.profile,
});

const changeOf = ({ fixedIps, securityGroups }: PortChange): Json => ({
  ...(fixedIps === undefined
    ? {}
    : {
        fixed_ips: fixedIps.map((request) =>
          'address' in request ? { ip_address: request.address } : { subnet_id: request.subnetId },
        ),
      }),
  ...(securityGroups === undefined ? {} : { security_groups: securityGroups }),
});

const projectOf = (caller: Caller): string => caller.projectId ?? '';

/** The Open vSwitch into which ports are plugged. */
interface Switch {
  /** The bridge for ports that name none. Default: `br-int`. */
  readonly ovsBridge?: string;
  /** Whether guests may offload checksums and segmentation to the switch. Default: true. */
  readonly offloads?: boolean;
}

export type NeutronOptions = NeighbourOptions & Switch;

/** Some of Neutron's drivers do not name a port's bridge; in Nova it is configured too. */
const pluggedInto = ({ ovsBridge = 'br-int', offloads = true }: Switch, port: PortFacts): PortFacts =>
  port.vifType === 'ovs'
    ? { ...port, vifDetails: { bridge_name: ovsBridge, ...port.vifDetails, ...(offloads ? {} : { offloads }) } }
    : port;

/** What Neutron's own drivers write into a port while it is bound comes in between, too. */
const ATTEMPTS = 10;

/** Binds a port that is nobody's, or the server's own: of several servers that found it free, one has it. */
async function bindFree(http: NeutronHttp, portId: string, binding: PortBinding): Promise<Json> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await http.show(null, 'port', portId);
    if (before === null) throw portNotFound(portId);
    const holder = textOf(before['device_id']);
    if (holder !== '' && holder !== binding.serverUuid) throw portInUse(portId);
    // one without revisions is too old to be asked to look
    const revision = countOrNull(before['revision_number']);
    try {
      const port = await http.update(null, 'port', portId, bound(binding), revision);
      if (port === null) throw portNotFound(portId);
      return port;
    } catch (error) {
      const isChanged = error instanceof Fault && error.kind === 'preconditionFailed';
      if (!isChanged) throw error;
      if (attempt === ATTEMPTS)
        throw unavailable('The network service is not available now.', {
          detail: `others change port ${portId} all the time`,
        });
    }
  }
}

function neutronPorts(http: NeutronHttp, neutron: Neighbour, into: Switch): PortApi {
  const portFrom = (port: Json): PortFacts => pluggedInto(into, shapedPort(port));
  const bindings = neutronBindings(neutron);
  const portOrNull = (port: Json | null) => (port === null ? null : portFrom(port));

  return {
    async networks(caller, ids) {
      if (ids !== null) return (await http.listBy(caller, 'networks', 'id', ids)).map(summaryFrom);
      const own = await http.list(caller, 'networks', [
        ['tenant_id', projectOf(caller)],
        ['shared', 'False'],
      ]);
      const shared = await http.list(caller, 'networks', [['shared', 'True']]);
      return [...own, ...shared].map(summaryFrom);
    },
    async seenNetworks(caller) {
      return (await http.list(caller, 'networks', [])).map(summaryFrom);
    },
    async port(caller, portId) {
      return portOrNull(await http.show(caller, 'port', portId));
    },
    async addressHolder(caller, networkId, address) {
      // with our own token: the port that has the address may be another project's
      const pairs = [
        ['network_id', networkId],
        ['fixed_ips', `ip_address=${address}`],
      ] as const;
      const [holder] = await http.list(caller.token === null ? caller : null, 'ports', pairs);
      return holder === undefined
        ? null
        : { projectId: textOf(holder['project_id'] ?? holder['tenant_id']), deviceId: textOf(holder['device_id']) };
    },
    // Neutron refuses an address outside the subnet when the port is created
    addressFits: async () => true,
    async freePorts(caller) {
      const limit = (await http.show(caller, 'quota', projectOf(caller)))?.['port'];
      if (typeof limit !== 'number' || limit < 0) return null;
      const ports = await http.list(caller, 'ports', [
        ['tenant_id', projectOf(caller)],
        ['fields', 'id'],
      ]);
      return limit - ports.length;
    },
    async autoAllocate(caller) {
      const path = `/v2.0/auto-allocated-topology/${encodeURIComponent(projectOf(caller))}`;
      const answer = await neutron.ask(caller, 'GET', path);
      if (answer.status !== 200) return null;
      return textOrNull(record(record(answer.body)['auto_allocated_topology'])['id']);
    },
    async facts(networkIds) {
      const [networks, subnets] = await Promise.all([
        http.listBy(null, 'networks', 'id', networkIds),
        http.listBy(null, 'subnets', 'network_id', networkIds),
      ]);
      return networks.map((network): NetworkFacts => {
        const { id, name, projectId } = summaryFrom(network);
        const own = subnets.filter((subnet) => textOf(subnet['network_id']) === id);
        const mtu = countOrNull(network['mtu']) || 1500;
        return { id, name, projectId, mtu, subnets: own.map(subnetFrom) };
      });
    },
    async portsOfDevice(deviceId) {
      return (await http.list(null, 'ports', [['device_id', deviceId]])).map(portFrom);
    },
    async portById(portId) {
      return portOrNull(await http.show(null, 'port', portId));
    },
    async createPort(wanted) {
      const port = await http.create(null, 'port', {
        ...bound(wanted),
        project_id: wanted.projectId,
        network_id: wanted.networkId,
        admin_state_up: true,
        ...(wanted.fixedIp === null ? {} : { fixed_ips: [{ ip_address: wanted.fixedIp }] }),
        ...(wanted.securityGroups.length === 0 ? {} : { security_groups: wanted.securityGroups }),
      });
      return portFrom(port);
    },
    async bindPort(portId, binding) {
      return portFrom(await bindFree(http, portId, binding));
    },
    async announceMove(port, host, profile) {
      // in this order: `endMove` looks for extra bindings only if the profile names a destination
      await http.update(null, 'port', port.id, { 'binding:profile': profile });
      await bindings.add(port, host, profile);
    },
    endMove: (port, host) => bindings.settle(port, host),
    async changePort(as, portId, change) {
      return portOrNull(await http.update(as, 'port', portId, changeOf(change)));
    },
    async unbindPort(portId) {
      const nothing = { device_id: '', device_owner: '', 'binding:host_id': '', 'binding:profile': {} };
      await http.update(null, 'port', portId, nothing);
    },
    async deletePort(portId) {
      await http.remove(null, 'port', portId);
    },
  };
}

/** Polled: Neutron's event (`network-vif-plugged`) reaches only one of several processes, or none while they start. */
async function unplugged(http: NeutronHttp, server: OwnedServer): Promise<readonly string[]> {
  const ports = await http.list(null, 'ports', [['device_id', server.uuid]]);
  return (
    ports
      .filter((port) => port['admin_state_up'] !== false && port['status'] !== 'ACTIVE')
      // another project's port that names the server and never gets active must not block its start
      .filter((port) => isPortOf(server, shapedPort(port)))
      .map((port) => textOf(port['id']))
  );
}

/** A network service over HTTP; `close` ends its connections. */
export function makeNeutron(options: NeutronOptions): NetworkService & { close(): Promise<void> } {
  const neutron = makeNeighbour('network', options);
  const http = neutronHttp(neutron);
  const api = { ...neutronPorts(http, neutron, options), ...neutronGroups(http), ...neutronFloatingIps(http) };
  return {
    ...makeNetworkService(api),
    unplugged: (server) => unplugged(http, server),
    close: () => neutron.close(),
  };
}
