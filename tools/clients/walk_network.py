"""Steps of networks, ports, security groups, floating addresses and routers. Each is named for the method that it calls."""
from walk import among, equal, eventually


def ex_create_network(walk):
    walk.made['network'] = walk.driver.ex_create_network('walked', mtu=1400)
    found = walk.network('network', walk.made['network'])
    equal((found['name'], found['mtu']), ('walked', 1400), 'network')


def ex_list_networks(walk):
    among('walked', [one.name for one in walk.driver.ex_list_networks()])


def ex_get_network(walk):
    equal(walk.driver.ex_get_network(walk.made['network'].id).name, 'walked', 'network')


def ex_create_subnet(walk):
    subnet = walk.driver.ex_create_subnet('walked', walk.made['network'], '10.77.0.0/24', dns_nameservers=['10.77.0.9'])
    walk.made['subnet'] = subnet
    found = walk.network('subnet', subnet)
    equal((found['cidr'], found['dns_nameservers']), ('10.77.0.0/24', ['10.77.0.9']), 'subnet')


def ex_list_subnets(walk):
    among('10.77.0.0/24', [one.cidr for one in walk.driver.ex_list_subnets()])


def ex_update_subnet(walk):
    walk.driver.ex_update_subnet(walk.made['subnet'], name='renamed', description='new')
    found = walk.network('subnet', walk.made['subnet'])
    equal((found['name'], found['description']), ('renamed', 'new'), 'subnet')


def ex_create_port(walk):
    walk.made['port'] = walk.driver.ex_create_port(walk.made['network'], description='of the walk', name='walked')
    found = walk.network('port', walk.made['port'])
    equal((found['name'], found['network_id']), ('walked', walk.made['network'].id), 'port')


def ex_list_ports(walk):
    among(walk.made['port'].id, [one.id for one in walk.driver.ex_list_ports()])


def ex_get_port(walk):
    equal(walk.driver.ex_get_port(walk.made['port'].id).extra['name'], 'walked', 'port')


def ex_update_port(walk):
    pair = {'ip_address': '10.77.0.200'}
    walk.driver.ex_update_port(walk.made['port'], name='renamed', description='new', allowed_address_pairs=[pair])
    found = walk.network('port', walk.made['port'])
    equal((found['name'], found['description']), ('renamed', 'new'), 'port')
    equal([one['ip_address'] for one in found['allowed_address_pairs']], ['10.77.0.200'], 'address pairs')


def ex_attach_port_interface(walk):
    equal(walk.driver.ex_attach_port_interface(walk.made['node'], walk.made['port']), True, 'accepted')
    equal(walk.network('port', walk.made['port'])['device_id'], walk.made['node'].id, 'device')


def ex_get_node_ports(walk):
    among(walk.made['port'].id, [one.id for one in walk.driver.ex_get_node_ports(walk.made['node'])])


def ex_detach_port_interface(walk):
    equal(walk.driver.ex_detach_port_interface(walk.made['node'], walk.made['port']), True, 'accepted')
    eventually('the port is free', lambda: walk.network('port', walk.made['port'])['device_id'] == '')


def ex_delete_port(walk):
    equal(walk.driver.ex_delete_port(walk.made['port']), True, 'deleted')
    equal(walk.network('port', walk.made['port']), None, 'port')


def ex_create_security_group(walk):
    walk.made['group'] = walk.driver.ex_create_security_group('walked', 'of the walk')
    equal(walk.network('security_group', walk.made['group'])['description'], 'of the walk', 'group')


def ex_list_security_groups(walk):
    among('walked', [one.name for one in walk.driver.ex_list_security_groups()])


def ex_create_security_group_rule(walk):
    walk.made['rule'] = walk.driver.ex_create_security_group_rule(walk.made['group'], 'tcp', 22, 23, '10.0.0.0/8')
    found = walk.network('security_group_rule', walk.made['rule'])
    equal((found['port_range_max'], found['remote_ip_prefix']), (23, '10.0.0.0/8'), 'rule')


def ex_delete_security_group_rule(walk):
    equal(walk.driver.ex_delete_security_group_rule(walk.made['rule']), True, 'deleted')
    equal(walk.network('security_group_rule', walk.made['rule']), None, 'rule')


def groups_of(walk):
    return sorted(one['name'] for one in walk.server()['security_groups'])


def ex_get_node_security_groups(walk):
    path = f'compute/v2.1/servers/{walk.made["node"].id}/action'
    walk.api.open('POST', path, {'addSecurityGroup': {'name': 'walked'}}).close()
    equal(sorted(one.name for one in walk.driver.ex_get_node_security_groups(walk.made['node'])), groups_of(walk), 'groups')


