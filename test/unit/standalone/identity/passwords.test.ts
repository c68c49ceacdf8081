import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/base/errors.ts';
import { limits } from '../../../../src/base/limits.ts';
import { makePasswords } from '../../../../src/standalone/identity/passwords.ts';

const CHEAP = { N: 2, r: 1, p: 1 };

describe('passwords', () => {
  it('are stored with their parameters and a salt of their own', async () => {
    const passwords = makePasswords(CHEAP);
    const [one, two] = [await passwords.hash('secret'), await passwords.hash('secret')];
    assert.match(one, /^scrypt\$2\$1\$1\$[\w-]{22}\$[\w-]{43}$/);
    assert.notEqual(one, two);
    assert.ok(await passwords.matches('secret', one));
    assert.ok(await passwords.matches('secret', two));
    assert.ok(!(await passwords.matches('Secret', one)));
    assert.ok(!(await passwords.matches('', one)));
  });

  it('match after the cost for new ones was raised', async () => {
    const stored = await makePasswords(CHEAP).hash('secret');
    const dearer = makePasswords({ N: 4, r: 2, p: 1 });
    assert.ok(await dearer.matches('secret', stored));
    assert.match(await dearer.hash('secret'), /^scrypt\$4\$2\$1\$/);
  });

  it('are the same however an accent was typed', async () => {
    const passwords = makePasswords(CHEAP);
    assert.ok(await passwords.matches('a\u0308', await passwords.hash('\u00e4')));
  });

  it('never match where none is stored, and cost as much', async () => {
    const passwords = makePasswords();
    const stored = await passwords.hash('secret');
    const costOf = async (text: string | null): Promise<number> => {
      const before = process.cpuUsage();
      assert.ok(!(await passwords.matches('wrong', text)));
      return process.cpuUsage(before).user;
    };
    // the least of several: what else the machine does only adds
    const least = async (text: string | null): Promise<number> => {
      const costs: number[] = [];
      for (let i = 0; i < 5; i += 1) costs.push(await costOf(text));
      return Math.min(...costs);
    };
    const [known, unknown] = [await least(stored), await least(null)];
    assert.ok(unknown > known / 2 && unknown < known * 2, `known ${known} us, unknown ${unknown} us of CPU`);
  });

  it('are computed a few at a time, and too many logins are turned away', async () => {
    const passwords = makePasswords(CHEAP);
    const stored = await passwords.hash('secret');
    const asked = limits.passwordHashesAtOnce + limits.passwordHashesWaiting + 10;
    const all = await Promise.allSettled(Array.from({ length: asked }, () => passwords.matches('secret', stored)));
    const failed = all.filter((result) => result.status === 'rejected');
    assert.equal(failed.length, 10);
    for (const { reason } of failed) assert.ok(reason instanceof Fault && reason.kind === 'unavailable');
    assert.ok(await passwords.matches('secret', stored));
  });
});
