// PCI devices of this very machine, through a real libvirtd. Needs root and a hypervisor's packages, as libvirt-driver.test.ts does. No
// device is taken from the machine: those that guests ask for here do not exist.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { domainXml } from '../../src/virt/libvirt/config.ts';
import { openHypervisor } from '../../src/virt/libvirt/connection.ts';
import { findPciDevices } from '../../src/virt/libvirt/node-devices.ts';
import { readDeviceSpecs } from '../../src/virt/host-devices.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/clock.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';

const ABSENT = '0000:fe:1f.7';
const everything = readDeviceSpecs([{}]);

describe('devices of a real host', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  before(async () => {
    host = await startHost({ driver: { deviceSpecs: everything } });
  });
  after(() => host.close());

  /** A file of a device in sysfs; null: it is not there. */
  const sysfs = async (address: string, file: string): Promise<string | null> =>
    (
      await host.libvirtd.exec('sh', '-c', `cat /sys/bus/pci/devices/${address}/${file} 2>/dev/null || true`)
    ).stdout.trim() || null;
  const names = async (command: string): Promise<string[]> =>
    (await host.libvirtd.exec('sh', '-c', command)).stdout.split(/\s+/).filter((name) => name !== '');

  it('are those that its kernel has', async () => {
    const connection = await openHypervisor({ uri: host.libvirtd.uri, log: silentLog, clock: systemClock });
    const found = await findPciDevices(connection, everything);
    await connection.close();
    const there = await names('ls /sys/bus/pci/devices');
    assert.ok(found.length > 0);
    for (const { address, vendorId, productId, iommuGroup } of found) {
      assert.ok(there.includes(address), address);
      assert.equal(await sysfs(address, 'vendor'), `0x${vendorId}`);
      assert.equal(await sysfs(address, 'device'), `0x${productId}`);
      const groups = await names(`ls -d /sys/kernel/iommu_groups/*/devices/${address} 2>/dev/null || true`);
      assert.deepEqual(
        groups.map((path) => Number(path.split('/')[4])),
        iommuGroup === null ? [] : [iommuGroup],
      );
    }
  });

  it('are offered where they can be handed to a guest, and else not', async () => {
    const { pciDevices = [] } = (await host.driver.inventory()).facts;
    const grouped = await names('ls /sys/kernel/iommu_groups/*/devices 2>/dev/null | grep : | grep -v ^/ || true');
    for (const { address } of pciDevices) assert.ok(grouped.includes(address), address);
    if (grouped.length === 0) assert.deepEqual(pciDevices, []);
  });

  it('a guest is defined with them as libvirt understands it', async () => {
    const spec = host.spec({ hostDevices: [ABSENT], kernel: null, ramdisk: null });
    const place = {
      ...({ virtType: 'qemu', arch: 'x86_64', cpuModel: null, kernel: null, ramdisk: null } as const),
      ...{ disks: [], consolePath: '/tmp/console.log' },
    };
    const connection = await openHypervisor({ uri: host.libvirtd.uri, log: silentLog, clock: systemClock });
    const domain = await connection.domainDefineXMLFlags(domainXml(spec, place));
    const xml = (await host.virsh('dumpxml', spec.uuid)).replaceAll(/\s+/g, ' ');
    await connection.domainUndefineFlags(domain);
    await connection.close();
    assert.match(
      xml,
      /<hostdev mode='subsystem' type='pci' managed='yes'> <source> <address domain='0x0000' bus='0xfe' slot='0x1f' function='0x7'\/> <\/source>/,
    );
  });

  it('a guest whose device is not there does not start, says so, and leaves nothing', async () => {
    const spec = host.spec({ hostDevices: [ABSENT] });
    await assert.rejects(host.driver.spawn({ spec }), (error: Error) => {
      // which of the two libvirt looks at first is its own affair
      assert.match(error.message, /0000:fe:1f\.7|VFIO|passthrough/i);
      return true;
    });
    assert.deepEqual(await host.leftovers(spec.uuid), []);
  });
});
