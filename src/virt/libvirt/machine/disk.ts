// Why: the drives of a guest in the order in which it sees them, with the bounds of its flavor on each.

import { diskName } from '../../../domain/servers/disk-name.ts';
import { type Opened, writeSource } from '../volume-source.ts';
import { endXml, leaf, startXml, text, type XMLBuilder } from '../xml.ts';
import type { Bus, MachineKind } from './kind.ts';

/** One disk in the order in which the guest sees it. */
export interface DiskPlan extends Opened {
  readonly device: 'disk' | 'cdrom';
  readonly readonly: boolean;
  readonly bus: Bus;
  readonly bootable: boolean;
  /** Absent: the next on its bus that no disk has. */
  readonly name?: string;
  /** What the guest knows it by; absent: nothing. */
  readonly serial?: string;
  /** By libvirt's names; absent: the flavor's. */
  readonly limits?: Readonly<Record<string, number>>;
}

/** What each is called: by its own name, or in the order of its bus, `vda`, `sda`, `vdb`. */
export function namesOf(disks: readonly Pick<DiskPlan, 'bus' | 'name'>[]): readonly string[] {
  const own = new Set(disks.map(({ name }) => name));
  const used: Record<string, number> = {};
  return disks.map(({ bus, name }) => {
    if (name !== undefined) return name;
    const prefix = diskName(bus, 0).slice(0, -1);
    let index = used[prefix] ?? 0;
    while (own.has(diskName(bus, index))) index += 1;
    used[prefix] = index + 1;
    return diskName(bus, index);
  });
}

const typeOf = ({ network }: Pick<DiskPlan, 'network'>): string => (network === undefined ? 'file' : 'network');

/** One disk by itself, for a guest that is there already. */
export function diskXml(plan: DiskPlan & { readonly name: string }): string {
  const disk = startXml('disk', { type: typeOf(plan), device: plan.device });
  fill(disk, plan, plan.name, { packedRing: false, limits: { disk: {} } });
  return endXml(disk);
}

type DiskWish = Pick<MachineKind['wish'], 'packedRing'> & {
  readonly limits: Pick<MachineKind['wish']['limits'], 'disk'>;
};

function fill(disk: XMLBuilder, plan: DiskPlan, name: string, wish: DiskWish): void {
  leaf(disk, 'driver', {
    ...{ name: 'qemu', type: plan.format },
    // what a target has in common with another host is never what a host remembers
    ...(plan.network?.kind === 'iscsi' ? { cache: 'none' } : {}),
    ...(plan.readonly ? {} : { discard: 'unmap' }),
    ...(wish.packedRing && plan.bus === 'virtio' ? { packed: 'on' } : {}),
  });
  writeSource(disk, plan);
  leaf(disk, 'target', { dev: name, bus: plan.bus });
  writeLimits(disk, plan.limits ?? wish.limits.disk);
  if (plan.serial !== undefined) text(disk, 'serial', plan.serial);
  if (plan.readonly) leaf(disk, 'readonly');
}

export function writeDisks(devices: XMLBuilder, disks: readonly DiskPlan[], kind: MachineKind): void {
  const { wish } = kind;
  const scsi = wish.properties['hw_scsi_model'] ?? 'virtio-scsi';
  if (disks.some((disk) => disk.bus === 'scsi')) {
    const controller = devices.ele('controller', { type: 'scsi', model: scsi });
    if (wish.packedRing && scsi === 'virtio-scsi') leaf(controller, 'driver', { packed: 'on' });
  }
  const names = namesOf(disks);
  let bootOrder = 0;
  for (const [index, plan] of disks.entries()) {
    const disk = devices.ele('disk', { type: typeOf(plan), device: plan.device });
    fill(disk, plan, names[index] ?? '', wish);
    if (plan.bootable) leaf(disk, 'boot', { order: ++bootOrder });
  }
}

function writeLimits(disk: XMLBuilder, limits: Readonly<Record<string, number>>): void {
  if (Object.keys(limits).length === 0) return;
  const tune = disk.ele('iotune');
  for (const [name, value] of Object.entries(limits)) text(tune, name, value);
}
