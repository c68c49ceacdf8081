// Why: which machine a guest is decides its buses, its firmware and what may be plugged in; it is decided once.

import type { GuestSpec } from '../../../domain/servers/guests.ts';
import { machineRequestOf, type MachineRequest } from '../../../domain/machines/machine-request.ts';
import { isX86 } from '../architecture.ts';

export type VirtType = 'kvm' | 'qemu';
export type Bus = 'virtio' | 'scsi' | 'sata' | 'ide' | 'usb' | 'fdc';

/** What of a host decides it. */
export interface MachineHost {
  readonly virtType: VirtType;
  readonly arch: string;
}

export interface MachineKind {
  readonly wish: MachineRequest;
  readonly virtType: VirtType;
  readonly arch: string;
  readonly x86: boolean;
  /** libvirt's name: `pc`, `q35`, `virt`, or what the image says. */
  readonly machine: string;
  readonly firmware: 'uefi' | 'bios';
  /** The bus of CD-ROM drives, unless the image names one. */
  readonly cdromBus: Bus;
}

const buses: readonly Bus[] = ['virtio', 'scsi', 'sata', 'ide', 'usb', 'fdc'];
/** A bus by Nova's name; null for one that QEMU has not. */
export const busOf = (name: string | undefined): Bus | null => buses.find((bus) => bus === name) ?? null;

export const isQ35 = (machine: string): boolean => machine.includes('q35');
const isVirt = (machine: string): boolean => machine.startsWith('virt');

function machineOf({ properties, firmware, secureBoot, viommu }: MachineRequest, x86: boolean): string {
  const named = properties['hw_machine_type'];
  if (named) return named;
  if (!x86) return 'virt';
  // what protects the firmware's own memory is in q35 alone, and an IOMMU as well
  return firmware === 'uefi' || secureBoot === 'required' || viommu !== null ? 'q35' : 'pc';
}

/** `pc` has IDE, `q35` SATA, `virt` neither. */
const cdromBusOf = (machine: string, x86: boolean): Bus =>
  isQ35(machine) ? 'sata' : x86 && !isVirt(machine) && machine !== 'microvm' ? 'ide' : 'scsi';

/** Throws Nova's 400s for an image that contradicts itself or its flavor. */
export function machineKindOf(
  spec: Pick<GuestSpec, 'maximum' | 'extraSpecs' | 'flavorName' | 'disks'>,
  host: MachineHost,
): MachineKind {
  const flavor = { name: spec.flavorName, vcpus: spec.maximum.vcpus, extraSpecs: spec.extraSpecs };
  const wish = machineRequestOf(flavor, spec.disks.image);
  const { properties } = wish;
  const arch = properties['hw_emulation_architecture'] ?? properties['hw_architecture'] ?? host.arch;
  const x86 = isX86(arch);
  const machine = machineOf(wish, x86);
  // KVM runs what the host's own processor runs
  const native = arch === host.arch || (host.arch === 'x86_64' && arch === 'i686');
  return {
    ...{ wish, arch, x86, machine },
    virtType: native && properties['img_hv_type'] !== 'qemu' ? host.virtType : 'qemu',
    // nothing else boots a disk there
    firmware: wish.firmware ?? (arch === 'aarch64' || wish.secureBoot === 'required' ? 'uefi' : 'bios'),
    cdromBus: busOf(properties['hw_cdrom_bus']) ?? cdromBusOf(machine, x86),
  };
}
