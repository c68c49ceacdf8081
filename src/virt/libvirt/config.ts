// Why: what a server is, as libvirt's domain XML. One function from a spec and the places of its files to a document: the
// same spec gives the same domain, so a power cycle rebuilds it.

import type { GuestSpec } from '../../domain/guest.ts';
import { memoryMethodOf } from '../../domain/memory-method.ts';
import type { NicSpec } from '../../domain/nic.ts';
import { isoSeconds } from '../../base/clock.ts';
import { writeCpuSet } from '../../domain/cpu-set.ts';
import { antiSpoofing } from './nics.ts';
import { memoryWays } from './memory.ts';
import type { MemoryWay } from './memory/way.ts';
import { writeHostDevice } from './node-devices.ts';
import { writeGuestNodes, writePlacement } from './numa.ts';
import { domainName, networkName } from './names.ts';
import { writeScreen } from './screen.ts';
import { writeSerial } from './serial.ts';
import { endXml, leaf, startXml, text, type XMLBuilder } from './xml.ts';

const BALLOON_STATS_SECONDS = 1;
/** Our own elements in a domain's metadata. */
const METADATA_URI = 'urn:xloud:compute:1';

export type VirtType = 'kvm' | 'qemu';

/** One disk in the order in which the guest sees it. */
export interface DiskPlan {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly device: 'disk' | 'cdrom';
  readonly readonly: boolean;
  readonly bus: 'virtio' | 'scsi' | 'sata' | 'ide';
  readonly bootable: boolean;
}

/** Where the domain runs and where its files are. */
export interface DomainPlace {
  readonly virtType: VirtType;
  readonly arch: string;
  /** A CPU model by libvirt's name; null: the host's own under KVM, under TCG one that current distributions accept. */
  readonly cpuModel: string | null;
  readonly disks: readonly DiskPlan[];
  readonly kernel: string | null;
  readonly ramdisk: string | null;
  /** What it says on its serial line is appended here. */
  readonly consolePath: string;
  /** The socket on which others speak on that line; absent or null: nobody does. */
  readonly serialPath?: string | null;
  /** The address on which its screen listens; absent or null: it has none. */
  readonly screen?: string | null;
  /** The CPUs that vCPUs share, where the operator named them; absent or empty: any. */
  readonly sharedCpus?: readonly number[];
}

/** The persistent definition of a guest. */
export function domainXml(spec: GuestSpec, place: DomainPlace): string {
  const properties = spec.disks.image?.properties ?? {};
  const domain = startXml('domain', { type: place.virtType });
  text(domain, 'name', domainName(spec.uuid));
  text(domain, 'uuid', spec.uuid);
  writeMetadata(domain, spec);
  const memory = memoryWays[memoryMethodOf(spec)];
  memory.writeSize(domain, spec);
  writePlacement(domain, spec, place.sharedCpus ?? []);
  writeVcpus(domain, spec, place.sharedCpus ?? []);
  writeSysinfo(domain, spec);
  writeOs(domain, place, properties);
  const features = domain.ele('features');
  leaf(features, 'acpi');
  if (isX86(place.arch)) leaf(features, 'apic');
  writeCpu(domain, spec, place, memory);
  const clock = domain.ele('clock', { offset: properties.os_type === 'windows' ? 'localtime' : 'utc' });
  if (place.virtType === 'kvm' && isX86(place.arch)) {
    leaf(clock, 'timer', { name: 'pit', tickpolicy: 'delay' });
    leaf(clock, 'timer', { name: 'rtc', tickpolicy: 'catchup' });
    leaf(clock, 'timer', { name: 'hpet', present: 'no' });
  }
  text(domain, 'on_poweroff', 'destroy');
  text(domain, 'on_reboot', 'restart');
  text(domain, 'on_crash', 'destroy');
  writeDevices(domain, spec, place, memory);
  return endXml(domain);
}

const isX86 = (arch: string): boolean => arch === 'x86_64' || arch === 'i686';

