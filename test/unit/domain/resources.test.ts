import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { resourcesOf, resourcesProblem, wantsApart, withResources } from '../../../src/domain/resources.ts';
import { aHost } from '../../support/samples.ts';

const of = (extraSpecs: Readonly<Record<string, string>>) => resourcesOf({ extraSpecs });

describe('resources that operators count', () => {
  it('are what a flavor names, all groups together', () => {
    assert.equal(of({}), null);
    const specs = { 'resources:CUSTOM_B': '2', 'resources1:CUSTOM_B': '3', 'resources_x:CUSTOM_A': '1' };
    assert.equal(JSON.stringify(of(specs)), '{"CUSTOM_A":1,"CUSTOM_B":5}');
    assert.deepEqual(of({ 'resources:VGPU': '1' }), { VGPU: 1 });
  });

  it('are not what the size says already, nor what is no amount', () => {
    assert.equal(of({ 'resources:VCPU': '0', 'resources:PCPU': '2', 'resources:MEMORY_MB': '1' }), null);
    for (const value of ['0', '-1', 'x', '1.5', '']) assert.equal(of({ 'resources:CUSTOM_A': value }), null, value);
  });

  it('can be wanted apart only in several groups', () => {
    const both = { 'resources1:CUSTOM_A': '1', 'resources2:CUSTOM_A': '1' };
    assert.ok(wantsApart({ extraSpecs: { ...both, group_policy: 'isolate' } }));
    assert.ok(!wantsApart({ extraSpecs: { ...both, group_policy: 'none' } }));
    assert.ok(!wantsApart({ extraSpecs: { 'resources1:CUSTOM_A': '1', group_policy: 'isolate' } }));
  });

  const amounts = fc.dictionary(fc.constantFrom('CUSTOM_A', 'CUSTOM_B', 'CUSTOM_C'), fc.integer({ min: 1, max: 9 }));

  it('are the same sum in any order, and nothing once all is given back', () => {
    fc.assert(
      fc.property(fc.array(amounts), (parts) => {
        const sum = parts.reduce<ReturnType<typeof withResources>>((all, part) => withResources(all, part, 1), null);
        const other = parts.toReversed().reduce<typeof sum>((all, part) => withResources(all, part, 1), null);
        assert.equal(JSON.stringify(sum), JSON.stringify(other));
        assert.equal(
          parts.reduce<typeof sum>((all, part) => withResources(all, part, -1), sum),
          null,
        );
      }),
    );
  });

  it('are given exactly as long as they are free', () => {
    fc.assert(
      fc.property(amounts, amounts, amounts, (resources, resourcesUsed, wanted) => {
        const { inventory } = aHost('h1');
        const host = { inventory: { ...inventory, facts: { ...inventory.facts, resources } }, resourcesUsed };
        const after = withResources(resourcesUsed, wanted, 1) ?? {};
        const fits = Object.keys(wanted).every((kind) => (after[kind] ?? 0) <= (resources[kind] ?? 0));
        assert.equal(resourcesProblem(host, wanted) === null, fits);
      }),
    );
  });

  it('are refused with what is free', () => {
    const { inventory } = aHost('h1');
    const host = { inventory: { ...inventory, facts: { ...inventory.facts, resources: { CUSTOM_A: 4 } } } };
    const wanted = { CUSTOM_A: 2, CUSTOM_B: 1 };
    assert.equal(
      resourcesProblem({ ...host, resourcesUsed: { CUSTOM_A: 3 } }, wanted),
      'cannot give 2 CUSTOM_A (1 free) and 1 CUSTOM_B (0 free)',
    );
  });
});
