"""Debian's Horizon, unmodified, with settings of its own: `site.py PORT KEYSTONE_URL DIRECTORY` serves until it is ended.

Our own panel is put into it as an operator would, but for the place: its file is found where it is, not copied to where Horizon looks.
"""
import mimetypes
import os
import socketserver
import sys
import types
import wsgiref.simple_server
import wsgiref.util

PORT, KEYSTONE, DIRECTORY = sys.argv[1:]
sys.path.insert(0, '/usr/share/openstack-dashboard')
STATIC = '/var/lib/openstack-dashboard/static'
PLUGIN = os.path.join(os.path.dirname(__file__), '..', '..', 'clients', 'horizon-xloud-dashboard')
sys.path.append(PLUGIN)
sys.dont_write_bytecode = True

import openstack_dashboard.local.enabled  # noqa: E402

openstack_dashboard.local.enabled.__path__.append(os.path.join(PLUGIN, 'xloud_dashboard', 'enabled'))

from openstack_dashboard import settings as debian  # noqa: E402

own = types.ModuleType('own_settings')
own.__dict__.update({name: value for name, value in vars(debian).items() if name.isupper()})
own.__dict__.update(
    DEBUG=False,
    ALLOWED_HOSTS=['127.0.0.1'],
    OPENSTACK_KEYSTONE_URL=KEYSTONE,
    OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT=False,
    OPENSTACK_KEYSTONE_DEFAULT_DOMAIN='Default',
    SECRET_KEY=os.urandom(16).hex(),
    # a session holds a token: it stays in the directory and goes with it
    SESSION_ENGINE='django.contrib.sessions.backends.file',
    SESSION_FILE_PATH=DIRECTORY,
    CACHES={'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}},
    # as Debian's package made them
    STATIC_ROOT=STATIC,
    COMPRESS_OFFLINE=True,
)
sys.modules['own_settings'] = own
os.environ['DJANGO_SETTINGS_MODULE'] = 'own_settings'

from django.core.wsgi import get_wsgi_application  # noqa: E402


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


horizon = get_wsgi_application()


def site(environ, start_response):
    """Horizon, and the files that a web server would serve beside it."""
    path = environ['PATH_INFO']
    file = os.path.normpath(STATIC + path.removeprefix('/static'))
    if not path.startswith('/static/') or not file.startswith(STATIC + '/') or not os.path.isfile(file):
        return horizon(environ, start_response)
    start_response('200 OK', [('Content-Type', mimetypes.guess_type(file)[0] or 'application/octet-stream')])
    return wsgiref.util.FileWrapper(open(file, 'rb'))


wsgiref.simple_server.make_server('127.0.0.1', int(PORT), site, Server).serve_forever()