function writeMetadata(domain: XMLBuilder, spec: GuestSpec): void {
  const ours = domain.ele('metadata').ele(METADATA_URI, 'xloud:instance');
  const add = (name: string, value: string, attributes: Readonly<Record<string, string>> = {}) =>
    ours.ele(METADATA_URI, `xloud:${name}`, attributes).txt(value).up();
  add('name', spec.name);
  add('flavor', spec.flavorName);
  add('project', spec.projectId);
  add('user', spec.userId);
  add('created', isoSeconds(spec.createdAt));
  ours.ele(METADATA_URI, 'xloud:minimum', {
    vcpus: String(spec.minimum.vcpus),
    memory: String(spec.minimum.memoryMb),
  });
}

// A vCPU that is there at boot can be taken away later only if the definition says that it is hot-pluggable, one by one.
function writeVcpus(domain: XMLBuilder, spec: GuestSpec, shared: readonly number[]): void {
  // one with NUMA nodes of its own has a place for each vCPU
  const cpuset = spec.numa === null && shared.length > 0 ? { cpuset: writeCpuSet(shared) } : {};
  text(domain, 'vcpu', spec.maximum.vcpus, { placement: 'static', ...cpuset, current: spec.boot.vcpus });
  const vcpus = domain.ele('vcpus');
  for (let id = 0; id < spec.maximum.vcpus; id++) {
    leaf(vcpus, 'vcpu', {
      id,
      enabled: id < spec.boot.vcpus ? 'yes' : 'no',
      hotpluggable: id === 0 ? 'no' : 'yes',
    });
  }
}

// cloud-init recognises an OpenStack machine by this product name.
function writeSysinfo(domain: XMLBuilder, spec: GuestSpec): void {
  const system = domain.ele('sysinfo', { type: 'smbios' }).ele('system');
  text(system, 'entry', 'xloud', { name: 'manufacturer' });
  text(system, 'entry', 'OpenStack Compute', { name: 'product' });
  text(system, 'entry', spec.uuid, { name: 'serial' });
  text(system, 'entry', spec.uuid, { name: 'uuid' });
  text(system, 'entry', 'Virtual Machine', { name: 'family' });
}

function writeOs(domain: XMLBuilder, place: DomainPlace, properties: Readonly<Record<string, string>>): void {
  const os = domain.ele('os');
  text(os, 'type', 'hvm', {
    arch: place.arch,
    machine: properties.hw_machine_type ?? (isX86(place.arch) ? 'pc' : 'virt'),
  });
  if (place.kernel !== null) {
    text(os, 'kernel', place.kernel);
    if (place.ramdisk !== null) text(os, 'initrd', place.ramdisk);
    text(os, 'cmdline', kernelArguments(properties));
  }
  leaf(os, 'smbios', { mode: 'sysinfo' });
}

/** What a kernel that comes from an image is told; the image's own words stand last, so they win. */
function kernelArguments(properties: Readonly<Record<string, string>>): string {
  const own = properties.os_command_line;
  return `root=/dev/vda console=tty0 console=ttyS0${own === undefined ? '' : ` ${own}`}`;
}

/** What every current distribution boots with (x86-64-v2), which QEMU's own default is not. */
const EMULATED_MODEL = 'Nehalem';

function writeCpu(domain: XMLBuilder, spec: GuestSpec, place: DomainPlace, memory: MemoryWay): void {
  const { cpuTopology, numa } = spec;
  const cpu = startCpu(domain, place) ?? domain.ele('cpu');
  if (cpuTopology !== null) leaf(cpu, 'topology', { ...cpuTopology });
  if (numa === null) memory.writeCells(cpu, spec);
  else writeGuestNodes(cpu, numa);
  if (!isX86(place.arch)) return;
  if (!/^(true|yes|1|on)$/i.test(spec.extraSpecs['xloud:nested_virtualization'] ?? '')) hideVirtualisation(cpu);
}

/** The model of guests' processors by name; null: the host's own. */
export const guestCpuModel = ({ virtType, cpuModel }: Pick<DomainPlace, 'virtType' | 'cpuModel'>): string | null =>
  cpuModel ?? (virtType === 'kvm' ? null : EMULATED_MODEL);

/** The processor that guests get here; null where there is nothing to say about it. */
export function startCpu(
  domain: XMLBuilder,
  place: Pick<DomainPlace, 'virtType' | 'arch' | 'cpuModel'>,
): XMLBuilder | null {
  if (!isX86(place.arch)) return place.virtType === 'kvm' ? domain.ele('cpu', { mode: 'host-passthrough' }) : null;
  const model = guestCpuModel(place);
  if (model === null) return domain.ele('cpu', { mode: 'host-model', check: 'partial' });
  const cpu = domain.ele('cpu', { mode: 'custom', match: 'exact', check: 'none' });
  return text(cpu, 'model', model, { fallback: 'forbid' });
}