def ex_remove_security_group_from_node(walk):
    among('walked', groups_of(walk))
    equal(walk.driver.ex_remove_security_group_from_node(walk.made['group'], walk.made['node']), True, 'accepted')
    equal(groups_of(walk), ['default'], 'groups')


def ex_delete_security_group(walk):
    equal(walk.driver.ex_delete_security_group(walk.made['group']), True, 'deleted')
    equal(walk.network('security_group', walk.made['group']), None, 'group')


def ex_list_floating_ip_pools(walk):
    equal([pool.name for pool in walk.driver.ex_list_floating_ip_pools()], ['public'], 'pools')


def ex_create_floating_ip(walk):
    walk.made['floating'] = walk.driver.ex_create_floating_ip('public')
    among('198.51.100.', walk.made['floating'].ip_address)


def ex_list_floating_ips(walk):
    equal([one.id for one in walk.driver.ex_list_floating_ips()], [walk.made['floating'].id], 'floating addresses')


def ex_get_floating_ip(walk):
    equal(walk.driver.ex_get_floating_ip(walk.made['floating'].ip_address).id, walk.made['floating'].id, 'id')


def floats(walk):
    all_of_them = [one for many in walk.server()['addresses'].values() for one in many]
    return walk.made['floating'].ip_address in [one['addr'] for one in all_of_them]


def ex_attach_floating_ip_to_node(walk):
    equal(walk.driver.ex_attach_floating_ip_to_node(walk.made['node'], walk.made['floating']), True, 'accepted')
    eventually('the server has the address', lambda: floats(walk))


def ex_detach_floating_ip_from_node(walk):
    equal(walk.driver.ex_detach_floating_ip_from_node(walk.made['node'], walk.made['floating']), True, 'accepted')
    eventually('the server has it no more', lambda: not floats(walk))


def ex_delete_floating_ip(walk):
    equal(walk.driver.ex_delete_floating_ip(walk.made['floating']), True, 'deleted')
    equal(walk.api.get(f'network/v2.0/floatingips/{walk.made["floating"].id}'), None, 'floating address')


def ex_list_routers(walk):
    equal(walk.driver.ex_list_routers(), [], 'routers')


def ex_create_router(walk):
    walk.made['router'] = walk.driver.ex_create_router('walked')


def of_router(method, word):
    def step(walk):
        getattr(walk.driver, method)(walk.made['router'], *([walk.made[word]] if word else []))

    step.__name__ = method
    return step


def ex_get_network_quotas(walk):
    found = walk.api.get(f'network/v2.0/quotas/{walk.api.project}/details.json')['quota']
    quota = walk.driver.ex_get_network_quotas(walk.api.project)
    equal((quota.port.limit, quota.network.limit), (found['port']['limit'], found['network']['limit']), 'limits')


def ex_delete_subnet(walk):
    equal(walk.driver.ex_delete_subnet(walk.made['subnet']), True, 'deleted')
    equal(walk.network('subnet', walk.made['subnet']), None, 'subnet')


def ex_delete_network(walk):
    equal(walk.driver.ex_delete_network(walk.made['network']), True, 'deleted')
    equal(walk.network('network', walk.made['network']), None, 'network')


steps = [
    *(ex_create_network, ex_list_networks, ex_get_network, ex_create_subnet, ex_list_subnets, ex_update_subnet),
    *(ex_create_port, ex_list_ports, ex_get_port, ex_update_port),
    *(ex_attach_port_interface, ex_get_node_ports, ex_detach_port_interface, ex_delete_port),
    *(ex_create_security_group, ex_list_security_groups, ex_create_security_group_rule, ex_delete_security_group_rule),
    *(ex_get_node_security_groups, ex_remove_security_group_from_node, ex_delete_security_group),
    *(ex_list_floating_ip_pools, ex_create_floating_ip, ex_list_floating_ips, ex_get_floating_ip),
    *(ex_attach_floating_ip_to_node, ex_detach_floating_ip_from_node, ex_delete_floating_ip),
    *(ex_list_routers, ex_create_router),
    *(of_router('ex_add_router_subnet', 'subnet'), of_router('ex_del_router_subnet', 'subnet')),
    *(of_router('ex_add_router_port', 'port'), of_router('ex_del_router_port', 'port'), of_router('ex_delete_router', None)),
    *(ex_get_network_quotas, ex_delete_subnet, ex_delete_network),
]
