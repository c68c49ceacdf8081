import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { capacityOf } from '../../../../src/domain/placement/claims.ts';
import {
  allocationDigest,
  allocationsWith,
  claimedAmounts,
  consumerDifference,
  inventoriesWith,
  type MirroredAllocation,
  mirroredProvider,
  type ProviderAmounts,
  sameAllocations,
  sameInventories,
  strayConsumers,
  traitsWith,
} from '../../../../src/domain/placement/placement-mirror.ts';
import type { PciDevice } from '../../../../src/domain/pci/pci.ts';
import { aHost } from '../../../support/samples.ts';

const device = (address: string, more: Partial<PciDevice> = {}): PciDevice => ({
  ...{ address, parent: null, iommuGroup: Number(address.at(-1)), vendorId: '8086', productId: '15ab' },
  ...{ type: 'type-PCI', numaNode: null },
  ...more,
});

/** A host with these facts. */
function hostWith(facts: object, more: object = {}) {
  const host = aHost('h1');
  const inventory = { ...host.inventory, vcpus: 8, memoryMb: 4096, diskGb: 50 };
  return { ...host, inventory: { ...inventory, facts: { ...inventory.facts, ...facts } }, ...more };
}

const claim = { vcpus: 2, memoryMb: 512, diskGb: 10, numa: null, resources: null, pci: null };
const pinned = (vcpus: number, emulatorCpus: readonly number[] = []) => ({
  cells: [
    {
      ...{ hostNode: 0, vcpus: [0, 1], memoryMb: 512, floating: [], pageSizeKib: null, huge: false },
      pinning: Object.fromEntries(Array.from({ length: vcpus }, (_, at) => [at, at + 4])),
    },
  ],
  emulatorThreads: null,
  emulatorCpus,
});

describe('what Placement has of a host', () => {
  it('is counted as our own scheduler counts it', () => {
    const host = hostWith(
      { traits: [] },
      { ratios: { cpu: 2, ram: 1.5, disk: 1 }, reserved: { vcpus: 1, memoryMb: 96, diskGb: 5 } },
    );
    const { inventories } = mirroredProvider(host, []);
    const capacity = capacityOf(host);
    const of = (name: string) => {
      const { total, reserved, allocation_ratio } = inventories[name] as (typeof inventories)[string];
      return Math.floor((total - reserved) * allocation_ratio);
    };
    assert.deepEqual(Object.keys(inventories), ['DISK_GB', 'MEMORY_MB', 'VCPU']);
    assert.deepEqual(
      [of('VCPU'), of('MEMORY_MB'), of('DISK_GB')],
      [capacity.vcpus, capacity.memoryMb, capacity.diskGb],
    );
    assert.equal(inventories['VCPU']?.max_unit, capacity.vcpus);
  });

  it('has dedicated processors, what is counted, and devices by their kind, those that others bar reserved', () => {
    const devices = [
      device('0000:81:00.0', { type: 'type-PF' }),
      device('0000:81:00.1', { type: 'type-VF', parent: '0000:81:00.0', productId: '15ac' }),
      device('0000:81:00.2', { type: 'type-VF', parent: '0000:81:00.0', productId: '15ac' }),
    ];
    const facts = { dedicatedCpus: 4, resources: { CUSTOM_SEAT: 3 }, pciDevices: devices };
    const { inventories } = mirroredProvider(hostWith(facts, { pciTaken: [devices[1]] }), []);
    const of = (name: string) => [inventories[name]?.total, inventories[name]?.reserved];
    assert.deepEqual(of('VCPU'), [4, 0]);
    assert.deepEqual(of('PCPU'), [4, 0]);
    assert.deepEqual(of('CUSTOM_SEAT'), [3, 0]);
    assert.deepEqual(of('CUSTOM_PCI_8086_15AB'), [1, 1], 'the whole card cannot be had while a part of it is taken');
    assert.deepEqual(of('CUSTOM_PCI_8086_15AC'), [2, 0]);
  });

  it('has a class that is used up where it is used and there is none, and none where neither is', () => {
    const { inventories } = mirroredProvider(hostWith({}, { resourcesUsed: { CUSTOM_GONE: 2 } }), []);
    assert.deepEqual([inventories['CUSTOM_GONE']?.total, inventories['CUSTOM_GONE']?.reserved], [1, 1]);
    const none = hostWith({});
    const bare = mirroredProvider({ ...none, inventory: { ...none.inventory, diskGb: 0 } }, []);
    assert.ok(!('DISK_GB' in bare.inventories));
  });

  it('says that it takes no servers, and nothing that is no name of a trait', () => {
    const traits = ['COMPUTE_NODE', 'no trait', 'CUSTOM_a,b'];
    assert.deepEqual(mirroredProvider(hostWith({ traits }, { disabled: true }), ['b', 'a']).traits, [
      'COMPUTE_NODE',
      'COMPUTE_STATUS_DISABLED',
    ]);
    assert.deepEqual(traitsWith(['CUSTOM_THEIRS', 'COMPUTE_STATUS_DISABLED', 'OLD'], ['NEW'], ['OLD']), [
      'CUSTOM_THEIRS',
      'NEW',
    ]);
  });

  it('keeps what others count there', () => {
    const one = { total: 1, reserved: 0, min_unit: 1, max_unit: 1, step_size: 1, allocation_ratio: 1 };
    const all = inventoriesWith({ CUSTOM_X: one, CUSTOM_OLD: one, PCPU: one }, { VCPU: one }, { CUSTOM_OLD: one });
    assert.deepEqual(Object.keys(all).toSorted(), ['CUSTOM_X', 'VCPU']);
    const ratio = (allocation_ratio: number) => ({ VCPU: { ...one, allocation_ratio } });
    assert.ok(sameInventories(ratio(1.1), ratio(1.10000002384)), 'single precision is no change');
    assert.ok(!sameInventories(ratio(1.1), ratio(1.11)));
  });
});

