// Devices as libvirt describes them. A whole card, one of its functions and a GPU as libvirt's own documentation and tests have them; the
// last two were recorded from libvirtd 9.0 on a machine without an IOMMU.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findPciDevices, readPciDevice, tellOfDevices } from '../../../../src/virt/libvirt/node-devices.ts';
import { libvirtFault } from '../../../../src/virt/libvirt/errors.ts';
import type { LibvirtCalls } from '../../../../src/virt/libvirt/rpc/procedures.ts';
import { readDeviceSpecs } from '../../../../src/virt/host-devices.ts';
import { silentLog } from '../../../../src/base/log.ts';

const card = `<device>
  <name>pci_0000_02_00_0</name>
  <path>/sys/devices/pci0000:00/0000:00:04.0/0000:02:00.0</path>
  <parent>pci_0000_00_04_0</parent>
  <driver><name>igb</name></driver>
  <capability type='pci'>
    <class>0x020000</class>
    <domain>0</domain><bus>2</bus><slot>0</slot><function>0</function>
    <product id='0x10c9'>82576 Gigabit Network Connection</product>
    <vendor id='0x8086'>Intel Corporation</vendor>
    <capability type='virt_functions' maxCount='7'>
      <address domain='0x0000' bus='0x02' slot='0x10' function='0x0'/>
      <address domain='0x0000' bus='0x02' slot='0x10' function='0x2'/>
    </capability>
    <iommuGroup number='12'>
      <address domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
      <address domain='0x0000' bus='0x02' slot='0x00' function='0x1'/>
    </iommuGroup>
    <numa node='1'/>
    <pci-express><link validity='cap' port='1' speed='2.5' width='1'/></pci-express>
  </capability>
</device>`;

const part = `<device>
  <name>pci_0000_02_10_2</name>
  <parent>pci_0000_00_04_0</parent>
  <capability type='pci'>
    <domain>0</domain><bus>2</bus><slot>16</slot><function>2</function>
    <product id='0x10ca'>82576 Virtual Function</product>
    <vendor id='0x8086'>Intel Corporation</vendor>
    <capability type='phys_function'>
      <address domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </capability>
    <iommuGroup number='31'><address domain='0x0000' bus='0x02' slot='0x10' function='0x2'/></iommuGroup>
    <numa node='-1'/>
  </capability>
</device>`;

const gpu = `<device>
  <name>pci_000a_3b_00_0</name>
  <capability type='pci'>
    <class>0x030200</class>
    <domain>10</domain><bus>59</bus><slot>0</slot><function>0</function>
    <product id='0x1db6'>GV100GL [Tesla V100 PCIe 32GB]</product>
    <vendor id='0x10de'>NVIDIA Corporation</vendor>
    <iommuGroup number='0'><address domain='0x000a' bus='0x3b' slot='0x00' function='0x0'/></iommuGroup>
  </capability>
</device>`;

const bridge = `<device>
  <name>pci_0000_00_1c_0</name>
  <capability type='pci'>
    <class>0x060400</class>
    <domain>0</domain><bus>0</bus><slot>28</slot><function>0</function>
    <product id='0x8c10'/><vendor id='0x8086'/>
    <capability type='pci-bridge'/>
    <iommuGroup number='8'><address domain='0x0000' bus='0x00' slot='0x1c' function='0x0'/></iommuGroup>
  </capability>
</device>`;

const bare = `<device>
  <name>pci_0000_00_02_0</name>
  <path>/sys/devices/pci0000:00/0000:00:02.0</path>
  <parent>computer</parent>
  <driver>
    <name>virtio-pci</name>
  </driver>
  <capability type='pci'>
    <class>0x018000</class>
    <domain>0</domain>
    <bus>0</bus>
    <slot>2</slot>
    <function>0</function>
    <product id='0x1042'/>
    <vendor id='0x1af4'/>
  </capability>
</device>`;

const loopback = `<device>
  <name>net_lo_00_00_00_00_00_00</name>
  <parent>computer</parent>
  <capability type='net'><interface>lo</interface><address>00:00:00:00:00:00</address></capability>
</device>`;

describe('node devices', () => {
  it('are read as what can be handed to a guest', () => {
    const whole = { address: '0000:02:00.0', vendorId: '8086', productId: '10c9', type: 'type-PF', parent: null };
    assert.deepEqual(readPciDevice(card), { ...whole, numaNode: 1, iommuGroup: 12 });
    const one = { address: '0000:02:10.2', vendorId: '8086', productId: '10ca', type: 'type-VF' };
    assert.deepEqual(readPciDevice(part), { ...one, parent: '0000:02:00.0', numaNode: null, iommuGroup: 31 });
    const v100 = { address: '000a:3b:00.0', vendorId: '10de', productId: '1db6', type: 'type-PCI', parent: null };
    assert.deepEqual(readPciDevice(gpu), { ...v100, numaNode: null, iommuGroup: 0 });
  });

  it('without an IOMMU say so, and what is no endpoint is none', () => {
    assert.equal(readPciDevice(bare)?.iommuGroup, null);
    assert.deepEqual([readPciDevice(bridge), readPciDevice(loopback)], [null, null]);
  });

  const documents: Readonly<Record<string, string>> = { card, part, gpu, bare };
  const calls = {
    connectListAllNodeDevices: async () => ['card', 'unplugged', 'part', 'gpu', 'bare'],
    nodeDeviceGetXMLDesc: async (name: string) => {
      const found = documents[name];
      if (found !== undefined) return found;
      const words = { domain: 0, level: 2, str1: null, str2: null, str3: null, int1: 0, int2: 0 };
      throw libvirtFault('nodeDeviceGetXMLDesc', { ...words, code: 53, message: 'no node device' });
    },
  } as unknown as LibvirtCalls;

  it('that vanish between two questions are none', async () => {
    const found = await findPciDevices(calls, readDeviceSpecs([{}]));
    assert.deepEqual(
      found.map(({ address }) => address),
      ['0000:02:00.0', '0000:02:10.2', '000a:3b:00.0', '0000:00:02.0'],
    );
    const nobody = {} as LibvirtCalls;
    assert.deepEqual(await findPciDevices(nobody, []), []);
    const broken = { ...calls, nodeDeviceGetXMLDesc: async () => Promise.reject(new Error('broken')) } as LibvirtCalls;
    await assert.rejects(findPciDevices(broken, readDeviceSpecs([{}])), /broken/);
  });

  it('that are meant for guests in vain are told of', async () => {
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (...words: unknown[]) => told.push(words) } as unknown as typeof silentLog;
    await tellOfDevices(calls, readDeviceSpecs([{ vendor_id: '10de' }]), log);
    assert.deepEqual(told, []);
    await tellOfDevices(calls, readDeviceSpecs([{}]), log);
    assert.deepEqual((told as [object, string][])[0]?.[0], { addresses: ['0000:00:02.0'] });
  });
});
