import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, lstat, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { makeKeeper } from '../../../../src/virt/libvirt/ownership.ts';

const QEMU = { uid: 64_055, gid: 109 };
const root = process.getuid?.() === 0;
const asQemu = (program: string, ...args: string[]) => promisify(execFile)(program, args, QEMU);

async function withGuest(look: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-keeper-'));
  try {
    await chmod(dir, 0o711);
    await writeFile(join(dir, 'disk'), 'secret', { mode: 0o644 });
    await writeFile(join(dir, 'ports.json'), '[]', { mode: 0o600 });
    await look(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const factsOf = async (path: string) => {
  const { mode, uid, gid } = await lstat(path);
  return [(mode & 0o777).toString(8), uid, gid];
};

describe("a guest's files", () => {
  it(
    "are QEMU's and closed to others; our notes stay ours",
    { skip: root ? false : 'only root gives files away' },
    () =>
      withGuest(async (dir) => {
        const keeper = makeKeeper(QEMU);
        assert.ok(keeper.closed);
        for (const _ of [1, 2]) await keeper.close(dir);
        assert.deepEqual(await factsOf(dir), ['710', 0, QEMU.gid]);
        assert.deepEqual(await factsOf(join(dir, 'disk')), ['600', QEMU.uid, QEMU.gid]);
        assert.deepEqual((await factsOf(join(dir, 'ports.json'))).slice(0, 2), ['600', 0]);
      }),
  );

  it(
    'can be used by QEMU and not exchanged for others, but for what it is lent',
    { skip: root ? false : 'only root gives files away' },
    () =>
      withGuest(async (dir) => {
        const lent = join(dir, 'qemu');
        // as an older program left it
        await chown(dir, QEMU.uid, QEMU.gid);
        await makeKeeper(QEMU).close(dir);
        await makeKeeper(QEMU).lend(lent);
        assert.equal((await asQemu('cat', join(dir, 'disk'))).stdout, 'secret');
        await assert.rejects(asQemu('ln', '-sf', '/etc/shadow', join(dir, 'disk')), /Permission denied/);
        await assert.rejects(asQemu('rm', '-f', join(dir, 'ports.json')), /Permission denied/);
        await asQemu('touch', join(lent, 'screen'));
        assert.deepEqual(await factsOf(lent), ['700', QEMU.uid, QEMU.gid]);
      }),
  );

  it('stay open where this process cannot give them away, or does not know to whom', () =>
    withGuest(async (dir) => {
      for (const keeper of [makeKeeper(QEMU, 1000), makeKeeper(null)]) {
        assert.deepEqual([keeper.closed, keeper.fileMode], [false, 0o644]);
        await keeper.close(dir);
        assert.equal((await factsOf(dir))[0], '711');
        assert.equal((await factsOf(join(dir, 'disk')))[0], '644');
      }
    }));

  it('are closed without being given away where QEMU runs as we do', () =>
    withGuest(async (dir) => {
      await makeKeeper(QEMU, QEMU.uid).close(dir);
      assert.equal((await factsOf(dir))[0], '700');
      assert.equal((await factsOf(join(dir, 'disk')))[0], '600');
    }));
});
