"""Runs openstacksdk's functional tests of one service and prints one JSON object a line: {"test", "status": pass|fail|skip, "why"}.

    results.py SERVICE
"""
import json
import os
import sys
import traceback
import unittest

import openstack.tests.functional as functional

HERE = 'openstack.tests.functional.'


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


def main(service):
    base = os.path.dirname(functional.__file__)
    top = os.path.dirname(os.path.dirname(os.path.dirname(base)))
    loader = unittest.TestLoader()
    suite = loader.discover(os.path.join(base, service), top_level_dir=top)
    results = Results()
    # the library tells of all that it asks on the standard output
    out = os.dup(1)
    os.dup2(2, 1)
    suite.run(results)
    with os.fdopen(out, 'w') as stream:
        for message in loader.errors:
            print(json.dumps({'test': service, 'status': 'fail', 'why': message}), file=stream)
        for test, (status, why) in results.rows.items():
            name = test[len(HERE):] if test.startswith(HERE) else test
            print(json.dumps({'test': name, 'status': status, 'why': why}), file=stream)


main(sys.argv[1])
