import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Explanation, explanationTable, hintsOf } from '../../../src/cli/scheduler.ts';

describe('xloud scheduler explain', () => {
  it('reads hints; one that is repeated is a list', () => {
    assert.deepEqual(hintsOf(['a=1', 'b=x=y', 'a=2', 'a=3']), { a: ['1', '2', '3'], b: 'x=y' });
    assert.throws(() => hintsOf(['a']), { message: '--hint a: not of the form key=value' });
  });

  const asked: Omit<Explanation, 'hosts'> = {
    minimum: { vcpus: 1, memory_mb: 256 },
    maximum: { vcpus: 4, memory_mb: 1024 },
    disk_gb: 1,
  };

  it('prints a line for each host', () => {
    const weights = (ram: number, cpu: number) => [
      { weigher: 'RAMWeigher', points: ram },
      { weigher: 'CPUWeigher', points: cpu },
    ];
    const text = explanationTable({
      ...asked,
      hosts: [
        { host: 'host-2', availability_zone: 'nova', refusals: [], score: 1.5, weights: weights(1, 0.5) },
        {
          host: 'h3',
          availability_zone: 'east',
          refusals: [
            { filter: 'ComputeFilter', reason: 'disabled' },
            { filter: 'AvailabilityZoneFilter', reason: 'is in zone east, not nova' },
          ],
          score: null,
          weights: [],
        },
      ],
    });
    assert.equal(
      text,
      [
        '1 vCPUs and 256 MiB, up to 4 and 1024 MiB, with 1 GiB of disk: 1 of 2 hosts take it.',
        '',
        'host    zone  score   RAM   CPU  why not',
        'host-2  nova   1.50  1.00  0.50',
        'h3      east      -     -     -  ComputeFilter: disabled; AvailabilityZoneFilter: is in zone east, not nova',
      ].join('\n'),
    );
  });

  it('says so where there are no hosts', () => {
    assert.match(explanationTable({ ...asked, hosts: [] }), /: 0 of 0 hosts take it\.$/);
  });
});
