"""Walks through Horizon as an administrator and as a user: `walk.py SITE CLOUDS_YAML [--sizes]`. A line for each step; fails with any of them."""
import sys

import yaml

import steps
from cloud import Cloud
from sizes import walk_through_sizes
from steps import step
from topology import walk_through_topology
from trouble import Trouble, until
from visitor import Visitor
from volumes import walk_through_volumes

SITE, CLOUDS, *ONLY = sys.argv[1:]
with open(CLOUDS, encoding='utf-8') as file:
    clouds = yaml.safe_load(file)['clouds']

PROJECT_PAGES = [
    '/project/', '/project/api_access/', '/project/instances/', '/project/images/', '/project/key_pairs/',
    '/project/server_groups/', '/project/networks/', '/project/routers/', '/project/security_groups/',
    '/project/floating_ips/', '/project/network_topology/', '/project/network_topology/json', '/identity/',
    '/identity/users/', '/identity/application_credentials/',
]
ADMIN_PAGES = [
    '/admin/', '/admin/hypervisors/', '/admin/aggregates/', '/admin/instances/', '/admin/flavors/', '/admin/images/',
    '/admin/networks/', '/admin/routers/', '/admin/floating_ips/', '/admin/defaults/', '/admin/metadata_defs/',
    '/admin/info/', '/identity/groups/', '/identity/roles/',
]
# what the dialogs of launching, of flavors and of quotas ask for
ASKED = [
    'nova/availzones/', 'nova/flavors/?is_public=true&get_extras=true', 'nova/keypairs/', 'nova/limits/?reserved=true',
    'nova/servers/', 'nova/servergroups/', 'nova/quota-sets/defaults/', 'neutron/networks/', 'neutron/extensions/',
    'network/securitygroups/', 'network/floatingips/', 'network/floatingippools/', 'glance/images/', 'glance/version/',
    'glance/metadefs/namespaces/?resource_type=OS::Nova::Flavor', 'keystone/user-session/', 'keystone/svc-catalog/',
    'keystone/version/', 'settings/',
]
ASKED_BY_ADMIN = ['nova/services/', 'keystone/projects/', 'keystone/users/', 'keystone/roles/', 'keystone/domains/']
TABS = ['overview', 'interfaces', 'log', 'console', 'audit']

def login(cloud):
    """By Horizon, and past it."""
    auth = clouds[cloud]['auth']
    return Visitor(SITE, auth['username'], auth['password']), Cloud(auth)


def look_around(who, visitor, pages, asked):
    for path in pages:
        step(f'{who}: {path}', visitor.get, path)
    for path in asked:
        step(f'{who}: api/{path}', visitor.ask, 'GET', path)


def make_flavor(admin, name, vcpus, ram):
    admin.form('/admin/flavors/create/', name=name, flavor_id='auto', vcpus=vcpus, memory_mb=ram, disk_gb=1, eph_gb=0,
               swap_mb=0, rxtx_factor=1)
    admin.get('/admin/flavors/', name)
    return next(one['id'] for one in admin.items('nova/flavors/') if one['name'] == name)


def make_elastic(admin, flavor):
    minimum = {'minimum_cpu': '1', 'minimum_memory': '256'}
    admin.ask('PATCH', f'nova/flavors/{flavor}/extra-specs/', updated=minimum, removed=[])
    if admin.ask('GET', f'nova/flavors/{flavor}/extra-specs/') != minimum:
        raise Trouble('its extra specs are not what was asked')


def launch(user, flavor):
    image = next(one['id'] for one in user.items('glance/images/') if one['name'] == 'tiny')
    network = user.items('neutron/networks/')[0]['id']
    made = user.ask(
        'POST', 'nova/servers/', name='one', source_id=image, flavor_id=flavor, key_name='key', user_data='',
        availability_zone='nova', security_groups=['default'], nics=[{'net-id': network, 'v4-fixed-ip': ''}],
        instance_count=1, config_drive=True, disk_config='AUTO', description='by Horizon', meta={'role': 'web'},
        scheduler_hints={})
    user.reaches(made['id'], 'ACTIVE')
    user.get('/project/instances/', f"instances__row__{made['id']}")
    return made['id']


