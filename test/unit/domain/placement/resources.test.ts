import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  resourcesOf,
  resourcesProblem,
  roomTaken,
  wantsApart,
  withResources,
} from '../../../../src/domain/placement/resources.ts';
import { aFlavor, aHost } from '../../../support/samples.ts';

const flavor = { vcpus: 4, memoryMb: 1024, rootGb: 10, ephemeralGb: 5, swapMb: 1 };
const of = (extraSpecs: Readonly<Record<string, string>>, pinned = 0) =>
  resourcesOf(aFlavor({ ...flavor, extraSpecs }), pinned);

describe('resources that operators count', () => {
  it('are what a flavor names, all groups together', () => {
    assert.equal(of({}), null);
    const specs = { 'resources:CUSTOM_B': '2', 'resources1:CUSTOM_B': '3', 'resources_x:CUSTOM_A': '1' };
    assert.equal(JSON.stringify(of(specs)), '{"CUSTOM_A":1,"CUSTOM_B":5}');
    assert.deepEqual(of({ 'resources:VGPU': '1' }), { VGPU: 1 });
  });

  it('are of vCPUs, memory and disk what an override makes them more or less', () => {
    assert.deepEqual(of({ 'resources:VCPU': '0', 'resources:MEMORY_MB': '1536' }), { MEMORY_MB: 512, VCPU: -4 });
    assert.deepEqual(of({ 'resources1:DISK_GB': '2', 'resources2:DISK_GB': '4' }), { DISK_GB: -10 });
    assert.equal(of({ 'resources:VCPU': '4', 'resources:DISK_GB': '16' }), null);
    const specs = { 'resources:VCPU': '1', 'resources:DISK_GB': '0' };
    assert.deepEqual(roomTaken({ vcpus: 4, memoryMb: 1024, diskGb: 16 }, of(specs)), {
      ...{ vcpus: 1, memoryMb: 1024, diskGb: 0 },
    });
    assert.deepEqual(of({ 'resources:VCPU': '0', 'resources:PCPU': '4' }, 4), null, 'pinned vCPUs are none of VCPU');
  });

  it('are not processors of its own, nor what is no amount', () => {
    assert.equal(of({ 'resources:PCPU': '2', 'resources:MEMORY_MB': '-1', 'resources:DISK_GB': 'x' }), null);
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
