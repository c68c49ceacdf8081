"""Debian's Horizon, unmodified, with settings of its own: `site.py PORT KEYSTONE_URL DIRECTORY` serves until it is ended."""
import os
import socketserver
import sys
import types
import wsgiref.simple_server

PORT, KEYSTONE, DIRECTORY = sys.argv[1:]
sys.path.insert(0, '/usr/share/openstack-dashboard')

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
    COMPRESS_ENABLED=False,
    COMPRESS_OFFLINE=False,
)
sys.modules['own_settings'] = own
os.environ['DJANGO_SETTINGS_MODULE'] = 'own_settings'

from django.core.wsgi import get_wsgi_application  # noqa: E402


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


wsgiref.simple_server.make_server('127.0.0.1', int(PORT), get_wsgi_application(), Server).serve_forever()
