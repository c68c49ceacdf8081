// Why: the processor that a guest sees, and what else its machine tells it of itself: features and clocks.

import { isYes } from '../../../base/boolean-word.ts';
import type { GuestSpec } from '../../../domain/servers/guests.ts';
import type { DomainPlace } from '../domain-place.ts';
import type { MemoryWay } from '../memory/way.ts';
import { writeGuestNodes } from '../numa.ts';
import { leaf, text, type XMLBuilder } from '../xml.ts';
import { isX86 } from '../architecture.ts';
import { bootsByUefi, needsSmm } from './firmware.ts';
import type { MachineKind } from './kind.ts';

/** What every current distribution boots with (x86-64-v2), which QEMU's own default is not. */
const EMULATED_MODEL = 'Nehalem';
/** The same for 64-bit ARM, whose default has 32 bits. */
const EMULATED_ARM = 'cortex-a57';

export function writeCpu(
  domain: XMLBuilder,
  spec: GuestSpec,
  kind: MachineKind,
  place: DomainPlace,
  memory: MemoryWay,
): void {
  const { cpuTopology, numa } = spec;
  const { wish, x86 } = kind;
  // a model by the operator is one of the host's own kind
  const cpuModel = kind.arch === place.arch ? place.cpuModel : null;
  const cpu = startCpu(domain, { virtType: kind.virtType, arch: kind.arch, cpuModel }) ?? domain.ele('cpu');
  if (cpuTopology !== null) leaf(cpu, 'topology', { ...cpuTopology });
  if (wish.physicalBits !== null) {
    const { mode, bits } = wish.physicalBits;
    leaf(cpu, 'maxphysaddr', { mode, ...(bits === null ? {} : { bits }) });
  }
  if (x86 && !isYes(spec.extraSpecs['xloud:nested_virtualization'])) hideVirtualisation(cpu);
  if (numa === null) memory.writeCells(cpu, spec);
  else writeGuestNodes(cpu, numa);
}

/** The model of guests' processors by name; null: the host's own. */
export const guestCpuModel = ({ virtType, cpuModel }: Pick<DomainPlace, 'virtType' | 'cpuModel'>): string | null =>
  cpuModel ?? (virtType === 'kvm' ? null : EMULATED_MODEL);

/** The processor that guests get here; null where there is nothing to say about it. */
export function startCpu(
  domain: XMLBuilder,
  place: Pick<DomainPlace, 'virtType' | 'arch' | 'cpuModel'>,
): XMLBuilder | null {
  const custom = (model: string) =>
    text(domain.ele('cpu', { mode: 'custom', match: 'exact', check: 'none' }), 'model', model, { fallback: 'forbid' });
  if (!isX86(place.arch)) {
    if (place.virtType === 'kvm') return domain.ele('cpu', { mode: 'host-passthrough' });
    return place.arch === 'aarch64' ? custom(place.cpuModel ?? EMULATED_ARM) : null;
  }
  const model = guestCpuModel(place);
  return model === null ? domain.ele('cpu', { mode: 'host-model', check: 'partial' }) : custom(model);
}

/**
 * A guest must not see the host's own virtualisation unless its flavor asks for it: with it a guest cannot be migrated, and
 * guests within it hold on to vCPUs.
 */
export function hideVirtualisation(cpu: XMLBuilder): void {
  leaf(cpu, 'feature', { policy: 'disable', name: 'vmx' });
  leaf(cpu, 'feature', { policy: 'disable', name: 'svm' });
}

export function writeFeatures(domain: XMLBuilder, kind: MachineKind, place: DomainPlace): void {
  const { wish, x86 } = kind;
  const features = domain.ele('features');
  // ARM tells of its devices by ACPI only where there is UEFI
  if (x86 || bootsByUefi(kind, place)) leaf(features, 'acpi');
  if (x86) leaf(features, 'apic');
  if (wish.hideHypervisor) leaf(features.ele('kvm'), 'hidden', { state: 'on' });
  if (wish.pmu !== null) leaf(features, 'pmu', { state: wish.pmu ? 'on' : 'off' });
  if (needsSmm(kind)) leaf(features, 'smm', { state: 'on' });
  // interrupts go by way of a virtual IOMMU only where QEMU itself has the controller
  if (wish.viommu !== null && x86) leaf(features, 'ioapic', { driver: 'qemu' });
}

export function writeClock(domain: XMLBuilder, { wish, virtType, x86 }: MachineKind): void {
  const windows = wish.properties['os_type'] === 'windows';
  const clock = domain.ele('clock', { offset: windows ? 'localtime' : 'utc' });
  if (!x86) return;
  if (virtType === 'kvm') {
    leaf(clock, 'timer', { name: 'pit', tickpolicy: 'delay' });
    leaf(clock, 'timer', { name: 'rtc', tickpolicy: 'catchup' });
  }
  if (virtType === 'kvm' || wish.properties['hw_time_hpet'] !== undefined) {
    leaf(clock, 'timer', { name: 'hpet', present: wish.hpet ? 'yes' : 'no' });
  }
}
