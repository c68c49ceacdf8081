// Why: the policy language is oslo.policy's, and only oslo.policy can say whether ours is. Thousands of random rules, callers
// and targets are judged by both, with no difference.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/base/errors.ts';
import { systemCaller } from '../../src/base/op.ts';
import { CREDENTIAL_NAMES, credsOf } from '../../src/policies/creds.ts';
import { type Creds, type RuleSet, type Target, compile, subjectOf } from '../../src/policies/engine.ts';
import { isPolicySyntax } from '../../src/policies/parse.ts';

interface Case {
  readonly rules: Readonly<Record<string, unknown>>;
  readonly asks: readonly { readonly name: string; readonly creds: Creds; readonly target: Target }[];
}
interface Answer {
  readonly understood: boolean;
  readonly answers: readonly (boolean | 'error')[];
}

const PYTHON = '/usr/bin/python3';
const SEED = 20_104;
const missing =
  spawnSync(PYTHON, ['-c', 'import oslo_policy']).status === 0
    ? false
    : 'python3-oslo.policy is not installed (apt-get install python3-oslo.policy)';

function oslo(cases: readonly Case[]): Answer[] {
  const run = spawnSync(PYTHON, [new URL('../support/oslo-policy.py', import.meta.url).pathname], {
    input: cases.map((one) => `${JSON.stringify(one)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  assert.equal(run.status, 0, run.stderr);
  const answers = run.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
  assert.equal(answers.length, cases.length);
  return answers;
}

function ours({ rules, asks }: Case): Answer {
  let set: RuleSet;
  try {
    set = compile(rules);
  } catch (error) {
    assert.ok(isPolicySyntax(error), String(error));
    return { understood: false, answers: [] };
  }
  return {
    understood: true,
    answers: asks.map(({ name, creds, target }) => {
      try {
        return set.allows(name, subjectOf(creds), target);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'policy.evaluation', String(error));
        return 'error';
      }
    }),
  };
}

// ---- what the cases are made of: few names and values, so that they often meet

const NAMES = ['a', 'b', 'c', 'd'];
const value = fc.constantFrom<unknown>(
  'p1',
  'p2',
  'True',
  'None',
  '',
  'é',
  true,
  false,
  null,
  0,
  1,
  -3,
  2.5,
  1e-5,
  1.25e-7,
  1e21,
);
const creds = fc.record(
  {
    user_id: value,
    project_id: value,
    roles: fc.array(fc.constantFrom('admin', 'Member', 'READER', 'p1', 'ÉTÉ'), { maxLength: 3 }),
    is_admin: fc.constantFrom<unknown>(true, false, null),
    system_scope: fc.constantFrom<unknown>('all', null, ''),
    'a-b': value,
    token: fc.record(
      {
        user: fc.record({ id: value }, { requiredKeys: [] }),
        tags: fc.array(value, { maxLength: 3 }),
        groups: fc.array(fc.record({ id: value }, { requiredKeys: [] }), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const target = fc.record(
  {
    user_id: value,
    project_id: value,
    'server.owner': value,
    role: fc.constantFrom('member', 'ADMIN', 'été'),
    '': value,
  },
  { requiredKeys: [] },
);

const goodKind = fc.constantFrom(
  ...[
    'user_id',
    'project_id',
    'is_admin',
    'system_scope',
    'system',
    'roles',
    'nobody',
    'a-b',
    'constructor',
    '__proto__',
    'Role',
  ],
  ...['token.user.id', 'token.tags', 'token.groups.id', 'token.nothing.id', 'user_id.x', 'roles.x', 'None.x', 'HTTP'],
  ...["'p1'", '"p1"', "''", "'é'", 'True', 'False', 'None', '1', '-3', '+1', '00', '-0', 'true'],
);
const goodMatch = fc.constantFrom(
  ...['%(user_id)s', '%(project_id)s', '%(server.owner)s', '%(role)s', '%(gone)s', '%(constructor)s', '%()s'],
  ...[
    'p1',
    'p2',
    'True',
    'None',
    '1',
    '2.5',
    '1e-05',
    '',
    'all',
    'a:b',
    '%%',
    'p%(user_id)s',
    '%(user_id)s%(project_id)s',
    "'p1'",
  ],
);
const badKind = fc.constantFrom(
  'and',
  'a..b',
  '.a',
  'a.',
  '1a',
  "'a",
  'from',
  'a.class',
  '01',
  '',
  'a b'.slice(0, 1) + '+',
  'x.None',
);
const badMatch = fc.constantFrom('50%', '%q', '%(x', '%(x)', '%');
const pair = (kind: fc.Arbitrary<string>, match: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(kind, match).map(([k, m]) => `${k}:${m}`);

const role = fc.constantFrom(
  'role:admin',
  'role:MEMBER',
  'role:%(role)s',
  'role:',
  'role:Été',
  'role:%(gone)s',
  'role:a%%',
);
const reference = fc.constantFrom(...NAMES, 'gone', '%(role)s').map((name) => `rule:${name}`);
/** A check that as a whole stands in quotes is no check at all, for both. */
const isQuoted = (atom: string): boolean => /^(['"]).*\1$/.test(atom);
const goodAtom = fc.oneof(
  { weight: 5, arbitrary: pair(goodKind, goodMatch).filter((atom) => !isQuoted(atom)) },
  { weight: 2, arbitrary: role },
  { weight: 2, arbitrary: reference },
  { weight: 1, arbitrary: fc.constantFrom('@', '!') },
);
const anyAtom = fc.oneof(
  { weight: 30, arbitrary: goodAtom },
  { weight: 1, arbitrary: fc.oneof(pair(badKind, goodMatch), pair(goodKind, badMatch)) },
  { weight: 1, arbitrary: fc.constantFrom('admin', '"role:admin"', "'p1':'p1'", "x:'", '"', 'role', '@@', '(!)') },
);

const space = fc.constantFrom(' ', '  ', '\t', '\n', '\u00a0', '\u001c', '\u3000');
const word = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words);
/** Rules that are well formed. */
const { rule: formed } = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    goodAtom,
    fc.tuple(tie('rule'), space, word('and', 'or', 'AND', 'Or'), space, tie('rule')).map((parts) => parts.join('')),
    fc.tuple(word('not', 'NOT'), space, tie('rule')).map((parts) => parts.join('')),
    fc
      .tuple(word('(', '( ', '(('), tie('rule'))
      .map(([open, inner]) => `${open}${inner}${open.trim() === '((' ? '))' : ')'}`),
  ),
}));
/** Words in any order. */
const soup = fc
  .array(fc.oneof(anyAtom, word('and', 'or', 'not', '(', ')', '((', '))', 'and', 'or')), { minLength: 1, maxLength: 9 })
  .chain((words) =>
    fc
      .array(space, { minLength: words.length, maxLength: words.length })
      .map((gaps) => words.map((w, i) => w + (gaps[i] ?? '')).join('')),
  );
const listItem = fc.oneof(goodAtom, anyAtom, fc.constantFrom('', 'p1', 'role:a and role:b'));
const list = fc.array(fc.oneof(listItem, fc.array(listItem, { maxLength: 3 })), { maxLength: 3 });
const anyRule: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: formed },
  { weight: 3, arbitrary: soup },
  { weight: 2, arbitrary: list },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '(', ')', 'and', 'not', '"x"', '()', '(())') },
);

/** References go to later names only, so there is no circle; `default` is there in some. */
const acyclic = (rules: Record<string, unknown>): Record<string, unknown> => {
  const order = [...NAMES, 'default'];
  const cut = (rule: unknown, from: number): unknown => {
    if (Array.isArray(rule)) return rule.map((part) => cut(part, from));
    if (typeof rule !== 'string') return rule;
    return rule.replace(/rule:(\w+|%\(role\)s)/g, (whole, name: string) => {
      const at = order.indexOf(name);
      return (at < 0 && from < order.length - 1) || at > from ? whole : '@';
    });
  };
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, cut(rule, order.indexOf(name))]));
};
const rulesOf = (rule: fc.Arbitrary<unknown>, requiredKeys: 'a'[]) =>
  fc.record({ a: rule, b: rule, c: rule, d: rule, default: rule }, { requiredKeys }).map(acyclic);
const asks = fc.array(fc.record({ name: fc.constantFrom('a', 'a', 'a', 'b', 'gone'), creds, target }), {
  minLength: 4,
  maxLength: 4,
});

function compare(cases: readonly Case[]): { understood: number; allowed: number; denied: number; errors: number } {
  const theirs = oslo(cases);
  const count = { understood: 0, allowed: 0, denied: 0, errors: 0 };
  cases.forEach((one, i) => {
    const mine = ours(one);
    assert.deepEqual(mine, theirs[i], `case ${i}: ${JSON.stringify(one)}`);
    if (mine.understood) count.understood += 1;
    for (const answer of mine.answers) count[answer === 'error' ? 'errors' : answer ? 'allowed' : 'denied'] += 1;
  });
  return count;
}

describe('the policy language', { skip: missing }, () => {
  it('answers as oslo.policy does for well-formed rules', () => {
    const cases = fc.sample(fc.record({ rules: rulesOf(formed, ['a']), asks }), { numRuns: 3_000, seed: SEED });
    const count = compare(cases);
    assert.equal(count.understood, cases.length, 'every one of these must be understood');
    for (const kind of ['allowed', 'denied', 'errors'] as const) {
      assert.ok(count[kind] > 200, `only ${count[kind]} of ${kind}: the cases do not say much`);
    }
  });

  it('refuses exactly what oslo.policy fails to understand', () => {
    const cases = fc.sample(fc.record({ rules: anyRule.map((a) => acyclic({ a })), asks }), {
      numRuns: 4_000,
      seed: SEED,
    });
    const count = compare(cases);
    assert.ok(
      count.understood > 1_500 && count.understood < 3_500,
      `${count.understood} of ${cases.length} understood`,
    );
  });

  it('never understands a text otherwise than oslo.policy', () => {
    const letters = fc.constantFrom(
      ...'ab:%()s\'"@! .-1_\t'.split(''),
      'role:',
      'rule:',
      'and',
      'or',
      'not',
      '%(',
      ')s',
      'é',
    );
    const text = fc.array(letters, { maxLength: 12 }).map((parts) => parts.join(''));
    const cases = fc.sample(fc.record({ rules: text.map((a) => ({ a })), asks }), { numRuns: 4_000, seed: SEED });
    const theirs = oslo(cases);
    let understood = 0;
    cases.forEach((one, i) => {
      const mine = ours(one);
      // Ours may refuse an oddity that oslo.policy evaluates (a tuple for a kind, say), loudly; never the reverse.
      if (!mine.understood) return;
      understood += 1;
      assert.deepEqual(mine, theirs[i], `case ${i}: ${JSON.stringify(one)}`);
    });
    assert.ok(understood > 200, `only ${understood} understood: the texts do not say much`);
  });

  it("has the credentials of oslo.context, and Nova's is_admin", () => {
    const script =
      'import json; from oslo_context.context import RequestContext as R; print(json.dumps(dict(R().to_policy_values().items())))';
    const run = spawnSync(PYTHON, ['-c', script], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    const names = Object.keys(JSON.parse(run.stdout) as object);
    assert.deepEqual(Object.keys(credsOf(systemCaller, true)).sort(), [...names, 'is_admin'].sort());
    assert.deepEqual([...CREDENTIAL_NAMES].sort(), [...names, 'is_admin', 'system'].sort());
  });
});
