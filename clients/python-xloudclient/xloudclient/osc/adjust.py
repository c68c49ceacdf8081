"""`openstack server adjust`: a server grows and shrinks while it runs."""
import itertools

from osc_lib import exceptions
from osc_lib.command import command

from xloudclient.osc import show, words

_FORMATS = {'vcpus': show.DICT, 'memory_mb': show.DICT}
_FIELDS = ('server_id', 'status', 'vcpus', 'memory_mb', 'persist', 'request_id', 'updated_at', 'message')


def _add_server(parser):
    parser.add_argument('server', metavar='<server>', help='Server (name or ID)')


def _add_size(parser):
    parser.add_argument('--vcpus', metavar='<vcpus>', type=words.positive, help='New number of vCPUs')
    parser.add_argument(
        '--memory',
        metavar='<size>',
        type=words.memory,
        help='New memory: MiB, or a size such as 512M, 4G, 1.5GiB',
    )
    parser.add_argument(
        '--no-persist',
        action='store_false',
        dest='persist',
        help='Only until the next power cycle; a reboot is one, soft or hard',
    )
    moves = parser.add_mutually_exclusive_group()
    moves.add_argument(
        '--may-migrate',
        action='store_true',
        default=None,
        dest='may_migrate',
        help='Live-migrate the server if its host lacks room (default: as configured by the operator)',
    )
    moves.add_argument('--no-may-migrate', action='store_false', dest='may_migrate', help='Do not migrate the server')


def _size(args):
    if args.vcpus is None and args.memory is None:
        raise exceptions.CommandError('Give a size with --vcpus, --memory or both.')
    return {
        'vcpus': args.vcpus,
        'memory_mb': args.memory,
        'persist': args.persist,
        'may_migrate': args.may_migrate,
    }


def _so_far(seen):
    vcpus, memory = seen.vcpus, seen.memory_mb
    return f'{vcpus["current"]} of {vcpus["target"]} vCPUs, {memory["current"]} of {memory["target"]} MiB'


class AdjustServer(command.ShowOne):
    _description = (
        'Change the vCPUs or memory of a server, while it runs, between its minimum and maximum. '
        'If the server is named like a subcommand (show, list, plan, policy) or the beginning of one, '
        'put its name after the options'
    )

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_server(parser)
        _add_size(parser)
        parser.add_argument(
            '--wait',
            action='store_true',
            help='Wait until the server has the size; fail with the reason if it does not get all of it',
        )
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        size = _size(parsed_args)
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        adjustment = xloud.adjust_server(server, **size)
        if parsed_args.wait:
            adjustment = show.waited(
                self.app, _so_far, lambda tell: xloud.wait_for_adjustment(server, callback=tell)
            )
        return show.fields(adjustment, _FIELDS, _FORMATS)


class ShowAdjustment(command.ShowOne):
    _description = "Show a server's sizes: current, target, minimum, maximum and claimed"

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_server(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        return show.fields(xloud.get_adjustment(server), _FIELDS, _FORMATS)


class PlanAdjustment(command.ShowOne):
    _description = (
        'Show the possible ways to another size, reasons against the others, and the largest possible size; '
        'changes nothing'
    )

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_server(parser)
        _add_size(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        size = _size(parsed_args)
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        plan = xloud.plan_adjustment(server, **size)
        sizes = dict.fromkeys(('target', 'memory', 'growth', 'largest'), show.DICT)
        names, values = show.fields(
            plan, ('server_id', 'result', 'target', 'memory', 'persist', 'growth', 'largest'), sizes
        )
        ways = ('live', 'live_after_migration', 'next_boot')
        return names + list(ways), values + [show.WayColumn(plan.ways[way]) for way in ways]


_COLUMNS = (
    ('Server ID', lambda one: one.server_id),
    ('Status', lambda one: one.status),
    ('vCPUs', lambda one: one.vcpus['current']),
    ('Min vCPUs', lambda one: one.vcpus['minimum']),
    ('Max vCPUs', lambda one: one.vcpus['maximum']),
    ('Memory MB', lambda one: one.memory_mb['current']),
    ('Min Memory MB', lambda one: one.memory_mb['minimum']),
    ('Max Memory MB', lambda one: one.memory_mb['maximum']),
)
_LONG = (
    ('Target vCPUs', lambda one: one.vcpus['target']),
    ('Claimed vCPUs', lambda one: one.vcpus['claimed']),
    ('Target Memory MB', lambda one: one.memory_mb['target']),
    ('Claimed Memory MB', lambda one: one.memory_mb['claimed']),
    ('Memory Method', lambda one: one.memory_mb['method']),
    ('Updated At', lambda one: one.updated_at),
    ('Message', lambda one: one.message),
)


class ListAdjustments(command.Lister):
    _description = 'List the servers whose size may change, with their sizes'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--all-projects', action='store_true', help='Those of all projects (administrators)'
        )
        parser.add_argument('--long', action='store_true', help='List additional fields')
        parser.add_argument(
            '-n', '--no-name-lookup', action='store_true', help='Do not look up the names of the servers'
        )
        parser.add_argument('--marker', metavar='<server>', help='Start after this server (ID)')
        parser.add_argument('--limit', metavar='<number>', type=words.positive, help='Maximum number to list')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        every = {'all_projects': True} if parsed_args.all_projects else {}
        names = {}
        columns = _COLUMNS
        if not parsed_args.no_name_lookup:
            names = {one.id: one.name for one in xloud.compute.servers(details=False, **every)}
            columns = _COLUMNS[:1] + (('Name', lambda one: names.get(one.server_id)),) + _COLUMNS[1:]
        if parsed_args.long:
            columns += _LONG
        page = {name: getattr(parsed_args, name) for name in ('marker', 'limit') if getattr(parsed_args, name)}
        found = itertools.islice(xloud.adjustments(**every, **page), parsed_args.limit)
        return [header for header, _ in columns], [[read(one) for _, read in columns] for one in found]
