"""Steps of servers, sizes and key pairs. Each is named for the method that it calls."""
import tempfile

from libcloud.compute.base import NodeImage

from walk import among, equal, eventually

PUBLIC_KEY = (
    'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd8JttDCE/F/pNRr0lRE+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3'
    '/OcJ02RhIPyyxYpv9FhY+2YiUkpwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxsIbECHw== walk'
)


def list_locations(walk):
    equal(len(walk.driver.list_locations()), 1, 'locations')


def list_sizes(walk):
    sizes = {size.name: size for size in walk.driver.list_sizes()}
    equal((sizes['small'].ram, sizes['small'].vcpus, sizes['small'].disk), (64, 1, 1), 'size')
    walk.made.update(small=sizes['small'], large=sizes['large'])


def ex_get_size(walk):
    equal(walk.driver.ex_get_size(walk.made['small'].id).name, 'small', 'size')


def ex_get_size_extra_specs(walk):
    size = walk.made['small']
    walk.api.open('POST', f'compute/v2.1/flavors/{size.id}/os-extra_specs', {'extra_specs': {'walk': 'yes'}}).close()
    equal(walk.driver.ex_get_size_extra_specs(size.id), {'walk': 'yes'}, 'extra specs')


def list_images(walk):
    (walk.made['image'],) = [image for image in walk.driver.list_images() if image.name == 'tiny']


def get_image(walk):
    equal(walk.driver.get_image(walk.made['image'].id).name, 'tiny', 'image')


def keys_of(walk):
    return [one['keypair']['name'] for one in walk.api.get('compute/v2.1/os-keypairs')['keypairs']]


def create_key_pair(walk):
    pair = walk.driver.create_key_pair('made')
    among('PRIVATE KEY', pair.private_key)
    among('made', keys_of(walk))


def import_key_pair_from_string(walk):
    walk.made['key'] = walk.driver.import_key_pair_from_string('given', PUBLIC_KEY)
    found = walk.api.get('compute/v2.1/os-keypairs/given')['keypair']
    equal(found['public_key'], PUBLIC_KEY, 'public key')


def with_file(call, name):
    with tempfile.NamedTemporaryFile('w', suffix='.pub') as file:
        file.write(PUBLIC_KEY)
        file.flush()
        return call(name, file.name)


def import_key_pair_from_file(walk):
    with_file(walk.driver.import_key_pair_from_file, 'file')
    among('file', keys_of(walk))


def list_key_pairs(walk):
    equal(sorted(pair.name for pair in walk.driver.list_key_pairs()), ['file', 'given', 'made'], 'key pairs')


def get_key_pair(walk):
    equal(walk.driver.get_key_pair('given').fingerprint, walk.made['key'].fingerprint, 'fingerprint')


def delete_key_pair(walk):
    equal(walk.driver.delete_key_pair(walk.driver.get_key_pair('made')), True, 'deleted')
    equal('made' in keys_of(walk), False, 'still there')


def ex_create_keypair(walk):
    walk.driver.ex_create_keypair('made')
    among('made', keys_of(walk))


def ex_import_keypair(walk):
    with_file(walk.driver.ex_import_keypair, 'file-too')
    among('file-too', keys_of(walk))


def ex_import_keypair_from_string(walk):
    walk.driver.ex_import_keypair_from_string('given-too', PUBLIC_KEY)
    among('given-too', keys_of(walk))


def ex_list_keypairs(walk):
    equal(len(walk.driver.ex_list_keypairs()), 5, 'key pairs')


def ex_delete_keypair(walk):
    for pair in walk.driver.ex_list_keypairs():
        if pair.name != 'given':
            walk.driver.ex_delete_keypair(pair)
    equal(keys_of(walk), ['given'], 'key pairs')


def create_node(walk):
    (private,) = [one for one in walk.driver.ex_list_networks() if one.name == 'private']
    walk.made['node'] = walk.driver.create_node(
        'walker',
        walk.made['small'],
        walk.made['image'],
        ex_keyname='given',
        ex_userdata='#!/bin/sh\n',
        ex_config_drive=True,
        ex_metadata={'role': 'walker'},
        ex_files={'/etc/walk': 'walk'},
        ex_disk_config='AUTO',
        networks=[private],
    )
    walk.status('ACTIVE')
    server = walk.server()
    equal((server['name'], server['key_name'], server['metadata']), ('walker', 'given', {'role': 'walker'}), 'server')
    equal((server['config_drive'], list(server['addresses'])), ('True', ['private']), 'server')


def wait_until_running(walk):
    ((node, addresses),) = walk.driver.wait_until_running([walk.made['node']], wait_period=1, timeout=60, ssh_interface='private_ips')
    equal(addresses, [walk.server()['addresses']['private'][0]['addr']], 'addresses')
    walk.made['node'] = node


