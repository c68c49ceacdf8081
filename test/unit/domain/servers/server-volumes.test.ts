import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextDevice, ownNames, type ServerVolume, volumeBusOf } from '../../../../src/domain/servers/server-volumes.ts';

const volume = (device: string): ServerVolume => ({
  ...{ volumeId: device, attachmentId: null, device, tag: null, deleteOnTermination: false, bootIndex: null },
  ...{ disk: null, createdAt: 0 },
});
const flavor = (ephemeralGb: number, swapMb: number) => ({ rootGb: 1, ephemeralGb, swapMb });

describe('the name of a volume in its guest', () => {
  it('comes behind the disks of the server’s own: root, ephemeral disks, swap, config drive', () => {
    assert.equal(ownNames({ flavor: flavor(0, 0), configDrive: false }, null), 1);
    assert.equal(ownNames({ flavor: flavor(1, 512), configDrive: true }, null), 4);
    assert.equal(ownNames({ flavor: flavor(1, 512), configDrive: false }, 5), 6, 'as many as were asked for');
    assert.equal(ownNames({ flavor: flavor(0, 0), configDrive: true }, 99), 26, 'so many and no more');
    assert.equal(nextDevice('virtio', 1, []), '/dev/vdb');
    assert.equal(nextDevice('scsi', 2, []), '/dev/sdc');
  });

  it('is the first that no other volume has, also behind z', () => {
    assert.equal(nextDevice('virtio', 1, [volume('/dev/vdb'), volume('/dev/vdd')]), '/dev/vdc');
    const all = Array.from({ length: 25 }, (_, at) => volume(`/dev/vd${String.fromCharCode(98 + at)}`));
    assert.equal(nextDevice('virtio', 1, all), '/dev/vdaa');
    assert.equal(nextDevice('virtio', 1, [...all, volume('/dev/vdaa')]), '/dev/vdab');
  });

  it('is on the bus of the root disk where that takes more while a guest runs, else on virtio', () => {
    assert.deepEqual(
      ['virtio', 'scsi', 'ide', 'sata', undefined].map((bus) => volumeBusOf(bus)),
      ['virtio', 'scsi', 'virtio', 'virtio', 'virtio'],
    );
  });
});
