// Why: the drives of a guest in the order in which it sees them, with the bounds of its flavor on each.

import { diskName } from '../../../domain/servers/build-spec.ts';
import { leaf, text, type XMLBuilder } from '../xml.ts';
import type { Bus, MachineKind } from './kind.ts';

/** One disk in the order in which the guest sees it. */
export interface DiskPlan {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly device: 'disk' | 'cdrom';
  readonly readonly: boolean;
  readonly bus: Bus;
  readonly bootable: boolean;
}

/** What each is called, in the order of its bus: `vda`, `sda`, `vdb`. */
export function namesOf(disks: readonly Pick<DiskPlan, 'bus'>[]): readonly string[] {
  const used: Record<string, number> = {};
  return disks.map(({ bus }) => {
    const prefix = diskName(bus, 0).slice(0, -1);
    const index = used[prefix] ?? 0;
    used[prefix] = index + 1;
    return diskName(bus, index);
  });
}

export function writeDisks(devices: XMLBuilder, disks: readonly DiskPlan[], { wish }: MachineKind): void {
  const scsi = wish.properties['hw_scsi_model'] ?? 'virtio-scsi';
  if (disks.some((disk) => disk.bus === 'scsi')) {
    const controller = devices.ele('controller', { type: 'scsi', model: scsi });
    if (wish.packedRing && scsi === 'virtio-scsi') leaf(controller, 'driver', { packed: 'on' });
  }
  const names = namesOf(disks);
  let bootOrder = 0;
  for (const [index, plan] of disks.entries()) {
    const disk = devices.ele('disk', { type: 'file', device: plan.device });
    leaf(disk, 'driver', {
      ...{ name: 'qemu', type: plan.format },
      ...(plan.readonly ? {} : { discard: 'unmap' }),
      ...(wish.packedRing && plan.bus === 'virtio' ? { packed: 'on' } : {}),
    });
    leaf(disk, 'source', { file: plan.path });
    leaf(disk, 'target', { dev: names[index] ?? '', bus: plan.bus });
    writeLimits(disk, wish.limits.disk);
    if (plan.readonly) leaf(disk, 'readonly');
    if (plan.bootable) leaf(disk, 'boot', { order: ++bootOrder });
  }
}

function writeLimits(disk: XMLBuilder, limits: Readonly<Record<string, number>>): void {
  if (Object.keys(limits).length === 0) return;
  const tune = disk.ele('iotune');
  for (const [name, value] of Object.entries(limits)) text(tune, name, value);
}
