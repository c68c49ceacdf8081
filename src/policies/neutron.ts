// Why: networks by Neutron's rules: a project's members make and change what is its own, its readers look; what reaches beyond
// the project is for administrators, and what a port may pretend to be is for whoever owns its network.

import { ADMIN, PROJECT_MEMBER_OR_ADMIN, PROJECT_READER_OR_ADMIN, rule, SERVICE_OR_ADMIN } from './base.ts';

const NETWORK_MEMBER = '(role:member and rule:network_owner)';
const NETWORK_READER = '(role:reader and rule:network_owner)';

export const NETWORK_MEMBER_OR_ADMIN = `rule:context_is_admin or ${NETWORK_MEMBER}`;
export const NETWORK_MEMBER_OR_SERVICE = `${NETWORK_MEMBER_OR_ADMIN} or rule:service_api`;
const NETWORK_MEMBER_OR_SHARED = `${NETWORK_MEMBER_OR_SERVICE} or rule:shared`;
const NOT_DEVICE_OR_NETWORK_MEMBER = `not rule:network_device or ${NETWORK_MEMBER_OR_SERVICE}`;
export const EITHER_MEMBER_OR_ADMIN = `${PROJECT_MEMBER_OR_ADMIN} or ${NETWORK_MEMBER}`;
export const EITHER_MEMBER_OR_SERVICE = `${EITHER_MEMBER_OR_ADMIN} or rule:service_api`;
export const EITHER_READER_OR_SERVICE = `${PROJECT_READER_OR_ADMIN} or ${NETWORK_READER} or rule:service_api`;
export const EITHER_READER_OR_SHARED = `${PROJECT_READER_OR_ADMIN} or ${NETWORK_READER} or rule:shared`;
export const READER_OR_SHARED_OR_EXTERNAL = `${PROJECT_READER_OR_ADMIN} or rule:shared or rule:external or rule:service_api`;
export const PROJECT_MEMBER_OR_SERVICE = `${PROJECT_MEMBER_OR_ADMIN} or rule:service_api`;

const networks = [
  rule('create_network', PROJECT_MEMBER_OR_ADMIN, 'Make a network.'),
  rule('create_network:shared', ADMIN, 'Make a network that all projects use.'),
  rule('create_network:router:external', ADMIN, 'Make an external network.'),
  rule('create_network:provider:network_type', ADMIN, 'Say what a new network is made of.'),
  rule('create_network:provider:physical_network', ADMIN, 'Say on which wire a new network is.'),
  rule('create_network:provider:segmentation_id', ADMIN, 'Say which part of its wire a new network is.'),
  rule('get_network:provider:network_type', ADMIN, 'See what a network is made of.'),
  rule('get_network:provider:physical_network', ADMIN, 'See on which wire a network is.'),
  rule('get_network:provider:segmentation_id', ADMIN, 'See which part of its wire a network is.'),
  rule('create_network:is_default', ADMIN, 'Make a network that is a default one.'),
  rule(
    'create_network:port_security_enabled',
    PROJECT_MEMBER_OR_ADMIN,
    'Say whether ports of a new network are guarded.',
  ),
  rule('get_network', READER_OR_SHARED_OR_EXTERNAL, 'Show a network. Lists have only what this lets through.'),
  rule('update_network', PROJECT_MEMBER_OR_ADMIN, 'Change a network.'),
  rule('update_network:shared', ADMIN, 'Let all projects use a network, or no more.'),
  rule('update_network:router:external', ADMIN, 'Make a network external, or no more.'),
  rule('update_network:is_default', ADMIN, 'Make a network a default one, or no more.'),
  rule(
    'update_network:port_security_enabled',
    PROJECT_MEMBER_OR_ADMIN,
    'Say whether new ports of a network are guarded.',
  ),
  rule('delete_network', PROJECT_MEMBER_OR_ADMIN, 'Delete a network.'),
  rule('get_networks_tags', READER_OR_SHARED_OR_EXTERNAL, 'See the tags of a network.'),
  rule('update_networks_tags', PROJECT_MEMBER_OR_ADMIN, 'Set tags of a network.'),
  rule('delete_networks_tags', PROJECT_MEMBER_OR_ADMIN, 'Take tags from a network.'),
  rule(
    'get_auto_allocated_topology',
    PROJECT_READER_OR_ADMIN,
    "See a project's own network, made when it is first asked for.",
  ),
  rule('delete_auto_allocated_topology', PROJECT_MEMBER_OR_ADMIN, 'Delete the network that a project was given.'),
] as const;