describe('what Placement has of a claim', () => {
  it('is by class, those of nothing left out', () => {
    assert.deepEqual(claimedAmounts(claim, []), { DISK_GB: 10, MEMORY_MB: 512, VCPU: 2 });
    assert.deepEqual(claimedAmounts({ ...claim, diskGb: 0 }, []), { MEMORY_MB: 512, VCPU: 2 });
    const mixed = claimedAmounts({ ...claim, numa: pinned(1, [7]) }, []);
    assert.deepEqual(mixed, { DISK_GB: 10, MEMORY_MB: 512, PCPU: 2, VCPU: 1 });
    const resources = { CUSTOM_SEAT: 2, DISK_GB: -10, VCPU: 1 };
    assert.deepEqual(claimedAmounts({ ...claim, resources }, []), { CUSTOM_SEAT: 2, MEMORY_MB: 512, VCPU: 3 });
  });

  it('has devices by their kind', () => {
    const devices = [device('0000:81:00.0'), device('0000:81:00.1')];
    const taken = claimedAmounts({ ...claim, pci: [...devices, device('0000:99:00.9')] }, devices);
    assert.equal(taken['CUSTOM_PCI_8086_15AB'], 2);
  });
});

const amounts = fc.dictionary(fc.constantFrom('VCPU', 'MEMORY_MB', 'CUSTOM_FPGA'), fc.integer({ min: 1, max: 9 }), {
  minKeys: 1,
});
const place = fc.constantFrom('h1', 'h2', 'nova', 'cyborg');
const allocation: fc.Arbitrary<MirroredAllocation> = fc.record({
  consumer: fc.constantFrom('a', 'b', 'c', 'd'),
  kind: fc.constantFrom('INSTANCE', 'MIGRATION'),
  projectId: fc.constantFrom('p', 'q'),
  userId: fc.constant('u'),
  provider: fc.constantFrom('h1', 'h2'),
  resources: amounts,
});
const books = fc.uniqueArray(allocation, { selector: ({ consumer }) => consumer });

describe('what is to be told', () => {
  it('is what differs, and once it was told nothing', () => {
    fc.assert(
      fc.property(books, books, (now, before) => {
        const told = new Map<string, string | null>(before.map((one) => [one.consumer, allocationDigest(one)]));
        const { tell, gone } = consumerDifference(now, told);
        for (const one of tell) told.set(one.consumer, allocationDigest(one));
        for (const one of gone) told.delete(one);
        assert.deepEqual(consumerDifference(now, told), { tell: [], gone: [] });
        assert.deepEqual([...told.keys()].toSorted(), now.map(({ consumer }) => consumer).toSorted());
      }),
    );
  });

  it('is everything of which it is not known whether it was', () => {
    const one: MirroredAllocation = {
      ...{ consumer: 'a', kind: 'INSTANCE', projectId: 'p', userId: 'u', provider: 'h1', resources: { VCPU: 1 } },
    };
    assert.deepEqual(consumerDifference([one], new Map([['a', null]])).tell, [one]);
    assert.deepEqual(strayConsumers([one], { a: { VCPU: 2 }, x: { VCPU: 1 } }), { wrong: ['a'], unknown: ['x'] });
    assert.deepEqual(strayConsumers([one], { a: { VCPU: 1 } }), { wrong: [], unknown: [] });
  });

  it('never touches what others gave a consumer, and has what a server has of its host in one place', () => {
    const own = new Set(['h1', 'h2']);
    fc.assert(
      fc.property(fc.dictionary(place, amounts), allocation, (current: ProviderAmounts, wanted) => {
        const next = allocationsWith(current, wanted, own);
        assert.deepEqual(next[wanted.provider], wanted.resources);
        for (const [provider, found] of Object.entries(next)) {
          if (provider === wanted.provider) continue;
          assert.ok(!own.has(provider));
          assert.ok(!('VCPU' in found) && !('MEMORY_MB' in found));
        }
        for (const provider of ['nova', 'cyborg']) {
          const fpga = current[provider]?.['CUSTOM_FPGA'];
          if (fpga !== undefined && !('CUSTOM_FPGA' in wanted.resources))
            assert.equal(next[provider]?.['CUSTOM_FPGA'], fpga);
        }
        assert.ok(sameAllocations(allocationsWith(next, wanted, own), next), 'twice is once');
        const left = allocationsWith(current, null, own);
        for (const provider of ['nova', 'cyborg']) assert.deepEqual(left[provider], current[provider]);
        assert.ok(!('h1' in left) && !('h2' in left));
      }),
    );
  });
});
