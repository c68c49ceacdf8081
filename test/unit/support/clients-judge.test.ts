import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readGoTest } from '../../../tools/clients/go-test.ts';
import { excusesFile, judge, readExcuses, type Result } from '../../../tools/clients/judge.ts';
import { suites } from '../../../tools/clients/suites.ts';

const result = (test: string, status: Result['status'], why = ''): Result => ({ test, status, why });
const excuse = (pattern: string): { pattern: RegExp; line: string } => ({
  pattern: new RegExp(`^(?:${pattern})$`),
  line: `${pattern} => a reason`,
});

describe('results of clients', () => {
  it('are as they should be where each failure and each skip has a line, and each line a test', () => {
    const results = [result('a.one', 'pass'), result('a.two', 'fail', 'no'), result('b.one', 'skip', 'never')];
    assert.deepEqual(judge(results, [excuse('a\\.two'), excuse('b\\..*')], ['a', 'b']), []);
  });

  it('tell of what no line explains, of what passes in spite of one, and of a line without a test', () => {
    const results = [result('a.one', 'pass'), result('a.two', 'fail', 'no'), result('a.three', 'skip', 'never')];
    assert.deepEqual(judge(results, [excuse('a\\.one'), excuse('a\\.four'), excuse('b\\.one')], ['a']), [
      'passes, though a line excuses it: a.one',
      'fail a.two: no',
      'skip a.three: never',
      'excuses a test that there is not: a\\.four => a reason',
    ]);
  });

  it('have a pattern for the whole name of a test', () => {
    assert.deepEqual(judge([result('a.one.more', 'fail', 'no')], [excuse('a\\.one')], []), ['fail a.one.more: no']);
  });

  it('take a file of lines for each suite, and none without a reason', () => {
    for (const name of Object.keys(suites)) readExcuses(excusesFile(name));
    const dir = mkdtempSync(join(tmpdir(), 'xloud-excuses-'));
    try {
      const path = join(dir, 'suite.txt');
      writeFileSync(path, '# about\n\na\\.one => a reason\na\\.two => \n');
      assert.throws(() => readExcuses(path), /suite\.txt: no reason: a\\\.two/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('what go test says', () => {
  const nameOf = (pkg: string, test: string): string => `${pkg}.${test}`;
  const lines = (...events: object[]): string => events.map((event) => JSON.stringify(event)).join('\n');
  const said = (Test: string, Output: string): object => ({ Action: 'output', Package: 'p', Test, Output });

  it('is a result for each test, with what failed and not with what was done after it', () => {
    const { results, cutOff } = readGoTest(
      lines(
        { Action: 'start', Package: 'p' },
        said('TestOne', '=== RUN   TestOne\n'),
        { Action: 'pass', Package: 'p', Test: 'TestOne' },
        said('TestTwo', '    two_test.go:3: Attempting to create\n'),
        said('TestTwo/part', '    two_test.go:9: \u001B[1;31mFailure in two_test.go, line 9: no\u001B[0m\n'),
        { Action: 'fail', Package: 'p', Test: 'TestTwo/part' },
        said('TestTwo', '    two_test.go:5: Deleted server\n'),
        said('TestTwo', '--- FAIL: TestTwo (0.10s)\n'),
        { Action: 'fail', Package: 'p', Test: 'TestTwo' },
        said('TestThree', '    conditions.go:18: must be admin\n'),
        { Action: 'skip', Package: 'p', Test: 'TestThree' },
        { Action: 'fail', Package: 'p' },
      ),
      nameOf,
    );
    assert.equal(cutOff, false);
    assert.deepEqual(results, [
      result('p.TestOne', 'pass'),
      result('p.TestTwo', 'fail', 'Failure in two_test.go, line 9: no'),
      result('p.TestThree', 'skip', 'must be admin'),
    ]);
  });

  it('has a test that was not let end as failed', () => {
    const { results } = readGoTest(
      lines(
        { Action: 'run', Package: 'p', Test: 'TestOne' },
        said('TestOne', '    one_test.go:3: Attempting to wait\n'),
        { Action: 'fail', Package: 'p' },
      ),
      nameOf,
    );
    assert.deepEqual(results, [result('p.TestOne', 'fail', 'did not end: Attempting to wait')]);
  });

  it('ends at a panic, and what is not built has failed', () => {
    const panic = readGoTest(
      lines(said('TestOne', 'panic: runtime error\n'), { Action: 'fail', Package: 'p', Test: 'TestOne' }),
      nameOf,
    );
    assert.deepEqual(panic, { results: [result('p.TestOne', 'fail', 'panic: runtime error')], cutOff: true });
    const unbuilt = readGoTest(
      lines(
        { Action: 'build-output', ImportPath: 'p', Output: 'x.go:1: no such thing\n' },
        { Action: 'build-fail', ImportPath: 'p' },
      ),
      nameOf,
    );
    assert.deepEqual(unbuilt.results, [result('p.', 'fail', 'no such thing')]);
  });
});