const subnets = [
  rule('create_subnet', NETWORK_MEMBER_OR_ADMIN, 'Make a subnet of a network.'),
  rule('get_subnet', EITHER_READER_OR_SHARED, 'Show a subnet. Lists have only what this lets through.'),
  rule('update_subnet', EITHER_MEMBER_OR_ADMIN, 'Change a subnet.'),
  rule('delete_subnet', EITHER_MEMBER_OR_ADMIN, 'Delete a subnet.'),
  rule('get_subnets_tags', EITHER_READER_OR_SHARED, 'See the tags of a subnet.'),
  rule('update_subnets_tags', EITHER_MEMBER_OR_ADMIN, 'Set tags of a subnet.'),
  rule('delete_subnets_tags', EITHER_MEMBER_OR_ADMIN, 'Take tags from a subnet.'),
] as const;

const ports = [
  rule('create_port', PROJECT_MEMBER_OR_SERVICE, 'Make a port.'),
  rule('create_port:device_id', PROJECT_MEMBER_OR_SERVICE, 'Make a port that belongs to a device.'),
  rule('create_port:device_owner', NOT_DEVICE_OR_NETWORK_MEMBER, 'Make a port that belongs to a kind of device.'),
  rule('create_port:mac_address', NETWORK_MEMBER_OR_SERVICE, 'Choose the MAC address of a new port.'),
  rule('create_port:fixed_ips', NETWORK_MEMBER_OR_SHARED, 'Choose subnets or addresses of a new port.'),
  rule('create_port:fixed_ips:ip_address', NETWORK_MEMBER_OR_SERVICE, 'Choose the addresses of a new port.'),
  rule('create_port:fixed_ips:subnet_id', NETWORK_MEMBER_OR_SHARED, 'Choose the subnets of a new port.'),
  rule('create_port:port_security_enabled', NETWORK_MEMBER_OR_SERVICE, 'Say whether a new port is guarded.'),
  rule('create_port:allowed_address_pairs', NETWORK_MEMBER_OR_ADMIN, 'Let a new port have further addresses.'),
  rule('create_port:binding:host_id', SERVICE_OR_ADMIN, 'Bind a new port to a host.'),
  rule('create_port:binding:profile', SERVICE_OR_ADMIN, 'Say how the host of a new port is to plug it.'),
  rule('create_port:binding:vnic_type', PROJECT_MEMBER_OR_SERVICE, 'Say as what a new port is plugged.'),
  rule('get_port', EITHER_READER_OR_SERVICE, 'Show a port. Lists have only what this lets through.'),
  rule('get_port:binding:host_id', SERVICE_OR_ADMIN, 'See to which host a port is bound.'),
  rule('get_port:binding:profile', SERVICE_OR_ADMIN, 'See how the host of a port is to plug it.'),
  rule('get_port:binding:vif_type', SERVICE_OR_ADMIN, 'See as what a port is plugged.'),
  rule('get_port:binding:vif_details', SERVICE_OR_ADMIN, 'See details of how a port is plugged.'),
  rule('update_port', PROJECT_MEMBER_OR_SERVICE, 'Change a port.'),
  rule('update_port:device_id', PROJECT_MEMBER_OR_SERVICE, 'Give a port to another device.'),
  rule('update_port:device_owner', NOT_DEVICE_OR_NETWORK_MEMBER, 'Give a port to another kind of device.'),
  rule('update_port:fixed_ips', NETWORK_MEMBER_OR_SHARED, 'Choose subnets or addresses of a port.'),
  rule('update_port:fixed_ips:ip_address', NETWORK_MEMBER_OR_SERVICE, 'Choose the addresses of a port.'),
  rule('update_port:fixed_ips:subnet_id', NETWORK_MEMBER_OR_SHARED, 'Choose the subnets of a port.'),
  rule('update_port:mac_address', SERVICE_OR_ADMIN, 'Give a port another MAC address.'),
  rule('update_port:port_security_enabled', NETWORK_MEMBER_OR_SERVICE, 'Say whether a port is guarded.'),
  rule('update_port:allowed_address_pairs', NETWORK_MEMBER_OR_ADMIN, 'Let a port have further addresses.'),
  rule('update_port:binding:host_id', SERVICE_OR_ADMIN, 'Bind a port to a host.'),
  rule('update_port:binding:profile', SERVICE_OR_ADMIN, 'Say how the host of a port is to plug it.'),
  rule('delete_port', EITHER_MEMBER_OR_SERVICE, 'Delete a port.'),
  rule('get_ports_tags', EITHER_READER_OR_SERVICE, 'See the tags of a port.'),
  rule('update_ports_tags', PROJECT_MEMBER_OR_SERVICE, 'Set tags of a port.'),
  rule('delete_ports_tags', PROJECT_MEMBER_OR_SERVICE, 'Take tags from a port.'),
] as const;

