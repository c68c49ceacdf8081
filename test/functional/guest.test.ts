// Why: everything that is later said about servers on libvirt is read off these guests; they are proven here
// alone, in plain QEMU, without our code or libvirt between.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildGuest, buildMicroGuest, parseConsole, QUICK_BOOT } from '../support/guest.ts';
import { JsonPeer, startQemu, writeConfigDrive } from '../support/qemu.ts';
import type { Machine } from '../support/qemu.ts';

// ends of waits for what must happen: they say nothing of how fast it is
const bootTimeoutMs = 180_000;
const soonMs = 120_000;
const mib = 1024 * 1024;
const topology = '1,maxcpus=4,sockets=4,cores=1,threads=1';
const emulated = ['-machine', 'pc,accel=tcg', '-m', '512', '-smp', topology];
const network = ['-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-pci,netdev=net,mac=52:54:00:00:00:07'];

interface CpuSlot {
  readonly type: string;
  readonly props: Readonly<Record<string, unknown>> & { readonly 'socket-id': number };
  readonly 'qom-path'?: string;
}

/** Plugs `count` CPUs in the order of their sockets and gives the device ids, as libvirt would. */
async function plugCpus(monitor: JsonPeer, count: number): Promise<readonly string[]> {
  const slots = (await monitor.call('query-hotpluggable-cpus')) as readonly CpuSlot[];
  const free = slots
    .filter((slot) => slot['qom-path'] === undefined)
    .toSorted((a, b) => a.props['socket-id'] - b.props['socket-id'])
    .slice(0, count);
  for (const { type, props } of free) {
    await monitor.call('device_add', { driver: type, id: `cpu${props['socket-id']}`, ...props });
  }
  return free.map(({ props }) => `cpu${props['socket-id']}`);
}

describe('the console reader', () => {
  it('reads kinds, fields and texts, and leaves out kernel messages and a cut line', () => {
    const lines = parseConsole(
      '[ 1.0] noise\r\nxloud-guest config drive=/dev/sr0 hostname=a name=two words\r\n' +
        '[ 1.1] xloud-guest meta colour=blue=ish sky\r\nxloud-guest power_button\r\nxloud-guest status seq=1 up_s=2',
    );
    assert.deepEqual(
      lines.map(({ kind, fields }) => ({ kind, fields })),
      [
        { kind: 'config', fields: { drive: '/dev/sr0', hostname: 'a', name: 'two words' } },
        { kind: 'meta', fields: { colour: 'blue=ish sky' } },
        { kind: 'power_button', fields: {} },
      ],
    );
  });
});

