"""Common parts of the snapshot and backup commands."""
from osc_lib import exceptions

from xloudclient.osc import show

FIELDS = (
    'id',
    'server_id',
    'name',
    'description',
    'tags',
    'status',
    'reason',
    ('verifying', 'is_verifying'),
    ('quiesced', 'is_quiesced'),
    ('live', 'is_live'),
    'disk_bytes',
    'file_bytes',
    'sha256',
    'image_ref',
    'created_at',
    'updated_at',
    'verified_at',
)
FORMATS = {'tags': show.LIST}


def add_server(parser, **more):
    parser.add_argument('server', metavar='<server>', help='Server (name or ID)', **more)


def add_words(parser):
    parser.add_argument('--description', metavar='<description>', help='Description')
    parser.add_argument('--tag', metavar='<tag>', action='append', help='Tag (repeat for several)')


def add_changes(parser):
    """Options of a `set`."""
    parser.add_argument('--name', metavar='<name>', help='New name')
    add_words(parser)
    parser.add_argument('--no-tag', action='store_true', help='Remove all tags; with --tag: replace them')


def changes(args, tags):
    """The changes of a `set`. `tags`: the current ones."""
    said = {'name': args.name, 'description': args.description}
    if args.tag or args.no_tag:
        said['tags'] = ([] if args.no_tag else list(tags)) + (args.tag or [])
    said = {name: value for name, value in said.items() if value is not None}
    if not said:
        raise exceptions.CommandError('Nothing to change: give at least one option.')
    return said


def add_making(parser, noun):
    add_server(parser)
    parser.add_argument('--name', metavar='<name>', required=True, help=f'Name of the {noun}')
    add_words(parser)
    parser.add_argument(
        '--quiesce',
        action='store_true',
        default=None,
        help="Freeze the guest's file systems meanwhile, through its agent",
    )
    parser.add_argument('--wait', action='store_true', help='Wait until it is available; if it fails, show the reason')


def status(copy):
    return 'verifying' if copy.is_verifying else copy.status


def task(server):
    return server.task_state
