"""`openstack server disk backup`; `server backup create` is the client's own command and creates an image."""
import logging

from osc_lib import exceptions
from osc_lib.cli import parseractions
from osc_lib.command import command

from xloudclient.osc import copies, show

LOG = logging.getLogger(__name__)

_FIELDS = copies.FIELDS + ('kind', 'parent_id', 'chain_id', 'position', ('scheduled', 'is_scheduled'))


def _add_backup(parser, **more):
    parser.add_argument('backup', metavar='<backup>', help='Backup (name or ID)', **more)


class CreateBackup(command.ShowOne):
    _description = (
        'Back up the root disk of a server: '
        'for a running one only the changes since its last backup, if they are known'
    )

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_making(parser, 'backup')
        parser.add_argument(
            '--whole', action='store_false', default=None, dest='incremental', help='Always the whole disk'
        )
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        backup = xloud.create_backup(
            xloud.compute.find_server(parsed_args.server, ignore_missing=False),
            parsed_args.name,
            description=parsed_args.description,
            tags=parsed_args.tag,
            incremental=parsed_args.incremental,
            quiesce=parsed_args.quiesce,
        )
        if parsed_args.wait:
            backup = show.waited(
                self.app, copies.status, lambda tell: xloud.wait_for_backup(backup, callback=tell)
            )
        return show.fields(backup, _FIELDS, copies.FORMATS)


class ListBackups(command.Lister):
    _description = 'List the backups of a server, or the newest of the project, including those of deleted servers'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser, nargs='?')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        named = parsed_args.server
        server = None if named is None else xloud.compute.find_server(named, ignore_missing=False)
        headers = ('ID', 'Name', 'Server ID', 'Kind', 'Status', 'Tags', 'File Bytes', 'Created At')
        return headers, [
            (
                *(one.id, one.name, one.server_id, one.kind, one.status),
                *(show.LIST(one.tags), one.file_bytes, one.created_at),
            )
            for one in xloud.backups(server)
        ]


class ShowBackup(command.ShowOne):
    _description = 'Show a backup'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_backup(parser)
        return parser

    def take_action(self, parsed_args):
        backup = self.app.client_manager.xloud.find_backup(parsed_args.backup)
        return show.fields(backup, _FIELDS, copies.FORMATS)


class SetBackup(command.Command):
    _description = "Change a backup's name, description or tags"

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_backup(parser)
        copies.add_changes(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        backup = xloud.find_backup(parsed_args.backup)
        xloud.update_backup(backup, **copies.changes(parsed_args, backup.tags))


class DeleteBackup(command.Command):
    _description = 'Delete backups on which no others are based'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_backup(parser, nargs='+')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        show.delete_each(
            LOG, parsed_args.backup, lambda name: xloud.delete_backup(xloud.find_backup(name)), 'backup', 'backups'
        )


class VerifyBackup(command.ShowOne):
    _description = 'Verify a backup, and all that it is based on, by reading it completely'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_backup(parser)
        parser.add_argument(
            '--wait', action='store_true', help='Wait until it is verified; fail with the reason if it is damaged'
        )
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        backup = xloud.find_backup(parsed_args.backup)
        xloud.verify_backup(backup)
        if parsed_args.wait:
            backup = show.waited(
                self.app, copies.status, lambda tell: xloud.wait_for_backup(backup, callback=tell)
            )
        else:
            backup = xloud.get_backup(backup)
        return show.fields(backup, _FIELDS, copies.FORMATS)


class RestoreBackup(command.ShowOne):
    _description = (
        "Restore a server's disk from one of its backups, irreversibly, or create a new server from a backup; "
        'a running server is shut down and started again'
    )

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_backup(parser)
        to = parser.add_mutually_exclusive_group(required=True)
        to.add_argument('--server', metavar='<server>', help='Server to restore (name or ID)')
        to.add_argument('--new-server', metavar='<name>', help='Create a server with this name; requires --flavor')
        new = parser.add_argument_group('new server')
        new.add_argument('--flavor', metavar='<flavor>', help='Flavor (name or ID)')
        new.add_argument(
            '--network', metavar='<network>', action='append', help='Network (name or ID; repeat for several)'
        )
        new.add_argument('--key-name', metavar='<key-name>', help='Key pair')
        new.add_argument(
            '--security-group', metavar='<group>', action='append', help='Security group (repeat for several)'
        )
        new.add_argument('--availability-zone', metavar='<zone>', help='Availability zone')
        new.add_argument(
            '--property', metavar='<key=value>', action=parseractions.KeyValueAction, help='Property'
        )
        parser.add_argument('--wait', action='store_true', help='Wait until it is done; if it fails, show the reason')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        new = _new_server(self.app.client_manager, parsed_args)
        backup = xloud.find_backup(parsed_args.backup)
        if new is None:
            server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
            request_id = xloud.restore_backup(server, backup)

            def wait(tell):
                xloud.wait_for_restore(server, backup, request_id, callback=tell)

        else:
            server = xloud.create_server_from_backup(backup, **new)

            def wait(tell):
                xloud.wait_for_server(server, callback=tell)

        if parsed_args.wait:
            show.waited(self.app, copies.task, wait)
        return show.fields(xloud.compute.get_server(server), ('id', 'name', 'status', 'task_state'))


def _new_server(manager, args):
    """The members of a new server in the API; None if an existing server is restored."""
    said = {
        'availability_zone': args.availability_zone,
        'key_name': args.key_name,
        'metadata': args.property,
        'security_groups': args.security_group and [{'name': group} for group in args.security_group],
        'networks': args.network,
        'flavorRef': args.flavor,
    }
    said = {name: value for name, value in said.items() if value is not None}
    if args.new_server is None:
        if said:
            raise exceptions.CommandError('Options of a new server require --new-server.')
        return None
    if args.flavor is None:
        raise exceptions.CommandError('A new server requires --flavor.')
    conn = manager.sdk_connection
    said['flavorRef'] = conn.compute.find_flavor(args.flavor, ignore_missing=False).id
    if args.network:
        said['networks'] = [{'uuid': conn.network.find_network(one, ignore_missing=False).id} for one in args.network]
    return {'name': args.new_server, **said}
