import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ImageSink } from '../../../../src/virt/driver.ts';
import { instanceDir, snapshotFile } from '../../../../src/virt/libvirt/disks.ts';
import type { Host } from '../../../../src/virt/libvirt/host.ts';
import { backupXml, deviceOf, snapshotVerbs, whileStill } from '../../../../src/virt/libvirt/snapshots.ts';
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

  it('begin while the guest is still, which then goes on whatever became of them; or not at all', async () => {
    const guest = { name: 'x', uuid: '5f8c1c0e-3a52-4d0a-9d6c-0a1f2b3c4d5e', id: 1 };
    const told: string[] = [];
    const agentThat = (freezes: boolean) => ({
      freeze: async () => (told.push('freeze'), freezes),
      thaw: async () => void told.push('thaw'),
    });
    const begin = async () => void told.push('begin');
    const after = async (freezes: boolean, quiesce: boolean, work: () => Promise<unknown>) => {
      told.length = 0;
      await whileStill({ agent: agentThat(freezes) }, guest, quiesce, work).catch((error: Error) =>
        told.push(error.message),
      );
      return told.join(' ');
    };
    assert.equal(await after(true, true, begin), 'freeze begin thaw');
    assert.equal(await after(true, false, begin), 'begin');
    assert.match(await after(false, true, begin), /^freeze thaw Quiescing is not supported/);
    assert.equal(await after(true, true, () => Promise.reject(new Error('broken'))), 'freeze thaw broken');
  });

  it('go with what a crash left of them', async () => {
    const instancesDir = await mkdtemp(join(tmpdir(), 'snapshots-'));
    try {
      const [uuid, imageId] = ['5f8c1c0e-3a52-4d0a-9d6c-0a1f2b3c4d5e', '0b8f8a52-7a5e-4b0e-9e39-0f4d1f9a2c11'];
      await mkdir(instanceDir(instancesDir, uuid));
      const copy = snapshotFile(instancesDir, uuid, imageId);
      for (const path of [copy, `${copy}.part`]) await writeFile(path, 'bytes');
      await snapshotVerbs({ instancesDir } as Host, {} as ImageSink).dropSnapshot({ uuid, imageId });
      assert.deepEqual(await readdir(instanceDir(instancesDir, uuid)), []);
    } finally {
      await rm(instancesDir, { recursive: true });
    }
  });

  it('name one disk and where it goes, whatever the path', () => {
    const path = `/a'b"<c>&d/snapshot`;
    const disk = find(readXml(backupXml('vda', path)), 'disks/disk') ?? assert.fail('no disk');
    assert.equal(disk.getAttribute('name'), 'vda');
    assert.equal(attributeOf(disk, 'target', 'file'), path);
    assert.equal(attributeOf(disk, 'driver', 'type'), 'qcow2');
  });
});
