// Which disks of a guest go with it as it runs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { liveDisksProblem, ownRootGb } from '../../../../src/domain/servers/guests.ts';
import type { VolumeDisk } from '../../../../src/domain/servers/server-volumes.ts';

describe('the disks of a guest that moves as it runs', () => {
  it('go as the storage needs where nothing is asked, and as it is asked where that can be', () => {
    for (const shared of [true, false]) {
      for (const own of [0, 1, 3]) assert.equal(liveDisksProblem(null, shared, own), null);
    }
    assert.match(liveDisksProblem(true, true, 1) ?? '', /the same storage/);
    assert.equal(liveDisksProblem(true, false, 1), null);
    assert.equal(liveDisksProblem(false, true, 1), null);
    assert.match(liveDisksProblem(false, false, 1) ?? '', /not shared/);
  });

  it('that there are not are not copied, and need no storage that is shared', () => {
    assert.match(liveDisksProblem(true, false, 0) ?? '', /no disk on its host/);
    assert.equal(liveDisksProblem(false, false, 0), null);
  });
});

describe('the root disk on a guest’s host', () => {
  it('is as large as its flavor says, and none where it boots from a volume', () => {
    const disk: VolumeDisk = {
      ...{ volumeId: 'v', path: '/v', format: 'qcow2', readonly: false, bus: 'virtio', name: 'vda', limits: {} },
      bootIndex: 0,
    };
    const disks = { image: null, rootGb: 5, ephemeralGb: 1, swapMb: 0 };
    assert.deepEqual(
      [
        ownRootGb(disks),
        ownRootGb({ ...disks, volumes: [disk] }),
        ownRootGb({ ...disks, volumes: [{ ...disk, bootIndex: null }] }),
      ],
      [5, 0, 5],
    );
  });
});