def list_nodes(walk):
    equal([node.id for node in walk.driver.list_nodes()], [walk.made['node'].id], 'nodes')
    equal([node.name for node in walk.driver.list_nodes(ex_all_tenants=True)], ['walker'], 'nodes of all projects')


def ex_get_node_details(walk):
    node = walk.driver.ex_get_node_details(walk.made['node'].id)
    equal((node.name, node.extra['imageId'], node.state), ('walker', walk.made['image'].id, 'running'), 'node')
    walk.made['node'] = node
    equal(walk.driver.ex_get_node_details('00000000-0000-0000-0000-000000000000'), None, 'nobody')


def ex_get_metadata(walk):
    equal(walk.driver.ex_get_metadata(walk.made['node']), {'role': 'walker'}, 'metadata')


def ex_get_metadata_for_node(walk):
    equal(walk.driver.ex_get_metadata_for_node(walk.made['node']), {'role': 'walker'}, 'metadata')


def ex_set_metadata(walk):
    walk.driver.ex_set_metadata(walk.made['node'], {'role': 'runner'})
    equal(walk.server()['metadata'], {'role': 'runner'}, 'metadata')


def ex_set_server_name(walk):
    walk.driver.ex_set_server_name(walk.made['node'], 'named')
    equal(walk.server()['name'], 'named', 'name')


def ex_update_node(walk):
    walk.driver.ex_update_node(walk.made['node'], name='updated')
    equal(walk.server()['name'], 'updated', 'name')


def ex_get_console_output(walk):
    equal(isinstance(walk.driver.ex_get_console_output(walk.made['node'], 5)['output'], str), True, 'console')


def ex_set_password(walk):
    equal(walk.driver.ex_set_password(walk.made['node'], 'secret-of-walk'), True, 'accepted')
    among('changePassword', actions_of(walk))


def actions_of(walk):
    found = walk.api.get(f'compute/v2.1/servers/{walk.made["node"].id}/os-instance-actions')
    return [one['action'] for one in found['instanceActions']]


def turned(method, status, *words):
    """A step that calls a method with the server, after which the server comes to rest in a status."""

    def step(walk):
        getattr(walk.driver, method)(walk.made['node'], *[walk.made[word] for word in words])
        walk.status(status)

    step.__name__ = method
    return step


def rebooted(method):
    def step(walk):
        before = actions_of(walk).count('reboot')
        equal(getattr(walk.driver, method)(walk.made['node']), True, 'accepted')
        walk.status('ACTIVE')
        equal(actions_of(walk).count('reboot'), before + 1, 'reboots')

    step.__name__ = method
    return step


def ex_rescue(walk):
    walk.driver.ex_rescue(walk.made['node'])
    walk.status('RESCUE')


def ex_rebuild(walk):
    walk.driver.ex_rebuild(walk.made['node'], walk.made['image'], ex_metadata={'role': 'rebuilt'})
    walk.status('ACTIVE')
    equal(walk.server()['metadata'], {'role': 'rebuilt'}, 'metadata')


def flavor_of(walk):
    return walk.server()['flavor']['original_name']


def ex_resize(walk):
    equal(walk.driver.ex_resize(walk.made['node'], walk.made['large']), True, 'accepted')
    walk.status('VERIFY_RESIZE')
    equal(flavor_of(walk), 'large', 'flavor')


def ex_revert_resize(walk):
    equal(walk.driver.ex_revert_resize(walk.made['node']), True, 'accepted')
    walk.status('ACTIVE')
    equal(flavor_of(walk), 'small', 'flavor')


def ex_confirm_resize(walk):
    walk.driver.ex_resize(walk.made['node'], walk.made['large'])
    walk.status('VERIFY_RESIZE')
    equal(walk.driver.ex_confirm_resize(walk.made['node']), True, 'confirmed')
    walk.status('ACTIVE')
    equal(flavor_of(walk), 'large', 'flavor')


def create_image(walk):
    image = walk.driver.create_image(walk.made['node'], 'snapshot', metadata={'of': 'walk'})
    walk.made['snapshot image'] = image
    eventually('the image is there', lambda: walk.api.get(f'image/v2/images/{image.id}')['status'] == 'active')
    walk.status('ACTIVE')
    equal(walk.api.get(f'image/v2/images/{image.id}')['of'], 'walk', 'metadata')


def ex_update_image(walk):
    image = walk.made['snapshot image']
    walk.driver.ex_update_image(image.id, [{'op': 'replace', 'path': '/visibility', 'value': 'shared'}])
    equal(walk.api.get(f'image/v2/images/{image.id}')['visibility'], 'shared', 'visibility')


