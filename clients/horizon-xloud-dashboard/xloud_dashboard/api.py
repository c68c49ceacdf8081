"""The calls that xloud-compute adds to the compute API, with the session, certificates and token of Horizon's own."""
from openstack_dashboard.api import _nova, nova

PATH = '/os-xloud-adjust'
PAGE = 1000


class Adjustment:
    """How large a server is, may be and shall be. vcpus and memory_mb: current, target, minimum, maximum, claimed; memory in MiB."""

    def __init__(self, told, name=None):
        self.id = told['server_id']
        self.name = name or self.id
        self.status = told['status']
        self.vcpus = told['vcpus']
        self.memory_mb = told['memory_mb']
        self.persist = told['persist']
        self.message = told['message']
        self.updated_at = told['updated_at']


def _client(request):
    # what makes a client has this one name
    return _nova.novaclient(request).client


def adjustment_get(request, server_id, name=None):
    """:raises: novaclient's NotFound where there is no such server for this user"""
    _, body = _client(request).get(f'{PATH}/{server_id}')
    return Adjustment(body, name)


def adjustment_list(request, marker=None, limit=PAGE):
    """A page of the project's servers whose size may change, and whether more follow."""
    following = f'&marker={marker}' if marker else ''
    _, body = _client(request).get(f'{PATH}?limit={limit + 1}{following}')
    told = body['adjustments']
    return [Adjustment(one) for one in told[:limit]], len(told) > limit


def server_name(request, server_id):
    return nova.server_get(request, server_id).name


def server_names(request, server_ids):
    """Names by id, of those that are still there."""
    servers, _ = nova.server_list(request, detailed=False)
    return {server.id: server.name for server in servers if server.id in server_ids}


def adjust(request, server_id, size):
    """Asks for a size: the body of the API's call. What becomes of it is told by `adjustment_get`."""
    _, body = _client(request).post(f'{PATH}/{server_id}', body=size)
    return Adjustment(body)


def refusals(request, server_id, size):
    """Why no way leads to a size, each reason once; empty where one does. Nothing is changed by asking."""
    _, plan = _client(request).post(f'{PATH}/{server_id}/plan', body=size)
    if plan['result'] != 'refused':
        return []
    told = (reason['message'] for way in plan['ways'].values() for reason in way['reasons'])
    return list(dict.fromkeys(told))
