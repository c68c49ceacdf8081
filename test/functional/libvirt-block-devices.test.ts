// Disks that the creator of a server asked for, and CD-ROM drives on every kind of machine, in real guests.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import { runInside } from '../support/inside.ts';
import { configDriveOf, imageOf, type LibvirtHost, startHost, type TestImage } from '../support/libvirt-host.ts';

const INSIDE_MS = 180_000;
/** The guest loads what it needs of it when it is told. */
const SCSI = 'modprobe -a virtio_scsi sd_mod; until [ -e /sys/block/sda/size ]; do sleep 0.2; done';
const SECTORS_GIB = 2 * 1024 * 1024;

describe('block devices of real guests', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let iso: TestImage;
  let work: string;
  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'xloud-iso-'));
    await writeFile(join(work, 'words'), 'from the installer');
    await promisify(execFile)('genisoimage', [
      '-quiet',
      '-r',
      '-V',
      'RESCUE',
      '-o',
      join(work, 'x.iso'),
      join(work, 'words'),
    ]);
    iso = await imageOf(join(work, 'x.iso'), 'iso');
    host = await startHost({ extraImages: [iso] });
  });
  after(async () => {
    await host.close();
    await rm(work, { recursive: true, force: true });
  });

  const inside = (uuid: string, script: string) =>
    runInside((command) => host.askAgent(uuid, command), script, INSIDE_MS);
  const withMachine = (machine: string) => ({
    disks: {
      image: {
        ...host.guestImages.root.facts,
        properties: { ...host.guestImages.root.facts.properties, hw_machine_type: machine },
      },
      ...{ rootGb: 1, ephemeralGb: 0, swapMb: 0 },
    },
  });

  it('are there with their sizes, buses and file systems, and stay through a rebuild that keeps them', async () => {
    const usual = { bus: null, device: 'disk', format: null, tag: null } as const;
    const local = {
      root: { bus: null, tag: null },
      others: [
        { ...usual, kind: 'ephemeral', size: 1, format: 'ext3', tag: 'data' },
        { ...usual, kind: 'swap', size: 16, bus: 'scsi' },
      ],
    } as const;
    const spec: GuestSpec = host.spec({
      disks: { image: host.guestImages.root.facts, rootGb: 1, ephemeralGb: 2, swapMb: 64, local },
      configDrive: configDriveOf(),
    });
    await host.driver.spawn({ spec });
    await host.ready(spec.uuid);
    assert.equal(Number(await inside(spec.uuid, 'cat /sys/block/vdb/size')), SECTORS_GIB);
    assert.equal((await inside(spec.uuid, 'findfs LABEL=ephemeral0')).trim(), '/dev/vdb');
    assert.equal(Number(await inside(spec.uuid, `${SCSI}; cat /sys/block/sda/size`)), (16 * SECTORS_GIB) / 1024);
    assert.equal(await inside(spec.uuid, 'dd if=/dev/sda bs=1 skip=4086 count=10 2>/dev/null'), 'SWAPSPACE2');
    const drive = await inside(
      spec.uuid,
      'mkdir -p /tmp/c && mount -o ro $(findfs LABEL=config-2) /tmp/c && cat /tmp/c/openstack/latest/meta_data.json',
    );
    const tagged = { type: 'disk', bus: 'none', address: 'none', path: '/dev/vdb', tags: ['data'] };
    assert.deepEqual((JSON.parse(drive) as { devices: unknown }).devices, [tagged]);
    await inside(spec.uuid, 'printf kept | dd of=/dev/vdb bs=512 seek=2000000 conv=notrunc,fsync');
    await host.driver.rebuild?.({ spec, preserveEphemeral: true });
    await host.ready(spec.uuid);
    assert.match(await inside(spec.uuid, 'dd if=/dev/vdb bs=512 skip=2000000 count=1 | head -c 4'), /kept/);
    await host.driver.destroy({ uuid: spec.uuid });
    assert.deepEqual(await host.leftovers(spec.uuid), []);
    assert.deepEqual((await readdir(host.instancesDir)).includes(spec.uuid), false);
  });

  for (const machine of ['pc', 'q35']) {
    it(`rescues a guest of machine ${machine} from an ISO`, async () => {
      const spec = host.spec(withMachine(machine));
      await host.driver.spawn({ spec });
      await host.driver.powerOff({ uuid: spec.uuid, timeoutMs: 0 });
      // the kernel is given, so that the guest boots and looks at the drive
      await host.driver.rescue?.({ spec: { ...spec, rescue: { ...iso.facts, id: iso.facts.id } } });
      await host.ready(spec.uuid);
      const xml = await host.virsh('dumpxml', spec.uuid);
      assert.match(xml, new RegExp(`<target dev='[a-z]+' bus='${machine === 'pc' ? 'ide' : 'sata'}'/>`));
      assert.match(await host.virsh('domblklist', '--details', spec.uuid), /cdrom/);
      await host.driver.destroy({ uuid: spec.uuid });
    });
  }

  it('rescues a guest that has no other USB device from a disk on USB, and takes it away again', async () => {
    const spec = host.spec();
    await host.driver.spawn({ spec });
    await host.driver.powerOff({ uuid: spec.uuid, timeoutMs: 0 });
    const { facts } = host.guestImages.root;
    const properties = { ...facts.properties, hw_rescue_bus: 'usb', hw_rescue_device: 'disk' };
    await host.driver.rescue?.({ spec: { ...spec, rescue: { ...facts, properties } } });
    await host.ready(spec.uuid);
    assert.match(await host.virsh('dumpxml', spec.uuid), /<target dev='sda' bus='usb'\/>/);
    await host.driver.unrescue?.({ spec });
    await host.ready(spec.uuid);
    assert.doesNotMatch(await host.virsh('dumpxml', spec.uuid), /bus='usb'/);
    await host.driver.destroy({ uuid: spec.uuid });
  });

  it('defines an ARM guest with firmware and a CD-ROM, where that machine is installed', async (t) => {
    const { guests } = (await host.driver.inventory()).facts.capabilities;
    if (!guests.some(({ arch }) => arch === 'aarch64')) return t.skip('no QEMU for aarch64 is installed');
    const image = { ...iso.facts, properties: { hw_emulation_architecture: 'aarch64' } };
    const spec = host.spec({
      ...{ uuid: randomUUID(), kernel: null, ramdisk: null },
      disks: { image, rootGb: 1, ephemeralGb: 0, swapMb: 0 },
    });
    await host.driver.spawn({ spec });
    const xml = await host.virsh('dumpxml', spec.uuid);
    assert.match(xml, /<loader [^>]*>[^<]*AAVMF[^<]*</);
    assert.match(xml, /<target dev='sda' bus='scsi'\/>/);
    await host.driver.destroy({ uuid: spec.uuid });
  });
});
