"""Somebody who uses Horizon: its pages, its forms, the buttons of its tables, and the JSON that its scripts ask for."""
import html
import re

import requests

from trouble import Trouble, until


def plain(text):
    return ' '.join(html.unescape(re.sub('<[^>]+>', ' ', text)).split())


def messages(text, kinds):
    """What Horizon says above a page; templates of its scripts, which have braces, are no message."""
    found = re.findall(rf'class="alert[^"]*alert-(?:{kinds})[^"]*"[^>]*>(.*?)</div>', text, re.S)
    said = [plain(one) for one in found]
    return [one for one in said if one and '{$' not in one and 'JavaScript' not in one]


# said of each snapshot of a volume that a server has, and of each transfer
REMARKS = ('This volume is currently attached to an instance.', 'The Authorization Key will not be available after')


class Visitor:
    def __init__(self, site, username, password):
        self.site = site
        self.session = requests.Session()
        self.session.headers['Referer'] = f'{site}/'
        self.get('/auth/login/')
        answer = self.post('/auth/login/', {'username': username, 'password': password, 'region': 'default'})
        if '/auth/login' in answer.url:
            raise Trouble(f'{username} cannot log in')

    @property
    def csrf(self):
        return self.session.cookies.get('csrftoken', '')

    def get(self, path, *texts):
        """A page, which shows these texts and no error."""
        answer = self.session.get(self.site + path)
        self.check(path, answer)
        for text in texts:
            if text not in answer.text:
                raise Trouble(f'{path} does not show {text!r}')
        return answer

    def check(self, path, answer):
        wrong = [one for one in messages(answer.text, 'danger|error|warning') if not one.startswith(REMARKS)]
        if answer.status_code != 200 or wrong:
            raise Trouble(f'{path}: {answer.status_code} {wrong}')

    def post(self, path, fields):
        data = {**fields, 'csrfmiddlewaretoken': self.csrf}
        return self.session.post(self.site + path, data=data, headers={'Referer': self.site + path})

    def form(self, path, **fields):
        """Fills in a form; Horizon leads on where it accepts it."""
        answer = self.fill(path, **fields)
        if not answer.history:
            wrong = re.findall(r'class="[^"]*help-block[^"]*alert[^"]*"[^>]*>(.*?)</', answer.text, re.S)
            raise Trouble(f'{path} is not accepted: {[plain(one) for one in wrong]}')

    def fill(self, path, **fields):
        """What Horizon answers to a form, whose other fields stay as they are."""
        shown = self.get(path).text
        inputs = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', shown)
        answer = self.post(path, {**{name: html.unescape(value) for name, value in inputs}, **fields})
        self.check(path, answer)
        return answer

    def press(self, table, action, row, says=True, page=None):
        """A button of a table's row, at the page of that table or another; Horizon `says` that it went well, but for a few."""
        path = page or f'/project/{table}/'
        answer = self.post(path, {'action': f'{table}__{action}__{row}'})
        self.check(path, answer)
        if says and not messages(answer.text, 'success|info'):
            raise Trouble(f'{action}: Horizon says nothing')

    def ask(self, method, path, **body):
        """What Horizon's scripts ask for; JSON."""
        headers = {'X-Requested-With': 'XMLHttpRequest', 'X-CSRFToken': self.csrf}
        answer = self.session.request(method, f'{self.site}/api/{path}', headers=headers, **({'json': body} if body else {}))
        if answer.status_code >= 300:
            raise Trouble(f'{method} {path}: {answer.status_code} {plain(answer.text)[:300]}')
        return answer.json() if answer.text else None

    def items(self, path):
        return self.ask('GET', path)['items']

    def reaches(self, server, status):
        """Waits until it has that status and is at nothing: while it does something, the next step is refused."""
        def look():
            shown = self.ask('GET', f'nova/servers/{server}')
            if shown['status'] == 'ERROR' != status:
                raise Trouble(f'{server} is ERROR, not {status}')
            return shown['status'] == status and shown['OS-EXT-STS:task_state'] is None

        until(f'{server} is {status}, with no task', look)
