import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { DomainPlace } from '../../../../src/virt/libvirt/domain-place.ts';
import { domainXml } from '../../../../src/virt/libvirt/config.ts';
import { socketPath } from '../../../../src/virt/libvirt/serial.ts';
import { attributeOf, children, find, readXml, textOf } from '../../../../src/virt/libvirt/xml.ts';
import type { GuestSpec } from '../../../../src/domain/servers/guests.ts';
import { guestSpec, imageFacts, networkFacts, nicSpec } from '../../../support/guest-spec.ts';

const place: DomainPlace = {
  ...({ virtType: 'qemu', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
  disks: [{ path: '/d/disk', format: 'qcow2', device: 'disk', readonly: false, bus: 'virtio', bootable: true }],
  consolePath: '/d/console.log',
};

// What XML 1.0 can hold; a carriage return is a line feed to whoever reads it.
const legal = (text: string): string =>
  Array.from(text)
    .filter((c) => /[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.test(c))
    .join('')
    .replace(/\r\n?/g, '\n');
const anyText = fc.string({ unit: 'binary', maxLength: 255 });
const anyUtf16 = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 80 })
  .map((codes) => String.fromCharCode(...codes));

describe('domain XML', () => {
  it('holds any name, flavor, kernel argument and machine, whatever characters are in it', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, anyUtf16), fc.oneof(anyText, anyUtf16), (name, words) => {
        const properties = { os_command_line: words, hw_machine_type: words };
        const network = networkFacts([]);
        const spec = guestSpec({
          ...{ name, flavorName: words, projectId: words, userId: name, nics: [nicSpec(network, [])] },
          disks: { image: imageFacts({ properties }), rootGb: 1, ephemeralGb: 0, swapMb: 0 },
        });
        const root = readXml(domainXml(spec, { ...place, kernel: '/d/kernel' }));
        assert.equal(root.tagName, 'domain');
        assert.equal(textOf(root, 'metadata/xloud:instance/xloud:name'), legal(name));
        assert.equal(textOf(root, 'metadata/xloud:instance/xloud:flavor'), legal(words));
        assert.equal(textOf(root, 'uuid'), spec.uuid);
        assert.equal(textOf(root, 'devices/serial/source'), '');
        assert.equal(children(root, 'devices').length, 1);
      }),
      { examples: [['\u0085\u2028', '\r\u0000\n']] },
    );
  });

  it('has a screen only where it shall listen, with the card that the image asks for', () => {
    const devicesOf = (screen: string | null, properties: Record<string, string> = {}, arch = 'x86_64') => {
      const disks = { image: imageFacts({ properties }), rootGb: 1, ephemeralGb: 0, swapMb: 0 };
      return find(readXml(domainXml(guestSpec({ disks }), { ...place, arch, screen })), 'devices') as never;
    };
    for (const none of ['graphics', 'video']) assert.deepEqual(children(devicesOf(null), none), []);
    const [graphics] = children(devicesOf('127.0.0.1'), 'graphics');
    assert.equal(graphics?.getAttribute('listen'), '127.0.0.1');
    assert.equal(graphics?.getAttribute('type'), 'vnc');
    const card = (...more: [Record<string, string>?, string?]) =>
      attributeOf(devicesOf('::1', ...more), 'video/model', 'type');
    assert.deepEqual([card(), card({ hw_video_model: 'qxl' }), card({}, 'aarch64')], ['vga', 'qxl', 'virtio']);
  });

  it('keeps its serial line in a file, and lets one speak on it where a socket may have such a path', () => {
    const serialOf = (serialPath: string | null) => {
      const root = readXml(domainXml(guestSpec(), { ...place, serialPath }));
      const at = (path: string, name: string) => attributeOf(root, `devices/serial/${path}`, name);
      return [at('source', 'path'), at('source', 'mode'), at('log', 'file'), at('log', 'append')];
    };
    assert.deepEqual(serialOf(null), ['/d/console.log', null, null, null]);
    const path = '/d/serial.sock';
    assert.deepEqual(serialOf(socketPath(path)), [path, 'bind', '/d/console.log', 'on']);
    const longest = `/${'é'.repeat(53)}`;
    assert.deepEqual([socketPath(longest), socketPath(`${longest}x`)], [longest, null]);
  });

  it('takes devices from the host, each by its address', () => {
    const hostDevices = ['0000:3b:00.0', '00ff:81:1f.7'];
    const devices = find(readXml(domainXml(guestSpec({ hostDevices }), place)), 'devices') as never;
    const words = children(devices, 'hostdev').map((hostdev) => [
      ...['mode', 'type', 'managed'].map((name) => hostdev.getAttribute(name)),
      ...['domain', 'bus', 'slot', 'function'].map((name) => attributeOf(hostdev, 'source/address', name)),
    ]);
    assert.deepEqual(words, [
      ['subsystem', 'pci', 'yes', '0x0000', '0x3b', '0x00', '0x0'],
      ['subsystem', 'pci', 'yes', '0x00ff', '0x81', '0x1f', '0x7'],
    ]);
    assert.equal(find(readXml(domainXml(guestSpec(), place)), 'devices/hostdev'), null);
  });

  it('names the ceiling, what it boots with, and every vCPU but the first as hot-pluggable', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.nat(), (max, seed) => {
        const boot = 1 + (seed % max);
        const spec = guestSpec({ maximum: { vcpus: max, memoryMb: 2048 }, boot: { vcpus: boot, memoryMb: 300 } });
        const root = readXml(domainXml(spec, place));
        assert.equal(textOf(root, 'memory'), String(2048 * 1024));
        assert.equal(textOf(root, 'currentMemory'), String(300 * 1024));
        assert.equal(textOf(root, 'vcpu'), String(max));
        assert.equal(attributeOf(root, 'vcpu', 'current'), String(boot));
        const vcpus = children(find(root, 'vcpus') as never, 'vcpu');
        assert.equal(vcpus.length, max);
        vcpus.forEach((vcpu, id) => {
          assert.equal(vcpu.getAttribute('id'), String(id));
          assert.equal(vcpu.getAttribute('enabled'), id < boot ? 'yes' : 'no');
          assert.equal(vcpu.getAttribute('hotpluggable'), id === 0 ? 'no' : 'yes');
        });
      }),
    );
  });

  it('plugs memory above the minimum by virtio-mem where the flavor asks for it', () => {
    const bounds = { maximum: { vcpus: 4, memoryMb: 1024 }, minimum: { vcpus: 1, memoryMb: 256 } };
    const spec = guestSpec({
      ...{ ...bounds, boot: { vcpus: 2, memoryMb: 512 } },
      extraSpecs: { 'xloud:memory_method': 'virtio-mem' },
    });
    const root = readXml(domainXml(spec, place));
    const kib = (mib: number) => String(mib * 1024);
    const words = ['maxMemory', 'memory', 'currentMemory'].map((name) => textOf(root, name));
    assert.deepEqual(words, [kib(1024), kib(1024), kib(512)]);
    assert.equal(attributeOf(root, 'maxMemory', 'slots'), '1');
    const cell = (name: string) => attributeOf(root, 'cpu/numa/cell', name);
    assert.deepEqual(['id', 'cpus', 'memory', 'unit'].map(cell), ['0', '0-3', kib(256), 'KiB']);
    assert.equal(attributeOf(root, 'devices/memory', 'model'), 'virtio-mem');
    const device = ['size', 'node', 'block', 'requested'].map((name) => textOf(root, `devices/memory/target/${name}`));
    assert.deepEqual(device, [kib(768), '0', kib(2), kib(256)]);
    // it tells what the guest has left, and is never blown up
    assert.equal(attributeOf(root, 'devices/memballoon/stats', 'period'), '1');
    const single = { ...spec, maximum: { vcpus: 1, memoryMb: 1024 }, boot: { vcpus: 1, memoryMb: 256 } };
    assert.equal(attributeOf(readXml(domainXml(single, place)), 'cpu/numa/cell', 'cpus'), '0');
    const plain = readXml(domainXml(guestSpec(bounds), place));
    assert.deepEqual(
      ['maxMemory', 'cpu/numa', 'devices/memory'].map((path) => find(plain, path)),
      [null, null, null],
    );
  });

  it('gives a balloon that cannot kill the guest, a way to tell a crash, and an agent', () => {
    const devices = find(readXml(domainXml(guestSpec(), place)), 'devices') as never;
    assert.equal(attributeOf(devices, 'memballoon', 'autodeflate'), 'on');
    assert.equal(attributeOf(devices, 'memballoon', 'freePageReporting'), 'on');
    assert.equal(attributeOf(devices, 'memballoon/stats', 'period'), '1');
    assert.equal(attributeOf(devices, 'panic', 'model'), 'isa');
    assert.equal(attributeOf(devices, 'rng', 'model'), 'virtio');
    assert.equal(attributeOf(devices, 'channel/target', 'name'), 'org.qemu.guest_agent.0');
    assert.equal(attributeOf(devices, 'serial/source', 'append'), 'on');
  });

  it('hides the virtualisation of the host unless the flavor asks for it', () => {
    const hidden = (extraSpecs: Record<string, string>) => {
      const cpu = find(readXml(domainXml(guestSpec({ extraSpecs }), { ...place, virtType: 'kvm' })), 'cpu');
      assert.equal(cpu?.getAttribute('mode'), 'host-model');
      return children(cpu as never, 'feature').map(
        (one) => `${one.getAttribute('policy')} ${one.getAttribute('name')}`,
      );
    };
    assert.deepEqual(hidden({}), ['disable vmx', 'disable svm']);
    assert.deepEqual(hidden({ 'xloud:nested_virtualization': 'no' }), ['disable vmx', 'disable svm']);
    for (const yes of ['true', 'Yes', '1', 'on', 't', 'y']) {
      assert.deepEqual(hidden({ 'xloud:nested_virtualization': yes }), []);
    }
  });

  it('shows the guest the topology that it shall see', () => {
    const topology = (more: Partial<GuestSpec>) => {
      const found = find(readXml(domainXml(guestSpec(more), place)), 'cpu/topology');
      return found && ['sockets', 'cores', 'threads'].map((name) => Number(found.getAttribute(name)));
    };
    assert.equal(topology({}), null);
    assert.deepEqual(topology({ cpuTopology: { sockets: 1, cores: 2, threads: 2 } }), [1, 2, 2]);
  });

  it('boots a kernel of its own with the root disk, a console and the words of its image', () => {
    const properties = { os_command_line: 'quiet panic=1' };
    const disks = { image: imageFacts({ properties }), rootGb: 1, ephemeralGb: 0, swapMb: 0 };
    const root = readXml(domainXml(guestSpec({ disks }), { ...place, kernel: '/d/kernel', ramdisk: '/d/ramdisk' }));
    assert.equal(textOf(root, 'os/kernel'), '/d/kernel');
    assert.equal(textOf(root, 'os/initrd'), '/d/ramdisk');
    assert.equal(textOf(root, 'os/cmdline'), 'root=/dev/vda console=tty0 console=ttyS0 quiet panic=1');
  });

  it('lets a port speak only as its own filter says, whatever addresses it has', () => {
    const nic = nicSpec(networkFacts([]), []);
    const root = readXml(domainXml(guestSpec({ nics: [nic] }), place));
    assert.equal(attributeOf(root, 'devices/interface/filterref', 'filter'), `xloud-port-${nic.portId}`);
  });

  it('keeps its name and those of its ports where it was taken over, so that nothing is there twice', () => {
    const nic = { ...nicSpec(networkFacts([]), []), vifType: 'ovs', vifDetails: { bridge_name: 'br-int' } };
    const root = readXml(
      domainXml(guestSpec({ nics: [nic] }), { ...place, name: 'instance-00000001', namedTaps: true }),
    );
    assert.equal(textOf(root, 'name'), 'instance-00000001');
    assert.equal(attributeOf(root, 'devices/interface/target', 'dev'), `tap${nic.portId.slice(0, 11)}`);
    const ours = readXml(domainXml(guestSpec({ nics: [nic] }), place));
    assert.match(textOf(ours, 'name') ?? '', /^xloud-/);
    assert.equal(attributeOf(ours, 'devices/interface/target', 'dev'), null);
  });

  it('plugs a port of OVN into its bridge under its own id, with the MTU of its network and no filter', () => {
    const vifDetails = { bridge_name: 'br-int', offloads: false };
    const nic = { ...nicSpec(networkFacts([]), []), vifType: 'ovs', vifDetails };
    const root = readXml(domainXml(guestSpec({ nics: [nic] }), place));
    const of = (path: string, name: string) => attributeOf(root, `devices/interface${path}`, name);
    assert.deepEqual(
      [of('', 'type'), of('/source', 'bridge'), of('/virtualport', 'type')],
      ['bridge', 'br-int', 'openvswitch'],
    );
    assert.equal(of('/virtualport/parameters', 'interfaceid'), nic.portId);
    assert.equal(of('/mtu', 'size'), String(nic.network.mtu));
    assert.equal(of('/filterref', 'filter'), null);
    // a switch in user space finishes nobody's checksums
    assert.deepEqual([of('/driver/host', 'csum'), of('/driver/guest', 'csum')], ['off', 'off']);
    const able = { ...nic, vifDetails: { ...vifDetails, offloads: true } };
    const other = readXml(domainXml(guestSpec({ nics: [able] }), place));
    assert.equal(attributeOf(other, 'devices/interface/driver/host', 'csum'), null);
    for (const bridge_name of [undefined, '', '../br', 'a-name-that-is-too-long'])
      assert.throws(
        () => domainXml(guestSpec({ nics: [{ ...nic, vifDetails: { bridge_name } }] }), place),
        /names no bridge/,
      );
  });

  it('plugs a port of a Linux bridge under the name that its agent looks for, with the MTU of its network and no filter', () => {
    const nic = { ...nicSpec(networkFacts([]), []), vifType: 'bridge', vifDetails: { port_filter: true } };
    const extraSpecs = { 'quota:vif_inbound_average': '1000' };
    const root = readXml(domainXml(guestSpec({ nics: [nic], extraSpecs }), place));
    const of = (path: string, name: string) => attributeOf(root, `devices/interface${path}`, name);
    assert.deepEqual(
      [of('', 'type'), of('/source', 'bridge'), of('/target', 'dev'), of('/mac', 'address'), of('/mtu', 'size')],
      ['bridge', `brq${nic.network.id.slice(0, 11)}`, `tap${nic.portId.slice(0, 11)}`, nic.mac, '1450'],
    );
    assert.deepEqual([of('/virtualport', 'type'), of('/filterref', 'filter')], [null, null]);
    assert.equal(of('/bandwidth/inbound', 'average'), '1000');
    for (const broken of [{ vifDetails: { bridge_name: "x'/><a" } }, { portId: "x'/><a" }])
      assert.throws(() => domainXml(guestSpec({ nics: [{ ...nic, ...broken }] }), place));
  });

  it('refuses bandwidth on a port of OVN, where nobody would keep it', () => {
    const nic = { ...nicSpec(networkFacts([]), []), vifType: 'ovs', vifDetails: { bridge_name: 'br-int' } };
    const extraSpecs = { 'quota:vif_inbound_average': '1000' };
    assert.throws(() => domainXml(guestSpec({ nics: [nic], extraSpecs }), place), /no bandwidth limits yet/);
  });

  it('names disks in their order on each bus', () => {
    const disk = place.disks[0] as DomainPlace['disks'][number];
    const disks = [
      { ...disk, device: 'cdrom', bus: 'ide', readonly: true },
      disk,
      { ...disk, path: '/d/two', bootable: false },
    ] as const;
    const devices = find(readXml(domainXml(guestSpec(), { ...place, disks })), 'devices') as never;
    const seen = children(devices, 'disk').map((one) => attributeOf(one, 'target', 'dev'));
    assert.deepEqual(seen, ['hda', 'vda', 'vdb']);
    const orders = children(devices, 'disk').map((one) => attributeOf(one, 'boot', 'order'));
    assert.deepEqual(orders, ['1', '2', null]);
  });
});
