// A guest that another program made on a real hypervisor: left alone, taken over while it runs, started anew with its data over its own
// image, set aside and restored, given back. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../src/base/errors.ts';
import { runProgram } from '../../src/base/run.ts';
import type { GuestEvent } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { guestProblems } from '../../src/domain/moving/foreign-guest.ts';
import { QUICK_BOOT } from '../support/guest.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';
import { eventually } from '../support/serve.ts';

const TIMEOUT_MS = 240_000;
const NAME = 'instance-00000001';

describe('a guest of another program on libvirt', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let dir: string;
  let backing: string;
  let mark: string;
  const uuid = randomUUID();
  const events: GuestEvent[] = [];

  const backingOf = async (): Promise<string> => {
    const words = ['info', '-U', '--output=json', join(dir, 'disk')];
    return (JSON.parse(await runProgram('qemu-img', words)) as Record<string, string>)['full-backing-filename'] ?? '';
  };
  const isListed = async (): Promise<boolean> => (await host.driver.list({})).some((guest) => guest.uuid === uuid);

  before(async () => {
    host = await startHost();
    host.driver.onEvent((event) => void events.push(event));
    const { root, kernel, ramdisk } = host.guestImages;
    dir = join(host.instancesDir, uuid);
    const base = join(host.instancesDir, '_base');
    for (const made of [dir, base]) await mkdir(made, { mode: 0o755 });
    backing = join(base, 'acc945159a51980a792760e95d3510b31310a947');
    await runProgram('qemu-img', ['convert', '-O', 'raw', root.path, backing]);
    await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', backing, '-F', 'raw', join(dir, 'disk'), '1G']);
    await copyFile(kernel.path, join(dir, 'kernel'));
    await copyFile(ramdisk.path, join(dir, 'ramdisk'));
    await writeFile(join(dir, 'console.log'), '');
    await writeFile(join(dir, 'disk.info'), JSON.stringify({ [join(dir, 'disk')]: 'qcow2' }));
    const xml = `<domain type='qemu'><name>${NAME}</name><uuid>${uuid}</uuid><memory unit='MiB'>512</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='pc'>hvm</type><kernel>${dir}/kernel</kernel><initrd>${dir}/ramdisk</initrd>
      <cmdline>${QUICK_BOOT}</cmdline></os><features><acpi/></features>
      <cpu mode='custom' match='exact' check='none'><model>Nehalem</model></cpu>
      <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${dir}/disk'/><target dev='vda' bus='virtio'/></disk>
      <serial type='pty'><log file='${dir}/console.log' append='off'/></serial>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
      <memballoon model='virtio'><stats period='10'/></memballoon></devices></domain>`;
    await writeFile(join(host.instancesDir, 'domain.xml'), xml);
    await host.virsh('define', join(host.instancesDir, 'domain.xml'));
    await host.virsh('start', NAME);
    await host.ready(uuid);
    mark = await host.mark(uuid);
  });
  after(() => host?.close());

  it('is not seen, and not removed', { timeout: TIMEOUT_MS }, async () => {
    assert.ok(!(await isListed()));
    assert.deepEqual(
      events.filter((event) => event.uuid === uuid),
      [],
    );
    await assert.rejects(
      host.driver.destroy({ uuid }),
      (error: unknown) => error instanceof Fault && error.code === 'virt.foreign',
    );
    const guest = await host.driver.survey?.({ uuid });
    assert.ok(guest);
    assert.deepEqual([guest.name, guest.ours, guest.powerState], [NAME, false, power.running]);
    assert.deepEqual(guestProblems(guest, []), []);
  });

  it('is ours from then on, and goes on', { timeout: TIMEOUT_MS }, async () => {
    const process = await host.virsh('domid', uuid);
    const view = await host.driver.adopt?.({ uuid, nics: [] });
    assert.deepEqual(view?.size, { vcpus: 1, memoryMb: 512 });
    assert.ok(await isListed());
    assert.equal(await host.virsh('domid', uuid), process);
    assert.match(await host.driver.console({ uuid, maxBytes: 4_000 }), /xloud-guest status/);
    // another driver, as after a restart of the program, knows it too
    const other = await host.anotherDriver();
    assert.ok((await other.list({})).some((guest) => guest.uuid === uuid));
    await other.close();
    const imageId = randomUUID();
    assert.equal((await host.driver.snapshot?.({ uuid, imageId, quiesce: false }))?.format, 'qcow2');
    await host.driver.dropSnapshot?.({ uuid, imageId });
  });

  it('is elastic with its next start, under its name, with its data over an image of its own', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await host.driver.powerOff({ uuid, timeoutMs: 0 });
    await eventually(
      'its event',
      TIMEOUT_MS,
      () => events.some((event) => event.uuid === uuid && event.kind === 'stopped') || null,
    );
    assert.equal(await backingOf(), backing);
    const view = await host.driver.powerOn({ spec: host.spec({ uuid }) });
    assert.deepEqual(view.maximum, { vcpus: 4, memoryMb: 1024 });
    assert.equal(await host.virsh('domname', uuid), NAME);
    assert.equal(await backingOf(), join(dir, 'base'));
    await host.ready(uuid);
    assert.equal(await host.marked(uuid), mark);
  });

  it('is set aside whole, and restored', { timeout: TIMEOUT_MS }, async () => {
    await host.driver.migrateDisk?.({ uuid, timeoutMs: 0 });
    assert.ok(!(await isListed()));
    await host.driver.restoreDisk?.({ spec: host.spec({ uuid }), on: true });
    assert.equal(await host.virsh('domname', uuid), NAME);
    await host.ready(uuid);
    assert.equal(await host.marked(uuid), mark);
    assert.ok(await isListed());
  });

  it('is given back as it is, and is then no longer ours', { timeout: TIMEOUT_MS }, async () => {
    await host.driver.release?.({ uuid });
    assert.ok(!(await isListed()));
    assert.equal(await host.marked(uuid), mark);
    await assert.rejects(host.driver.destroy({ uuid }));
    assert.equal(await readFile(join(dir, 'owner'), 'utf8').catch(() => null), null);
    // and may come once more, to be deleted here
    await host.driver.adopt?.({ uuid, nics: [] });
    await host.driver.destroy({ uuid });
    assert.deepEqual(await host.leftovers(uuid), []);
  });
});
