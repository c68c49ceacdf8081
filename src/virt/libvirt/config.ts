// Why: what a server is, as libvirt's domain XML. One function from a spec and the places of its files to a document: the
// same spec gives the same domain, so a power cycle rebuilds it. What each part of a machine is stands in `machine/`.

import type { GuestSpec } from '../../domain/servers/guests.ts';
import { interfacePlan } from '../../domain/networks/interface-plan.ts';
import { memoryMethodOf } from '../../domain/adjustment/memory-method.ts';
import { isoSeconds } from '../../base/clock.ts';
import { writeCpuSet } from '../../domain/numa/cpu-set.ts';
import type { DomainPlace } from './domain-place.ts';
import { writeDisks } from './machine/disk.ts';
import { writeOs } from './machine/firmware.ts';
import { writeInterface } from './machine/interface.ts';
import { type MachineKind, machineKindOf } from './machine/kind.ts';
import { writeControllers, writePeripherals, writeVideo } from './machine/peripherals.ts';
import { writeClock, writeCpu, writeFeatures } from './machine/processor.ts';
import { memoryWays } from './memory.ts';
import type { MemoryWay } from './memory/way.ts';
import { writeHostDevice } from './node-devices.ts';
import { writePlacement } from './numa.ts';
import { domainName } from './names.ts';
import { writeScreen } from './screen.ts';
import { writeSerial } from './serial.ts';
import { endXml, leaf, startXml, text, type XMLBuilder } from './xml.ts';

const BALLOON_STATS_SECONDS = 1;
/** Our own elements in a domain's metadata. */
const METADATA_URI = 'urn:xloud:compute:1';
/** By which a definition of ours is known. */
export const METADATA = 'xloud:instance';

/** The persistent definition of a guest. */
export function domainXml(spec: GuestSpec, place: DomainPlace): string {
  const kind = machineKindOf(spec, place);
  const domain = startXml('domain', { type: kind.virtType });
  text(domain, 'name', place.name ?? domainName(spec.uuid));
  text(domain, 'uuid', spec.uuid);
  writeMetadata(domain, spec);
  const memory = memoryWays[memoryMethodOf(spec)];
  memory.writeSize(domain, spec);
  writePlacement(domain, spec, place.sharedCpus ?? [], kind.wish.limits.cpu);
  writeVcpus(domain, spec, place.sharedCpus ?? []);
  writeSysinfo(domain, spec);
  writeOs(domain, kind, place);
  writeFeatures(domain, kind, place);
  writeCpu(domain, spec, kind, place, memory);
  writeClock(domain, kind);
  text(domain, 'on_poweroff', 'destroy');
  text(domain, 'on_reboot', 'restart');
  text(domain, 'on_crash', 'destroy');
  writeDevices(domain, spec, kind, place, memory);
  return endXml(domain);
}

function writeMetadata(domain: XMLBuilder, spec: GuestSpec): void {
  const ours = domain.ele('metadata').ele(METADATA_URI, METADATA);
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

function writeDevices(
  domain: XMLBuilder,
  spec: GuestSpec,
  kind: MachineKind,
  place: DomainPlace,
  memory: MemoryWay,
): void {
  const devices = domain.ele('devices');
  writeControllers(devices, kind, place.disks);
  writeDisks(devices, place.disks, kind);
  const plan = interfacePlan(kind.wish, spec.maximum.vcpus);
  for (const nic of spec.nics) writeInterface(devices, nic, plan, place.namedTaps === true);
  for (const address of spec.hostDevices) writeHostDevice(devices, address);
  writeSerial(devices, place.consolePath, place.serialPath ?? null, kind.wish.serialPorts);
  writePeripherals(devices, kind);
  if (place.screen != null) {
    writeScreen(devices, place.screen);
    writeVideo(devices, kind);
  }
  memory.writeDevice(devices, spec);
  // it has the guest's statistics whatever the way to its memory; autodeflate: a target that is too low is then never reached, instead of killing the guest
  leaf(devices.ele('memballoon', { model: 'virtio', autodeflate: 'on', freePageReporting: 'on' }), 'stats', {
    period: BALLOON_STATS_SECONDS,
  });
}
