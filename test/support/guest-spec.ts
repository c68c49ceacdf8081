// Why: many tests need some server; this one is complete and dull, and each test says what is special about its own.

import { randomUUID } from 'node:crypto';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import type { ImageFacts } from '../../src/domain/machines/images.ts';
import type { NetworkFacts, NicSpec, SubnetFacts } from '../../src/domain/networks/server-nics.ts';

export function guestSpec(more: Partial<GuestSpec> = {}): GuestSpec {
  return {
    ...{ uuid: randomUUID(), name: 'one', hostname: 'one', projectId: 'p', userId: 'u', metadata: {} },
    ...{ maximum: { vcpus: 4, memoryMb: 1024 }, minimum: { vcpus: 1, memoryMb: 256 } },
    ...{ boot: { vcpus: 2, memoryMb: 512 }, flavorName: 'elastic', extraSpecs: {} },
    disks: { image: imageFacts(), rootGb: 1, ephemeralGb: 0, swapMb: 0 },
    ...{ numa: null, hostDevices: [], cpuTopology: null, lockedMemory: false },
    ...{ kernel: null, ramdisk: null, nics: [], configDrive: null, createdAt: 0 },
    ...more,
  };
}

export function imageFacts(more: Partial<ImageFacts> = {}): ImageFacts {
  return {
    ...{ id: randomUUID(), name: 'image', status: 'active', owner: null, visibility: 'public', diskFormat: 'raw' },
    ...{ containerFormat: 'bare', minDiskGb: 0, minRamMb: 0, sizeBytes: null, virtualSizeBytes: null },
    ...{ checksum: null, osHashAlgo: null, osHashValue: null, properties: {} },
    ...more,
  };
}

export function subnetFacts(more: Partial<SubnetFacts> = {}): SubnetFacts {
  return {
    ...({ id: randomUUID(), cidr: '10.0.0.0/24', ipVersion: 4, gateway: '10.0.0.1', enableDhcp: true } as const),
    ...{ dnsServers: [], hostRoutes: [] },
    ...more,
  };
}

export function networkFacts(subnets: readonly SubnetFacts[]): NetworkFacts {
  return { id: randomUUID(), name: 'net', projectId: 'p', mtu: 1450, subnets };
}

/** A port with one address of each kind given, by subnet. */
export function nicSpec(network: NetworkFacts, addresses: readonly (readonly [SubnetFacts, string])[]): NicSpec {
  return {
    ...{
      portId: randomUUID(),
      mac: 'fa:16:3e:00:00:01',
      network,
      tag: null,
      vifType: 'nat',
      vifDetails: {},
      floatingIps: [],
    },
    fixedIps: addresses.map(([subnet, address]) => ({ address, subnetId: subnet.id })),
    ...{ securityGroups: [], preexisting: false },
  };
}
