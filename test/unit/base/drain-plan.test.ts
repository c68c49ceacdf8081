import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextMove, progressLine } from '../../../src/base/drain-plan.ts';

const server = (status: string, task: string | null = null) => ({
  ...{ id: 'a', name: 'a', status },
  'OS-EXT-STS:task_state': task,
});

describe('nextMove', () => {
  const label = (status: string): string => {
    const next = nextMove(server(status));
    return 'stuck' in next ? next.stuck : next.label;
  };

  it('follows from the status', () => {
    assert.deepEqual(['ACTIVE', 'PAUSED', 'SHUTOFF', 'SHELVED'].map(label), [
      'live-migrate',
      'live-migrate',
      'migrate',
      'offload',
    ]);
    assert.equal(label('VERIFY_RESIZE'), 'its resize waits to be confirmed or reverted');
    assert.equal(label('ERROR'), 'a server that is ERROR cannot be moved');
  });

  it('waits for whatever is under way', () => {
    for (const status of ['ACTIVE', 'SHUTOFF', 'ERROR', 'BUILD']) {
      assert.deepEqual(nextMove(server(status, 'something')), { label: 'wait' });
    }
  });
});

describe('progressLine', () => {
  it('names what there is', () => {
    assert.equal(progressLine({ moved: 0, moving: 0, waiting: 0, left: 0 }), '0 of 0 moved');
    assert.equal(
      progressLine({ moved: 3, moving: 2, waiting: 3, left: 1 }),
      '3 of 9 moved, 2 moving, 3 waiting, 1 left',
    );
  });
});
