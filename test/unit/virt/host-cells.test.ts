import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { divideCells, readDivision, undivided } from '../../../src/virt/host-cells.ts';

const options = (more: Partial<Parameters<typeof readDivision>[0]>) => ({
  ...{ cpu_dedicated_set: '', cpu_shared_set: '', reserved_huge_pages: '' },
  ...more,
});

const cells = [
  { id: 0, cpus: [0, 1, 2, 3], memoryMb: 1024, pages: [{ sizeKib: 2048, total: 10 }] },
  { id: 1, cpus: [4, 5, 6, 7], memoryMb: 1024 },
];

const divided = (more: Partial<Parameters<typeof readDivision>[0]>) => {
  const { numaCells, vcpus, dedicatedCpus } = divideCells(cells, 8, readDivision(options(more)));
  return [vcpus, dedicatedCpus, numaCells.map(({ shared, dedicated }) => [shared, dedicated])];
};

describe('the CPUs of a host', () => {
  it('are all shared where nothing is said', () => {
    assert.deepEqual(divideCells(cells, 8, undivided), { numaCells: cells, vcpus: 8 });
    assert.deepEqual(readDivision(options({})), undivided);
  });

  it('are those that the operator names, and no others', () => {
    assert.deepEqual(divided({ cpu_dedicated_set: '2-5', cpu_shared_set: '0,1' }), [
      6,
      4,
      [
        [
          [0, 1],
          [2, 3],
        ],
        [[], [4, 5]],
      ],
    ]);
    // as in Nova: what is not dedicated is then not shared by itself
    assert.deepEqual(divided({ cpu_dedicated_set: '2-3' }), [
      2,
      2,
      [
        [[], [2, 3]],
        [[], undefined],
      ],
    ]);
    assert.deepEqual(divided({ cpu_shared_set: '4-7,^7' }), [
      3,
      0,
      [
        [[], undefined],
        [[4, 5, 6], undefined],
      ],
    ]);
  });

  it('leave out the pages that are reserved', () => {
    const reserved = readDivision(
      options({ reserved_huge_pages: 'node:0,size:2048,count:4 node:1,size:2048,count:9' }),
    );
    assert.deepEqual(divideCells(cells, 8, reserved).numaCells[0]?.pages, [{ sizeKib: 2048, total: 6 }]);
  });

  it('are refused where the options contradict each other or say nothing', () => {
    const bad = (message: RegExp, more: Partial<Parameters<typeof readDivision>[0]>) =>
      assert.throws(() => readDivision(options(more)), { code: 'config', message });
    bad(/cpu_dedicated_set: it and cpu_shared_set must have no CPU in common/, {
      cpu_dedicated_set: '1-3',
      cpu_shared_set: '3',
    });
    bad(/cpu_shared_set: Invalid range expression '3-1'/, { cpu_shared_set: '3-1' });
    bad(/cpu_dedicated_set: no CPUs are in \^1/, { cpu_dedicated_set: '^1' });
    bad(/reserved_huge_pages: node:N,size:KiB,count:N is wanted, not 64/, { reserved_huge_pages: '64' });
  });
});