describe('the Linux guest, from kernel and initial ramdisk', () => {
  const userData = '#cloud-config\nnothing: here\n';
  let dir: string;
  let guest: Machine;
  let agent: JsonPeer;

  before(async () => {
    const images = await buildGuest();
    dir = await mkdtemp(join(tmpdir(), 'xloud-guest-'));
    await writeConfigDrive(join(dir, 'config.iso'), {
      'meta_data.json': JSON.stringify({
        uuid: '3f1c0a52-6f4e-4a7d-9d57-5f1a2b3c4d5e',
        name: 'näme with {braces} "and" more',
        hostname: 'guest-under-test',
        public_keys: { mine: 'ssh-ed25519 AAAA me@here\n' },
        meta: { hostname: 'not-this-one', xloud_guest: 'tick=0.25', colour: 'deep blue' },
      }),
      user_data: userData,
      'network_data.json': '{}',
    });
    guest = await startQemu([
      ...emulated,
      ...network,
      ...['-kernel', images.kernel, '-initrd', images.initrd],
      ...['-append', `root=/dev/vda console=tty0 console=ttyS0 ${QUICK_BOOT} hog=16`],
      ...['-drive', `file=${images.rootDisk},if=virtio,snapshot=on`],
      ...['-drive', `file=${join(dir, 'config.iso')},media=cdrom,format=raw`],
      ...['-device', 'virtio-balloon-pci,id=balloon,deflate-on-oom=on'],
    ]);
    await guest.console.untilLine('ready', bootTimeoutMs);
  });
  after(async () => {
    agent?.close();
    await guest?.end();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  it('reads its config drive', async () => {
    const config = await guest.console.untilLine('config', soonMs);
    assert.equal(config.fields.hostname, 'guest-under-test');
    assert.equal(config.fields.uuid, '3f1c0a52-6f4e-4a7d-9d57-5f1a2b3c4d5e');
    assert.equal(config.fields.name, 'näme with {braces} "and" more');
    assert.equal((await guest.console.untilLine('key', soonMs)).fields.mine, 'ssh-ed25519 AAAA me@here');
    await guest.console.untilLine('meta', soonMs, ({ fields }) => fields.colour === 'deep blue');
    const { fields } = await guest.console.untilLine('user_data', soonMs);
    assert.equal(fields.bytes, String(userData.length));
    assert.equal(fields.sha256, createHash('sha256').update(userData).digest('hex'));
  });

  it('gets an address by DHCP', async () => {
    const { fields } = await guest.console.untilLine('address', soonMs);
    assert.equal(fields.dev, 'eth0');
    assert.equal(fields.ip, '10.0.2.15/24');
  });

  it('sees the disk, counts its boots on it, and reports what it has', async () => {
    assert.equal((await guest.console.untilLine('disk', soonMs)).fields.bytes, String(48 * mib));
    assert.equal((await guest.console.untilLine('disk_boots', soonMs)).fields.boots, '1');
    assert.equal((await guest.console.untilLine('hog', soonMs)).fields.mib, '16');
    const status = await guest.console.until(({ seq }) => seq >= 2, soonMs);
    assert.equal(status.cpus, 1);
    assert.equal(status.online, '0');
    assert.ok(status.memTotalKib > 400 * 1024 && status.memTotalKib < 512 * 1024, `${status.memTotalKib}`);
    assert.ok(status.memAvailableKib <= status.memTotalKib);
  });

  it('answers through its agent', async () => {
    agent = await JsonPeer.connect(guest.agentSocket, soonMs);
    assert.deepEqual(await agent.call('guest-ping'), {});
    assert.deepEqual(await agent.call('guest-get-vcpus'), [{ 'logical-id': 0, online: true, 'can-offline': false }]);
  });

  it('brings plugged CPUs online by itself', async () => {
    await plugCpus(guest.monitor, 2);
    const status = await guest.console.until(({ cpus }) => cpus === 3, soonMs);
    assert.equal(status.present, '0-2');
  });

  it('leaves a CPU offline that the agent took offline, also when another is plugged', async () => {
    assert.equal(await agent.call('guest-set-vcpus', { vcpus: [{ 'logical-id': 1, online: false }] }), 1);
    await guest.console.until(({ online }) => online === '0,2', soonMs);
    await plugCpus(guest.monitor, 1);
    await guest.console.until(({ online }) => online === '0,2-3', soonMs);
    await sleep(1500);
    assert.equal((await guest.console.last())?.online, '0,2-3');
  });

  it('gives memory to the balloon and gets it back', async () => {
    const before = await guest.console.until(() => true, soonMs);
    await guest.monitor.call('balloon', { value: 256 * mib });
    const less = await guest.console.until(
      ({ memAvailableKib }) => memAvailableKib < before.memAvailableKib - 240 * 1024,
      soonMs,
    );
    assert.equal(less.memTotalKib, before.memTotalKib, 'a balloon that deflates on need leaves MemTotal as it is');
    await guest.monitor.call('balloon', { value: 512 * mib });
    await guest.console.until(({ memAvailableKib }) => memAvailableKib > before.memAvailableKib - 16 * 1024, soonMs);
  });

  it('says so and powers off when the power button is pressed', async () => {
    await guest.monitor.call('system_powerdown');
    await guest.console.untilLine('power_button', soonMs);
    assert.equal(await guest.exited(soonMs), 0);
    assert.equal((await guest.console.untilLine('down', soonMs)).fields.why, 'power_button');
  });
});

describe('the Linux guest, from its disk alone', () => {
  it('boots, takes words from user data, and finds its disk again after a reset', async () => {
    const images = await buildGuest();
    const dir = await mkdtemp(join(tmpdir(), 'xloud-guest-'));
    let guest: Machine | undefined;
    try {
      const disk = join(dir, 'disk.qcow2');
      copyFileSync(images.rootDisk, disk);
      await writeConfigDrive(join(dir, 'config.iso'), {
        'meta_data.json': '{"hostname": "from-disk"}',
        user_data: '#xloud-guest noonline noagent noballoon tick=0.25\n',
      });
      guest = await startQemu([
        ...emulated,
        ...['-drive', `file=${disk},if=virtio`],
        ...['-drive', `file=${join(dir, 'config.iso')},if=virtio,format=raw,readonly=on`],
        ...['-device', 'virtio-balloon-pci'],
      ]);
      await guest.console.untilLine('disk_boots', bootTimeoutMs, ({ fields }) => fields.boots === '1');
      await guest.console.untilLine('ready', bootTimeoutMs);

      await guest.monitor.call('system_reset');
      await guest.console.untilLine('disk_boots', bootTimeoutMs, ({ fields }) => fields.boots === '2');
      await guest.console.untilLine('ready', bootTimeoutMs, (_, index) => index === 1);

      await plugCpus(guest.monitor, 1);
      const plugged = await guest.console.until(({ presentCpus }) => presentCpus === 2, soonMs);
      assert.equal(plugged.cpus, 1);
      await guest.monitor.call('balloon', { value: 256 * mib });
      await sleep(1500);
      const status = await guest.console.until(() => true, soonMs);
      assert.ok(status.memAvailableKib > plugged.memAvailableKib - 16 * 1024, 'no balloon driver, so nothing is given');
      assert.equal(status.cpus, 1, 'told not to bring CPUs online');
      assert.equal(
        (await guest.console.lines()).find(({ kind }) => kind === 'agent'),
        undefined,
      );
    } finally {
      await guest?.end();
      await rm(dir, { recursive: true, force: true });
    }
  });
});

for (const accel of existsSync('/dev/kvm') ? ['kvm', 'tcg'] : ['tcg']) {
  for (const machine of ['pc', 'q35']) {
    describe(`the micro guest on ${machine} under ${accel}`, () => {
      it('takes CPUs, gives them back, and powers off', async () => {
        const { kernel } = await buildMicroGuest();
        const guest = await startQemu([
          ...['-machine', `${machine},accel=${accel}`, '-m', '64', '-smp', topology, '-kernel', kernel],
        ]);
        const said = async (text: string): Promise<void> => {
          for (let tries = 0; !(await guest.console.text()).includes(`xloud-micro ${text}\r\n`); tries++) {
            assert.ok(tries < soonMs / 50, `no '${text}' in: ${await guest.console.text()}`);
            await sleep(50);
          }
        };
        try {
          await said('ready');
          const ids = await plugCpus(guest.monitor, 2);
          assert.deepEqual(ids, ['cpu1', 'cpu2']);
          await said('cpu 1 in');
          await said('cpu 2 in');
          for (const id of ids.toReversed()) {
            await guest.monitor.call('device_del', { id });
            await said(`cpu ${id.slice(3)} out`);
            // QEMU's emulator never finishes an unplug, so only KVM can show the end of it.
            if (accel === 'kvm') await guest.monitor.event('DEVICE_DELETED', soonMs, ({ device }) => device === id);
          }
          if (accel === 'kvm') assert.equal((await plugCpus(guest.monitor, 3)).length, 3, 'every slot is free again');
          await guest.monitor.call('system_powerdown');
          await said('power');
          assert.equal(await guest.exited(soonMs), 0);
        } finally {
          await guest.end();
        }
      });
    });
  }
}
