"""A cloud that is only a wire: everything of the client is real up to the request, whose answer is laid out before."""
import io
import json
from types import SimpleNamespace

import requests
from keystoneauth1 import session, token_endpoint
from openstack import connection
from openstack.compute.v2._proxy import Proxy as Compute
from xloudclient.sdk import Proxy

ENDPOINT = 'http://cloud/compute/v2.1'
SERVER = '5c4d4c4e-1fb4-4a00-b164-a6424c4b407c'


class Wire(requests.adapters.BaseAdapter):
    """Answers `METHOD /path` with what was laid out for it, the last one again and again; keeps what was asked."""

    def __init__(self, answers):
        super().__init__()
        self._answers = {key: list(found) for key, found in answers.items()}
        self.asked = []

    def send(self, request, **_):
        path = request.url[len(ENDPOINT):]
        key = f'{request.method} {path}'
        self.asked.append((key, json.loads(request.body) if request.body else None))
        answers = self._answers.get(key, [(404, {'itemNotFound': {'code': 404, 'message': f'{key} is not there.'}})])
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        response = requests.Response()
        response.status_code = status
        response.url = request.url
        response.request = request
        response.headers.update({'Content-Type': 'application/json', 'x-openstack-request-id': 'req-1'})
        response.raw = io.BytesIO(json.dumps(body).encode())
        return response

    def close(self):
        """Nothing is open."""


def cloud(**answers):
    """A proxy, and its wire. `answers`: `{'GET /path': [(status, body), ...]}`."""
    wire = Wire(answers)
    plain = requests.Session()
    plain.mount('http://', wire)
    known = session.Session(auth=token_endpoint.Token(ENDPOINT, 'token'), session=plain)
    compute = Compute(session=known, service_type='compute')
    compute._connection = connection.Connection(session=known)
    return Proxy(lambda: compute), wire


def app_of(xloud):
    """What a command is given by the client's shell."""
    conn = SimpleNamespace(compute=xloud.compute)
    manager = SimpleNamespace(xloud=xloud, sdk_connection=conn)
    return SimpleNamespace(client_manager=manager, stdout=io.StringIO(), stderr=io.StringIO())


def adjustment(status='idle', vcpus=1, message=None):
    return {
        'server_id': SERVER,
        'status': status,
        'vcpus': {'current': vcpus, 'target': 3, 'minimum': 1, 'maximum': 4, 'claimed': 3, 'guest_online': vcpus},
        'memory_mb': {'current': 512, 'target': 512, 'minimum': 256, 'maximum': 1024, 'claimed': 512},
        'persist': True,
        'request_id': 'req-1',
        'updated_at': '2026-11-21T11:11:55Z',
        'message': message,
    }
