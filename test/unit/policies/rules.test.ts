import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allRules, citedRules, findRule } from '../../../src/policies/index.ts';
import { effectiveRules } from '../../../src/policies/effective.ts';
import { type NovaRule, readNova } from '../../support/nova.ts';

describe('the rules', () => {
  it('have names of their own, a sentence each, and refer to nothing that is missing', () => {
    assert.equal(new Set(allRules.map((rule) => rule.name)).size, allRules.length);
    for (const rule of allRules) {
      assert.match(rule.description, /^[A-Z].*\.$/s, rule.name);
      assert.equal(findRule(rule.name), rule);
    }
    const { set, warnings } = effectiveRules(new Map(), '');
    assert.deepEqual([...set.missing.keys()], []);
    assert.deepEqual(warnings, []);
  });

  it("are Nova's: names, checks, scopes and older names", () => {
    const data = readNova<{ macros: readonly NovaRule[]; rules: readonly NovaRule[] }>('policies.json');
    const nova = new Map([...data.macros, ...data.rules].map((rule) => [rule.name, rule]));
    for (const rule of allRules) {
      if (rule.name.startsWith('os_compute_api:xloud:')) continue;
      const theirs = nova.get(rule.name);
      // those of images, networks and identities are not Nova's, nor what they are made of
      if (theirs === undefined && !/^(os_compute_api|compute|network):/.test(rule.name)) continue;
      assert.ok(theirs, `${rule.name} is no rule of Nova's`);
      assert.equal(rule.check, theirs.check, rule.name);
      assert.deepEqual(rule.scope, theirs.scopeTypes, rule.name);
      assert.deepEqual(rule.replaces === null ? [] : [rule.replaces], theirs.replaces ?? [], rule.name);
    }
    assert.deepEqual(
      data.macros.map(({ name }) => name).filter((name) => findRule(name) === undefined),
      [],
    );
    assert.ok(citedRules.length > 50);
  });
});
