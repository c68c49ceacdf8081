"""The panels of volumes and snapshots: what a volume lives through by their forms and buttons, each held against the API."""
import re

from steps import step
from trouble import Trouble, same, until

COMPARED_BYTES = 1 << 20
SERVICE = 'volumev3'
PAGES = ['/project/volumes/', '/project/snapshots/', '/project/volume_groups/']
ADMIN_PAGES = ['/admin/volumes/', '/admin/snapshots/', '/admin/volume_types/', '/admin/volume_groups/', '/admin/group_types/']
ASKED = [
    'cinder/volumes/?paginate=true', 'cinder/volumesnapshots/', 'cinder/volumetypes/', 'cinder/volumetypes/default/',
    'cinder/extensions/', 'cinder/tenantabsolutelimits/', 'cinder/availzones/',
]
ASKED_BY_ADMIN = ['cinder/qosspecs/', 'cinder/quota-sets/defaults/']
TABS = ['overview', 'snapshots_tab', 'messages_tab']


def made(cloud, user, path, wanted, **fields):
    """The volume that a form makes, once it is available."""
    before = {one['id'] for one in cloud.volumes()}
    user.form(path, **fields)
    new = [one['id'] for one in cloud.volumes() if one['id'] not in before]
    same('volumes that the form made', len(new), 1)
    volume = cloud.settles(new[0])
    same('the volume', {name: volume[name] for name in wanted}, wanted)
    user.get('/project/volumes/', f'volumes__row__{new[0]}')
    return new[0]


def from_image(cloud, user, image):
    shown = {'name': 'data', 'size': 1, 'bootable': 'true', 'snapshot_id': None}
    return made(cloud, user, '/project/volumes/create/', shown, name='data', description='by Horizon', size=1, type='',
                volume_source_type='image_source', image_source=image, availability_zone='nova', group='')


def from_snapshot(cloud, user, snapshot, size):
    shown = {'name': 'copy', 'size': size, 'snapshot_id': snapshot}
    return made(cloud, user, f'/project/volumes/create/?snapshot_id={snapshot}', shown, name='copy', description='', size=size,
                snapshot_source=snapshot, type='', group='')


def extend(cloud, user, volume, size, status):
    user.form(f'/project/volumes/{volume}/extend/', new_size=size)
    cloud.settles(volume, status, size=size)


def edit(cloud, user, volume):
    user.form(f'/project/volumes/{volume}/update/', name='other', description='another', bootable='on')
    cloud.settles(volume, name='other', description='another')


def attachments(cloud, server):
    answer = cloud.ask('compute', 'GET', f'servers/{server}/os-volume_attachments')
    return [one['volumeId'] for one in answer['volumeAttachments']]


def has(cloud, server, volume):
    """The server's own list and the volume's say the same."""
    shown = cloud.settles(volume, 'in-use')
    same('the servers that have it', [one['server_id'] for one in shown['attachments']], [server])
    same('the volumes of the server', attachments(cloud, server), [volume])


def has_not(cloud, server, volume):
    same('the servers that have it', cloud.settles(volume)['attachments'], [])
    same('the volumes of the server', attachments(cloud, server), [])


def attach(cloud, user, server, volume):
    user.form(f'/project/volumes/{volume}/attach/', instance=server, device='', volume_id=volume)
    has(cloud, server, volume)
    user.get('/project/volumes/', f'/project/instances/{server}/', cloud.volume(volume)['attachments'][0]['device'])
    user.get(f'/project/instances/{server}/', f'/project/volumes/{volume}/')


def detach(cloud, user, server, volume):
    attachment = cloud.volume(volume)['attachments'][0]['attachment_id']
    user.press('attachments', 'detach', attachment, page=f'/project/volumes/{volume}/attach/')
    has_not(cloud, server, volume)


def attach_at_server(cloud, user, server, volume):
    user.form(f'/project/instances/{server}/attach_volume/', instance_id=server, volume=volume, device='')
    has(cloud, server, volume)
    user.form(f'/project/instances/{server}/detach_volume/', instance_id=server, volume=volume)
    has_not(cloud, server, volume)


def snapshots_of(cloud, volume):
    return cloud.ask(SERVICE, 'GET', f'snapshots/detail?volume_id={volume}')['snapshots']


def snapshot(cloud, user, volume, name, size):
    user.form(f'/project/volumes/{volume}/create_snapshot/', name=name, description='', volume_id=volume)
    mine = next(one for one in snapshots_of(cloud, volume) if one['name'] == name)
    same('its size', mine['size'], size)
    until(f"{mine['id']} is available",
          lambda: any(one['id'] == mine['id'] and one['status'] == 'available' for one in snapshots_of(cloud, volume)))
    user.get('/project/snapshots/', f"volume_snapshots__row__{mine['id']}")
    user.get(f"/project/snapshots/{mine['id']}", name)
    return mine['id']


def remove_snapshot(cloud, user, volume, one):
    user.press('volume_snapshots', 'delete', one, page='/project/snapshots/')
    until(f'{one} is gone', lambda: all(other['id'] != one for other in snapshots_of(cloud, volume)))