def ex_create_image_member(walk):
    walk.driver.ex_create_image_member(walk.made['snapshot image'].id, walk.api.project)
    equal(members_of(walk), {walk.api.project: 'pending'}, 'members')


def members_of(walk):
    found = walk.api.get(f'image/v2/images/{walk.made["snapshot image"].id}/members')
    return {one['member_id']: one['status'] for one in found['members']}


def ex_list_image_members(walk):
    (member,) = walk.driver.ex_list_image_members(walk.made['snapshot image'].id)
    equal((member.id, member.state), (walk.api.project, 'pending'), 'member')


def ex_get_image_member(walk):
    member = walk.driver.ex_get_image_member(walk.made['snapshot image'].id, walk.api.project)
    equal(member.image_id, walk.made['snapshot image'].id, 'image')


def ex_accept_image_member(walk):
    walk.driver.ex_accept_image_member(walk.made['snapshot image'].id, walk.api.project)
    equal(members_of(walk), {walk.api.project: 'accepted'}, 'members')


def delete_image(walk):
    equal(walk.driver.delete_image(NodeImage(walk.made['snapshot image'].id, 'snapshot', walk.driver)), True, 'deleted')
    equal(walk.api.get(f'image/v2/images/{walk.made["snapshot image"].id}'), None, 'image')


def copy_image(walk):
    walk.driver.copy_image('RegionOne', walk.made['image'], 'copy')


def ex_add_server_group(walk):
    group = walk.driver.ex_add_server_group('together', 'affinity')
    walk.made['group'] = group
    found = walk.api.get(f'compute/v2.1/os-server-groups/{group.id}')['server_group']
    equal((found['name'], found['policy']), ('together', 'affinity'), 'group')


def ex_list_server_groups(walk):
    equal([one.id for one in walk.driver.ex_list_server_groups()], [walk.made['group'].id], 'groups')


def ex_get_server_group(walk):
    equal(walk.driver.ex_get_server_group(walk.made['group'].id).policy, 'affinity', 'policy')


def ex_del_server_group(walk):
    equal(walk.driver.ex_del_server_group(walk.made['group']), True, 'deleted')
    equal(walk.api.get('compute/v2.1/os-server-groups')['server_groups'], [], 'groups')


def ex_get_quota_set(walk):
    found = walk.api.get(f'compute/v2.1/os-quota-sets/{walk.api.project}/detail')['quota_set']
    quota = walk.driver.ex_get_quota_set(walk.api.project)
    equal((quota.cores.in_use, quota.cores.limit), (found['cores']['in_use'], found['cores']['limit']), 'cores')


def destroy_node(walk):
    equal(walk.driver.destroy_node(walk.made['node']), True, 'accepted')
    eventually('the server is gone', lambda: walk.server() is None)
    equal(walk.driver.list_nodes(), [], 'nodes')


steps = [
    list_locations,
    *(list_sizes, ex_get_size, ex_get_size_extra_specs, list_images, get_image),
    *(create_key_pair, import_key_pair_from_string, import_key_pair_from_file, list_key_pairs, get_key_pair, delete_key_pair),
    *(ex_create_keypair, ex_import_keypair, ex_import_keypair_from_string, ex_list_keypairs, ex_delete_keypair),
    *(create_node, wait_until_running, list_nodes, ex_get_node_details),
    *(ex_get_metadata, ex_get_metadata_for_node, ex_set_metadata, ex_set_server_name, ex_update_node),
    *(ex_get_console_output, ex_set_password),
    *(rebooted('reboot_node'), rebooted('ex_soft_reboot_node'), rebooted('ex_hard_reboot_node')),
    *(turned('stop_node', 'SHUTOFF'), turned('start_node', 'ACTIVE')),
    *(turned('ex_stop_node', 'SHUTOFF'), turned('ex_start_node', 'ACTIVE')),
    *(turned('ex_pause_node', 'PAUSED'), turned('ex_unpause_node', 'ACTIVE')),
    *(turned('ex_suspend_node', 'SUSPENDED'), turned('ex_resume_node', 'ACTIVE')),
    *(ex_rescue, turned('ex_unrescue', 'ACTIVE'), ex_rebuild, ex_resize, ex_revert_resize, ex_confirm_resize),
    *(create_image, ex_update_image, ex_create_image_member, ex_list_image_members, ex_get_image_member),
    *(ex_accept_image_member, delete_image, copy_image),
    *(ex_add_server_group, ex_list_server_groups, ex_get_server_group, ex_del_server_group, ex_get_quota_set),
]
last_steps = [destroy_node]
