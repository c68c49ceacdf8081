import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Fault } from '../../../../src/base/errors.ts';
import { assertReachable, closedTo, readQemuOwner } from '../../../../src/virt/libvirt/reach.ts';

const capabilities = (label: string): string =>
  `<capabilities><host><secmodel><model>none</model></secmodel><secmodel><model>dac</model>
    <baselabel type='kvm'>${label}</baselabel></secmodel></host></capabilities>`;

describe('whether QEMU reaches the disks', () => {
  it("reads QEMU's user", () => {
    assert.deepEqual(readQemuOwner(capabilities('+64055:+109')), { uid: 64055, gid: 109 });
    assert.equal(readQemuOwner(capabilities('qemu:qemu')), null);
    assert.equal(readQemuOwner('<capabilities><host/></capabilities>'), null);
  });

  it('needs the right to enter each directory on the way', () => {
    const folder = (path: string, mode: number, uid = 0) => ({ path, mode: 0o040000 | mode, uid, gid: 0 });
    const qemu = { uid: 64055, gid: 109 };
    const closed = (...modes: number[]) =>
      closedTo(
        qemu,
        modes.map((mode, at) => folder(`/${at}`, mode)),
      )?.path;
    assert.equal(closed(0o755, 0o711, 0o710), undefined);
    assert.equal(closed(0o755, 0o700, 0o700), '/1');
    assert.equal(closed(0o755, 0o744), '/1');
    assert.equal(closedTo(qemu, [folder('/own', 0o700, 64055)]), null);
    assert.equal(closedTo({ uid: 0, gid: 0 }, [folder('/root', 0o700, 5)]), null);
  });

  it('names the directory and the way out', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'xloud-reach-'));
    try {
      const instances = join(dir, 'data', 'instances');
      await mkdir(instances, { recursive: true });
      await chmod(dir, 0o711);
      await chmod(join(dir, 'data'), 0o700);
      await assert.rejects(assertReachable(capabilities('+64055:+109'), instances), (error: unknown) => {
        assert.ok(error instanceof Fault);
        assert.match(error.message, /user 64055, which cannot enter .*data \(mode 700\).*`chmod o\+x .*data`/);
        return true;
      });
      await assertReachable(capabilities('+0:+0'), instances);
      await chmod(join(dir, 'data'), 0o711);
      await assertReachable(capabilities('+64055:+109'), instances);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
