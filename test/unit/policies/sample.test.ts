import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../../src/base/log.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { systemCaller } from '../../../src/base/op.ts';
import { parsePolicyFile } from '../../../src/policies/file.ts';
import { allRules } from '../../../src/policies/index.ts';
import { makePolicy } from '../../../src/policies/load.ts';
import { checkPolicy, listPolicies, samplePolicy } from '../../../src/policies/sample.ts';

const policy = makePolicy({ log: silentLog, clock: systemClock });
const reader = { ...systemCaller, roles: ['reader'], isAdmin: false, systemScope: null, projectId: 'p1' };

describe('the sample file', () => {
  const text = samplePolicy(new Map([['os_compute_api:servers:create', ['POST /servers', 'POST /elsewhere']]]));

  it('says nothing as it is, and the defaults once uncommented', () => {
    assert.equal(parsePolicyFile(text, 'sample').size, 0);
    const rules = parsePolicyFile(text.replaceAll(/^#"/gm, '"'), 'sample');
    assert.deepEqual(
      [...rules].map(([name, rule]) => [name, rule.text]),
      allRules.map((rule) => [rule.name, rule.check]),
    );
  });

  it('names description, operations, scope and older name', () => {
    assert.match(
      text,
      /# Create servers\.\n#   POST \/servers\n#   POST \/elsewhere\n# Scope of the token: project\n#"os_compute_api:servers:create"/,
    );
    assert.match(text, /# Older name, still read: os_compute_api:os-services\n#"os_compute_api:os-services:list"/);
    for (const line of text.split('\n')) assert.ok(line.startsWith('#') || line === '', line);
  });
});

describe('the list', () => {
  it('is YAML that means the rules in force', () => {
    const rules = parsePolicyFile(listPolicies(policy.rules()), 'list');
    assert.equal(rules.size, allRules.length);
    assert.equal(rules.get('os_compute_api:limits')?.text, '@');
  });

  it('says where a rule comes from', () => {
    const text = listPolicies([{ name: 'a', check: '@', source: 'renamed', rule: null }]);
    assert.equal(text, '"a": "@"  # from the file, under its older name\n');
  });
});

describe('the check', () => {
  it('says yes or no, and why', () => {
    const verdict = checkPolicy(policy, reader, 'os_compute_api:servers:show', { project_id: 'p1' });
    assert.equal(verdict?.allowed, true);
    assert.equal(
      verdict?.text,
      [
        'os_compute_api:servers:show: allowed',
        '  yes  rule:os_compute_api:servers:show',
        '    yes  rule:project_reader_or_admin',
        '      yes  or: any of',
        '        yes  rule:project_reader_api',
        '          yes  and: all of',
        '            yes  role:reader',
        '            yes  project_id:%(project_id)s',
        '        no   rule:context_is_admin',
        '          no   role:admin',
        '',
      ].join('\n'),
    );
    assert.equal(checkPolicy(policy, reader, 'os_compute_api:servers:show', { project_id: 'p2' })?.allowed, false);
  });

  it('names a scope that does not fit', () => {
    const verdict = checkPolicy(policy, systemCaller, 'os_compute_api:servers:show', {});
    assert.equal(verdict?.allowed, false);
    assert.match(verdict?.text ?? '', /the token's scope is system; the rule is for project/);
  });

  it('does not know other names', () => assert.equal(checkPolicy(policy, reader, 'nothing', {}), undefined));
});