const groups = [
  rule('create_security_group', PROJECT_MEMBER_OR_ADMIN, 'Make a security group.'),
  rule('get_security_group', PROJECT_READER_OR_ADMIN, 'Show a security group. Lists have only what this lets through.'),
  rule('update_security_group', PROJECT_MEMBER_OR_ADMIN, 'Change a security group.'),
  rule('delete_security_group', PROJECT_MEMBER_OR_ADMIN, 'Delete a security group.'),
  rule('get_security_groups_tags', PROJECT_READER_OR_ADMIN, 'See the tags of a security group.'),
  rule('update_security_groups_tags', PROJECT_MEMBER_OR_ADMIN, 'Set tags of a security group.'),
  rule('delete_security_groups_tags', PROJECT_MEMBER_OR_ADMIN, 'Take tags from a security group.'),
  rule('create_security_group_rule', PROJECT_MEMBER_OR_ADMIN, 'Make a rule of a security group.'),
  rule('get_security_group_rule', PROJECT_READER_OR_ADMIN, 'Show a rule of a security group.'),
  rule(
    'update_security_group_rule',
    PROJECT_MEMBER_OR_ADMIN,
    'Ask to change a rule of a security group, which none can.',
  ),
  rule('delete_security_group_rule', PROJECT_MEMBER_OR_ADMIN, 'Delete a rule of a security group.'),
] as const;

const floatingIps = [
  rule('create_floatingip', PROJECT_MEMBER_OR_ADMIN, 'Take a floating address.'),
  rule('create_floatingip:floating_ip_address', ADMIN, 'Choose the floating address that is taken.'),
  rule('get_floatingip', PROJECT_READER_OR_ADMIN, 'Show a floating address. Lists have only what this lets through.'),
  rule('update_floatingip', PROJECT_MEMBER_OR_ADMIN, 'Point a floating address to a port.'),
  rule('delete_floatingip', PROJECT_MEMBER_OR_ADMIN, 'Give a floating address back.'),
  rule('get_floatingips_tags', PROJECT_READER_OR_ADMIN, 'See the tags of a floating address.'),
  rule('update_floatingips_tags', PROJECT_MEMBER_OR_ADMIN, 'Set tags of a floating address.'),
  rule('delete_floatingips_tags', PROJECT_MEMBER_OR_ADMIN, 'Take tags from a floating address.'),
] as const;

const forwardings = [
  rule(
    'create_floatingip_port_forwarding',
    PROJECT_MEMBER_OR_ADMIN,
    'Let a port of a floating address lead to a server.',
  ),
  rule('get_floatingip_port_forwarding', PROJECT_READER_OR_ADMIN, 'See where the ports of a floating address lead.'),
  rule(
    'update_floatingip_port_forwarding',
    PROJECT_MEMBER_OR_ADMIN,
    'Let a port of a floating address lead elsewhere.',
  ),
  rule('delete_floatingip_port_forwarding', PROJECT_MEMBER_OR_ADMIN, 'Let a port of a floating address lead nowhere.'),
] as const;

const addressGroups = [
  rule('create_address_group', PROJECT_MEMBER_OR_ADMIN, 'Make a list of addresses for rules.'),
  rule(
    'get_address_group',
    PROJECT_READER_OR_ADMIN,
    'See a list of addresses. Lists have only what this lets through.',
  ),
  rule('update_address_group', PROJECT_MEMBER_OR_ADMIN, 'Change a list of addresses.'),
  rule('delete_address_group', PROJECT_MEMBER_OR_ADMIN, 'Delete a list of addresses.'),
] as const;

const subnetPools = [
  rule('create_subnetpool', PROJECT_MEMBER_OR_ADMIN, 'Make a pool of ranges for subnets.'),
  rule('create_subnetpool:shared', ADMIN, 'Make a pool that all projects use.'),
  rule('create_subnetpool:is_default', ADMIN, 'Make the pool that is used where none is named.'),
  rule('get_subnetpool', EITHER_READER_OR_SHARED, 'Show a pool. Lists have only what this lets through.'),
  rule('update_subnetpool', PROJECT_MEMBER_OR_ADMIN, 'Change a pool.'),
  rule('update_subnetpool:is_default', ADMIN, 'Make a pool the one that is used where none is named, or no more.'),
  rule('delete_subnetpool', PROJECT_MEMBER_OR_ADMIN, 'Delete a pool.'),
  rule('add_prefixes', PROJECT_MEMBER_OR_ADMIN, 'Add ranges to a pool.'),
  rule('remove_prefixes', PROJECT_MEMBER_OR_ADMIN, 'Take ranges from a pool.'),
  rule('get_subnetpools_tags', EITHER_READER_OR_SHARED, 'See the tags of a pool.'),
  rule('update_subnetpools_tags', PROJECT_MEMBER_OR_ADMIN, 'Set tags of a pool.'),
  rule('delete_subnetpools_tags', PROJECT_MEMBER_OR_ADMIN, 'Take tags from a pool.'),
] as const;

