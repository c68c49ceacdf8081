"""A client's command without the second that it takes to load: a fork of this process, which has the client loaded, runs it."""
import contextlib
import importlib
import logging
import os
import pkgutil
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from importlib.metadata import entry_points

COMMANDS = ('openstack', 'nova')
PAUSE_S = 0.2
wait = time.sleep


def load(*packages):
    """Loads all modules of packages but their tests: what a fork would load, each would load anew."""
    for package in packages:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f'{package}.', lambda _: None):
            if not re.search(r'\.(tests|__main__)\b', module.name):
                with contextlib.suppress(Exception):
                    importlib.import_module(module.name)


def run(words, env):
    """Runs a command as its own process would; gives its exit status."""
    if env is not None:
        os.environ.clear()
        os.environ.update(env)
    sys.argv = list(words)
    logging.root.handlers.clear()
    # between two looks at a server the client would wait for seconds
    time.sleep = lambda seconds: wait(min(seconds, PAUSE_S))
    try:
        (command,) = entry_points(group='console_scripts', name=os.path.basename(words[0]))
        return command.load()(sys.argv[1:]) or 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1


class Forked:
    """As much of a `subprocess.Popen` as the tests' own helpers use."""

    @staticmethod
    def instead_of(popen):
        def start(words, *args, **more):
            is_client = isinstance(words, list) and os.path.basename(words[0]) in COMMANDS
            return Forked(words, **more) if is_client else popen(words, *args, **more)

        return start

    def __init__(self, words, stdout=None, stderr=None, env=None):
        self.returncode = None
        self.out = tempfile.TemporaryFile()
        self.err = self.out if stderr == subprocess.STDOUT else tempfile.TemporaryFile()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(self.out.fileno(), 1)
            os.dup2(self.err.fileno(), 2)
            with open(1, 'w', closefd=False) as out, open(2, 'w', closefd=False) as err:
                sys.stdout, sys.stderr = out, err
                status = run(words, env)
            os._exit(status)

    def communicate(self):
        try:
            _, status = os.waitpid(self.pid, 0)
        except BaseException:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise
        self.returncode = os.waitstatus_to_exitcode(status)

        def text(file):
            file.seek(0)
            return file.read()

        out = text(self.out)
        return out, None if self.err is self.out else text(self.err)
