// Why: Neutron's JSON is converted to compute's own types in one place.

import type { FloatingIp, SecurityGroup, SecurityGroupRule } from '../domain/networks/networks.ts';
import type { SubnetFacts } from '../domain/networks/server-nics.ts';
import { countOrNull, record, records, textOf, textOrNull } from './answer-values.ts';
import type { NetworkSummary, PortFacts } from './network-api.ts';

type Json = Readonly<Record<string, unknown>>;

export const summaryFrom = (network: Json): NetworkSummary => ({
  id: textOf(network['id']),
  name: textOf(network['name']),
  projectId: textOf(network['project_id'] ?? network['tenant_id']),
  shared: network['shared'] === true,
  external: network['router:external'] === true,
  subnetIds: Array.isArray(network['subnets']) ? network['subnets'].map(textOf) : [],
});

export const subnetFrom = (subnet: Json): SubnetFacts => ({
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

const pairsOf = (pairs: unknown): PortFacts['addressPairs'] =>
  records(pairs).map((pair) => ({ address: textOf(pair['ip_address']), mac: textOrNull(pair['mac_address']) }));

export const portFrom = (port: Json): PortFacts => ({
  id: textOf(port['id']),
  projectId: textOf(port['project_id'] ?? port['tenant_id']),
  networkId: textOf(port['network_id']),
  mac: textOf(port['mac_address']),
  status: textOf(port['status']),
  deviceId: textOf(port['device_id']),
  fixedIps: records(port['fixed_ips']).map((ip) => ({
    address: textOf(ip['ip_address']),
    subnetId: textOf(ip['subnet_id']),
  })),
  securityGroups: Array.isArray(port['security_groups']) ? port['security_groups'].map(textOf) : [],
  portSecurity: port['port_security_enabled'] !== false,
  addressPairs: pairsOf(port['allowed_address_pairs']),
  hostId: textOf(port['binding:host_id']),
  vnicType: textOf(port['binding:vnic_type']) || 'normal',
  vifType: textOf(port['binding:vif_type']),
  vifDetails: record(port['binding:vif_details']),
  profile: record(port['binding:profile']),
});

export const ruleFrom = (rule: Json): SecurityGroupRule => ({
  id: textOf(rule['id']),
  groupId: textOf(rule['security_group_id']),
  direction: rule['direction'] === 'egress' ? 'egress' : 'ingress',
  protocol: textOrNull(rule['protocol']),
  portMin: countOrNull(rule['port_range_min']),
  portMax: countOrNull(rule['port_range_max']),
  remoteGroupId: textOrNull(rule['remote_group_id']),
  remotePrefix: textOrNull(rule['remote_ip_prefix']),
});

export const groupFrom = (group: Json): SecurityGroup => ({
  id: textOf(group['id']),
  name: textOf(group['name']),
  description: textOrNull(group['description']),
  projectId: textOf(group['project_id'] ?? group['tenant_id']),
  rules: records(group['security_group_rules']).map(ruleFrom),
});

export const floatingIpFrom = (ip: Json): FloatingIp => ({
  id: textOf(ip['id']),
  address: textOf(ip['floating_ip_address']),
  networkId: textOf(ip['floating_network_id']),
  portId: textOrNull(ip['port_id']),
  fixedIp: textOrNull(ip['fixed_ip_address']),
});
