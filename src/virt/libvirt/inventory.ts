// Why: what this host has, in the words that the scheduler reads, from libvirt and from the file system of the guests.

import type { HostChoice } from './host-choice.ts';
import { statfs } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { HostCapabilities, HostFacts, HostInventory, OptionalVerb } from '../../domain/placement/hosts.ts';
import type { MemoryMethod } from '../../domain/adjustment/memory-method.ts';
import { readCpuSet } from '../../domain/numa/cpu-set.ts';
import type { HostConnector } from '../../domain/servers/volume-source.ts';
import type { HostCell } from '../../domain/numa/numa.ts';
import { traitsOf } from '../../domain/placement/host-traits.ts';
import { hostUptime } from '../uptime.ts';
import type { VirtType } from './machine/kind.ts';
import { readCpuFeatures } from './cpu-features.ts';
import { diskFormats } from './images.ts';
import type { LibvirtCalls } from './rpc/procedures.ts';
import { type CpuDivision, divideCells } from '../host-cells.ts';
import { type DeviceSpec, offeredDevices } from '../host-devices.ts';
import { readMachineFeatures } from './machine-features.ts';
import { findPciDevices } from './node-devices.ts';
import { attributeOf, children, type Element, find, readXml, textOf } from './xml.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const MIB_KIB = 1024;
/** What QEMU's `pc` machine takes, where libvirt does not say. */
const DEFAULT_MAX_VCPUS = 255;

/** What of a host libvirt does not know. */
export interface HostSettings {
  readonly instancesDir: string;
  readonly choice: HostChoice;
  readonly division: CpuDivision;
  readonly deviceSpecs: readonly DeviceSpec[];
  readonly connector: HostConnector;
}

export async function readInventory(
  calls: LibvirtCalls,
  { instancesDir, choice: host, division, deviceSpecs, connector }: HostSettings,
  hostIp: string,
  verbs: readonly OptionalVerb[],
): Promise<HostInventory> {
  const [hostname, version, libvirt, node, free, capabilities, disk, devices] = await Promise.all([
    calls.connectGetHostname(),
    calls.connectGetVersion(),
    calls.connectGetLibVersion(),
    calls.nodeGetInfo(),
    calls.nodeGetFreeMemory(),
    calls.connectGetCapabilities(),
    statfs(instancesDir),
    findPciDevices(calls, deviceSpecs),
  ]);
  const { cpu, numaCells } = readCapabilities(capabilities);
  const features = await readCpuFeatures(calls, host, cpu);
  const machines = await readMachineFeatures(calls, host, { libvirt, qemu: version }, host.limits ?? []);
  const { vcpus, ...nodes } = divideCells(numaCells, node.cpus, division);
  const able: HostCapabilities = {
    virtType: host.virtType,
    virtTypeReason: host.reason,
    guests: readGuestKinds(capabilities, host.virtType),
    diskFormats,
    verbs,
    liveVcpus: true,
    // under TCG QEMU never tells that a vCPU is gone
    vcpuUnplug: host.virtType === 'kvm',
    liveMemory: true,
    memoryMethods: memoryMethodsOf(host.arch, libvirt, version),
    maxVcpus: machines.maxVcpus ?? DEFAULT_MAX_VCPUS,
  };
  return {
    hypervisorHostname: hostname,
    hypervisorType: 'QEMU',
    hypervisorVersion: version,
    hostIp,
    vcpus,
    memoryMb: Math.floor(node.memoryKib / MIB_KIB),
    diskGb: Math.floor((disk.blocks * disk.bsize) / GIB),
    facts: {
      cpu,
      ...nodes,
      ...offeredDevices(devices, deviceSpecs),
      connector,
      freeDiskGb: Math.floor((disk.bavail * disk.bsize) / GIB),
      freeMemoryMb: Math.floor(free / MIB),
      uptime: hostUptime(),
      capabilities: able,
      traits: traitsOf({ cpu, capabilities: able }, features, machines.features),
    },
  };
}

