"""Reads a subunit stream and prints one JSON object a line: {"test", "status": pass|fail|skip, "why"}.

A class whose setUpClass fails or is skipped has one line, whose test ends in `.*`.
"""
import json
import re
import sys

import subunit
import testtools

STATUS = {'success': 'pass', 'fail': 'fail', 'skip': 'skip'}
ERROR = re.compile(r'^[A-Za-z_][\w.]*(Error|Exception|Failure|Fault|Conflict|NotFound|\.[A-Z]\w+)\b')


def why(details):
    """The reason of a skip; the error and the two lines after it of a traceback."""
    if 'reason' in details:
        return details['reason'].as_text().strip()
    texts = [details[name].as_text() for name in sorted(details) if name.startswith('traceback')]
    for text in texts:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        found = [at for at, line in enumerate(lines) if ERROR.match(line)]
        if found:
            return ' '.join(lines[found[-1]:found[-1] + 3])
    return ' '.join(texts)[-300:]


def name(test_id):
    setup = re.match(r'(?:setUpClass|tearDownClass) \((.*)\)', test_id)
    return setup.group(1) + '.*' if setup else re.sub(r'\[.*', '', test_id)


def tell(test):
    if test['status'] == 'exists':  # only announced
        return
    print(json.dumps({'test': name(test['id']), 'status': STATUS.get(test['status'], test['status']),
                      'why': why(test['details'])}))


result = testtools.StreamToDict(tell)
result.startTestRun()
subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name='stdout').run(result)
result.stopTestRun()
