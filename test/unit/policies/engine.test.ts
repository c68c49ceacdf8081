import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { compile, subjectOf } from '../../../src/policies/engine.ts';
import { isPolicySyntax, parseRule } from '../../../src/policies/parse.ts';
import { costOf } from '../../support/cost.ts';

const subject = subjectOf({
  user_id: 'u1',
  project_id: 'p1',
  domain_id: null,
  roles: ['Member', 'reader'],
  is_admin: false,
  system_scope: 'all',
  token: { user: { id: 'u1' }, tags: ['x', 'y'] },
});
const target = {
  user_id: 'u1',
  project_id: 'p2',
  role: 'MEMBER',
  'server.owner': 'u1',
  enabled: true,
  gone: undefined,
  zone: null,
};
const allows = (rule: unknown, others: Record<string, unknown> = {}): boolean =>
  compile({ rule, ...others }).allows('rule', subject, target);

describe('rules', () => {
  const table: readonly (readonly [unknown, boolean])[] = [
    ['', true],
    ['@', true],
    ['!', false],
    ['role:member', true],
    ['role:MEMBER', true],
    ['role:admin', false],
    ['role:%(role)s', true],
    ['role:%(nothing)s', false],
    ['is_admin:False', true],
    ['is_admin:false', false],
    ['domain_id:None', true],
    ['system_scope:all', true],
    ['system:all', true],
    ['user_id:%(user_id)s', true],
    ['project_id:%(project_id)s', false],
    ['user_id:%(server.owner)s', true],
    ['user_id:%(gone)s', false],
    ['user_id:%(toString)s', false],
    ['constructor:%(user_id)s', false],
    ['nobody:%(user_id)s', false],
    ['roles:Member', true],
    ['roles:member', false],
    ['token.user.id:%(user_id)s', true],
    ['token.tags:y', true],
    ['token.user.name:u1', false],
    ["'u1':%(user_id)s", true],
    ['"u2":%(user_id)s', false],
    ['True:%(enabled)s', true],
    ['None:%(zone)s', true],
    ['1:1', true],
    ['not role:admin', true],
    ['NOT not role:member', true],
    ['role:admin or role:member and role:reader', true],
    ['(role:admin or role:member) and role:nobody', false],
    ['role:member and role:reader and not role:admin', true],
    ['!  or\t( @ )', true],
    ["('u1':'u1')", false],
    ['rule:other', true],
    ['rule:missing', false],
    ['not rule:missing', true],
    [[], true],
    [[[]], false],
    [['role:admin', 'role:member'], true],
    [[['role:admin', 'role:member']], false],
    [[['role:member', 'role:reader'], ['role:admin']], true],
  ];
  for (const [rule, expected] of table) {
    it(`${JSON.stringify(rule)} is ${expected}`, () => assert.equal(allows(rule, { other: 'role:member' }), expected));
  }

  it('asks `default` in place of what is not defined', () => {
    assert.equal(allows('rule:missing', { default: 'role:member' }), true);
    assert.equal(compile({ default: '@' }).allows('nothing', subject, target), true);
    assert.equal(compile({ other: '@' }).allows('nothing', subject, target), false);
  });

  it('tells which names are not defined, and who refers to them', () => {
    assert.deepEqual(
      [...compile({ a: 'rule:x or rule:y', b: 'rule:x' }).missing],
      [
        ['x', ['a', 'b']],
        ['y', ['a']],
      ],
    );
  });

  it('fails rather than guesses when a credential has no members', () => {
    const set = compile({ rule: 'not user_id.name:x' });
    assert.throws(() => set.allows('rule', subject, target), { code: 'policy.evaluation' });
  });

  it('explains each part', () => {
    const why = compile({ a: 'rule:b or role:admin', b: 'role:member and not rule:b2', b2: '!' }).explain(
      'a',
      subject,
      target,
    );
    assert.equal(why.holds, true);
    assert.deepEqual(why, {
      text: 'rule:a',
      holds: true,
      parts: [
        {
          text: 'or: any of',
          holds: true,
          parts: [
            {
              text: 'rule:b',
              holds: true,
              parts: [
                {
                  text: 'and: all of',
                  holds: true,
                  parts: [
                    { text: 'role:member', holds: true, parts: [] },
                    {
                      text: 'not',
                      holds: true,
                      parts: [
                        { text: 'rule:b2', holds: false, parts: [{ text: '! (never)', holds: false, parts: [] }] },
                      ],
                    },
                  ],
                },
              ],
            },
            { text: 'role:admin', holds: false, parts: [] },
          ],
        },
      ],
    });
  });
});