/** The first versions with the device, in libvirt's form; libvirt's own lists of what it can do do not speak of it. */
const VIRTIO_MEM_SINCE = { libvirt: 7_009_000, qemu: 5_001_000 };

/** How guests can be given memory here. The sizes of virtio-mem's blocks are known for x86. */
export function memoryMethodsOf(arch: string, libvirt: number, qemu: number): readonly MemoryMethod[] {
  const plugs = arch === 'x86_64' && libvirt >= VIRTIO_MEM_SINCE.libvirt && qemu >= VIRTIO_MEM_SINCE.qemu;
  return plugs ? ['balloon', 'virtio-mem'] : ['balloon'];
}

/** CPU and NUMA facts from libvirt's capabilities XML. */
export function readCapabilities(xml: string): Pick<HostFacts, 'cpu' | 'numaCells'> {
  const root = readXml(xml);
  const cpu = find(root, 'host/cpu');
  const topology = (name: string) => Number(attributeOf(root, 'host/cpu/topology', name) ?? 1);
  const cells = find(root, 'host/topology/cells');
  const numaCells = cells === null ? [] : children(cells, 'cell').map(readCell);
  return {
    cpu: {
      arch: textOf(root, 'host/cpu/arch') ?? '',
      model: textOf(root, 'host/cpu/model') ?? '',
      vendor: textOf(root, 'host/cpu/vendor') ?? '',
      topology: {
        cells: Math.max(1, numaCells.length),
        sockets: topology('sockets'),
        cores: topology('cores'),
        threads: topology('threads'),
      },
      features: cpu === null ? [] : children(cpu, 'feature').map((feature) => feature.getAttribute('name') ?? ''),
    },
    numaCells,
  };
}

function readCell(cell: Element): HostCell {
  const parent = find(cell, 'cpus');
  const cpus = parent === null ? [] : children(parent, 'cpu');
  const cores = [...new Set(cpus.map((cpu) => cpu.getAttribute('siblings') ?? cpu.getAttribute('id') ?? ''))];
  const pages = children(cell, 'pages');
  return {
    id: Number(cell.getAttribute('id')),
    cpus: cpus.map((cpu) => Number(cpu.getAttribute('id'))),
    memoryMb: Math.floor(Number(textOf(cell, 'memory') ?? 0) / MIB_KIB),
    ...socketOf(cpus),
    // a core that is one thread goes without saying
    ...(cores.length < cpus.length ? { cores: cores.map(coreOf) } : {}),
    ...(pages.length === 0 ? {} : { pages: pages.map(readPages) }),
  };
}

/** The socket of all of a node's processors, if they are in one. */
function socketOf(cpus: readonly Element[]): Pick<HostCell, 'socket'> {
  const [socket, ...others] = new Set(cpus.map((cpu) => cpu.getAttribute('socket_id')));
  return socket == null || others.length > 0 ? {} : { socket: Number(socket) };
}

const coreOf = (siblings: string): readonly number[] => readCpuSet(siblings).cpus ?? [];

const readPages = (pages: Element) => ({
  sizeKib: Number(pages.getAttribute('size')),
  total: Number(pages.textContent),
});

/**
 * What kinds of guests libvirt has here: one for each architecture whose QEMU is installed and each way to run it.
 * @param virtType what guests are unless their image asks for another; KVM is offered only where it was seen to run guests
 */
function readGuestKinds(capabilities: string, virtType: VirtType): HostCapabilities['guests'] {
  return children(readXml(capabilities), 'guest').flatMap((guest) => {
    const vmMode = textOf(guest, 'os_type') ?? 'hvm';
    return children(guest, 'arch').flatMap((arch) => {
      const types = new Set(children(arch, 'domain').map((domain) => domain.getAttribute('type') ?? ''));
      return ['kvm', 'qemu']
        .filter((type) => types.has(type) && (type === 'qemu' || virtType === 'kvm'))
        .map((hypervisorType) => ({ arch: arch.getAttribute('name') ?? '', hypervisorType, vmMode }));
    });
  });
}

/** The address by which other hosts know this one, when the configuration names none. */
export function defaultHostIp(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find((one) => one.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';
}
