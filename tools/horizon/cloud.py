"""The cloud's own API, past Horizon: what Horizon said is held against what is there."""
import subprocess
import tempfile

import requests

from trouble import Trouble, until

VERSIONS = {'OpenStack-API-Version': 'volume 3.67, compute 2.89'}


class Cloud:
    def __init__(self, auth):
        domain = {'name': 'Default'}
        user = {'name': auth['username'], 'password': auth['password'], 'domain': domain}
        scope = {'project': {'name': auth['project_name'], 'domain': domain}}
        identity = {'methods': ['password'], 'password': {'user': user}}
        answer = requests.post(f"{auth['auth_url']}/auth/tokens", json={'auth': {'identity': identity, 'scope': scope}})
        if answer.status_code != 201:
            raise Trouble(f"{auth['username']} gets no token: {answer.status_code}")
        token = answer.json()['token']
        self.project = token['project']['id']
        self.headers = {'X-Auth-Token': answer.headers['X-Subject-Token'], **VERSIONS}
        self.places = {one['type']: one['endpoints'][0]['url'].rstrip('/') for one in token['catalog']}

    def answer(self, service, method, path, **more):
        answer = requests.request(method, f'{self.places[service]}/{path}', headers=self.headers, timeout=60, **more)
        if answer.status_code >= 300:
            raise Trouble(f'{method} {path}: {answer.status_code} {answer.text[:300]}')
        return answer

    def ask(self, service, method, path, **body):
        answer = self.answer(service, method, path, **({'json': body} if body else {}))
        return answer.json() if answer.text else None

    def volumes(self):
        return self.ask('volumev3', 'GET', 'volumes/detail')['volumes']

    def volume(self, volume):
        return self.ask('volumev3', 'GET', f'volumes/{volume}')['volume']

    def settles(self, volume, status='available', **more):
        """The volume once it has this status, and what `more` says."""
        wanted = {'status': status, **more}

        def look():
            shown = self.volume(volume)
            if shown['status'].startswith('error'):
                raise Trouble(f"{volume} is {shown['status']}")
            return shown if wanted.items() <= shown.items() else None

        return until(f'{volume} is {wanted}', look)

    def first_bytes(self, image, form, count):
        """What a guest would read at the beginning of an image."""
        with tempfile.TemporaryDirectory() as directory:
            file, plain = f'{directory}/image', f'{directory}/plain'
            with open(file, 'wb') as out:
                out.write(self.answer('image', 'GET', f'v2/images/{image}/file').content)
            subprocess.run(['qemu-img', 'convert', '-f', form, '-O', 'raw', file, plain], check=True, timeout=60)
            with open(plain, 'rb') as read:
                return read.read(count)
