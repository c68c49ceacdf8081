// Needs root and a hypervisor's packages: it runs real guests under a libvirtd of its own (test/support/libvirtd.ts).

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.ts';
import type { AdjustOutcome, GuestEvent, GuestSpec } from '../../src/domain/servers/guests.ts';
import { power } from '../../src/domain/servers/servers.ts';
import type { NetworkFacts } from '../../src/domain/networks/server-nics.ts';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import { openHypervisor } from '../../src/virt/libvirt/connection.ts';
import { rotateConsole } from '../../src/virt/libvirt/console.ts';
import { bridgeName, networkName } from '../../src/virt/libvirt/names.ts';
import { probeDisk, probeXml, PROBE_WORDS } from '../../src/virt/libvirt/probe.ts';
import type { GuestStatus } from '../support/guest.ts';
import { guestSpec } from '../support/guest-spec.ts';
import { configDriveOf, type LibvirtHost, networkOf, nicOf, startHost } from '../support/libvirt-host.ts';

// ends of waits for what must happen: they say nothing of how fast it is
const BOOT_MS = 180_000;
const CONFIRM_MS = 120_000;
const LOOK_MS = 100;

/** What the guest itself says, in a status line newer than now. */
async function inside(
  host: LibvirtHost,
  uuid: string,
  expected: (status: GuestStatus) => boolean,
): Promise<GuestStatus> {
  const console = host.consoleOf(uuid);
  const seq = (await console.last())?.seq ?? -1;
  return await console.until((status) => status.seq > seq && expected(status), CONFIRM_MS);
}

async function eventually<T>(what: string, ms: number, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, `${what} within ${ms} ms`);
    await sleep(LOOK_MS);
  }
}

