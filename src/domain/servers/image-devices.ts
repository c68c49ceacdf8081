// Why: an image of a server that boots from a volume has no bytes of its own: its properties name snapshots of the server's volumes,
// in the form in which Nova writes and reads them. Anybody may write such properties, so they are read as a request is.

import { isUuidLike } from '../../base/ids.ts';
import type { ImageFacts } from '../machines/images.ts';
import { diskName } from './disk-name.ts';
import type { ServerVolume, VolumeBus } from './server-volumes.ts';

type Properties = Pick<ImageFacts, 'properties'>;

/** Whether an image stands for snapshots of volumes: its own data is nothing. */
export const isOfVolumes = ({ properties }: Properties): boolean => (properties['block_device_mapping'] ?? '') !== '';

/** The snapshot that an image says a server of it boots from; null: it says none that could be one. */
export function rootSnapshotOf({ properties }: Properties): string | null {
  try {
    const said: unknown = JSON.parse(properties['block_device_mapping'] ?? '');
    const root = (Array.isArray(said) ? said : []).find((one) => String(one?.boot_index) === '0');
    const id: unknown = root?.snapshot_id;
    return typeof id === 'string' && isUuidLike(id) ? id : null;
  } catch {
    return null;
  }
}

/** A volume of a server, and the snapshot that is to be of it. */
export interface VolumeSnapshotPlan {
  readonly volumeId: string;
  readonly snapshotId: string;
}

/** One entry of what an image says of a server's disks: what has no value is null, as Nova writes it. */
function mappingOf(
  { device, tag, deleteOnTermination, bootIndex, disk }: ServerVolume,
  snapshotId: string,
  sizeGb: number,
  bus: VolumeBus,
): Readonly<Record<string, unknown>> {
  return {
    ...{ source_type: 'snapshot', destination_type: 'volume', snapshot_id: snapshotId, volume_size: sizeGb },
    ...{ boot_index: bootIndex, device_name: device, delete_on_termination: deleteOnTermination },
    ...{ disk_bus: disk?.bus ?? bus, device_type: 'disk', tag, guest_format: null },
    ...{ image_id: null, volume_id: null, volume_type: null, no_device: null },
  };
}

/** A volume whose snapshot is there. */
export interface TakenVolume {
  readonly volume: ServerVolume;
  readonly snapshotId: string;
  readonly sizeGb: number;
}

/** The properties of an image that stands for these snapshots, the one to boot from first. */
export function propertiesOfVolumes(taken: readonly TakenVolume[], bus: VolumeBus): Readonly<Record<string, string>> {
  const inOrder = taken.toSorted((a, b) => (a.volume.bootIndex ?? Infinity) - (b.volume.bootIndex ?? Infinity));
  const mapping = inOrder.map(({ volume, snapshotId, sizeGb }) => mappingOf(volume, snapshotId, sizeGb, bus));
  return {
    ...{ block_device_mapping: JSON.stringify(mapping), bdm_v2: 'True' },
    root_device_name: inOrder[0]?.volume.device ?? `/dev/${diskName(bus, 0)}`,
  };
}

const OF_DEVICES = new Set(['block_device_mapping', 'bdm_v2', 'mappings', 'root_device_name']);

/** What of an image's properties is not about which disks a server has. */
export const propertiesBesideDevices = ({ properties }: Properties): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => !OF_DEVICES.has(name)));
