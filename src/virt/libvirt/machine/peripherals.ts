// Why: what else is plugged into a guest's machine because its flavor or its image says so.

import { leaf, text, type XMLBuilder } from '../xml.ts';
import type { DiskPlan } from './disk.ts';
import { isQ35, type MachineKind } from './kind.ts';

/** Slots of a machine whose devices each take one: twice what a usual guest has, for what comes while it runs. */
const PORTS = 16;
const KIB_PER_MIB = 1024;

/** What its disks, and what else it has, need to be plugged into. */
export function writeControllers(
  devices: XMLBuilder,
  { wish, machine }: MachineKind,
  disks: readonly DiskPlan[],
): void {
  const needed = needsUsb(wish) || disks.some(({ bus }) => bus === 'usb');
  const model = wish.usb ?? (needed ? 'qemu-xhci' : 'none');
  leaf(devices, 'controller', { type: 'usb', model });
  if (!isQ35(machine) && machine !== 'virt') return;
  leaf(devices, 'controller', { type: 'pci', index: 0, model: 'pcie-root' });
  for (let port = 0; port < PORTS; port++) leaf(devices, 'controller', { type: 'pci', model: 'pcie-root-port' });
}

const needsUsb = ({ tablet, sound, properties }: MachineKind['wish']): boolean =>
  tablet === 'usb' || sound === 'usb' || properties['hw_disk_bus'] === 'usb' || properties['hw_cdrom_bus'] === 'usb';

export function writePeripherals(devices: XMLBuilder, kind: MachineKind): void {
  const { wish, x86, machine } = kind;
  if (wish.agent) {
    leaf(devices.ele('channel', { type: 'unix' }), 'target', { type: 'virtio', name: 'org.qemu.guest_agent.0' });
  }
  if (wish.tablet !== null) {
    leaf(devices, 'input', { type: 'tablet', bus: wish.tablet });
    leaf(devices, 'input', { type: 'keyboard', bus: wish.tablet });
  }
  if (wish.tpm !== null) {
    const { model, version } = wish.tpm;
    leaf(devices.ele('tpm', { model }), 'backend', { type: 'emulator', version });
  }
  if (wish.sound !== null) leaf(devices, 'sound', { model: wish.sound });
  if (wish.watchdog !== null) {
    leaf(devices, 'watchdog', { model: x86 || machine === 'virt' ? 'i6300esb' : 'diag288', action: wish.watchdog });
  }
  if (wish.rng !== null) {
    const rng = devices.ele('rng', { model: 'virtio' });
    const { bytes, periodMs } = wish.rng;
    if (bytes !== null) leaf(rng, 'rate', { bytes, ...(periodMs === null ? {} : { period: periodMs }) });
    text(rng, 'backend', '/dev/urandom', { model: 'random' });
  }
  if (x86) leaf(devices, 'panic', { model: 'isa' });
  if (wish.viommu !== null) writeIommu(devices, kind);
}

function writeIommu(devices: XMLBuilder, { wish, x86, machine }: MachineKind): void {
  const usual = !x86 ? 'smmuv3' : isQ35(machine) ? 'intel' : 'virtio';
  const model = wish.viommu === 'auto' || wish.viommu === null ? usual : wish.viommu;
  const iommu = devices.ele('iommu', { model });
  if (model === 'intel') leaf(iommu, 'driver', { intremap: 'on', caching_mode: 'on', iotlb: 'on' });
}

/** The card that a screen shows. */
export function writeVideo(devices: XMLBuilder, { wish, x86 }: MachineKind): void {
  const type = wish.properties['hw_video_model'] ?? (x86 ? 'vga' : 'virtio');
  const sized = wish.videoRamMb !== null && ['vga', 'qxl', 'cirrus', 'vmvga', 'bochs'].includes(type);
  const vram = sized ? { vram: (wish.videoRamMb as number) * KIB_PER_MIB } : {};
  leaf(devices.ele('video'), 'model', { type, ...vram });
}
