import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/base/errors.ts';
import { mayBegin, mustBegin, volumeStatuses, type VolumeVerb } from '../../../../src/domain/volumes/status.ts';

const verbs: readonly VolumeVerb[] = [
  ...(['delete', 'extend', 'extendInUse', 'reserve', 'upload', 'snapshot', 'snapshotUnused'] as const),
  ...(['clone', 'revert', 'transfer', 'beginDetaching'] as const),
];

describe('the status of a volume', () => {
  it('lets nothing begin while something is under way with it', () => {
    const busy = ['creating', 'downloading', 'extending', 'uploading', 'reverting', 'maintenance', 'deleting'] as const;
    for (const status of [...busy, 'attaching', 'detaching', 'reserved', 'awaiting-transfer'] as const)
      for (const verb of verbs) assert.ok(!mayBegin(verb, status), `${verb} of ${status}`);
  });

  it('lets an available one begin everything but to be detached', () => {
    assert.deepEqual(
      verbs.filter((verb) => !mayBegin(verb, 'available')),
      ['beginDetaching'],
    );
  });

  it('keeps one that a server has from what needs its file alone', () => {
    assert.deepEqual(
      verbs.filter((verb) => mayBegin(verb, 'in-use')),
      ['extendInUse', 'snapshot', 'clone', 'beginDetaching'],
    );
  });

  it('lets one that failed only be deleted', () => {
    for (const status of volumeStatuses.filter((one) => one.startsWith('error')))
      assert.deepEqual(
        verbs.filter((verb) => mayBegin(verb, status)),
        ['delete'],
        status,
      );
  });

  it('is told in the refusal, with the statuses that would do', () => {
    mustBegin('clone', { id: 'v', status: 'available' });
    assert.throws(
      () => mustBegin('extendInUse', { id: 'v', status: 'deleting' }),
      (error: unknown) => {
        assert.ok(error instanceof Fault);
        assert.equal(error.kind, 'badRequest');
        assert.equal(
          error.message,
          'Invalid volume: Volume v must be available or in-use to be extended, but its status is deleting.',
        );
        return true;
      },
    );
  });
});
