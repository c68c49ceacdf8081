import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backupXml, deviceOf } from '../../../../src/virt/libvirt/snapshots.ts';
import { attributeOf, find, readXml } from '../../../../src/virt/libvirt/xml.ts';

const domain = `<domain><devices>
  <disk type='file' device='cdrom'><source file='/i/base'/><target dev='hda' bus='ide'/></disk>
  <disk type='file' device='cdrom'><target dev='hdb' bus='ide'/></disk>
  <disk type='file' device='disk'><source file='/i/disk'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='disk'><source file='/i/disk.eph0'/><target dev='vdb' bus='virtio'/></disk>
</devices></domain>`;

describe('copies of disks', () => {
  it('find the device of the very file', () => {
    assert.equal(deviceOf(domain, '/i/disk'), 'vda');
    assert.equal(deviceOf(domain, '/i/disk.eph0'), 'vdb');
    assert.equal(deviceOf(domain, '/i'), null);
    assert.equal(deviceOf('<domain/>', '/i/disk'), null);
  });

  it('name one disk and where it goes, whatever the path', () => {
    const path = `/a'b"<c>&d/snapshot`;
    const disk = find(readXml(backupXml('vda', path)), 'disks/disk') ?? assert.fail('no disk');
    assert.equal(disk.getAttribute('name'), 'vda');
    assert.equal(attributeOf(disk, 'target', 'file'), path);
    assert.equal(attributeOf(disk, 'driver', 'type'), 'qcow2');
  });
});