const rbac = [
  rule('create_rbac_policy', PROJECT_MEMBER_OR_ADMIN, 'Give a network to a project.'),
  rule('create_rbac_policy:target_tenant', 'rule:restrict_wildcard', 'Say to which project, or to all.'),
  rule(
    'get_rbac_policy',
    PROJECT_READER_OR_ADMIN,
    'See to whom networks are given. Lists have only what this lets through.',
  ),
  rule('update_rbac_policy', PROJECT_MEMBER_OR_ADMIN, 'Give a network to another project instead.'),
  rule('update_rbac_policy:target_tenant', 'rule:restrict_wildcard', 'Say to which other project, or to all.'),
  rule('delete_rbac_policy', PROJECT_MEMBER_OR_ADMIN, 'Take a network back from a project.'),
] as const;

const qos = [
  rule('create_policy', ADMIN, 'Make a policy of bandwidth.'),
  rule('get_policy', EITHER_READER_OR_SHARED, 'See a policy of bandwidth. Lists have only what this lets through.'),
  rule('update_policy', ADMIN, 'Change a policy of bandwidth.'),
  rule('delete_policy', ADMIN, 'Delete a policy of bandwidth.'),
  rule('create_policy_bandwidth_limit_rule', ADMIN, 'Limit the bandwidth of the ports of a policy.'),
  rule('get_policy_bandwidth_limit_rule', EITHER_READER_OR_SHARED, 'See the limits of a policy.'),
  rule('update_policy_bandwidth_limit_rule', ADMIN, 'Change a limit of a policy.'),
  rule('delete_policy_bandwidth_limit_rule', ADMIN, 'Take a limit from a policy.'),
] as const;

const routers = [
  rule('create_router', PROJECT_MEMBER_OR_ADMIN, 'Make a router.'),
  rule('create_router:external_gateway_info', PROJECT_MEMBER_OR_ADMIN, 'Lead a new router to an external network.'),
  rule(
    'create_router:external_gateway_info:enable_snat',
    ADMIN,
    'Say whether servers without a floating address go out by a new router.',
  ),
  rule('create_router:external_gateway_info:external_fixed_ips', ADMIN, "Choose a new router's external address."),
  rule('get_router', PROJECT_READER_OR_ADMIN, 'Show a router. Lists have only what this lets through.'),
  rule('update_router', PROJECT_MEMBER_OR_ADMIN, 'Change a router.'),
  rule('update_router:external_gateway_info', PROJECT_MEMBER_OR_ADMIN, 'Lead a router to an external network.'),
  rule(
    'update_router:external_gateway_info:enable_snat',
    ADMIN,
    'Say whether servers without a floating address go out by a router.',
  ),
  rule('update_router:external_gateway_info:external_fixed_ips', ADMIN, "Choose a router's external address."),
  rule('delete_router', PROJECT_MEMBER_OR_ADMIN, 'Delete a router.'),
  rule('add_router_interface', PROJECT_MEMBER_OR_ADMIN, 'Bring a router to a network.'),
  rule('remove_router_interface', PROJECT_MEMBER_OR_ADMIN, 'Take a router from a network.'),
  rule('get_routers_tags', PROJECT_READER_OR_ADMIN, 'See the tags of a router.'),
  rule('update_routers_tags', PROJECT_MEMBER_OR_ADMIN, 'Set tags of a router.'),
  rule('delete_routers_tags', PROJECT_MEMBER_OR_ADMIN, 'Take tags from a router.'),
] as const;

const quotas = [
  rule(
    'get_quota',
    PROJECT_READER_OR_ADMIN,
    "See a project's quota of networks; of all projects only without a project.",
  ),
  rule('update_quota', ADMIN, "Change a project's quota of networks."),
  rule('delete_quota', ADMIN, 'Give a project the default quota of networks again.'),
] as const;

export const rules = [
  ...networks,
  ...subnets,
  ...ports,
  ...groups,
  ...floatingIps,
  ...forwardings,
  ...qos,
  ...addressGroups,
  ...subnetPools,
  ...rbac,
  ...routers,
  ...quotas,
] as const;
