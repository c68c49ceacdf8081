import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plain, plainJson } from '../../../src/base/plain.ts';
import { shown } from '../../../src/cli/novacron/show.ts';
import { tellProgress } from '../../../src/cli/progress.ts';

const HOSTILE = 'a\u001b[2J\u009b31m\u0007\u007f\rb\tc\nd';
// oxlint-disable-next-line no-control-regex -- those are what it is about
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

describe('what is printed', () => {
  it('has nothing that a terminal obeys, and keeps its lines', () => {
    assert.equal(plain(HOSTILE), 'a[2J31mb\tc\nd');
    assert.equal(plain('a,b\r\nc,d\r\n'), 'a,b\r\nc,d\r\n', 'lines of a sheet');
    assert.doesNotMatch(plainJson({ [HOSTILE]: HOSTILE }), OBEYED);
    assert.deepEqual(JSON.parse(plainJson({ name: HOSTILE })), { name: HOSTILE }, 'and says the same');
  });

  it('is so in every form of an answer, and while one waits', () => {
    for (const format of ['table', 'json', 'yaml'] as const)
      assert.doesNotMatch(shown({ name: HOSTILE, log: HOSTILE }, format, {}), OBEYED, format);
    for (const isTTY of [false, true]) {
      let text = '';
      tellProgress({ isTTY, write: (part: string) => (text += part) } as never)(HOSTILE);
      assert.doesNotMatch(text.replace('\r\u001b[K', ''), OBEYED);
    }
  });
});
