// Which devices of a machine are for guests, as their operator says: Nova's syntax, and nothing that cannot be handed over.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DeviceOption,
  devicesWithoutIommu,
  type FoundDevice,
  offeredDevices,
  readDeviceSpecs,
} from '../../../src/virt/host-devices.ts';

const found = (address: string, more: Partial<FoundDevice> = {}): FoundDevice => ({
  ...{ address, vendorId: '10de', productId: '1db6', type: 'type-PCI', parent: null },
  ...{ numaNode: null, iommuGroup: 1 },
  ...more,
});

const card = found('0000:81:00.0', { vendorId: '8086', productId: '1572', type: 'type-PF' });
const part = (number: number) =>
  found(`0000:81:02.${number}`, { vendorId: '8086', productId: '154c', type: 'type-VF', parent: card.address });
const machine = [found('0000:0a:00.0'), found('0001:0a:00.0'), found('0000:0a:01.0'), card, part(0), part(1)];

const offered = (...options: DeviceOption[]) =>
  (offeredDevices(machine, readDeviceSpecs(options)).pciDevices ?? []).map(({ address }) => address);

describe('devices for guests', () => {
  it('are those that are named, by number or by place', () => {
    assert.deepEqual(offered(), []);
    assert.deepEqual(offered({}).length, machine.length);
    assert.deepEqual(offered({ vendor_id: '8086', product_id: '154C' }), ['0000:81:02.0', '0000:81:02.1']);
    assert.deepEqual(offered({ vendor_id: '*', address: '*:0a:00.*' }), ['0000:0a:00.0', '0001:0a:00.0']);
    for (const address of [':0a:00.', '0a:00.0', 'a:0.']) {
      assert.deepEqual(offered({ address }), ['0000:0a:00.0', '0001:0a:00.0'], address);
    }
    assert.deepEqual(offered({ address: '.1' }), ['0000:81:02.1']);
    assert.deepEqual(offered({ address: '0000:0a:01.0' }, { address: '0001:0a:00.0' }), [
      '0001:0a:00.0',
      '0000:0a:01.0',
    ]);
  });

  it('a whole card’s address means its functions too, a pattern does not', () => {
    assert.deepEqual(offered({ address: card.address }), [card.address, '0000:81:02.0', '0000:81:02.1']);
    assert.deepEqual(offered({ address: card.address, product_id: '154c' }), ['0000:81:02.0', '0000:81:02.1']);
    assert.deepEqual(offered({ address: '*:81:00.0' }), [card.address]);
  });

  it('without an IOMMU are not offered, and can be told', () => {
    const specs = readDeviceSpecs([{ vendor_id: '10de' }]);
    const bare = machine.map((device) => ({ ...device, iommuGroup: null }));
    assert.deepEqual(offeredDevices(bare, specs), {});
    assert.deepEqual(devicesWithoutIommu(bare, specs), ['0000:0a:00.0', '0001:0a:00.0', '0000:0a:01.0']);
    assert.deepEqual(devicesWithoutIommu(machine, specs), []);
  });

  it('that are written wrongly are named', () => {
    const bad = (option: DeviceOption, message: RegExp) =>
      assert.throws(() => readDeviceSpecs([option]), { code: 'config', message });
    bad({ vendor_id: '10dx' }, /pci\.device_spec: vendor_id 10dx: four hexadecimal digits are wanted/);
    bad({ product_id: '12345' }, /product_id 12345/);
    bad({ address: '0000:81:00.8' }, /address 0000:81:00\.8: its function is no hexadecimal number up to 7/);
    bad({ address: '0000:81:20.0' }, /its slot is no hexadecimal number up to 1f/);
    bad({ address: '0000:100:00.0' }, /its bus is no hexadecimal number up to ff/);
    bad({ address: '0:0:0:0.0' }, /\[\[domain:\]bus:\]slot\.function is wanted/);
    bad({ address: '81:00.0.1' }, /\[\[domain:\]bus:\]slot\.function is wanted/);
  });
});