def walk_through_life(user, admin, server, image, bigger):
    path = f'/project/instances/{server}'
    for tab in TABS:
        step(f'the tab {tab} of its page', user.get, f'{path}/?tab=instance_details__{tab}', 'one')
    step('its log', user.get, f'{path}/console')
    for action, status in [
        ('pause', 'PAUSED'), ('pause', 'ACTIVE'), ('suspend', 'SUSPENDED'), ('suspend', 'ACTIVE'), ('lock', 'ACTIVE'),
        ('unlock', 'ACTIVE'), ('soft_reboot', 'ACTIVE'), ('reboot', 'ACTIVE'), ('stop', 'SHUTOFF'), ('start', 'ACTIVE'),
        ('shelve', 'SHELVED_OFFLOADED'), ('shelve', 'ACTIVE'),
    ]:
        step(f'{action}: {status}', press_until, user, action, server, status)
    metadata = f'nova/servers/{server}/metadata'
    step('other metadata', user.ask, 'PATCH', metadata, updated={'role': 'db'}, removed=[])
    step('another name', user.form, f'{path}/update', name='two')
    step('a snapshot', snapshot, user, server)
    step('rebuilt', rebuild, user, server, image)
    step('resized', resize, user, server, bigger)
    step('moved as it runs', live_migrate, admin, server)


def press_until(user, action, server, status, says=True):
    user.press('instances', action, server, says)
    user.reaches(server, status)


def snapshot(user, server):
    user.form(f'/project/images/{server}/create/', instance_id=server, name='snapshot')
    user.reaches(server, 'ACTIVE')


def rebuild(user, server, image):
    user.form(f'/project/instances/{server}/rebuild', instance_id=server, image=image, disk_config='AUTO')
    user.reaches(server, 'ACTIVE')


def resize(user, server, flavor):
    user.form(f'/project/instances/{server}/resize', flavor=flavor, disk_config='AUTO')
    user.reaches(server, 'VERIFY_RESIZE')
    press_until(user, 'confirm', server, 'ACTIVE', says=False)


def live_migrate(admin, server):
    admin.form(f'/admin/instances/{server}/live_migrate', instance_id=server, host='AUTO_SCHEDULE', block_migration='on')
    admin.reaches(server, 'ACTIVE')


def remove(user, server):
    user.press('instances', 'delete', server)
    until(f'{server} is gone', lambda: all(one['id'] != server for one in user.items('nova/servers/')))


admin, admins_cloud = step('the administrator logs in', login, 'xloud') or (None, None)
user, users_cloud = step('a user logs in', login, 'xloud-demo') or (None, None)
if admin is None or user is None:
    sys.exit(1)
both = (users_cloud, admins_cloud)
flavor = step('a flavor', make_flavor, admin, 'elastic', 4, 1024)
bigger = step('another flavor', make_flavor, admin, 'bigger', 4, 2048)
step('a flavor becomes elastic', make_elastic, admin, flavor)
step('its description', admin.get, '/admin/metadata_defs/OS::Xloud::Elastic/detail', 'Elastic servers')
step('an aggregate', admin.form, '/admin/aggregates/create/', name='rack', availability_zone='')
step('a key pair', user.ask, 'POST', 'nova/keypairs/', name='key', key_type='ssh')
step('a group of servers', user.ask, 'POST', 'nova/servergroups/', name='group', policies=['soft-affinity'])
step('a security group', user.form, '/project/security_groups/create/', name='web', description='')
server = step('a server', launch, user, flavor)
if ONLY == ['--sizes']:
    if server is not None:
        walk_through_sizes(users_cloud, user, server)
    steps.end()
look_around('administrator', admin, PROJECT_PAGES + ADMIN_PAGES, ASKED + ASKED_BY_ADMIN)
look_around('user', user, PROJECT_PAGES, ASKED)
if server is not None:
    image = next(one['id'] for one in user.items('glance/images/') if one['name'] == 'tiny')
    walk_through_sizes(users_cloud, user, server)
    walk_through_topology(both, user, server)
    walk_through_volumes(both, admin, user, server, flavor)
    walk_through_life(user, admin, server, image, bigger)
    step('deleted', remove, user, server)
steps.end()
