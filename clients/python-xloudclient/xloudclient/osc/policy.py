"""`openstack server adjust policy`: autoscaling of servers."""
import logging

from osc_lib import exceptions
from osc_lib.command import command

from xloudclient.osc import show, words

LOG = logging.getLogger(__name__)

_FIELDS = (
    'id',
    'name',
    'project_id',
    'user_id',
    'server_id',
    'server_group_id',
    'flavor_id',
    ('enabled', 'is_enabled'),
    ('dry_run', 'is_dry_run'),
    'pressure',
    'schedules',
    'next_scheduled_at',
    'created_at',
    'updated_at',
)
_FORMATS = {'pressure': show.DICT, 'schedules': show.JoinedColumn}


def _add_rules(parser):
    span = '<min>:<max>[:<step>]'
    parser.add_argument(
        '--vcpus', metavar=span, type=words.span(words.positive), help='Range of vCPUs for scaling by pressure'
    )
    parser.add_argument(
        '--memory', metavar=span, type=words.span(words.memory), help='Range of memory for scaling by pressure'
    )
    for option, text in (
        ('--cpu-grow-above', 'Share of its vCPUs used or waited for above which it grows'),
        ('--cpu-shrink-below', 'Share of its vCPUs used or waited for below which it shrinks'),
        ('--memory-grow-below', 'Share of its memory available below which it grows'),
        ('--memory-shrink-above', 'Share of its memory available above which it shrinks'),
    ):
        parser.add_argument(option, metavar='<share>', type=words.share, help=f'{text}, from 0 to 1')
    parser.add_argument(
        '--looks',
        metavar='<number>',
        type=words.positive,
        help='Consecutive measurements with too much before it shrinks',
    )
    for what in ('grow', 'shrink'):
        parser.add_argument(
            f'--cooldown-{what}', metavar='<seconds>', type=int, help=f'Seconds before it may {what} (again)'
        )
    parser.add_argument(
        '--schedule',
        metavar='<schedule>',
        type=words.schedule,
        action='append',
        help="A size at certain times: '<cron>; vcpus=<vcpus>; memory=<size>; timezone=<name>' (repeat for several)",
    )
    state = parser.add_mutually_exclusive_group()
    state.add_argument('--enable', action='store_true', default=None, dest='enabled', help='Enable the policy')
    state.add_argument('--disable', action='store_false', dest='enabled', help='Disable the policy')
    dry = parser.add_mutually_exclusive_group()
    dry.add_argument(
        '--dry-run', action='store_true', default=None, help='Record decisions without executing them'
    )
    dry.add_argument('--no-dry-run', action='store_false', dest='dry_run', help='Execute decisions')


def _pressure(args, before):
    """The pressure rules with the given options changed; None if there are none."""
    said = {
        (): {'vcpus': args.vcpus, 'memory_mb': args.memory, 'looks': args.looks},
        ('cpu',): {'grow_above': args.cpu_grow_above, 'shrink_below': args.cpu_shrink_below},
        ('memory',): {'grow_below': args.memory_grow_below, 'shrink_above': args.memory_shrink_above},
        ('cooldown_seconds',): {'grow': args.cooldown_grow, 'shrink': args.cooldown_shrink},
    }
    found = dict(before or {})
    changed = False
    for path, values in said.items():
        given = {key: value for key, value in values.items() if value is not None}
        if not given:
            continue
        changed = True
        if path:
            found[path[0]] = {**found.get(path[0], {}), **given}
        else:
            found.update(given)
    return found if changed else None


def _attrs(args, before=None):
    said = {
        'pressure': _pressure(args, before),
        'schedules': args.schedule,
        'enabled': args.enabled,
        'dry_run': args.dry_run,
    }
    return {name: value for name, value in said.items() if value is not None}