describe('a guest on libvirt', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let network: NetworkFacts;
  let spec: GuestSpec;
  const events: GuestEvent[] = [];
  const eventOf = (kind: GuestEvent['kind'], uuid: string, ms: number, from = 0): Promise<GuestEvent> =>
    eventually(`event ${kind}`, ms, () => events.slice(from).find((one) => one.kind === kind && one.uuid === uuid));
  const adjust = (vcpus: number, memoryMb: number, timeoutMs = CONFIRM_MS): Promise<AdjustOutcome> =>
    host.driver.adjust({
      uuid: spec.uuid,
      request: { actionId: randomUUID(), target: { vcpus, memoryMb }, persist: true, timeoutMs },
    });

  before(async () => {
    host = await startHost();
    host.driver.onEvent((event) => events.push(event));
    network = networkOf(1);
    spec = host.spec({
      ...{ hostname: 'first-guest', name: 'naïve <&> "first" \u{1f600}', metadata: { role: 'db' } },
      nics: [nicOf(network, 10)],
      disks: { image: host.guestImages.root.facts, rootGb: 1, ephemeralGb: 1, swapMb: 64 },
      configDrive: configDriveOf({
        ...{ keyName: 'mine', publicKey: 'ssh-ed25519 AAAA me', keyType: 'ssh' },
        userData: Buffer.from('#!/bin/sh\necho hi\n').toString('base64'),
      }),
    });
  });
  after(() => host.close());

  it('boots, gets the address of its port by DHCP, and reads its config drive', async () => {
    const view = await host.driver.spawn({ spec });
    assert.equal(view.powerState, power.running);
    const console = host.consoleOf(spec.uuid);
    const address = await console.untilLine('address', BOOT_MS);
    assert.equal(address.fields.ip, '10.77.1.10/24');
    assert.equal(address.fields.router, '10.77.1.1');
    const config = await console.untilLine('config', BOOT_MS);
    assert.equal(config.fields.uuid, spec.uuid);
    assert.equal(config.fields.hostname, 'first-guest');
    assert.match(config.fields.name ?? '', /<&> "first" \u{1f600}/u);
    const lines = await console.lines();
    assert.ok(lines.some(({ kind, text }) => kind === 'meta' && text === 'role=db'));
    assert.ok(lines.some(({ kind, text }) => kind === 'key' && text === 'mine=ssh-ed25519 AAAA me'));
    assert.ok(lines.some(({ kind, fields }) => kind === 'user_data' && fields.bytes === '18'));
    const { facts } = await host.driver.inventory();
    assert.equal(facts.capabilities.vcpuUnplug, false);
  });

  it('has disks of the sizes of the flavor, in order', async () => {
    await host.ready(spec.uuid);
    const disks = (await host.consoleOf(spec.uuid).lines()).filter(({ kind }) => kind === 'disk');
    const sizes = Object.fromEntries(disks.map(({ fields }) => [fields.dev, Number(fields.bytes)]));
    assert.equal(sizes.vda, 1024 ** 3);
    assert.equal(sizes.vdb, 1024 ** 3);
    assert.equal(sizes.vdc, 64 * 1024 ** 2);
  });

  it('is copied anew where a crash of the program left a copy under way', async () => {
    const dir = join(host.instancesDir, spec.uuid);
    const [xml, left] = [join(dir, 'job.xml'), randomUUID()];
    // a job that lasts until somebody ends it
    const disk = `<disk name='vda' type='file'><scratch file='${join(dir, 'scratch')}'/></disk>`;
    const server = `<server transport='unix' socket='${join(dir, 'nbd.sock')}'/>`;
    await writeFile(xml, `<domainbackup mode='pull'>${server}<disks>${disk}</disks></domainbackup>`);
    await host.virsh('backup-begin', spec.uuid, '--backupxml', xml);
    await writeFile(join(dir, `snapshot-${left}.part`), 'half');
    const copy = { uuid: spec.uuid, imageId: left };
    assert.deepEqual(await host.driver.snapshot?.({ ...copy, quiesce: false }), { format: 'qcow2' });
    await host.driver.uploadSnapshot?.(copy);
    const copied = join(dir, 'copied.qcow2');
    await writeFile(copied, host.images.stored.get(left) ?? assert.fail('no image came'));
    const { stdout } = await host.libvirtd.exec('qemu-img', 'info', '--output=json', copied);
    const info = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([info['virtual-size'], info['backing-filename']], [1024 ** 3, undefined]);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.startsWith('snapshot-')),
      [],
    );
    assert.match(await host.virsh('domjobinfo', spec.uuid), /None/);
  });

  it('cannot speak as another', async () => {
    const rules = (await host.libvirtd.exec('ebtables', '-t', 'nat', '-L')).stdout;
    assert.ok(rules.includes(`-p IPv4 -s ${spec.nics[0]?.mac} --ip-src 10.77.1.10 -j ACCEPT`), rules);
    assert.match(rules, /-j ACCEPT\n-j DROP\n/);
  });

  it('grows and shrinks while it runs, and the guest itself confirms it', async () => {
    await eventually('the balloon of the boot', CONFIRM_MS, async () => {
      return (await host.driver.inspect({ uuid: spec.uuid }))?.size.memoryMb === 256 || undefined;
    });
    const atFirst = await inside(host, spec.uuid, ({ cpus }) => cpus === 1);
    const up = await adjust(3, 768);
    assert.deepEqual(
      [up.vcpus.reached, up.vcpus.method, up.vcpus.confirmedBy, up.vcpus.problem],
      [3, 'hotplug', 'guest', null],
    );
    assert.deepEqual([up.memoryMb.reached, up.memoryMb.confirmedBy, up.memoryMb.problem], [768, 'guest', null]);
    assert.equal(up.view.onlineVcpus, 3);
    const grown = await inside(host, spec.uuid, ({ cpus }) => cpus === 3);
    assert.ok(grown.memAvailableKib > atFirst.memAvailableKib + 400 * 1024, 'about 512 MiB more are available inside');

    const down = await adjust(2, 384);
    // under TCG an unplug never completes: the guest turns the vCPU off, and it stays held
    assert.deepEqual([down.vcpus.reached, down.vcpus.method, down.vcpus.held], [2, 'guest-offline', 3]);
    assert.equal(down.view.heldVcpus, undefined);
    // unless its operator says that it is not
    const releasing = await host.anotherDriver({ releaseGuestOffline: true });
    const again = await releasing.adjust({
      uuid: spec.uuid,
      request: {
        ...{ actionId: 'again', target: { vcpus: 2, memoryMb: 384 }, persist: false, timeoutMs: CONFIRM_MS },
      },
    });
    assert.deepEqual([again.vcpus.held, again.view.heldVcpus, again.view.size.vcpus], [2, 2, 3]);
    assert.equal((await releasing.inspect({ uuid: spec.uuid }))?.heldVcpus, 2);
    await releasing.close();
    assert.deepEqual([down.memoryMb.reached, down.memoryMb.held, down.memoryMb.problem], [384, 384, null]);
    const shrunk = await inside(host, spec.uuid, ({ cpus }) => cpus === 2);
    assert.ok(shrunk.memAvailableKib < grown.memAvailableKib - 300 * 1024, 'about 384 MiB less are available inside');
    assert.equal(shrunk.presentCpus, 3);
    assert.ok(events.some((event) => event.kind === 'resized' && event.uuid === spec.uuid));
  });

  it('says what was reached of a size that the guest cannot have', async () => {
    const { memoryMb, vcpus } = await adjust(2, 16, 8_000);
    assert.ok(memoryMb.reached > 16 && memoryMb.reached < 384, `reached ${memoryMb.reached} MiB`);
    assert.match(memoryMb.problem ?? '', new RegExp(`reached ${memoryMb.reached} MiB instead of 16 MiB`));
    assert.equal(memoryMb.held, memoryMb.reached);
    assert.equal(vcpus.problem, null);
    await inside(host, spec.uuid, ({ cpus }) => cpus === 2);
    const back = await adjust(2, 384);
    assert.equal(back.memoryMb.problem, null);
  });

  it('keeps its size when it reboots itself', async () => {
    const from = events.length;
    await host.askAgent(spec.uuid, { execute: 'guest-shutdown', arguments: { mode: 'reboot' } }).catch(() => {});
    await eventOf('rebooted', spec.uuid, CONFIRM_MS, from);
    await host.ready(spec.uuid);
    await inside(host, spec.uuid, ({ cpus }) => cpus === 2);
    await eventually('384 MiB', CONFIRM_MS, async () => {
      return (await host.driver.inspect({ uuid: spec.uuid }))?.size.memoryMb === 384 || undefined;
    });
  });

  it('survives a crash of libvirtd: the guest runs on, events and calls come back', async () => {
    const from = events.length;
    await host.libvirtd.signal('SIGKILL');
    await eventually('reconnected', CONFIRM_MS, () => events.slice(from).find((event) => event.kind === 'reconnected'));
    const view = await host.driver.inspect({ uuid: spec.uuid });
    assert.equal(view?.powerState, power.running);
    const { vcpus, memoryMb } = await adjust(3, 512);
    assert.deepEqual([vcpus.reached, vcpus.method, vcpus.problem], [3, 'guest-online', null]);
    assert.deepEqual([memoryMb.reached, memoryMb.problem], [512, null]);
  });

  it('comes back from a hard reboot with its disks and the size of its spec', async () => {
    const console = host.consoleOf(spec.uuid);
    const bootsOf = async () =>
      (await console.lines()).filter(({ kind }) => kind === 'disk_boots').map(({ fields }) => fields.boots);
    const earlier = await bootsOf();
    await host.driver.reboot({ spec: { ...spec, boot: { vcpus: 3, memoryMb: 512 } }, type: 'HARD', timeoutMs: 0 });
    await host.ready(spec.uuid);
    await inside(host, spec.uuid, ({ cpus, presentCpus }) => cpus === 3 && presentCpus === 3);
    await eventually('512 MiB', CONFIRM_MS, async () => {
      return (await host.driver.inspect({ uuid: spec.uuid }))?.size.memoryMb === 512 || undefined;
    });
    const boots = await bootsOf();
    assert.deepEqual(boots.slice(0, -1), earlier, 'the console of earlier boots is kept');
    // by its number, since a message of the kernel may have torn the line of another boot
    assert.equal(
      boots.at(-1),
      '3',
      `so is the disk: its first boot, its own reboot, and this\n${await console.text()}`,
    );
  });

  it('keeps its console within bounds while QEMU goes on writing', async () => {
    const path = join(host.instancesDir, spec.uuid, 'console.log');
    assert.equal(await rotateConsole(path, 1), true);
    await eventually('new text', CONFIRM_MS, async () =>
      (await readFile(path, 'utf8')).includes('status') ? true : undefined,
    );
    assert.ok(!(await readFile(path)).includes(0), 'no hole where the old text was');
    assert.match(
      await host.driver.console({ uuid: spec.uuid, maxBytes: 100_000 }),
      /xloud-guest boot[^]*xloud-guest status/,
    );
  });

  it('is seen to be off when it powers itself off', async () => {
    const from = events.length;
    await host.powerOffFromInside(spec.uuid);
    await host
      .consoleOf(spec.uuid)
      .untilLine('down', CONFIRM_MS, ({ fields }) => fields.why === 'agent' && fields.up_s !== undefined);
    await eventOf('stopped', spec.uuid, CONFIRM_MS, from);
    assert.equal(await host.virsh('domstate', spec.uuid), 'shut off');
    assert.equal((await host.driver.inspect({ uuid: spec.uuid }))?.powerState, power.shutdown);
  });

  it('shares its network with its brothers, which goes with the last of them', async () => {
    const brothers = [11, 12, 13].map((last) => host.spec({ nics: [nicOf(network, last)] }));
    await Promise.all(brothers.map((one) => host.driver.spawn({ spec: one })));
    // one is enough to see that it gets its address
    for (const one of [0, 2]) await host.driver.pause?.({ uuid: brothers[one]?.uuid as string });
    const hosts = async () => {
      const xml = await host.virsh('net-dumpxml', networkName(network.id));
      const addresses = [...xml.matchAll(/<host mac='[^']+' ip='([^']+)'/g)].map(([, ip]) => ip ?? '');
      return addresses.toSorted((a, b) => a.localeCompare(b));
    };
    assert.deepEqual(await hosts(), ['10.77.1.10', '10.77.1.11', '10.77.1.12', '10.77.1.13']);
    const address = await host.consoleOf(brothers[1]?.uuid as string).untilLine('address', BOOT_MS);
    assert.equal(address.fields.ip, '10.77.1.12/24', 'also from a network that runs already');
    await Promise.all(brothers.map((one) => host.driver.destroy({ uuid: one.uuid })));
    assert.deepEqual(await hosts(), ['10.77.1.10']);
  });

  it('is gone without a trace when destroyed', async () => {
    await host.driver.destroy({ uuid: spec.uuid });
    assert.deepEqual(await host.leftovers(spec.uuid), []);
    assert.equal(await host.virsh('list', '--all'), '');
    assert.equal(await host.virsh('net-list', '--all'), '');
    assert.deepEqual(
      (await readdir(host.instancesDir)).filter((name) => !name.startsWith('_')),
      [],
    );
    const { stdout } = await host.libvirtd.exec('ip', '-o', 'link');
    assert.ok(!stdout.includes(bridgeName(network.id)) && !stdout.includes('vnet'), stdout);
    assert.equal(host.images.reads.get(host.guestImages.root.facts.id), 1, 'its image was fetched once for all');
  });

  it('leaves nothing of a spawn that fails, whatever it failed at', async () => {
    const good = { ...host.spec({ nics: [nicOf(networkOf(2), 10)], configDrive: configDriveOf() }) };
    const image = host.guestImages.root.facts;
    const broken: Record<string, Partial<GuestSpec>> = {
      domain: { disks: { ...good.disks, image: { ...image, properties: { hw_machine_type: 'no-such-machine' } } } },
      disk: { disks: { ...good.disks, image: { ...image, virtualSizeBytes: 1, id: randomUUID() } } },
      kernel: { kernel: { ...image, id: randomUUID() } },
      port: { nics: [{ ...nicOf(networkOf(3), 10), vifType: 'ovs' }] },
      mac: { nics: [{ ...nicOf(networkOf(3), 10), mac: 'fa:16:3e:00:00:zz' }] },
    };
    for (const [what, more] of Object.entries(broken)) {
      const doomed = { ...good, ...more, uuid: randomUUID() };
      await assert.rejects(host.driver.spawn({ spec: doomed }), { name: 'Fault' }, what);
      assert.deepEqual(await host.leftovers(doomed.uuid), [], what);
    }
    assert.equal(await host.virsh('net-list', '--all'), '');
  });

  it('takes up what a crash of the program left: half-made guests anew, whole ones as they are, networks no more', async () => {
    const half = host.spec({ nics: [nicOf(networkOf(4), 10)] });
    await host.driver.spawn({ spec: half });
    const dir = join(host.instancesDir, half.uuid);
    // as if the program had died in the middle: the guest is there, the mark of its first start is not
    await host.virsh('destroy', half.uuid);
    await rm(join(dir, 'complete'));
    await writeFile(join(dir, 'disk'), 'half');
    const second = await host.anotherDriver();
    assert.equal((await second.spawn({ spec: half })).powerState, power.running);
    assert.notEqual(await readFile(join(dir, 'disk'), 'utf8').then((text) => text.slice(0, 4)), 'half');
    await truncate(join(dir, 'console.log'), 0);
    await second.powerOff({ uuid: half.uuid, timeoutMs: 0 });
    // another service on the same libvirtd knows nothing of these networks, and so removes none
    const elsewhere = await mkdtemp(join(tmpdir(), 'xloud-elsewhere-'));
    const stranger = await host.anotherDriver({ instancesDir: elsewhere });
    assert.equal(await host.virsh('net-list', '--name'), networkName(half.nics[0]?.network.id ?? ''));
    await stranger.close();
    await rm(elsewhere, { recursive: true });
    const earlier = await readFile(join(dir, 'ports.json'), 'utf8');
    assert.equal(
      (await second.spawn({ spec: half })).powerState,
      power.running,
      'a whole guest that is off is started',
    );
    assert.equal(await readFile(join(dir, 'ports.json'), 'utf8'), earlier);
    await second.powerOff({ uuid: half.uuid, timeoutMs: 0 });
    // as if it had died between forgetting the ports and removing the network
    await rm(join(dir, 'ports.json'));
    await second.close();
    const third = await host.anotherDriver();
    assert.equal(await host.virsh('net-list', '--all'), '');
    await third.destroy({ uuid: half.uuid });
    assert.deepEqual(await host.leftovers(half.uuid), []);
    await third.close();
  });

  it('boots an image by its own boot loader, and crashes for all to see', async () => {
    const crashing = host.spec({
      ...{ kernel: null, ramdisk: null, boot: { vcpus: 2, memoryMb: 256 }, metadata: { xloud_guest: 'crash=1' } },
      configDrive: configDriveOf(),
    });
    await host.driver.spawn({ spec: crashing });
    const crash = await eventOf('crashed', crashing.uuid, BOOT_MS);
    assert.equal('reason' in crash && crash.reason, 'the guest crashed');
    assert.equal((await host.driver.inspect({ uuid: crashing.uuid }))?.powerState, power.crashed);
    assert.match(
      await host.driver.console({ uuid: crashing.uuid, maxBytes: 100_000 }),
      /disk_boots dev=\/dev\/vda1 boots=1[^]*Kernel panic/,
    );
    await host.driver.destroy({ uuid: crashing.uuid });
    assert.deepEqual(await host.leftovers(crashing.uuid), []);
  });

  it('can be defined with names of any characters', async () => {
    const connection = await openHypervisor({ uri: host.libvirtd.uri, log: host.log, clock: systemClock });
    const place = {
      ...({ virtType: 'qemu', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
      ...{ disks: [], consolePath: '/tmp/none' },
    };
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.string({ unit: 'binary', maxLength: 255 }),
          fc.string({ unit: 'binary' }),
          async (name, more) => {
            const one = guestSpec({ name, flavorName: more, projectId: more, userId: name });
            const domain = await connection.domainDefineXMLFlags(domainXml(one, place));
            assert.equal(domain.uuid, one.uuid);
            await connection.domainUndefineFlags(domain);
          },
        ),
        { numRuns: 60 },
      );
    } finally {
      await connection.close();
    }
  });

  it('would be probed by a guest that really boots', async () => {
    const connection = await openHypervisor({ uri: host.libvirtd.uri, log: host.log, clock: systemClock });
    const [disk, serial] = [join(host.instancesDir, '_disk'), join(host.instancesDir, '_serial')];
    await writeFile(disk, probeDisk());
    await writeFile(serial, '');
    const place = { virtType: 'qemu', arch: 'x86_64', cpuModel: null } as const;
    const domain = await connection.domainCreateXML(probeXml(place, disk, serial));
    await eventually('its word', CONFIRM_MS, async () =>
      (await readFile(serial, 'utf8')).includes(PROBE_WORDS) ? true : undefined,
    );
    await connection.domainDestroyFlags(domain);
    await connection.close();
  });
});
