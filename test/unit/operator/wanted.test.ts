import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quantityOf } from '../../../src/operator/quantity.ts';
import type { MachineSpec, VirtualMachineSpec } from '../../../src/operator/types.ts';
import { wantedOf } from '../../../src/operator/wanted.ts';

const spec = (machine: Partial<MachineSpec> = {}, more: Partial<VirtualMachineSpec> = {}): VirtualMachineSpec => ({
  template: {
    spec: { resources: { cpu: 2, memory: '4Gi', disk: '50Gi' }, image: { source: 'image://a' }, ...machine },
  },
  ...more,
});
const problems = (machine: Partial<MachineSpec>, more: Partial<VirtualMachineSpec> = {}) =>
  wantedOf(spec(machine, more)).problems.join('; ');

describe('quantities', () => {
  it('are by two and by ten', () => {
    const known: [number | string, number][] = [
      [5, 5],
      ['1Ki', 1024],
      ['4Gi', 4 * 2 ** 30],
      ['1.5G', 1.5e9],
      ['500m', 0.5],
      ['2k', 2000],
    ];
    for (const [text, value] of known) assert.equal(quantityOf(text), value, String(text));
    for (const text of ['', '4GiB', '4 Gi', '-1', '1e3', 'Gi', '1x']) assert.ok(Number.isNaN(quantityOf(text)), text);
  });
});

describe('what a machine asks for', () => {
  it('has bounds where none are named: what it was made with, and one vCPU with half a GiB', () => {
    const { wanted } = wantedOf(spec());
    assert.deepEqual(wanted?.size, { cpu: 2, memoryMb: 4096 });
    assert.deepEqual(wanted?.ceiling, { cpu: 2, memoryMb: 4096 });
    assert.deepEqual(wanted?.floor, { cpu: 1, memoryMb: 512 });
    assert.deepEqual([wanted?.diskGb, wanted?.image, wanted?.running], [50, 'a', true]);
    const small = wantedOf(spec({ resources: { cpu: 1, memory: '256Mi', disk: '1G' } })).wanted;
    assert.deepEqual([small?.floor, small?.diskGb], [{ cpu: 1, memoryMb: 256 }, 1]);
  });

  it('is refused with every reason', () => {
    const resources = { cpu: 8, memory: '1Gi', disk: '50Gi', floor: { memory: '2Gi' }, ceiling: { cpu: 4 } };
    const said = problems({ resources, image: { source: 'https://example.org/a.img' } }, { provider: 'azure' });
    for (const reason of [
      /there is no provider azure yet/,
      /8 is above the ceiling, 4/,
      /1024 MiB is below the floor, 2048 MiB/,
      /images are not had by https:\/\//,
    ])
      assert.match(said, reason);
    assert.match(problems({ resources: { cpu: '1.5', memory: '1Gi', disk: '1Gi' } }), /cpu: it must be a whole number/);
    assert.match(problems({ resources: { cpu: 1, memory: 'much', disk: '1Gi' } }), /memory: it must be a quantity/);
    assert.match(problems({ resources: { cpu: 1, memory: '1Gi', disk: '0' } }), /disk: it must be a quantity/);
    assert.match(problems({ image: { source: 'ubuntu' } }), /marketplace:\/\/NAME or image:\/\/NAME-OR-ID/);
    assert.match(
      problems({ networks: [{ name: 'a', type: 'bridge', ipv4: { method: 'static', address: '10.0.0.1' } }] }),
      /must be written as 10.0.1.10\/24/,
    );
    for (const schedule of ['61 * * * *', '* * * * * *', 'daily at two', '2999-01-01T00:00:00', '@never'])
      assert.match(problems({}, { snapshotPolicy: { schedule } }), /snapshotPolicy/, schedule);
    assert.match(problems({}, { snapshotPolicy: { schedule: '0 2 * * *', timeZone: 'Moon/Base' } }), /snapshotPolicy/);
  });

  it('takes labels of hosts from both fields: each term has all of the selector', () => {
    const expression = { key: 'region', operator: 'In', values: ['a', 'b'] } as const;
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [expression] }, {}],
        },
      },
    };
    const type = { key: 'type', operator: 'In', values: ['compute'] };
    const { wanted } = wantedOf(spec({ nodeSelector: { type: 'compute' }, affinity }));
    assert.deepEqual(wanted?.hostLabels, [[type, expression], [type]]);
    assert.deepEqual(wantedOf(spec({ nodeSelector: { type: 'compute' } })).wanted?.hostLabels, [[type]]);
    assert.deepEqual(wantedOf(spec()).wanted?.hostLabels, []);
    const none = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } };
    assert.match(problems({ nodeSelector: { type: 'compute' }, affinity: none }), /at least one term/);
  });
});
