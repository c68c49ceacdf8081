import unittest
from types import SimpleNamespace

from openstack import exceptions
from tests.wire import SERVER, adjustment, cloud
from xloudclient.sdk import Proxy, attach
from xloudclient.sdk.copies import Backup

SIZE = f'/os-xloud-adjust/{SERVER}'


class Sizes(unittest.TestCase):
    def test_only_what_is_said_is_sent(self):
        xloud, wire = cloud(**{f'POST {SIZE}': [(202, adjustment('adjusting'))]})
        self.assertEqual(xloud.adjust_server(SERVER, vcpus=3).status, 'adjusting')
        xloud.adjust_server(SERVER, memory_mb=512, persist=False, may_migrate=False)
        self.assertEqual(
            [body for _, body in wire.asked],
            [
                {'current_vcpus': 3, 'persist': True},
                {'current_memory_mb': 512, 'persist': False, 'may_migrate': False},
            ],
        )

    def test_a_refusal_has_the_words_of_the_service(self):
        refusal = {'badRequest': {'code': 400, 'message': 'at most 4 vCPUs'}}
        xloud, _ = cloud(**{f'POST {SIZE}': [(400, refusal)]})
        with self.assertRaisesRegex(exceptions.BadRequestException, 'at most 4 vCPUs'):
            xloud.adjust_server(SERVER, vcpus=9)

    def test_it_is_waited_for(self):
        xloud, wire = cloud(**{f'GET {SIZE}': [(200, adjustment('adjusting')), (200, adjustment('idle', 3))]})
        seen = []
        found = xloud.wait_for_adjustment(SERVER, interval=0, callback=lambda one: seen.append(one.status))
        self.assertEqual((found.vcpus['current'], found.id, seen), (3, SERVER, ['adjusting']))
        self.assertEqual(len(wire.asked), 2)

    def test_in_part_is_a_failure(self):
        for status in ('partial', 'error'):
            xloud, _ = cloud(**{f'GET {SIZE}': [(200, adjustment(status, 2, '2 of 3 vCPUs'))]})
            with self.assertRaisesRegex(exceptions.ResourceFailure, '^ResourceFailure: 2 of 3 vCPUs$|^2 of 3 vCPUs$'):
                xloud.wait_for_adjustment(SERVER, interval=0)

    def test_waiting_ends(self):
        xloud, _ = cloud(**{f'GET {SIZE}': [(200, adjustment('adjusting'))]})
        with self.assertRaises(exceptions.ResourceTimeout):
            xloud.wait_for_adjustment(SERVER, interval=0, timeout=0)

    def test_pages_are_followed(self):
        more = 'http://cloud/compute/v2.1/os-xloud-adjust?marker=a'
        first = {'adjustments': [adjustment()], 'adjustments_links': [{'rel': 'next', 'href': more}]}
        xloud, wire = cloud(
            **{
                'GET /os-xloud-adjust': [(200, first)],
                'GET /os-xloud-adjust?marker=a': [(200, {'adjustments': [adjustment('partial')]})],
            }
        )
        self.assertEqual([one.status for one in xloud.adjustments()], ['idle', 'partial'])
        self.assertEqual(len(wire.asked), 2)


class Policies(unittest.TestCase):
    def test_a_change_sends_what_is_named(self):
        path = '/os-xloud-adjust-policies/p'
        xloud, wire = cloud(**{f'PUT {path}': [(200, {'policy': {'id': 'p', 'name': 'shop', 'pressure': None}})]})
        self.assertEqual(xloud.update_policy('p', name='shop', pressure=None, enabled=False).name, 'shop')
        self.assertEqual(
            wire.asked, [(f'PUT {path}', {'policy': {'name': 'shop', 'pressure': None, 'enabled': False}})]
        )


class Copies(unittest.TestCase):
    def test_a_snapshot_is_made_below_its_server(self):
        path = f'/servers/{SERVER}/os-xloud-snapshots'
        made = {'snapshot': {'id': 's', 'server_id': SERVER, 'name': 'x', 'status': 'creating', 'verifying': False}}
        xloud, wire = cloud(**{f'POST {path}': [(202, made)], f'PUT {path}/s': [(200, made)]})
        snapshot = xloud.create_snapshot(SERVER, 'x', tags=['a'])
        xloud.update_snapshot(snapshot, name='y')
        self.assertEqual(
            wire.asked,
            [
                (f'POST {path}', {'snapshot': {'name': 'x', 'tags': ['a']}}),
                (f'PUT {path}/s', {'snapshot': {'name': 'y'}}),
            ],
        )

    def test_a_name_that_two_have_is_refused(self):
        both = [{'id': one, 'name': 'x', 'server_id': SERVER} for one in 'ab']
        xloud, _ = cloud(**{f'GET /servers/{SERVER}/os-xloud-snapshots': [(200, {'snapshots': both})]})
        with self.assertRaises(exceptions.DuplicateResource):
            xloud.find_snapshot(SERVER, 'x')
        self.assertEqual(xloud.find_snapshot(SERVER, 'b').id, 'b')
        with self.assertRaisesRegex(exceptions.NotFoundException, 'No Snapshot found for c'):
            xloud.find_snapshot(SERVER, 'c')

    def test_an_error_is_raised_with_its_reason(self):
        broken = {'backup': {'id': 'b', 'status': 'error', 'reason': 'no room', 'verifying': False}}
        reading = {'backup': {'id': 'b', 'status': 'available', 'verifying': True}}
        xloud, wire = cloud(**{'GET /os-xloud-backups/b': [(200, reading), (200, broken)]})
        with self.assertRaisesRegex(exceptions.ResourceFailure, 'no room'):
            xloud.wait_for_backup('b', interval=0)
        self.assertEqual(len(wire.asked), 2)

    def test_what_could_not_be_restored_fails_with_the_best_reason(self):
        backup = Backup.existing(id='b')
        cases = (('missing', None, 'missing'), (None, 'no room', 'no room'), (None, None, 'Error'))
        for reason, details, told in cases:
            events = [{'event': 'restore'}, {'event': 'disk', 'details': details}]
            action = {'instanceAction': {'request_id': 'req-1', 'message': 'Error', 'events': events}}
            xloud, _ = cloud(
                **{
                    f'POST /servers/{SERVER}/os-xloud-backups/b/restore': [(202, None)],
                    f'GET /servers/{SERVER}': [(200, {'server': {'id': SERVER, 'OS-EXT-STS:task_state': None}})],
                    f'GET /servers/{SERVER}/os-instance-actions/req-1': [(200, action)],
                    'GET /os-xloud-backups/b': [(200, {'backup': {'id': 'b', 'reason': reason}})],
                }
            )
            request_id = xloud.restore_backup(SERVER, backup)
            with self.assertRaisesRegex(exceptions.ResourceFailure, f'not restored: {told}'):
                xloud.wait_for_restore(SERVER, backup, request_id, interval=0)


class Attached(unittest.TestCase):
    def test_nothing_is_asked_before_the_first_call(self):
        conn = SimpleNamespace()
        self.assertIsInstance(attach(conn).xloud, Proxy)
        conn.compute = 'compute'
        self.assertEqual(conn.xloud.compute, 'compute')
