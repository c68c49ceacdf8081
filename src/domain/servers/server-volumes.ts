// Why: which volumes a server has is compute's to keep, beside what the volume service knows: the name that the guest gives each,
// whether it goes with the server, and how a host reaches it, so that every power cycle finds it again.

import type { FlavorSnapshot } from '../machines/flavors.ts';
import { diskName } from './disk-name.ts';
import type { VolumeSource } from './volume-source.ts';

/** What a disk can be plugged into while a guest runs. */
export type VolumeBus = 'virtio' | 'scsi';

/** The bus of a server's volumes: the one of its root disk, where that takes more. */
export const volumeBusOf = (rootBus: string | undefined): VolumeBus => (rootBus === 'scsi' ? 'scsi' : 'virtio');

/** How a guest has a volume, wherever its bytes are. */
interface PluggedVolume {
  readonly volumeId: string;
  readonly readonly: boolean;
  readonly bus: VolumeBus;
  /** As the guest calls it on its bus: `vdb`. */
  readonly name: string;
  /** By libvirt's names of the limits (`total_iops_sec`). */
  readonly limits: Readonly<Record<string, number>>;
  /** What the guest boots from is 0; null: nothing boots from it. */
  readonly bootIndex: number | null;
}

/** A volume as a host plugs it into a guest. */
export type VolumeDisk = PluggedVolume & VolumeSource;

/** What of a volume's connection its disk needs. */
interface Reached {
  readonly source: VolumeSource;
  readonly readonly: boolean;
  readonly limits: Readonly<Record<string, number>>;
}

/** A volume as its server's host plugs it in. @param plugged its device as `/dev/vdb` */
export const diskOf = (
  { volumeId, bus, device }: { readonly volumeId: string; readonly bus: VolumeBus; readonly device: string },
  { source, readonly, limits }: Reached,
  bootIndex: number | null,
): VolumeDisk => ({ volumeId, ...source, readonly, bus, name: device.replace('/dev/', ''), limits, bootIndex });

/** Whether it names a password, which is kept in the volume's row alone. */
export const hasSecret = (disk: VolumeDisk): boolean => disk.kind === 'iscsi' && disk.chap !== null;

export interface ServerVolume {
  readonly volumeId: string;
  /** Null: it is being attached. */
  readonly attachmentId: string | null;
  /** `/dev/vdb` */
  readonly device: string;
  readonly tag: string | null;
  readonly deleteOnTermination: boolean;
  readonly bootIndex: number | null;
  /** Null: no host reaches it yet. */
  readonly disk: VolumeDisk | null;
  readonly createdAt: number;
}

/** A volume that a new server shall have: one that is there, or one to be made. */
export interface NewServerVolume {
  readonly source: 'volume' | 'snapshot' | 'image' | 'blank';
  /** Of the volume, snapshot or image; empty: of nothing. */
  readonly id: string;
  /** Null: as large as its source. */
  readonly sizeGb: number | null;
  readonly type: string | null;
  /** Null: nothing boots from it. */
  readonly bootIndex: number | null;
  readonly deleteOnTermination: boolean;
  readonly tag: string | null;
}

/** The same with its id: the one that it has, or will have, however often it is begun to be made. */
export interface PlannedVolume extends NewServerVolume {
  readonly volumeId: string;
}

/** Whether a server's root disk is a volume: it has no image then. */
export const bootsFromVolume = ({ imageRef }: { readonly imageRef: string }): boolean => imageRef === '';

/** A server's flavor with as much disk as the server has on its host: none for a root disk that is a volume. */
export const disksOnHost = (server: { readonly flavor: FlavorSnapshot; readonly imageRef: string }): FlavorSnapshot =>
  bootsFromVolume(server) ? { ...server.flavor, rootGb: 0 } : server.flavor;

/** What a server has beside volumes: each takes a name. */
export interface OwnDisks {
  readonly flavor: { readonly rootGb: number; readonly ephemeralGb: number; readonly swapMb: number };
  readonly configDrive: boolean;
}

/** Names that a root disk, some ephemeral disks, swap, a config drive and a rescue disk may take. */
const OWN_AT_MOST = 26;

/** The name of the next volume: behind all disks of the server's own, and of no other volume. */
export function nextDevice(bus: VolumeBus, own: number, taken: readonly ServerVolume[]): string {
  const used = new Set(taken.map(({ device }) => device));
  for (let index = own; ; index += 1) {
    const device = `/dev/${diskName(bus, index)}`;
    if (!used.has(device)) return device;
  }
}

/** How many names the disks of the server's own take. */
export const ownNames = ({ flavor, configDrive }: OwnDisks, others: number | null): number =>
  Math.min(
    OWN_AT_MOST,
    1 + (others ?? (flavor.ephemeralGb > 0 ? 1 : 0) + (flavor.swapMb > 0 ? 1 : 0)) + (configDrive ? 1 : 0),
  );
