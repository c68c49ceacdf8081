import contextlib
import io
import unittest
from importlib.metadata import entry_points
from unittest import mock

from osc_lib import exceptions
from tests.wire import SERVER, adjustment, app_of, cloud
from xloudclient.osc import adjust, backup, policy, snapshot
from xloudclient.sdk import waiting

SIZE = f'/os-xloud-adjust/{SERVER}'
FOUND = {f'GET /servers/{SERVER}': [(200, {'server': {'id': SERVER, 'name': 'first'}})]}


def run(kind, app, *words):
    command = kind(app, None)
    return command.take_action(command.get_parser('openstack').parse_args(words))


class Adjusting(unittest.TestCase):
    def test_a_server_is_adjusted(self):
        xloud, wire = cloud(**FOUND, **{f'POST {SIZE}': [(202, adjustment('adjusting'))]})
        words = ('--vcpus', '3', '--memory', '1G', '--no-persist')
        names, values = run(adjust.AdjustServer, app_of(xloud), SERVER, *words)
        shown = dict(zip(names, values))
        self.assertEqual(shown['status'], 'adjusting')
        self.assertEqual(shown['vcpus'].machine_readable()['target'], 3)
        self.assertIn("target='3'", shown['vcpus'].human_readable())
        self.assertEqual(wire.asked[-1][1], {'current_vcpus': 3, 'current_memory_mb': 1024, 'persist': False})

    @mock.patch.object(waiting.time, 'sleep')
    def test_in_part_fails_with_the_message_alone(self, _):
        looks = [(200, adjustment('adjusting')), (200, adjustment('partial', 2, 'The guest took 2 of 3 vCPUs.'))]
        xloud, _ = cloud(**FOUND, **{f'POST {SIZE}': [(202, adjustment('adjusting'))], f'GET {SIZE}': looks})
        app = app_of(xloud)
        with self.assertRaisesRegex(exceptions.CommandError, 'The guest took 2 of 3 vCPUs.'):
            run(adjust.AdjustServer, app, SERVER, '--vcpus', '3', '--wait')
        self.assertEqual(app.stderr.getvalue(), '\rProgress: 1 of 3 vCPUs, 512 of 512 MiB\n')
        self.assertEqual(app.stdout.getvalue(), '')

    def test_a_size_is_wanted_before_anything_is_asked(self):
        xloud, wire = cloud()
        for kind in (adjust.AdjustServer, adjust.PlanAdjustment):
            with self.assertRaisesRegex(exceptions.CommandError, '--vcpus'):
                run(kind, app_of(xloud), SERVER)
        self.assertEqual(wire.asked, [])

    def test_a_plan_tells_yes_or_every_reason(self):
        reasons = [{'code': 'room', 'message': 'No room.'}, {'code': 'quota', 'message': 'Quota.'}]
        no = {'possible': False, 'reasons': reasons}
        ways = {'live': no, 'live_after_migration': no, 'next_boot': {'possible': True, 'reasons': []}}
        plan = {'server_id': SERVER, 'result': 'next_boot', 'ways': ways, 'largest': None, 'persist': True}
        xloud, _ = cloud(**FOUND, **{f'POST {SIZE}/plan': [(200, plan)]})
        shown = dict(zip(*run(adjust.PlanAdjustment, app_of(xloud), SERVER, '--vcpus', '3')))
        self.assertEqual(shown['live'].human_readable(), 'no: No room. Quota.')
        self.assertEqual(shown['next_boot'].human_readable(), 'yes')
        self.assertEqual(shown['live'].machine_readable(), no)
        self.assertIsNone(shown['largest'])


class Policies(unittest.TestCase):
    def test_pressure_that_is_not_named_stays(self):
        path = '/os-xloud-adjust-policies/p'
        before = {'vcpus': {'min': 1, 'max': 4, 'step': 1}, 'cpu': {'grow_above': 0.9, 'shrink_below': 0.5}, 'looks': 8}
        found = {'policy': {'id': 'p', 'name': 'web', 'pressure': before, 'schedules': [{'cron': '0 1 * * *'}]}}
        xloud, wire = cloud(**{f'GET {path}': [(200, found)], f'PUT {path}': [(200, found)]})
        run(policy.SetPolicy, app_of(xloud), 'p', '--cpu-grow-above', '0.8', '--schedule', '5 5 * * *; vcpus=2')
        after = {**before, 'cpu': {'grow_above': 0.8, 'shrink_below': 0.5}}
        schedules = [{'cron': '0 1 * * *'}, {'cron': '5 5 * * *', 'vcpus': 2}]
        self.assertEqual(wire.asked[-1], (f'PUT {path}', {'policy': {'pressure': after, 'schedules': schedules}}))
        with self.assertRaisesRegex(exceptions.CommandError, 'Nothing to change'):
            run(policy.SetPolicy, app_of(xloud), 'p')


class Copies(unittest.TestCase):
    def test_one_that_fails_does_not_keep_the_others(self):
        path = f'/servers/{SERVER}/os-xloud-snapshots'
        one = {'id': 's', 'name': 'x', 'server_id': SERVER}
        xloud, wire = cloud(
            **FOUND, **{f'GET {path}': [(200, {'snapshots': [one]})], 'DELETE /os-xloud-snapshots/s': [(202, None)]}
        )
        with self.assertLogs('xloudclient.osc.snapshot', 'ERROR') as log:
            with self.assertRaisesRegex(exceptions.CommandError, '1 of 2 snapshots failed to delete'):
                run(snapshot.DeleteSnapshot, app_of(xloud), SERVER, 'nobody', 'x')
        self.assertIn('No Snapshot found for nobody', log.output[0])
        self.assertEqual(wire.asked[-1][0], 'DELETE /os-xloud-snapshots/s')

    def test_options_of_a_new_server_are_for_a_new_server(self):
        xloud, wire = cloud()
        for words in (('--server', SERVER, '--flavor', '1'), ('--new-server', 'again')):
            with self.assertRaises(exceptions.CommandError):
                run(backup.RestoreBackup, app_of(xloud), 'b', *words)
        self.assertEqual(wire.asked, [])


class Names(unittest.TestCase):
    def test_no_command_hides_one_of_the_client(self):
        ours = {entry.name for entry in entry_points(group='openstack.xloud.v1')}
        theirs = {entry.name for entry in entry_points(group='openstack.compute.v2')}
        self.assertIn('server_backup_create', theirs)
        self.assertEqual(len(ours), 26)
        self.assertEqual(ours & theirs, set())

    def test_each_helps(self):
        xloud, _ = cloud()
        for entry in entry_points(group='openstack.xloud.v1'):
            with self.subTest(entry.name), contextlib.redirect_stdout(io.StringIO()) as out:
                with self.assertRaises(SystemExit):
                    run(entry.load(), app_of(xloud), '--help')
                self.assertIn('usage', out.getvalue())
