// Why: clients ask which extensions there are before they use them; what stands here works.

import type { NetworkParts } from './parts.ts';

interface Extension {
  readonly alias: string;
  readonly name: string;
  readonly description: string;
  readonly updated: string;
  readonly links: readonly never[];
}

const extension = (alias: string, name: string, description: string): Extension => ({
  alias,
  name,
  description,
  updated: '2026-01-01T00:00:00-00:00',
  links: [],
});

/** What OVN alone carries. */
const onOvn: readonly Extension[] = [
  extension('address-group', 'Address group', 'Lists of addresses for rules.'),
  extension('security-groups-remote-address-group', 'Remote address group id', 'Rules that speak of address groups.'),
  extension('extra_dhcp_opt', 'Neutron Extra DHCP options', 'What else DHCP tells a port, by IPv4.'),
  extension('qos', 'Quality of Service', 'Policies of networks and ports.'),
  extension('qos-bw-limit-direction', 'Direction for QoS bandwidth limit rule', 'Limits of either direction.'),
  extension('qos-port-network-policy', 'QoS port network policy', "A port shows its network's policy."),
  extension('expose-port-forwarding-in-fip', 'Port forwardings in floating IPs', 'Where the ports of an address lead.'),
  extension(
    'floating-ip-port-forwarding',
    'Floating IP Port Forwarding',
    'Ports of one address lead to several ports.',
  ),
  extension(
    'floating-ip-port-forwarding-description',
    'Description of port forwardings',
    'The description attribute of port forwardings.',
  ),
];

/** `router` is listed because clients then read the lists of routers and of floating addresses, be they empty for ever or not. */
const everywhere: readonly Extension[] = [
  extension('address-scope', 'Address scope', 'Lists of address scopes (none).'),
  extension('agent', 'agent', 'List of agents (none).'),
  extension('allowed-address-pairs', 'Allowed Address Pairs', 'Further addresses that a port may use.'),
  extension(
    'auto-allocated-topology',
    'Auto Allocated Topology Services',
    "A project's own network, made when asked for.",
  ),
  extension('availability_zone', 'Availability Zone', 'List of availability zones (none).'),
  extension('binding', 'Port Binding', "A port's host and how it is plugged there."),
  extension('external-net', 'Neutron external network', 'The router:external attribute of networks.'),
  extension('net-mtu', 'Network MTU', 'The mtu attribute of networks.'),
  extension('net-mtu-writable', 'Network MTU (writable)', 'The mtu attribute can be set.'),
  extension('pagination', 'Pagination support', 'limit and marker.'),
  extension('port-security', 'Port Security', 'The port_security_enabled attribute.'),
  extension('project-id', 'project_id field enabled', 'project_id beside tenant_id.'),
  extension(
    'provider',
    'Provider Network',
    'What a network is made of, for administrators: flat, VLAN and Geneve on OVN, else local.',
  ),
  extension(
    'quota-check-limit',
    'Quota engine limit check',
    'A limit below what there is, refused when it is asked for.',
  ),
  extension('quotas', 'Quota management support', "A project's limits."),
  extension('quota_details', 'Quota details management support', "A project's limits and use."),
  extension('rbac-policies', 'RBAC Policies', 'Networks that one project shares with another.'),
  extension('router', 'Neutron L3 Router', 'Routers and floating addresses, where they are offered.'),
  extension('security-group', 'security-group', 'Security groups and their rules.'),
  extension('sorting', 'Sorting support', 'sort_key and sort_dir.'),
  extension('standard-attr-description', 'standard-attr-description', 'The description attribute.'),
  extension('revision-if-match', 'If-Match constraints based on revision_number', 'Changes of one revision alone.'),
  extension('standard-attr-revisions', 'Resource revision numbers', 'The revision_number attribute.'),
  extension(
    'standard-attr-tag',
    'Tag support',
    'Tags of networks, subnets, ports, security groups and floating addresses.',
  ),
  extension('subnet_allocation', 'Subnet Allocation', 'Pools that the ranges of subnets are taken of.'),
  extension('default-subnetpools', 'Default Subnetpools', 'A pool for whoever names none.'),
  extension(
    'subnetpool-prefix-ops',
    'Subnet Pool Prefix Operations',
    'Ranges that come to a pool and leave it one by one.',
  ),
  extension('tag-creation', 'Tag creation', 'Tags that are added to those that are there.'),
  extension('standard-attr-timestamp', 'Resource timestamps', 'created_at and updated_at.'),
  extension('stateful-security-group', 'Stateful security group', 'The stateful attribute of security groups.'),
];

export const extensionsOf = ({ engine }: Pick<NetworkParts, 'engine'>): readonly Extension[] =>
  engine.kind === 'ovn' ? [...everywhere, ...onOvn] : everywhere;
