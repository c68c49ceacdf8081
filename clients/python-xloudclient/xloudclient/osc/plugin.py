"""The interface of an `openstack` client plugin: API name and version, client and global options."""
from osc_lib import utils

from xloudclient.sdk import Proxy

API_NAME = 'xloud'
API_VERSION_OPTION = 'os_xloud_api_version'
API_VERSIONS = {'1': 'xloudclient.sdk.Proxy'}
DEFAULT_API_VERSION = '1'


def make_client(instance):
    """`app.client_manager.xloud`."""
    return Proxy(lambda: instance.sdk_connection.compute)


def build_option_parser(parser):
    parser.add_argument(
        '--os-xloud-api-version',
        metavar='<xloud-api-version>',
        default=utils.env('OS_XLOUD_API_VERSION'),
        help=f'xloud API version, default={DEFAULT_API_VERSION} (Env: OS_XLOUD_API_VERSION)',
    )
    return parser
