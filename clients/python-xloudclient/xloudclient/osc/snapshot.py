"""`openstack server snapshot`: snapshots of a server's disk, and restoring them."""
import logging

from osc_lib.command import command

from xloudclient.osc import copies, show

LOG = logging.getLogger(__name__)


def _find(xloud, args):
    """The server, and a snapshot of it."""
    server = xloud.compute.find_server(args.server, ignore_missing=False)
    return server, xloud.find_snapshot(server, args.snapshot)


def _add_one(parser, **more):
    copies.add_server(parser)
    parser.add_argument('snapshot', metavar='<snapshot>', help='Snapshot (name or ID)', **more)


class CreateSnapshot(command.ShowOne):
    _description = 'Take a snapshot of the root disk of a server, which may be running'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_making(parser, 'snapshot')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        snapshot = xloud.create_snapshot(
            xloud.compute.find_server(parsed_args.server, ignore_missing=False),
            parsed_args.name,
            description=parsed_args.description,
            tags=parsed_args.tag,
            quiesce=parsed_args.quiesce,
        )
        if parsed_args.wait:
            snapshot = show.waited(
                self.app, copies.status, lambda tell: xloud.wait_for_snapshot(snapshot, callback=tell)
            )
        return show.fields(snapshot, copies.FIELDS, copies.FORMATS)


class ListSnapshots(command.Lister):
    _description = 'List the snapshots of a server, newest first'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        copies.add_server(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        headers = ('ID', 'Name', 'Status', 'Tags', 'File Bytes', 'Created At')
        return headers, [
            (one.id, one.name, one.status, show.LIST(one.tags), one.file_bytes, one.created_at)
            for one in xloud.snapshots(server)
        ]


class ShowSnapshot(command.ShowOne):
    _description = 'Show a snapshot of a server'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_one(parser)
        return parser

    def take_action(self, parsed_args):
        _, snapshot = _find(self.app.client_manager.xloud, parsed_args)
        return show.fields(snapshot, copies.FIELDS, copies.FORMATS)


class SetSnapshot(command.Command):
    _description = "Change a snapshot's name, description or tags"

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_one(parser)
        copies.add_changes(parser)
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        _, snapshot = _find(xloud, parsed_args)
        xloud.update_snapshot(snapshot, **copies.changes(parsed_args, snapshot.tags))


class DeleteSnapshot(command.Command):
    _description = 'Delete snapshots of a server'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_one(parser, nargs='+')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server = xloud.compute.find_server(parsed_args.server, ignore_missing=False)
        show.delete_each(
            LOG,
            parsed_args.snapshot,
            lambda name: xloud.delete_snapshot(xloud.find_snapshot(server, name)),
            'snapshot',
            'snapshots',
        )


class RestoreSnapshot(command.Command):
    _description = (
        "Restore a server's disk from one of its snapshots, irreversibly; a running server is shut down and restarted"
    )

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_one(parser)
        parser.add_argument('--wait', action='store_true', help='Wait until it is done; if it fails, show the reason')
        return parser

    def take_action(self, parsed_args):
        xloud = self.app.client_manager.xloud
        server, snapshot = _find(xloud, parsed_args)
        request_id = xloud.restore_snapshot(server, snapshot)
        if parsed_args.wait:
            show.waited(
                self.app,
                copies.task,
                lambda tell: xloud.wait_for_restore(server, snapshot, request_id, callback=tell),
            )
