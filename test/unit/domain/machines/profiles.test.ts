import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { extraSpecFate, extraSpecProblem } from '../../../../src/domain/machines/extra-specs.ts';
import {
  inForce,
  profileNames,
  profileProblem,
  profiledSpecs,
  profiles,
  underProfile,
  withProfile,
} from '../../../../src/domain/machines/profiles.ts';

describe('profiles', () => {
  for (const name of profileNames) {
    it(`${name} turns only knobs that are turned here, to values that they take, and says why`, () => {
      for (const [spec, { value, why }] of Object.entries(profiles[name].knobs)) {
        assert.equal(extraSpecProblem(spec, value), null, spec);
        assert.equal(extraSpecFate(spec)?.kind, 'done', spec);
        assert.notEqual(why, '');
      }
    });
  }

  it('lie below what a flavor says itself', () => {
    const own = { 'xloud:profile': 'energy-efficient', 'quota:cpu_shares': '800', other: 'x' };
    assert.deepEqual(withProfile(own), { 'quota:cpu_period': '100000', 'quota:cpu_quota': '50000', ...own });
    assert.deepEqual(profiledSpecs(own).fromProfile, ['quota:cpu_period', 'quota:cpu_quota']);
    assert.deepEqual(profiledSpecs({ other: 'x' }), { extraSpecs: { other: 'x' } });
  });

  it('are one of those that there are', () => {
    assert.equal(profileProblem({}), null);
    assert.equal(profileProblem({ 'xloud:profile': 'balanced' }), null);
    for (const name of ['fast', '', 'constructor'])
      assert.match(profileProblem({ 'xloud:profile': name }) ?? '', /is not one of: balanced, high-performance, /);
  });

  it('follow one another, and what the flavor says itself stays', () => {
    const own = { 'hw:pmu': 'true', 'xloud:profile': 'high-performance' };
    const flavor = { name: 'f', ...profiledSpecs(own) };
    assert.equal(flavor.extraSpecs['quota:cpu_shares'], '4096');
    const next = underProfile(flavor, 'energy-efficient');
    assert.deepEqual(next, {
      name: 'f',
      extraSpecs: {
        'hw:pmu': 'true',
        'xloud:profile': 'energy-efficient',
        'quota:cpu_shares': '512',
        'quota:cpu_period': '100000',
        'quota:cpu_quota': '50000',
      },
      fromProfile: ['quota:cpu_shares', 'quota:cpu_period', 'quota:cpu_quota'],
      profilePending: true,
    });
    assert.deepEqual(underProfile(next, null), { name: 'f', extraSpecs: { 'hw:pmu': 'true' }, profilePending: true });
    assert.ok(!('profilePending' in inForce(next)));
  });
});
