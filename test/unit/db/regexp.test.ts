import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/base/errors.ts';
import { compilePattern, isPlainText, makeRegexpFunction } from '../../../src/db/regexp.ts';
import { costOf } from '../../support/cost.ts';

describe('patterns of list filters', () => {
  const rows: readonly [pattern: string, text: string, found: boolean][] = [
    ['web', 'my-web-1', true],
    ['^web', 'my-web-1', false],
    ['^web-[0-9]+$', 'web-12', true],
    ['a.c', 'abc', true],
    ['A', 'a', true],
    ['É.', 'éa', true],
    ['\\S', ' ', false],
    ['a|b', 'a', false],
    ['a|b', 'xa|by', true],
    ['a\\|b', 'a|b', true],
    ['(ab){2}', 'xababx', true],
    ['[[:digit:]]', 'a1', true],
    ['ü+', 'müüe', true],
  ];
  for (const [pattern, text, found] of rows) {
    it(`${pattern} ${found ? 'is' : 'is not'} in ${text}`, () => assert.equal(compilePattern(pattern)(text), found));
  }

  for (const pattern of ['(', '[', 'a{2,1}', '(?=a)', '(a)\\1', 'a'.repeat(5000)]) {
    it(`refuses ${pattern.slice(0, 10)}`, () => assert.throws(() => compilePattern(pattern), { kind: 'badRequest' }));
  }

  it('refuses what a row would cost too much, however short it is written', () => {
    for (const pattern of ['(\\w?){1000}', '((a?){30}(b?){30}){15}z']) {
      assert.throws(() => compilePattern(pattern), { kind: 'badRequest' }, pattern);
    }
    assert.ok(compilePattern('^[a-z]{3,12}-[0-9]{1,3}$')('web-12'));
  });

  it('gives up a statement that looks for too long, and begins anew with the next', async () => {
    const regexp = makeRegexpFunction();
    const rows = function* () {
      const text = 'x'.repeat(255);
      for (let index = 0; index < 1e6; index += 1) yield regexp('(\\w?){90}z', text);
    };
    assert.throws(() => [...rows()], { kind: 'badRequest', message: /takes too long/ });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(regexp('x', 'x'), 1);
  });

  it('takes time in proportion to the text', async () => {
    const cost = await costOf(() => assert.equal(compilePattern('^(a+)+$')(`${'a'.repeat(20_000)}b`), false));
    assert.ok(cost < 5_000, `${cost} ms`);
  });

  it('finds any text by itself where that is plain', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }).filter(isPlainText), (text) =>
        assert.ok(compilePattern(text)(`<${text}>`)),
      ),
    );
  });

  it('never throws anything but a Fault', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.string(), (pattern, text) => {
        try {
          compilePattern(pattern)(text);
        } catch (error) {
          assert.ok(error instanceof Fault);
        }
      }),
    );
  });

  it('answers null for SQL nulls', () => assert.equal(makeRegexpFunction()('a', null), null));
});
