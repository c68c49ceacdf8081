// A guest of another program's is made ours by notes, and is the other's again when they are gone; what is not ours is not removed.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../../../src/base/errors.ts';
import {
  adoptGuest,
  assertOurs,
  isOurs,
  readForeign,
  releaseGuest,
  settleIn,
} from '../../../../src/virt/libvirt/adoption.ts';
import { unsafeFiles } from '../../../../src/virt/libvirt/foreign-files.ts';

/** The header of a qcow2 of 1 MiB, by hand. */
function qcow2(backing = '', features = 0n): Buffer {
  const head = Buffer.alloc(4096);
  head.write('QFI\xfb', 'latin1');
  head.writeUInt32BE(3, 4);
  head.writeBigUInt64BE(1024n ** 2n, 24);
  head.writeBigUInt64BE(features, 72);
  head.writeUInt32BE(104, 100);
  if (backing === '') return head;
  head.writeBigUInt64BE(1024n, 8);
  head.writeUInt32BE(head.write(backing, 1024), 16);
  return head;
}
const UUID = 'f4bbe8be-8cdb-4a22-b574-e076684b4dd0';

describe('a guest of another program', () => {
  let instancesDir: string;
  let dir: string;
  const domain = { name: 'instance-00000001', uuid: UUID, id: 1 };
  const host = () => ({
    instancesDir,
    node: 'node-1',
    connection: { domainLookupByUUID: async () => domain } as never,
  });

  /** Its root disk lies over this. */
  async function overlay(backing: string): Promise<void> {
    await rm(join(dir, 'disk'), { force: true });
    await writeFile(join(dir, 'disk'), qcow2(backing));
  }

  before(async () => {
    instancesDir = await mkdtemp(join(tmpdir(), 'xloud-adoption-'));
    dir = join(instancesDir, UUID);
    await mkdir(dir, { mode: 0o755 });
    for (const name of ['disk', 'disk.info', 'console.log']) await writeFile(join(dir, name), name, { mode: 0o644 });
  });
  after(() => rm(instancesDir, { recursive: true, force: true }));

  it('is not removed, whether its domain is there or not', async () => {
    const foreign = (error: unknown) => error instanceof Fault && error.code === 'virt.foreign';
    await assert.rejects(assertOurs(host(), UUID, domain), foreign);
    await assert.rejects(assertOurs(host(), UUID, null), foreign);
    // a directory that nobody has is nobody's
    await assertOurs(host(), 'aaaaaaaa-8cdb-4a22-b574-e076684b4dd0', null);
  });

  it('is ours by notes, and the others again as it was', async () => {
    const before = await readdir(dir);
    await adoptGuest(host(), UUID, []);
    await adoptGuest(host(), UUID, []);
    assert.ok(await isOurs(instancesDir, domain));
    await assertOurs(host(), UUID, domain);
    assert.equal(await readFile(join(dir, 'owner'), 'utf8'), 'node-1');
    // as a start of ours does
    await chmod(dir, 0o710);
    await chmod(join(dir, 'disk'), 0o600);
    await releaseGuest(host(), UUID);
    await releaseGuest(host(), UUID);
    assert.deepEqual((await readdir(dir)).toSorted(), before.toSorted());
    assert.deepEqual([(await stat(dir)).mode & 0o777, (await stat(join(dir, 'disk'))).mode & 0o777], [0o755, 0o644]);
    assert.equal(await readFile(join(dir, 'disk'), 'utf8'), 'disk');
    assert.ok(!(await isOurs(instancesDir, domain)));
  });

  it('has its image in its own directory once it is off, and no other bytes', async () => {
    await adoptGuest(host(), UUID, []);
    const image = join(instancesDir, '_base', 'image');
    await mkdir(join(instancesDir, '_base'));
    await writeFile(image, 'bytes'.padEnd(512));
    await overlay(image);
    const asked: string[][] = [];
    const run = async (_file: string, args: readonly string[]): Promise<string> => {
      asked.push([...args]);
      return JSON.stringify({ 'backing-filename-format': 'raw' });
    };
    await settleIn({ instancesDir, run }, UUID);
    assert.equal((await stat(join(dir, 'base'))).ino, (await stat(image)).ino);
    assert.deepEqual(asked[1], [
      'rebase',
      '-u',
      '-f',
      'qcow2',
      '-F',
      'raw',
      '-b',
      join(dir, 'base'),
      '--',
      join(dir, 'disk'),
    ]);
    // a guest of ours is left alone
    await releaseGuest(host(), UUID);
    asked.length = 0;
    await settleIn({ instancesDir, run }, UUID);
    assert.deepEqual(asked, []);
  });

  it('is not opened where its disk names what is no image of its own cloud', async () => {
    const secret = join(instancesDir, '..', `secret-${UUID}`);
    await writeFile(secret, 'root:'.padEnd(512), { mode: 0o600 });
    const base = join(instancesDir, '_base');
    const others = join(instancesDir, 'aaaaaaaa-8cdb-4a22-b574-e076684b4dd0');
    await mkdir(others, { recursive: true });
    await writeFile(join(others, 'disk'), 'theirs'.padEnd(512));
    await symlink(secret, join(base, 'link'));
    await writeFile(join(base, 'lying'), qcow2(secret));
    await writeFile(join(base, 'good'), qcow2());
    const run = async (): Promise<string> => '{"backing-filename-format": "raw"}';
    try {
      await writeFile(join(dir, 'adopted.json'), JSON.stringify({ name: 'instance-00000001', files: [] }));
      await rm(join(dir, 'base'), { force: true });
      for (const [image, why] of [
        [secret, /no folder of images/],
        [`../../secret-${UUID}`, /no folder of images/],
        [join(others, 'disk'), /no folder of images/],
        [join(base, 'link'), /no folder of images/],
        [join(base, 'missing'), /no file/],
        [base, /no file/],
        ['json:{"driver":"file","filename":"/etc/passwd"}', /no file/],
        ['nbd://127.0.0.1/x', /no file/],
        [join(base, 'lying'), /below it is unacceptable/],
      ] as const) {
        await overlay(image);
        assert.match((await unsafeFiles(instancesDir, UUID)).join(), why, image);
        await assert.rejects(settleIn({ instancesDir, run }, UUID), { code: 'image.unsafe' }, image);
      }
      await assert.rejects(stat(join(dir, 'base')));
      assert.equal((await stat(secret)).nlink, 1);
      await overlay(join(base, 'good'));
      assert.deepEqual(await unsafeFiles(instancesDir, UUID), []);
      await rm(join(dir, 'disk'));
      await writeFile(join(dir, 'disk'), qcow2('', 0b100n));
      assert.match((await unsafeFiles(instancesDir, UUID)).join(), /external data file/);
      await rm(join(dir, 'disk'));
      await symlink(secret, join(dir, 'disk'));
      assert.match((await unsafeFiles(instancesDir, UUID)).join(), /no plain file/);
    } finally {
      await rm(secret, { force: true });
    }
  });
});