class CreatePolicy(command.ShowOne):
    _description = 'Create an autoscaling policy for a server, the servers of a group or those of a flavor'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>', help='Name of the policy')
        subject = parser.add_mutually_exclusive_group(required=True)
        subject.add_argument('--server', metavar='<server>', help='For this server (name or ID)')
        subject.add_argument(
            '--server-group', metavar='<server-group>', help='For the servers of this group (name or ID)'
        )
        subject.add_argument('--flavor', metavar='<flavor>', help='For the servers of this flavor (administrators)')
        _add_rules(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        if parsed_args.server is not None:
            subject = {'server_id': xloud.compute.find_server(parsed_args.server, ignore_missing=False).id}
        elif parsed_args.server_group is not None:
            group = xloud.compute.find_server_group(parsed_args.server_group, ignore_missing=False)
            subject = {'server_group_id': group.id}
        else:
            subject = {'flavor_id': xloud.compute.find_flavor(parsed_args.flavor, ignore_missing=False).id}
        policy = xloud.create_policy(name=parsed_args.name, **subject, **_attrs(parsed_args))
        return show.fields(policy, _FIELDS, _FORMATS)


def _add_policy(parser, **more):
    parser.add_argument('policy', metavar='<policy>', help='Policy (name or ID)', **more)


class SetPolicy(command.Command):
    _description = 'Change an autoscaling policy; attributes without an option stay'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_policy(parser)
        parser.add_argument('--name', metavar='<name>', help='New name')
        _add_rules(parser)
        parser.add_argument('--no-pressure', action='store_true', help='Stop scaling by pressure')
        parser.add_argument(
            '--no-schedule', action='store_true', help='Remove all schedules; with --schedule: replace them'
        )
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        policy = xloud.find_policy(parsed_args.policy)
        attrs = _attrs(parsed_args, None if parsed_args.no_pressure else policy.pressure)
        if parsed_args.no_pressure:
            attrs.setdefault('pressure', None)
        if parsed_args.schedule or parsed_args.no_schedule:
            kept = [] if parsed_args.no_schedule else policy.schedules
            attrs['schedules'] = kept + (parsed_args.schedule or [])
        if parsed_args.name is not None:
            attrs['name'] = parsed_args.name
        if not attrs:
            raise exceptions.CommandError('Nothing to change: give at least one option.')
        xloud.update_policy(policy, **attrs)


class ShowPolicy(command.ShowOne):
    _description = 'Show an autoscaling policy'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_policy(parser)
        return parser

    def take_action(self, parsed_args):
        return show.fields(self.app.client_manager.xloud.find_policy(parsed_args.policy), _FIELDS, _FORMATS)


class DeletePolicy(command.Command):
    _description = 'Delete autoscaling policies; their servers keep their current size'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_policy(parser, nargs='+')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        show.delete_each(
            LOG, parsed_args.policy, lambda name: xloud.delete_policy(xloud.find_policy(name)), 'policy', 'policies'
        )


def _add_span(parser):
    parser.add_argument('--limit', metavar='<number>', type=words.positive, help='Maximum number to list')
    parser.add_argument('--offset', metavar='<number>', type=words.positive, help='Number to skip')


class ListPolicies(command.Lister):
    _description = 'List autoscaling policies'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--all-projects', action='store_true', help='Those of all projects (administrators)')
        _add_span(parser)
        return parser

    def take_action(self, parsed_args):
        found = self.app.client_manager.xloud.policies(
            all_projects=parsed_args.all_projects, limit=parsed_args.limit, offset=parsed_args.offset
        )
        headers = ('ID', 'Name', 'For', 'Subject ID', 'Enabled', 'Dry Run', 'Next Scheduled At')
        return headers, [_row(one) for one in found]


def _row(policy):
    kind, subject = next(
        (kind, getattr(policy, f'{kind}_id'))
        for kind in ('server', 'server_group', 'flavor')
        if getattr(policy, f'{kind}_id') is not None
    )
    return (policy.id, policy.name, kind, subject, policy.is_enabled, policy.is_dry_run, policy.next_scheduled_at)


class ListDecisions(command.Lister):
    _description = 'List the decisions of a policy with their reasons, newest first'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_policy(parser)
        _add_span(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        policy = xloud.find_policy(parsed_args.policy)
        found = xloud.policy_decisions(policy, limit=parsed_args.limit, offset=parsed_args.offset)
        headers = ('Decided At', 'Server ID', 'Kind', 'Outcome', 'From', 'To', 'Reason', 'Request ID')
        return headers, [
            (
                *(one.decided_at, one.server_id, one.kind, one.outcome),
                *(show.DICT(one.from_size), show.DICT(one.to_size), one.reason, one.request_id),
            )
            for one in found
        ]
