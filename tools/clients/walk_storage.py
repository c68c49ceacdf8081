"""Steps of volumes and their snapshots. Each is named for the method that it calls."""
from walk import equal, eventually


def snapshot_of(walk, name='snapshot'):
    found = walk.api.get(f'volume/v3/{walk.api.project}/snapshots/{walk.made[name].id}')
    return found and found['snapshot']


def rests(walk, name='volume', status='available'):
    eventually(f'{name} is {status}', lambda: walk.volume(name)['status'] == status)


def create_volume(walk):
    walk.made['volume'] = walk.driver.create_volume(1, 'data')
    rests(walk)
    volume = walk.volume()
    equal((volume['name'], volume['size'], volume['metadata']), ('data', 1, {'contents': 'data'}), 'volume')
    walk.made['system'] = walk.driver.create_volume(1, 'system', ex_image_ref=walk.made['image'].id)
    rests(walk, 'system')
    equal(walk.volume('system')['bootable'], 'true', 'bootable')


def list_volumes(walk):
    equal(sorted(volume.name for volume in walk.driver.list_volumes()), ['data', 'system'], 'volumes')


def ex_get_volume(walk):
    walk.made['volume'] = walk.driver.ex_get_volume(walk.made['volume'].id)
    equal((walk.made['volume'].size, walk.made['volume'].state), (1, 'available'), 'volume')


def attach_volume(walk):
    equal(walk.driver.attach_volume(walk.made['node'], walk.made['volume']), True, 'accepted')
    rests(walk, status='in-use')
    (attached,) = walk.server()['os-extended-volumes:volumes_attached']
    equal(attached['id'], walk.made['volume'].id, 'attached')


def detach_volume(walk):
    equal(walk.driver.detach_volume(walk.driver.ex_get_volume(walk.made['volume'].id)), True, 'accepted')
    rests(walk)
    equal(walk.server()['os-extended-volumes:volumes_attached'], [], 'attached')


def create_volume_snapshot(walk):
    snapshot = walk.driver.create_volume_snapshot(walk.made['volume'], 'first', ex_description='of the walk')
    walk.made['snapshot'] = snapshot
    eventually('the snapshot is there', lambda: snapshot_of(walk)['status'] == 'available')
    equal(snapshot_of(walk)['description'], 'of the walk', 'description')
    walk.made['copy'] = walk.driver.create_volume(1, 'copy', snapshot=snapshot)
    rests(walk, 'copy')
    equal(walk.volume('copy')['snapshot_id'], snapshot.id, 'snapshot')


def ex_list_snapshots(walk):
    equal([one.id for one in walk.driver.ex_list_snapshots()], [walk.made['snapshot'].id], 'snapshots')


def list_volume_snapshots(walk):
    equal([one.name for one in walk.driver.list_volume_snapshots(walk.made['volume'])], ['first'], 'snapshots')
    equal(walk.driver.list_volume_snapshots(walk.made['copy']), [], 'snapshots of another')


def ex_get_snapshot(walk):
    equal(walk.driver.ex_get_snapshot(walk.made['snapshot'].id).name, 'first', 'name')


def ex_create_snapshot(walk):
    walk.made['second'] = walk.driver.ex_create_snapshot(walk.made['volume'], 'second')
    eventually('the snapshot is there', lambda: snapshot_of(walk, 'second')['status'] == 'available')


def ex_delete_snapshot(walk):
    equal(walk.driver.ex_delete_snapshot(walk.made['second']), True, 'accepted')
    eventually('the snapshot is gone', lambda: snapshot_of(walk, 'second') is None)


def destroy_volume_snapshot(walk):
    walk.driver.destroy_volume(walk.made['copy'])
    eventually('the copy is gone', lambda: walk.volume('copy') is None)
    equal(walk.driver.destroy_volume_snapshot(walk.made['snapshot']), True, 'accepted')
    eventually('the snapshot is gone', lambda: snapshot_of(walk) is None)


def destroy_volume(walk):
    for name in ('volume', 'system'):
        equal(walk.driver.destroy_volume(walk.made[name]), True, 'accepted')
        eventually(f'{name} is gone', lambda name=name: walk.volume(name) is None)


def ex_get_volume_quotas(walk):
    found = walk.api.get(f'volume/v3/{walk.api.project}/os-quota-sets/{walk.api.project}?usage=True')['quota_set']
    quota = walk.driver.ex_get_volume_quotas(walk.api.project)
    equal((quota.volumes.limit, quota.volumes.in_use), (found['volumes']['limit'], found['volumes']['in_use']), 'volumes')


steps = [
    *(create_volume, list_volumes, ex_get_volume, attach_volume, detach_volume),
    *(create_volume_snapshot, ex_list_snapshots, list_volume_snapshots, ex_get_snapshot, ex_create_snapshot),
    *(ex_delete_snapshot, destroy_volume_snapshot, ex_get_volume_quotas, destroy_volume),
]