describe('what is refused', () => {
  const table: readonly (readonly [unknown, RegExp])[] = [
    [null, /not nothing/],
    [undefined, /not nothing/],
    [true, /not boolean/],
    [{}, /not object/],
    [' ', /at the end/],
    ['admin', /'admin' is not a check/],
    ['role:a role:b', /column 8: 'and', 'or' or the end expected, found a check/],
    ['role:a and', /at the end of the rule/],
    ['role:a and and role:b', /column 12: a check.* found 'and'/],
    ['(role:a', /'and', 'or' or '\)' expected at the end/],
    ['role:a)', /column 7: .* found '\)'/],
    ['"role:a"', /quoted string/],
    ["'a':'a'", /quoted string/],
    ['http://example.org/check', /http checks are not supported/],
    ['role:a or https://%(x)s', /column 11: .*https checks are not supported/],
    ['user_id:%(x)d', /after % only/],
    ['user_id:50%', /after % only/],
    ['a..b:x', /neither a credential/],
    ['from:x', /neither a credential/],
    [[['role:a', 1]], /strings/],
    [[{}], /strings/],
    [['admin'], /not a check/],
    ['('.repeat(limits.policyDepth + 2) + '@' + ')'.repeat(limits.policyDepth + 2), /nests at most/],
    ['not '.repeat(limits.policyDepth + 2) + '@', /nests at most/],
    [`role:${'a'.repeat(limits.policyRuleChars)}`, /at most \d+ characters/],
  ];
  for (const [rule, message] of table) {
    it(`${(JSON.stringify(rule) ?? 'undefined').slice(0, 60)}`, () => {
      assert.throws(
        () => compile({ broken: rule }),
        (error: unknown) =>
          isPolicySyntax(error) && message.test(error.message) && error.message.startsWith('broken: '),
      );
    });
  }

  it('rules that refer to each other in a circle, by whatever way', () => {
    assert.throws(() => compile({ a: 'rule:a' }), { message: /circle: a -> a$/ });
    assert.throws(() => compile({ a: 'role:x or rule:b', b: 'not rule:c', c: '(rule:a)' }), {
      message: /circle: a -> b -> c -> a$/,
    });
    assert.throws(() => compile({ a: 'rule:missing', default: 'rule:a' }), { message: /circle/ });
    assert.equal(compile({ a: 'rule:b and rule:b', b: '@' }).allows('a', subject, target), true);
  });

  it('a chain of references that is too long', () => {
    const chain = (length: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length }, (_, i) => [`r${i}`, i + 1 < length ? `rule:r${i + 1}` : '@']));
    const forward = chain(30_000);
    assert.throws(() => compile(forward), { message: /nest at most/ });
    assert.throws(() => compile(Object.fromEntries(Object.entries(forward).reverse())), { message: /nest at most/ });
    assert.equal(compile(chain(50)).allows('r0', subject, target), true);
  });
});

describe('any text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom(
      '(',
      ')',
      ' ',
      ':',
      '%(',
      ')s',
      "'",
      '"',
      'not ',
      ' and ',
      ' or ',
      'role:',
      'rule:',
      '@',
      '!',
      'a.b:',
    ),
  );
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

  it('is a rule or is refused; a rule answers or fails as a fault', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.array(fc.oneof(text, fc.array(text))), fc.anything()), (rule) => {
        try {
          parseRule(rule);
        } catch (error) {
          assert.ok(isPolicySyntax(error), String(error));
          return;
        }
        try {
          assert.equal(typeof compile({ rule, default: '!' }).allows('rule', subject, target), 'boolean');
        } catch (error) {
          assert.ok(
            error instanceof Fault && ['policy.evaluation', 'policy.syntax'].includes(error.code),
            String(error),
          );
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes time in proportion to its length', async () => {
    for (const unit of ['(', 'not ', ') ', "'", '%', '%(', 'a.', 'a-', ' ', '\t(', 'a:%(x)s', '@ or ']) {
      const long = unit.repeat(Math.floor(limits.policyRuleChars / unit.length));
      const cost = await costOf(() => {
        try {
          parseRule(`a:${long}`);
        } catch (error) {
          assert.ok(isPolicySyntax(error));
        }
      });
      assert.ok(cost < 250, `${JSON.stringify(unit)} takes too long`);
    }
  });
});
