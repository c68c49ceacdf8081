"""The panel of the network topology: its forms and frames, and its JSON, each held against what the API says is there."""
from steps import step
from trouble import Trouble, same, until

PANEL = '/project/network_topology/'
NETWORK, SUBNET, OUTSIDE = 'topology', '192.168.77.0/24', '203.0.113.0/24'


def shown(user):
    return user.get(f'{PANEL}json').json()


def listed(cloud, nouns, query=''):
    return cloud.ask('network', 'GET', f'v2.0/{nouns}{query}')[nouns]


def make_outside(admins):
    outside = admins.ask('network', 'POST', 'v2.0/networks', network={'name': 'outside', 'router:external': True})['network']['id']
    subnet = {'network_id': outside, 'ip_version': 4, 'cidr': OUTSIDE, 'enable_dhcp': False}
    admins.ask('network', 'POST', 'v2.0/subnets', subnet=subnet)
    return outside


def make_network(cloud, user):
    user.form(
        f'{PANEL}createnetwork', net_name=NETWORK, admin_state='on', with_subnet='on', subnet_name='inner', cidr=SUBNET,
        ip_version='4', address_source='manual', gateway_ip='', enable_dhcp='on', allocation_pools='', dns_nameservers='',
        host_routes='')
    network = listed(cloud, 'networks', f'?name={NETWORK}')[0]
    subnet = listed(cloud, 'subnets', f"?network_id={network['id']}")[0]
    same('the subnet', [subnet['name'], subnet['cidr']], ['inner', SUBNET])
    return network['id']


def refuse_router(cloud, user, outside):
    """The network service by itself makes none, and Horizon shows its words."""
    try:
        user.form(f'{PANEL}createrouter', name=NETWORK, admin_state_up='on', external_network=outside)
    except Trouble as trouble:
        if 'has no routers and makes none' not in str(trouble):
            raise
    else:
        raise Trouble('a router is said to be made')
    same('routers', [listed(cloud, 'routers'), shown(user)['routers']], [[], []])


def attach(cloud, user, server, network):
    user.form(f'/project/instances/{server}/attach_interface', instance_id=server, specification_method='network', network=network,
              fixed_ip='')
    until('the server has a port there', lambda: listed(cloud, 'ports', f'?device_id={server}&network_id={network}'))


def compare(cloud, user, server, outside):
    """The picture shows what there is, no more and no less, and where it is joined."""
    picture = shown(user)
    for nouns in ('servers', 'networks', 'routers'):
        there = cloud.ask('compute', 'GET', 'servers')['servers'] if nouns == 'servers' else listed(cloud, nouns)
        same(nouns, {one['id'] for one in picture[nouns]}, {one['id'] for one in there})
    subnets = {one['id'] for network in picture['networks'] for one in network['subnets']}
    same('subnets', subnets, {one['id'] for one in listed(cloud, 'subnets')})
    links, there = ({(one['id'], one['device_id'], one['network_id']) for one in ports}
                    for ports in (picture['ports'], listed(cloud, 'ports')))
    same('links', links, there)
    same('networks outside', [one['id'] for one in picture['networks'] if one['router:external']], [outside])
    same('the state of the server', next(one['original_status'] for one in picture['servers'] if one['id'] == server), 'ACTIVE')
    if len({network for _, device, network in links if device == server}) < 2:
        raise Trouble('the server is not joined to both of its networks')


def is_gone(cloud, user, nouns, one):
    until(f'{one} is gone', lambda: all(other['id'] != one for other in listed(cloud, nouns)))
    if any(other['id'] == one for other in shown(user)[nouns]):
        raise Trouble(f'{one} is still shown')


def detach(cloud, user, server, network):
    port = listed(cloud, 'ports', f'?device_id={server}&network_id={network}')[0]['id']
    user.form(f'/project/instances/{server}/detach_interface', instance_id=server, port=port)
    is_gone(cloud, user, 'ports', port)


def remove(cloud, user, page, button, nouns, one):
    user.press(*button, one, page=f'{PANEL}{page}')
    is_gone(cloud, user, nouns, one)


def walk_through_topology(clouds, user, server):
    cloud, admins = clouds
    outside = step('a network outside', make_outside, admins)
    network = step('a network by the topology', make_network, cloud, user)
    if outside is None or network is None:
        return
    step('a router is refused, with the reason', refuse_router, cloud, user, outside)
    step('the server is joined to it', attach, cloud, user, server, network)
    step('the page of the topology', user.get, PANEL, 'Network Topology', 'topologyCanvasContainer')
    step('its picture is what there is', compare, cloud, user, server, outside)
    for frame, text in [
        (f'instance?id={server}', f'instances__row__{server}'), ('network', f'networks__row__{network}'),
        ('router', 'id="routers"'), (f'network/{network}/', NETWORK),
    ]:
        step(f"its frame {frame.split('?')[0].split('/')[0]}: {text.split('_')[0]}", user.get, f'{PANEL}{frame}', text)
    step('the server is joined no more', detach, cloud, user, server, network)
    step('the network is deleted by it', remove, cloud, user, 'network', ('networks', 'delete'), 'networks', network)
    step('the network outside is deleted', admins.ask, 'network', 'DELETE', f'v2.0/networks/{outside}')
