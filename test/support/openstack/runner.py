"""Runs commands of the openstack client without starting it for each: each runs in a fork of a process that has loaded all of it.

Reads the words of a command as a JSON list, one a line, and answers each with {"status": ..., "out": ..., "err": ...}. The
first line that it writes, before any question, is the list of the client's compute commands. Where the client would wait seconds
between two looks at a server, here it waits a tenth of a second; a command that takes longer than three minutes has failed.
"""
import contextlib
import importlib
import io
import json
import os
import signal
import sys
import time
from importlib.metadata import entry_points

# what the client calls itself; it looks when it is imported
sys.argv[0] = 'openstack'
from openstackclient.shell import OpenStackShell  # noqa: E402

PAUSE_S = 0.1
LIMIT_S = 180
wait = time.sleep


class TooLong(BaseException):
    """No Exception: the client would take one for a failure of its own."""


def give_up(*_):
    raise TooLong()


def run(words):
    time.sleep = lambda seconds: wait(min(seconds, PAUSE_S))
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT_S)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = OpenStackShell().run(words)
        except SystemExit as end:
            status = end.code
        except TooLong:
            status = f'no end within {LIMIT_S} s'
    signal.alarm(0)
    return {'status': status or 0, 'out': out.getvalue(), 'err': err.getvalue()}


def in_fork(work):
    """What `work` writes to the file it is given, as text, when it runs in a process of its own."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(tell, 'w') as out:
            work(out)
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as lines:
        text = lines.read()
    os.waitpid(child, 0)
    return text


def modules_of_a_command(out):
    run(['server', 'list'])
    out.write('\n'.join(sys.modules))


compute = entry_points(group='openstack.compute.v2')
for entry in compute:
    entry.load()
# what a command loads, three quarters of its time, is loaded once for all: one is run in a fork to see what that is
for name in in_fork(modules_of_a_command).split('\n'):
    if not name.startswith('_'):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
print(json.dumps(sorted(entry.name.replace('_', ' ') for entry in compute)), flush=True)
for line in sys.stdin:
    print(in_fork(lambda out: out.write(json.dumps(run(json.loads(line))))), flush=True)
