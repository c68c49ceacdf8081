"""`openstack server disk backup schedule`: backups that nobody has to think of."""
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
    _description = 'Have a server backed up by itself; what was set before is replaced'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        parser.add_argument('--cron', metavar='<cron>', required=True, help="When, in UTC, as '30 2 * * *'")
        parser.add_argument(
            '--keep', metavar='<number>', type=words.positive, required=True, help='So many whole backups stay'
        )
        parser.add_argument(
            '--incrementals',
            metavar='<number>',
            type=int,
            help='So many backups of what changed follow each whole one (default: 0)',
        )
        parser.add_argument(
            '--quiesce',
            action='store_true',
            default=None,
            help="Hold the guest's file systems still meanwhile, by its agent",
        )
        parser.add_argument(
            '--disable', action='store_false', default=None, dest='enabled', help='Keep it, and make no backups'
        )
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        names = ('cron', 'keep', 'incrementals', 'quiesce', 'enabled')
        schedule = xloud.set_backup_schedule(server, **{name: getattr(parsed_args, name) for name in names})
        return show.fields(schedule, _FIELDS)


class ShowSchedule(command.ShowOne):
    _description = 'Show when a server is backed up by itself, and what became of the last time'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        return show.fields(xloud.get_backup_schedule(server), _FIELDS)


class DeleteSchedule(command.Command):
    _description = 'Have a server backed up by itself no more; its backups stay'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        xloud.delete_backup_schedule(xloud.compute.find_server(parsed_args.server, ignore_missing=False))