/**
 * A guest must not see the host's own virtualisation unless its flavor asks for it: with it a guest cannot be migrated, and
 * guests within it hold on to vCPUs.
 */
export function hideVirtualisation(cpu: XMLBuilder): void {
  leaf(cpu, 'feature', { policy: 'disable', name: 'vmx' });
  leaf(cpu, 'feature', { policy: 'disable', name: 'svm' });
}

function writeDevices(domain: XMLBuilder, spec: GuestSpec, place: DomainPlace, memory: MemoryWay): void {
  const properties = spec.disks.image?.properties ?? {};
  const devices = domain.ele('devices');
  leaf(devices, 'controller', { type: 'usb', model: 'none' });
  if (place.disks.some((disk) => disk.bus === 'scsi')) {
    leaf(devices, 'controller', { type: 'scsi', model: 'virtio-scsi' });
  }
  writeDisks(devices, place.disks);
  for (const nic of spec.nics) fillInterface(devices.ele('interface', INTERFACE), nic, properties.hw_vif_model);
  for (const address of spec.hostDevices) writeHostDevice(devices, address);
  writeSerial(devices, place.consolePath, place.serialPath ?? null);
  leaf(devices.ele('channel', { type: 'unix' }), 'target', { type: 'virtio', name: 'org.qemu.guest_agent.0' });
  text(devices.ele('rng', { model: 'virtio' }), 'backend', '/dev/urandom', { model: 'random' });
  if (isX86(place.arch)) leaf(devices, 'panic', { model: 'isa' });
  if (place.screen != null) {
    writeScreen(devices, place.screen, properties.hw_video_model ?? (isX86(place.arch) ? 'vga' : 'virtio'));
  }
  memory.writeDevice(devices, spec);
  // it has the guest's statistics whatever the way to its memory; autodeflate: a target that is too low is then never reached, instead of killing the guest
  leaf(devices.ele('memballoon', { model: 'virtio', autodeflate: 'on', freePageReporting: 'on' }), 'stats', {
    period: BALLOON_STATS_SECONDS,
  });
}

const DEVICE_PREFIX = { virtio: 'vd', scsi: 'sd', sata: 'sd', ide: 'hd' } as const;

function writeDisks(devices: XMLBuilder, disks: readonly DiskPlan[]): void {
  const used: Record<string, number> = {};
  let bootOrder = 0;
  for (const plan of disks) {
    const prefix = DEVICE_PREFIX[plan.bus];
    const index = used[prefix] ?? 0;
    used[prefix] = index + 1;
    const disk = devices.ele('disk', { type: 'file', device: plan.device });
    leaf(disk, 'driver', { name: 'qemu', type: plan.format, ...(plan.readonly ? {} : { discard: 'unmap' }) });
    leaf(disk, 'source', { file: plan.path });
    leaf(disk, 'target', { dev: prefix + String.fromCharCode('a'.charCodeAt(0) + index), bus: plan.bus });
    if (plan.readonly) leaf(disk, 'readonly');
    if (plan.bootable) leaf(disk, 'boot', { order: ++bootOrder });
  }
}

/** One interface by itself, for a guest that is there already. */
export const interfaceXml = (nic: NicSpec, model: string | null): string =>
  endXml(fillInterface(startXml('interface', INTERFACE), nic, model));

const INTERFACE = { type: 'network' } as const;

function fillInterface(device: XMLBuilder, nic: NicSpec, model: string | null | undefined): XMLBuilder {
  leaf(device, 'mac', { address: nic.mac });
  leaf(device, 'source', { network: networkName(nic.network.id) });
  leaf(device, 'model', { type: model ?? 'virtio' });
  const addresses = antiSpoofing(nic);
  if (addresses === null) return device;
  const filter = device.ele('filterref', { filter: addresses.filter });
  for (const address of addresses.ipv4) leaf(filter, 'parameter', { name: 'IP', value: address });
  return device;
}
