import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { GuestSpec } from '../../../../src/domain/servers/guests.ts';
import {
  forgetRescue,
  guestFiles,
  instanceDir,
  makeDisks,
  placeOf,
  removeDisks,
} from '../../../../src/virt/libvirt/disks.ts';
import type { CachedImage } from '../../../../src/virt/libvirt/images.ts';
import { makeKeeper } from '../../../../src/virt/libvirt/ownership.ts';
import { guestSpec, imageFacts } from '../../../support/guest-spec.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const host = { virtType: 'qemu', arch: 'x86_64', cpuModel: null } as const;

describe("a guest's files", () => {
  let dir: string;
  let runs: (readonly string[])[];
  let cached: CachedImage;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-disks-'));
    runs = [];
    cached = { path: join(dir, '_image'), format: 'qcow2', virtualBytes: 10 * MIB, fetched: true };
    await writeFile(cached.path, 'image');
  });
  afterEach(() => rm(dir, { recursive: true }));

  const make = (spec: GuestSpec) =>
    makeDisks(
      {
        instancesDir: dir,
        keeper: makeKeeper(null),
        choice: host,
        images: { get: () => Promise.resolve(cached), prune: () => Promise.resolve() },
        run: async (file, args) => {
          runs.push([file, ...args]);
          if (file === 'qemu-img') await writeFile(args.at(-2) as string, 'overlay');
          return '';
        },
      },
      spec,
    );

  it('lays the root disk over a link to the image, as large as the flavor says', async () => {
    const spec = guestSpec();
    await make(spec);
    const files = guestFiles(instanceDir(dir, spec.uuid));
    assert.deepEqual(runs, [
      ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', files.base, '-F', 'qcow2', '--', `${files.root}.new`, `${GIB}`],
    ]);
    assert.equal((await stat(files.base)).ino, (await stat(cached.path)).ino);
    assert.equal(await readFile(files.root, 'utf8'), 'overlay');
    await writeFile(files.root, 'what the guest wrote');
    await make(spec);
    assert.equal(runs.length, 1, 'what is there is kept');
    assert.equal(await readFile(files.root, 'utf8'), 'what the guest wrote');
    await removeDisks(dir, spec.uuid);
    assert.deepEqual(await readdir(dir), ['_image']);
  });

  it('makes the root disk as large as the image where the flavor names no size, in whole sectors', async () => {
    cached = { ...cached, virtualBytes: 1_000 };
    await make(guestSpec({ disks: { ...guestSpec().disks, rootGb: 0 } }));
    assert.equal(runs[0]?.at(-1), '1024');
  });

  it('refuses an image that is larger than the disk', async () => {
    cached = { ...cached, virtualBytes: GIB + 1 };
    await assert.rejects(make(guestSpec()), { kind: 'conflict', code: 'disk.small' });
    assert.deepEqual(runs, []);
  });

  it('makes ephemeral disk and swap of their sizes, with file systems', async () => {
    const spec = guestSpec({ disks: { ...guestSpec().disks, ephemeralGb: 1, swapMb: 32 } });
    await make(spec);
    const files = guestFiles(instanceDir(dir, spec.uuid));
    assert.equal((await stat(files.ephemeral(0))).size, GIB);
    assert.equal((await stat(files.swap)).size, 32 * MIB);
    assert.deepEqual(
      runs.slice(1).map(([file, ...args]) => [file, args.includes('ephemeral0'), args.at(-1)]),
      [
        ['mkfs.ext4', true, `${files.ephemeral(0)}.new`],
        ['mkswap', false, `${files.swap}.new`],
      ],
    );
  });

  it('gives an installer its CD-ROM and an empty disk beside it', async () => {
    cached = { ...cached, format: 'raw' };
    const spec = guestSpec({ disks: { ...guestSpec().disks, image: imageFacts({ diskFormat: 'iso' }) } });
    await make(spec);
    assert.ok(!runs[0]?.includes('-b'));
    const { disks } = await placeOf(dir, spec, host);
    assert.deepEqual(
      disks.map(({ device, bus, format, readonly, bootable }) => [device, bus, format, readonly, bootable]),
      [
        ['cdrom', 'ide', 'raw', true, true],
        ['disk', 'virtio', 'qcow2', false, true],
      ],
    );
  });

  it('makes a disk to be rescued with, and plugs it before the own one or where its image asks', async () => {
    const plugged = async (
      properties: Record<string, string>,
      diskFormat = 'qcow2',
      own: Record<string, string> = {},
    ) => {
      const image = imageFacts({ properties: own });
      const spec = guestSpec({
        rescue: imageFacts({ properties, diskFormat }),
        disks: { ...guestSpec().disks, image },
      });
      const files = guestFiles(instanceDir(dir, spec.uuid));
      await make(spec);
      const { disks } = await placeOf(dir, spec, host);
      const names = new Map([
        [files.root, 'own'],
        [files.rescue.root, 'rescue'],
        [files.rescue.base, 'iso'],
      ]);
      const shown = disks.map((one) => [names.get(one.path), one.device, one.bus, one.bootable]);
      await forgetRescue(files);
      assert.deepEqual((await readdir(instanceDir(dir, spec.uuid))).toSorted(), ['base', 'console.log', 'disk']);
      return shown;
    };
    const own = ['own', 'disk', 'virtio', false];
    assert.deepEqual(await plugged({}), [['rescue', 'disk', 'virtio', true], own]);
    assert.deepEqual(await plugged({ hw_rescue_bus: 'scsi' }), [own, ['rescue', 'disk', 'scsi', true]]);
    assert.deepEqual(await plugged({ hw_rescue_device: 'cdrom' }), [own, ['rescue', 'cdrom', 'ide', true]]);
    assert.deepEqual(await plugged({}, 'iso'), [['iso', 'cdrom', 'ide', true], own]);
    assert.deepEqual(await plugged({}, 'iso', { hw_machine_type: 'pc-q35-7.2' }), [
      ['iso', 'cdrom', 'sata', true],
      own,
    ]);
    assert.deepEqual(await plugged({}, 'iso', { hw_architecture: 'aarch64' }), [['iso', 'cdrom', 'scsi', true], own]);
  });

  it('plugs its disks into the bus that the image names, but for those for which the request names one', async () => {
    const disk = { device: 'disk', format: null, tag: null } as const;
    const others = [
      { ...disk, kind: 'ephemeral', size: 1, bus: 'virtio' },
      { ...disk, kind: 'ephemeral', size: 1, bus: null, device: 'cdrom' },
      { ...disk, kind: 'swap', size: 16, bus: null },
    ] as const;
    const image = imageFacts({ properties: { hw_disk_bus: 'scsi' } });
    const room = { image, rootGb: 1, ephemeralGb: 2, swapMb: 16 };
    const spec = guestSpec({ disks: { ...room, local: { root: { bus: null, tag: null }, others } } });
    await make(spec);
    const { disks } = await placeOf(dir, spec, host);
    assert.deepEqual(
      disks.map(({ path, bus, device, readonly }) => [path.split('/').at(-1), bus, device, readonly]),
      [
        ['disk', 'scsi', 'disk', false],
        ['disk.eph0', 'virtio', 'disk', false],
        ['disk.eph1', 'ide', 'cdrom', true],
        ['disk.swap', 'scsi', 'disk', false],
      ],
    );
  });

  it('plugs the config drive as the image asks, else as a disk that every cloud kernel reads', async () => {
    const configDrive = {
      ...{ availabilityZone: 'nova', keyName: null, publicKey: null, keyType: null, adminPass: null, userData: null },
      ...{ launchIndex: 0, projectName: null, files: [] },
    };
    const driveFor = async (properties: Record<string, string>) => {
      const spec = guestSpec({ configDrive, disks: { ...guestSpec().disks, image: imageFacts({ properties }) } });
      const last = (await placeOf(dir, spec, host)).disks.at(-1);
      return [last?.device, last?.bus, last?.readonly];
    };
    assert.deepEqual(await driveFor({}), ['disk', 'virtio', true]);
    assert.deepEqual(await driveFor({ hw_cdrom_bus: 'sata' }), ['cdrom', 'sata', true]);
    await assert.rejects(driveFor({ hw_cdrom_bus: 'nonsense' }), /Field value nonsense is invalid/);
  });
});