describe('the definition of a domain', () => {
  it('says what it has of disks, interfaces and devices', () => {
    const read = readForeign(`<domain><devices>
      <disk type='file' device='disk'><driver type='qcow2'/><source file='/i/disk'/></disk>
      <disk type='network' device='disk'><driver type='raw'/><source protocol='rbd' name='x'/></disk>
      <disk type='file' device='cdrom'><target dev='hda'/></disk>
      <disk type='block' device='disk'><source dev='/dev/sdb'/><target dev='vdb' bus='virtio'/><serial>v</serial><encryption format='luks'/></disk>
      <interface type='ethernet'><mac address='fa:16:3e:fa:d4:6d'/><target dev='tapf54802aa-66'/></interface>
      <interface type='bridge'><mac address='fa:16:3e:fa:d4:6e'/><virtualport><parameters interfaceid='p'/></virtualport></interface>
      <hostdev/><tpm/>
    </devices></domain>`);
    assert.deepEqual(
      read.disks.map(({ path, source }) => [path, source]),
      [
        ['/i/disk', 'file'],
        [null, 'network'],
        [null, 'empty'],
        ['/dev/sdb', 'block'],
      ],
    );
    const { serial, target, bus, encrypted } = read.disks[3] ?? {};
    assert.deepEqual([serial, target, bus, encrypted], ['v', 'vdb', 'virtio', true]);
    assert.deepEqual([read.disks[1]?.protocol, read.disks[1]?.name, read.disks[1]?.serial], ['rbd', 'x', null]);
    assert.deepEqual(
      read.interfaces.map(({ type, portId, device }) => [type, portId, device]),
      [
        ['ethernet', null, 'tapf54802aa-66'],
        ['bridge', 'p', null],
      ],
    );
    assert.deepEqual([read.hostDevices, read.hasTpm], [1, true]);
  });
});
