import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { travelXml, writtenDisks } from '../../../../../src/virt/libvirt/move/travel-xml.ts';
import { attributeOf, children, find, readXml, textOf } from '../../../../../src/virt/libvirt/xml.ts';

const HERE = `<domain type='kvm'>
  <currentMemory unit='KiB'>524288</currentMemory>
  <vcpu placement='static' cpuset='0-3' current='3'>4</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='2'/></cputune>
  <numatune><memory mode='strict' nodeset='0'/></numatune>
  <os><kernel>/var/a/guests/u1/kernel</kernel><cmdline>root=/dev/vda log=/var/a/guests/u10/x</cmdline></os>
  <devices>
    <disk type='file' device='disk'><source file='/var/a/guests/u1/disk'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><source file='/var/a/guests/u1/disk.config'/><target dev='vdb'/><readonly/></disk>
    <disk type='file' device='cdrom'><source file='/srv/other.iso'/><target dev='sda'/></disk>
    <serial type='unix'><source mode='bind' path='/var/a/guests/u1/serial.sock'/><log file='/var/a/guests/u1/console.log'/></serial>
    <graphics type='vnc' socket='/var/a/guests/u1/qemu/screen'/>
    <memballoon model='virtio'/>
  </devices>
</domain>`;

const THERE = `<domain type='kvm'>
  <vcpu cpuset='4-7' current='1'>4</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='6'/><emulatorpin cpuset='6'/></cputune>
  <devices><graphics type='vnc' port='-1' autoport='yes' listen='10.0.0.2'/></devices>
</domain>`;

describe('the definition of a guest that travels', () => {
  const root = readXml(travelXml(HERE, THERE, '/var/a/guests/u1', '/srv/b/u1'));

  it('names files where they are there, and nothing else otherwise', () => {
    const sources = children(find(root, 'devices') ?? assert.fail(), 'disk').map((disk) =>
      attributeOf(disk, 'source', 'file'),
    );
    assert.deepEqual(sources, ['/srv/b/u1/disk', '/srv/b/u1/disk.config', '/srv/other.iso']);
    assert.equal(attributeOf(root, 'devices/serial/source', 'path'), '/srv/b/u1/serial.sock');
    assert.equal(attributeOf(root, 'devices/serial/log', 'file'), '/srv/b/u1/console.log');
    assert.equal(textOf(root, 'os/kernel'), '/srv/b/u1/kernel');
    assert.equal(textOf(root, 'os/cmdline'), 'root=/dev/vda log=/var/a/guests/u10/x');
  });

  it('keeps the size that the guest has', () => {
    assert.equal(textOf(root, 'currentMemory'), '524288');
    assert.equal(attributeOf(root, 'vcpu', 'current'), '3');
  });

  it('takes from its next host where it runs and where its screen is', () => {
    assert.equal(attributeOf(root, 'vcpu', 'cpuset'), '4-7');
    assert.equal(attributeOf(root, 'cputune/vcpupin', 'cpuset'), '6');
    assert.ok(find(root, 'cputune/emulatorpin'));
    assert.equal(find(root, 'numatune'), null);
    const screens = children(find(root, 'devices') ?? assert.fail(), 'graphics');
    assert.deepEqual(
      screens.map((one) => [one.getAttribute('listen'), one.getAttribute('socket')]),
      [['10.0.0.2', null]],
    );
  });

  it('tells which disks must be copied: those that the guest writes', () => {
    assert.deepEqual(writtenDisks(HERE, '/var/a/guests/u1'), ['vda']);
  });
});
