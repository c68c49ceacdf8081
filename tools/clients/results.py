"""Runs functional tests below a Python package and prints one JSON object a line: {"test", "status": pass|fail|skip, "why"}.

    results.py PACKAGE PATTERN FOLDER...

PATTERN: of the tests whose names below the package it is found in. A client's command that a test starts is not started: a fork of
this process, which has the client loaded, runs it. A test that would wait for five seconds and more waits for one.
"""
import importlib
import json
import os
import re
import subprocess
import sys
import time
import traceback
import unittest

from forked import Forked, load

LONG_S = 5
PAUSE_S = 1
wait = time.sleep


def text_of(details, error):
    """The reason of a skip, or the last line of what went wrong."""
    for name in ('reason', 'traceback'):
        if details and name in details:
            text = ''.join(details[name].iter_text())
            break
    else:
        text = error if isinstance(error, str) else ''.join(traceback.format_exception(*error)) if error else ''
    lines = [line for line in text.strip().splitlines() if line.strip()]
    print(text, file=sys.stderr)
    return lines[-1].strip() if lines else ''


class Results(unittest.TestResult):
    """What became of each test; what went wrong once is not covered up by what comes after it."""

    def __init__(self):
        super().__init__()
        self.rows = {}

    def startTest(self, test):
        super().startTest(test)
        print(f'--- {test.id()}', file=sys.stderr)

    def note(self, test, status, why=''):
        self.rows.setdefault(test.id(), (status, why))

    def addSuccess(self, test, details=None):
        self.note(test, 'pass')

    def addExpectedFailure(self, test, err=None, details=None):
        self.note(test, 'pass')

    def addUnexpectedSuccess(self, test, details=None):
        self.note(test, 'fail', 'passed, which it expects not to')

    def addError(self, test, err=None, details=None):
        self.note(test, 'fail', text_of(details, err))

    addFailure = addError

    def addSkip(self, test, reason=None, details=None):
        self.note(test, 'skip', text_of(details, reason))


def leaves(suite):
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from leaves(part)
        else:
            yield part


def main(package, pattern, *folders):
    base = os.path.dirname(importlib.import_module(package).__file__)
    top = base
    for _ in package.split('.'):
        top = os.path.dirname(top)
    load(*([] if package.startswith('openstack.') else [package.split('.')[0], 'openstack']))
    subprocess.Popen = Forked.instead_of(subprocess.Popen)
    time.sleep = lambda seconds: wait(PAUSE_S if seconds >= LONG_S else seconds)
    loader = unittest.TestLoader()
    results = Results()
    # the libraries tell of all that they ask on the standard output
    out = os.dup(1)
    os.dup2(2, 1)
    for folder in folders:
        found = leaves(loader.discover(os.path.normpath(os.path.join(base, folder)), top_level_dir=top))
        unittest.TestSuite(test for test in found if re.search(pattern, test.id())).run(results)
    with os.fdopen(out, 'w') as stream:
        for message in loader.errors:
            print(json.dumps({'test': package, 'status': 'fail', 'why': message}), file=stream)
        for test, (status, why) in results.rows.items():
            # what is made for all tests of a class: `setUpClass (class)`
            name = re.sub(r'^(\w+) \((.+)\)$', r'\2.\1', test).removeprefix(package + '.')
            print(json.dumps({'test': name, 'status': status, 'why': why}), file=stream)


main(*sys.argv[1:])
