"""What steps of the walk through libcloud's driver share: the driver, what was made so far, and the API itself to look things up."""
import json
import time
import urllib.error
import urllib.request

WAIT_S = 60
PAUSE_S = 0.3


class Api:
    """The services as they answer anybody, without libcloud. Paths: `compute/v2.1/servers`."""

    def __init__(self, auth_url, password):
        self.root = auth_url[: auth_url.index('/identity')]
        domain = {'name': 'Default'}
        user = {'name': 'admin', 'password': password, 'domain': domain}
        identity = {'methods': ['password'], 'password': {'user': user}}
        auth = {'identity': identity, 'scope': {'project': {'name': 'admin', 'domain': domain}}}
        with self.open('POST', 'identity/v3/auth/tokens', {'auth': auth}) as answer:
            self.token = answer.headers['X-Subject-Token']
            self.project = json.load(answer)['token']['project']['id']

    def open(self, method, path, body=None):
        headers = {'Content-Type': 'application/json', 'OpenStack-API-Version': 'compute 2.96'}
        if hasattr(self, 'token'):
            headers['X-Auth-Token'] = self.token
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(f'{self.root}/{path}', data, headers, method=method))

    def get(self, path):
        """What stands at a path; None where there is nothing."""
        try:
            with self.open('GET', path) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


class Walk:
    """The driver, and by name what steps have made for those after them."""

    def __init__(self, driver, api):
        self.driver = driver
        self.api = api
        self.made = {}

    def server(self, name='node'):
        """A server as the compute API shows it; None when it is gone."""
        found = self.api.get(f'compute/v2.1/servers/{self.made[name].id}')
        return found and found['server']

    def volume(self, name='volume'):
        found = self.api.get(f'volume/v3/{self.api.project}/volumes/{self.made[name].id}')
        return found and found['volume']

    def network(self, noun, thing):
        """What the network API shows of a noun, `port`; None when it is gone."""
        found = self.api.get(f'network/v2.0/{noun.replace("_", "-")}s/{thing.id}')
        return found and found[noun]

    def status(self, wanted, name='node'):
        """Waits until a server has come to rest in a status."""

        def is_there():
            server = self.server(name)
            return server['status'] == wanted and server['OS-EXT-STS:task_state'] is None

        eventually(f'{name} is {wanted}', is_there)


def eventually(what, is_so):
    """Waits until something is so; fails after a minute."""
    until = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError(f'not within {WAIT_S} s: {what}')
        time.sleep(PAUSE_S)


def equal(found, wanted, what=''):
    if found != wanted:
        raise AssertionError(f'{what}: {found!r} is not {wanted!r}')


def among(one, many):
    if one not in many:
        raise AssertionError(f'{one!r} is not among {many!r}')
