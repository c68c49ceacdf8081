// Why: what the fake host says it has, in the same form as a real one.

import {
  type HostCapabilities,
  type HostInventory,
  type OptionalVerb,
  optionalVerbs,
} from '../../domain/placement/hosts.ts';
import { memoryMethods } from '../../domain/adjustment/memory-method.ts';
import { type MachineFeatures, traitsOf } from '../../domain/placement/host-traits.ts';
import type { HostCell } from '../../domain/numa/numa.ts';
import { type CpuDivision, divideCells, undivided } from '../host-cells.ts';
import { type DeviceSpec, type FoundDevice, offeredDevices } from '../host-devices.ts';
import { hostUptime } from '../uptime.ts';
import { fakeDevices } from './devices.ts';

export interface Used {
  readonly memoryMb: number;
  readonly diskGb: number;
}

/** How the processors and the memory of a fake machine lie, and what is plugged in. */
export interface FakeMachine {
  readonly numaNodes: number;
  /** Of each core. */
  readonly threads: number;
  /** In each node, by their size in KiB. Beside pages of 4 KiB. */
  readonly hugePages: Readonly<Record<number, number>>;
  readonly division: CpuDivision;
  readonly devices: readonly FoundDevice[];
  /** Which of its devices are for guests. */
  readonly deviceSpecs: readonly DeviceSpec[];
}

const plainMachine: FakeMachine = {
  ...{ numaNodes: 1, threads: 1, hugePages: {}, division: undivided },
  ...{ devices: fakeDevices, deviceSpecs: [] },
};

/** As a host with QEMU 7.2, OVMF and swtpm. */
const fakeMachines: MachineFeatures = {
  diskBuses: ['virtio', 'scsi', 'sata', 'ide', 'usb', 'fdc'],
  videoModels: ['vga', 'cirrus', 'vmvga', 'qxl', 'virtio', 'none', 'bochs'],
  vifModels: ['virtio', 'ne2k_pci', 'pcnet', 'rtl8139', 'e1000', 'e1000e'],
  tpmModels: ['tpm-tis', 'tpm-crb'],
  tpmVersions: ['1.2', '2.0'],
  viommuModels: ['intel', 'virtio', 'auto'],
  ...{
    uefi: true,
    secureBoot: true,
    packedRing: true,
    virtioSound: false,
    limits: ['cpu', 'inbound', 'outbound'],
    physicalBits: true,
  },
};

const SMALL_KIB = 4;
const KIB_MIB = 1_024;

/** Equal nodes; the processors are numbered node by node and core by core. */
function cellsOf({ numaNodes, threads, hugePages }: FakeMachine, vcpus: number, memoryMb: number): HostCell[] {
  const [cpusEach, memoryEach] = [Math.floor(vcpus / numaNodes), Math.floor(memoryMb / numaNodes)];
  const huge = Object.entries(hugePages).map(([size, total]) => ({ sizeKib: Number(size), total }));
  const hugeKib = huge.reduce((sum, { sizeKib, total }) => sum + sizeKib * total, 0);
  const small = { sizeKib: SMALL_KIB, total: Math.floor((memoryEach * KIB_MIB - hugeKib) / SMALL_KIB) };
  return Array.from({ length: numaNodes }, (_, id) => {
    const cpus = Array.from({ length: cpusEach }, (__, index) => id * cpusEach + index);
    const cores = Array.from({ length: Math.ceil(cpusEach / threads) }, (__, core) =>
      cpus.slice(core * threads, (core + 1) * threads),
    );
    return { id, cpus, memoryMb: memoryEach, socket: id, ...(threads > 1 ? { cores } : {}), pages: [small, ...huge] };
  });
}

/** A large machine that can do everything by default; `overrides` replace whole members. */
export function fakeInventory(
  hostname: string,
  overrides: Partial<HostInventory>,
  used: Used,
  verbs: readonly OptionalVerb[] = optionalVerbs,
  machine: Partial<FakeMachine> = {},
): HostInventory {
  const whole = { ...plainMachine, ...machine };
  const vcpus = overrides.vcpus ?? 64;
  const memoryMb = overrides.memoryMb ?? 262_144;
  const diskGb = overrides.diskGb ?? 8_192;
  const { vcpus: usable, ...nodes } = divideCells(cellsOf(whole, vcpus, memoryMb), vcpus, whole.division);
  const cpu = {
    arch: 'x86_64',
    model: 'fake',
    vendor: 'fake',
    topology: {
      cells: whole.numaNodes,
      sockets: whole.numaNodes,
      cores: Math.ceil(vcpus / whole.numaNodes / whole.threads),
      threads: whole.threads,
    },
    features: [],
  };
  const capabilities: HostCapabilities = {
    virtType: 'fake',
    virtTypeReason: 'the fake driver runs no guests',
    guests: ['x86_64', 'i686'].flatMap((arch) =>
      ['fake', 'qemu', 'kvm'].map((hypervisorType) => ({ arch, hypervisorType, vmMode: 'hvm' })),
    ),
    diskFormats: ['raw', 'qcow2', 'iso', 'ami'],
    verbs,
    liveVcpus: true,
    vcpuUnplug: true,
    liveMemory: true,
    memoryMethods,
    maxVcpus: 288,
  };
  return {
    hypervisorHostname: hostname,
    hypervisorType: 'fake',
    hypervisorVersion: 1_000,
    hostIp: '127.0.0.1',
    memoryMb,
    diskGb,
    facts: {
      cpu,
      ...nodes,
      ...offeredDevices(whole.devices, whole.deviceSpecs),
      connector: { initiator: `iqn.2008-11.org.linux-kvm:${hostname}`, kinds: ['file', 'nfs', 'rbd', 'iscsi'] },
      freeDiskGb: Math.max(0, diskGb - used.diskGb),
      freeMemoryMb: Math.max(0, memoryMb - used.memoryMb),
      uptime: hostUptime(),
      capabilities,
      traits: traitsOf({ cpu, capabilities }, [], fakeMachines),
    },
    ...overrides,
    vcpus: usable,
  };
}
