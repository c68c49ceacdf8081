// Why: tests need whole nouns and care for one member of each; these make the rest.

import { randomUUID } from 'node:crypto';
import type { FlavorSnapshot } from '../../src/domain/machines/flavors.ts';
import type { GuestSpec } from '../../src/domain/servers/guests.ts';
import type { Candidate } from '../../src/domain/placement/hosts.ts';
import { power, type Server } from '../../src/domain/servers/servers.ts';
import type { PlacementSpec } from '../../src/scheduler/spec.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';

export const NOW_MS = Date.UTC(2026, 10, 21, 10, 0, 0);

export function aFlavor(overrides: Partial<FlavorSnapshot> = {}): FlavorSnapshot {
  return {
    flavorid: 'elastic',
    name: 'elastic',
    vcpus: 4,
    memoryMb: 1024,
    rootGb: 1,
    ephemeralGb: 0,
    swapMb: 0,
    rxtxFactor: 1,
    isPublic: true,
    disabled: false,
    description: null,
    extraSpecs: { minimum_cpu: '1', minimum_memory: '256' },
    ...overrides,
  };
}

/** An active server of `aFlavor` at its minimum. */
export function aServer(overrides: Partial<Server> = {}): Server {
  return {
    id: 1,
    uuid: randomUUID(),
    projectId: 'p1',
    userId: 'u1',
    displayName: 'server',
    description: null,
    hostname: 'server',
    reservationId: 'r-12345678',
    launchIndex: 0,
    vmState: 'active',
    taskState: null,
    powerState: power.running,
    progress: 0,
    imageRef: '',
    image: null,
    flavor: aFlavor(),
    host: 'host1',
    node: 'host1',
    availabilityZone: 'nova',
    requestedZone: null,
    keyName: null,
    keyData: null,
    userData: null,
    configDrive: false,
    autoDiskConfig: true,
    accessIpV4: null,
    accessIpV6: null,
    rootDeviceName: '/dev/vda',
    lockedBy: null,
    lockedReason: null,
    currentVcpus: 1,
    currentMemoryMb: 256,
    targetVcpus: 1,
    targetMemoryMb: 256,
    bootVcpus: 1,
    bootMemoryMb: 256,
    guestOnlineVcpus: null,
    guestAvailableMb: null,
    adjustStatus: 'idle',
    adjustPersist: true,
    adjustRequestId: null,
    adjustMessage: null,
    adjustUpdatedAt: null,
    createdAt: NOW_MS,
    updatedAt: null,
    launchedAt: NOW_MS,
    terminatedAt: null,
    deletedAt: null,
    deleted: false,
    schedulerHints: {},
    ...overrides,
  };
}

/** A guest of 1 to 4 vCPUs and 256 to 1024 MiB without image, nics or config drive. */
export function aSpec(overrides: Partial<GuestSpec> = {}): GuestSpec {
  return {
    uuid: randomUUID(),
    name: 'guest',
    hostname: 'guest',
    projectId: 'p1',
    userId: 'u1',
    metadata: {},
    maximum: { vcpus: 4, memoryMb: 1024 },
    minimum: { vcpus: 1, memoryMb: 256 },
    boot: { vcpus: 1, memoryMb: 256 },
    flavorName: 'elastic',
    extraSpecs: {},
    disks: { image: null, rootGb: 1, ephemeralGb: 0, swapMb: 0 },
    ...{ numa: null, hostDevices: [], cpuTopology: null, lockedMemory: false },
    kernel: null,
    ramdisk: null,
    nics: [],
    configDrive: null,
    createdAt: NOW_MS,
    ...overrides,
  };
}

/** An empty host of 16 vCPUs, 32 GiB and 100 GiB, all ratios 1, that reported just now (at `NOW_MS`). */
export function aHost(name: string, overrides: Partial<Candidate> = {}): Candidate {
  return {
    id: Number(name.replaceAll(/\D/g, '') || '1'),
    uuid: randomUUID(),
    serviceId: 1,
    host: name,
    inventory: fakeInventory(name, { vcpus: 16, memoryMb: 32_768, diskGb: 100 }, { memoryMb: 0, diskGb: 0 }),
    zone: 'nova',
    disabled: false,
    disabledReason: null,
    forcedDown: false,
    lastSeenAt: NOW_MS,
    ratios: { cpu: 1, ram: 1, disk: 1 },
    reserved: { vcpus: 0, memoryMb: 0, diskGb: 0 },
    claimed: { vcpus: 0, memoryMb: 0, diskGb: 0 },
    numaUsed: null,
    resourcesUsed: null,
    pciTaken: null,
    ceiling: { vcpus: 0, memoryMb: 0 },
    runningVms: 0,
    generation: 0,
    labels: new Map(),
    ioOps: 0,
    ...overrides,
  };
}

/** One server of 1 to 4 vCPUs, 256 to 1024 MiB, 1 GiB of disk, anywhere. */
export function aPlacement(overrides: Partial<PlacementSpec> = {}): PlacementSpec {
  return {
    minimum: { vcpus: 1, memoryMb: 256 },
    maximum: { vcpus: 4, memoryMb: 1024 },
    diskGb: 1,
    numa: null,
    resources: null,
    pci: null,
    zone: null,
    forcedHost: null,
    forcedNode: null,
    requestedHost: null,
    requestedNode: null,
    image: { arch: null, hypervisorType: null, vmMode: null, diskFormat: null, hypervisorVersion: null },
    imageId: '',
    imageProperties: {},
    projectId: 'p1',
    flavor: aFlavor(),
    hints: {},
    ...{ group: null, differentHost: null, sameHost: null },
    count: 1,
    ...overrides,
  };
}
