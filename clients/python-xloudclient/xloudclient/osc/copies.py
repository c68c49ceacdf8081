"""What the commands of snapshots and of backups have in common."""
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
    parser.add_argument('--no-tag', action='store_true', help='Remove all tags; with --tag: these instead of them')


def changes(args, tags):
    """What a `set` says. `tags`: those that it has."""
    said = {'name': args.name, 'description': args.description}
    if args.tag or args.no_tag:
        said['tags'] = ([] if args.no_tag else list(tags)) + (args.tag or [])
    said = {name: value for name, value in said.items() if value is not None}
    if not said:
        raise exceptions.CommandError('Nothing is said that shall change.')
    return said


def add_making(parser, noun):
    add_server(parser)
    parser.add_argument('--name', metavar='<name>', required=True, help=f'Name of the {noun}')
    add_words(parser)
    parser.add_argument(
        '--quiesce',
        action='store_true',
        default=None,
        help="Hold the guest's file systems still meanwhile, by its agent",
    )
    parser.add_argument('--wait', action='store_true', help='Wait until it is there; where it fails, say why')


def status(copy):
    return 'verifying' if copy.is_verifying else copy.status


def task(server):
    return server.task_state
