import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makePasswords } from '../../../../src/standalone/identity/passwords.ts';

const CHEAP = { N: 2, r: 1, p: 1 };
const turn = { address: '192.0.2.1', user: 'u' };

describe('passwords', () => {
  it('are stored with their parameters and a salt of their own', async () => {
    const passwords = makePasswords(CHEAP);
    const [one, two] = [await passwords.hash('secret', turn), await passwords.hash('secret', turn)];
    assert.match(one, /^scrypt\$2\$1\$1\$[\w-]{22}\$[\w-]{43}$/);
    assert.notEqual(one, two);
    assert.ok(await passwords.matches('secret', one, turn));
    assert.ok(await passwords.matches('secret', two, turn));
    assert.ok(!(await passwords.matches('Secret', one, turn)));
    assert.ok(!(await passwords.matches('', one, turn)));
  });

  it('match after the cost for new ones was raised', async () => {
    const stored = await makePasswords(CHEAP).hash('secret', turn);
    const dearer = makePasswords({ N: 4, r: 2, p: 1 });
    assert.ok(await dearer.matches('secret', stored, turn));
    assert.match(await dearer.hash('secret', turn), /^scrypt\$4\$2\$1\$/);
  });

  it('are the same however an accent was typed', async () => {
    const passwords = makePasswords(CHEAP);
    assert.ok(await passwords.matches('a\u0308', await passwords.hash('\u00e4', turn), turn));
  });

  it('never match where none is stored, and cost as much', async () => {
    const passwords = makePasswords();
    const stored = await passwords.hash('secret', turn);
    const costOf = async (text: string | null): Promise<number> => {
      const before = process.cpuUsage();
      assert.ok(!(await passwords.matches('wrong', text, turn)));
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
});
