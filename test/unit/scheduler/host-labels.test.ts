import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Candidate } from '../../../src/domain/placement/hosts.ts';
import { hostLabelsFilter } from '../../../src/scheduler/filters/host-labels.ts';

const host = (labels: Readonly<Record<string, readonly string[]>>) =>
  ({ labels: new Map(Object.entries(labels).map(([key, values]) => [key, new Set(values)])) }) as unknown as Candidate;
const near = host({ 'label:node.example.org:disk': ['ssd'], 'label:zone': ['a', 'b'], filter_tenant_id: ['secret'] });

const refusal = (hint: unknown, of = near): string | null => {
  const check = hostLabelsFilter({ hints: { host_labels: hint } } as never, {} as never);
  return check === null ? null : (check as (of: Candidate) => string | null)(of);
};
const asked = (...terms: object[][]): string => JSON.stringify(terms);
const has = (key: string, operator: string, ...values: string[]) => ({ key, operator, values });

describe('labels of hosts', () => {
  it('are met by one of the terms, with all its expressions', () => {
    assert.equal(refusal(asked([has('node.example.org/disk', 'In', 'ssd', 'nvme')])), null);
    assert.equal(refusal(asked([has('zone', 'In', 'b'), has('node.example.org/disk', 'Exists')])), null);
    assert.equal(refusal(asked([has('zone', 'In', 'c')], [has('gpu', 'DoesNotExist')])), null);
    assert.equal(refusal(asked([has('zone', 'NotIn', 'c')])), null);
    assert.equal(refusal(asked([])), null, 'an empty term asks for nothing');
    const missing = [
      [has('zone', 'In', 'c')],
      [has('zone', 'NotIn', 'a')],
      [has('gpu', 'Exists')],
      [has('zone', 'DoesNotExist')],
    ];
    for (const term of missing) assert.match(refusal(asked(term)) ?? '', /has not the labels/, JSON.stringify(term));
    assert.match(refusal(asked()) ?? '', /has not the labels/, 'no term holds');
  });

  it('tell nothing of what else aggregates say', () => {
    for (const key of ['filter_tenant_id', ':filter_tenant_id', '../filter_tenant_id'])
      assert.match(refusal(asked([has(key, 'Exists')])) ?? '', /has not the labels/, key);
  });

  it('that cannot be understood refuse every host', () => {
    const wrong = [
      'not json',
      '{}',
      '[1]',
      '[[1]]',
      '[[{"key": "a"}]]',
      asked([has('a', 'Like', 'b')]),
      asked([has('', 'Exists')]),
    ];
    for (const hint of [
      ...wrong,
      'x'.repeat(100_000),
      JSON.stringify(Array(17).fill([])),
      JSON.stringify([Array(65).fill(has('a', 'Exists'))]),
    ])
      assert.match(refusal(hint) ?? '', /host_labels is not understood/, hint.slice(0, 40));
    assert.equal(refusal(undefined), null);
    assert.equal(refusal(''), null);
  });
});