def same_bytes(cloud, user, volume, image):
    """An image of the volume begins with what the volume was made from."""
    user.form(f'/project/volumes/{volume}/upload_to_image/', id=volume, name='copy', image_name='of-volume', disk_format='qcow2')
    find = 'v2/images?name=of-volume&status=active'
    found = until('the image is active', lambda: cloud.ask('image', 'GET', find)['images'])
    before, after = (cloud.first_bytes(one, form, COMPARED_BYTES) for one, form in ((image, 'raw'), (found[0]['id'], 'qcow2')))
    if len(before) != COMPARED_BYTES or before != after:
        raise Trouble(f'{len(before)} and {len(after)} bytes, which are not the same')
    cloud.ask('image', 'DELETE', f"v2/images/{found[0]['id']}")
    cloud.settles(volume)


def retype(cloud, admin, user, volume):
    admin.form('/admin/volume_types/create_type', name='fast', vol_type_description='', is_public='on')
    user.form(f'/project/volumes/{volume}/retype/', name='copy', volume_type='fast', migration_policy='never')
    cloud.settles(volume, volume_type='fast')


def offer(user, volume):
    """The two words by which somebody else takes it."""
    shown = user.fill(f'/project/volumes/{volume}/create_transfer/', name='gift').text
    words = [re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]+)"', shown) for name in ('id', 'auth_key')]
    if None in words:
        raise Trouble('no words of a transfer are shown')
    return [one[1] for one in words]


def take_back(cloud, user, volume):
    offer(user, volume)
    cloud.settles(volume, 'awaiting-transfer')
    user.press('volumes', 'delete_transfer', volume)
    cloud.settles(volume)
    same('transfers', cloud.ask(SERVICE, 'GET', 'os-volume-transfer')['transfers'], [])


def hand_over(clouds, admin, user, volume):
    """From the user's project to the administrator's."""
    mine, theirs = clouds
    transfer, key = offer(user, volume)
    admin.form('/project/volumes/accept_transfer/', transfer_id=transfer, auth_key=key)
    theirs.settles(volume, **{'os-vol-tenant-attr:tenant_id': theirs.project})
    if any(one['id'] == volume for one in mine.volumes()):
        raise Trouble('who gave it away has it still')


def boot(cloud, user, volume, flavor):
    network = user.items('neutron/networks/')[0]['id']
    disk = {'source_type': 'volume', 'destination_type': 'volume', 'delete_on_termination': False, 'uuid': volume, 'boot_index': '0'}
    server = user.ask(
        'POST', 'nova/servers/', name='of-volume', source_id='', flavor_id=flavor, key_name='key', user_data='',
        availability_zone='nova', security_groups=['default'], nics=[{'net-id': network, 'v4-fixed-ip': ''}],
        instance_count=1, config_drive=False, disk_config='AUTO', meta={}, scheduler_hints={}, block_device_mapping_v2=[disk])
    user.reaches(server['id'], 'ACTIVE')
    has(cloud, server['id'], volume)
    same('its image', cloud.ask('compute', 'GET', f"servers/{server['id']}")['server']['image'], '')
    same('its disk', cloud.volume(volume)['attachments'][0]['device'], '/dev/vda')
    user.get(f"/project/instances/{server['id']}/", f'/project/volumes/{volume}/')
    user.press('instances', 'delete', server['id'])
    same('the servers that have it', cloud.settles(volume)['attachments'], [])


def remove(cloud, visitor, volume):
    visitor.press('volumes', 'delete', volume)
    until(f'{volume} is gone', lambda: all(one['id'] != volume for one in cloud.volumes()))


def look(who, visitor, pages, asked):
    for path in pages:
        step(f'{who}: {path}', visitor.get, path)
    for path in asked:
        step(f'{who}: api/{path}', visitor.ask, 'GET', path)


def walk_through_volumes(clouds, admin, user, server, flavor):
    cloud, admins = clouds
    image = next(one['id'] for one in user.items('glance/images/') if one['name'] == 'tiny')
    volume = step('a volume, from an image', from_image, cloud, user, image)
    if volume is None:
        return
    step('it is larger', extend, cloud, user, volume, 2, 'available')
    step('another name of it', edit, cloud, user, volume)
    step('a server has it', attach, cloud, user, server, volume)
    step('it is larger while the server has it', extend, cloud, user, volume, 3, 'in-use')
    early = step('a snapshot of it meanwhile', snapshot, cloud, user, volume, 'early', 3)
    step('the server has it no more', detach, cloud, user, server, volume)
    step('attached and detached at the server', attach_at_server, cloud, user, server, volume)
    late = step('a snapshot', snapshot, cloud, user, volume, 'late', 3)
    copy = step('a volume of the snapshot', from_snapshot, cloud, user, late, 3)
    step('an image of that has the same bytes', same_bytes, cloud, user, copy, image)
    for tab in TABS:
        step(f'the tab {tab} of its page', user.get, f'/project/volumes/{volume}/?tab=volume_details__{tab}', 'other')
    step('another type', retype, cloud, admin, user, copy)
    look('user', user, PAGES, ASKED)
    look('administrator', admin, PAGES + ADMIN_PAGES, ASKED + ASKED_BY_ADMIN)
    step('a server boots from it', boot, cloud, user, copy, flavor)
    step('offered, and taken back', take_back, cloud, user, copy)
    step('handed over to another project', hand_over, clouds, admin, user, copy)
    for name, one in (('early', early), ('late', late)):
        step(f'the snapshot {name} is deleted', remove_snapshot, cloud, user, volume, one)
    step('the volume is deleted', remove, cloud, user, volume)
    step('who was given the other deletes it', remove, admins, admin, copy)
