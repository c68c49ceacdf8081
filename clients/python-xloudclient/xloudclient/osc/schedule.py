"""`openstack server disk backup schedule`: automatic backups."""
from osc_lib.command import command

from xloudclient.osc import copies, show, words

_FIELDS = (
    'server_id',
    'cron',
    'keep',
    'incrementals',
    ('quiesce', 'is_quiesce'),
    ('enabled', 'is_enabled'),
    'next_at',
    'last_at',
    'last_problem',
    'updated_at',
)


class SetSchedule(command.ShowOne):
    _description = 'Set the schedule of automatic backups of a server; replaces an earlier one'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        parser.add_argument('--cron', metavar='<cron>', required=True, help="When, in UTC, as '30 2 * * *'")
        parser.add_argument(
            '--keep', metavar='<number>', type=words.positive, required=True, help='Number of whole backups to keep'
        )
        parser.add_argument(
            '--incrementals',
            metavar='<number>',
            type=int,
            help='Number of incremental backups after each whole one (default: 0)',
        )
        parser.add_argument(
            '--quiesce',
            action='store_true',
            default=None,
            help="Freeze the guest's file systems meanwhile, through its agent",
        )
        parser.add_argument(
            '--disable', action='store_false', default=None, dest='enabled', help='Keep the schedule, but do not run it'
        )
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        names = ('cron', 'keep', 'incrementals', 'quiesce', 'enabled')
        schedule = xloud.set_backup_schedule(server, **{name: getattr(parsed_args, name) for name in names})
        return show.fields(schedule, _FIELDS)


class ShowSchedule(command.ShowOne):
    _description = 'Show the schedule of automatic backups of a server, and the last result'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        return show.fields(xloud.get_backup_schedule(server), _FIELDS)


class DeleteSchedule(command.Command):
    _description = 'Delete the schedule of automatic backups of a server; its backups stay'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        xloud.delete_backup_schedule(xloud.compute.find_server(parsed_args.server, ignore_missing=False))
