// Why: what a new server boots from is said in two syntaxes and many ways, most of which need volumes. There is no block storage
// service here, so only an image on a local disk is left; everything else is refused as Nova refuses what it cannot find.

import { badRequest } from '../../../base/errors.ts';
import { snapshotMissing, volumeMissing } from '../../../domain/volume.ts';

/** An entry of `block_device_mapping_v2`, or of the older `block_device_mapping`. */
export interface BlockDevice {
  readonly source_type?: string;
  readonly destination_type?: string;
  readonly uuid?: string;
  readonly image_id?: string;
  readonly boot_index?: number | string | null;
  readonly volume_id?: string;
  readonly snapshot_id?: string;
  readonly volume_size?: number | string;
  readonly volume_type?: string | null;
  readonly virtual_name?: string;
  readonly device_name?: string;
  readonly no_device?: unknown;
}

export interface BlockDevices {
  readonly imageRef?: string;
  readonly block_device_mapping?: readonly BlockDevice[];
  readonly block_device_mapping_v2?: readonly BlockDevice[];
}

type Source = 'image' | 'volume' | 'snapshot' | 'blank';

/** A device of either syntax. */
interface Device {
  readonly source: Source;
  readonly destination: 'local' | 'volume';
  readonly id: string;
  /** Negative: not booted from. */
  readonly bootIndex: number;
  readonly hasSize: boolean;
}

const invalid = (why: string) => badRequest(`Block Device Mapping is Invalid: ${why}`);

const indexOf = ({ boot_index }: BlockDevice): number => Number(boot_index ?? -1);

/** A device of the present syntax. */
function deviceOf(given: BlockDevice, withImage: boolean): Device {
  const { source_type: source, destination_type: destination, uuid: id = '', volume_type: type } = given;
  if (source === 'blank' && id !== '') throw invalid('Invalid device UUID.');
  if (source !== 'blank' && id === '') throw invalid('Missing device UUID.');
  if (source === 'image' && destination === 'local' && !(withImage && indexOf(given) === 0)) {
    throw invalid('Mapping image to local is not supported.');
  }
  if (destination === 'local' && type) {
    throw invalid('Specifying a volume_type with destination_type=local is not supported.');
  }
  if (source === 'volume' && type) throw invalid('Specifying volume type to existing volume is not supported.');
  if (source === undefined) throw invalid('Some required fields are missing');
  const stored = source === 'volume' || source === 'snapshot';
  return {
    source: source as Source,
    destination: (destination as Device['destination'] | undefined) ?? (stored ? 'volume' : 'local'),
    id,
    bootIndex: indexOf(given),
    hasSize: Number(given.volume_size ?? 0) > 0,
  };
}

/** A device of the older syntax, in which a name says which one is booted from. */
function olderDeviceOf(given: BlockDevice, withImage: boolean): Device {
  const bootIndex = !withImage && /^(?:\/dev\/)?(?:x?vd|sd|hd)a\d*$/.test(given.device_name ?? '') ? 0 : -1;
  const common = { bootIndex, hasSize: Number(given.volume_size ?? 0) > 0 };
  if (/^(?:swap|ephemeral\d+)$/.test(given.virtual_name ?? '')) {
    return { ...common, source: 'blank', destination: 'local', id: '' };
  }
  const { snapshot_id: snapshotId, volume_id: volumeId } = given;
  if (snapshotId !== undefined) return { ...common, source: 'snapshot', destination: 'volume', id: snapshotId };
  if (volumeId !== undefined) return { ...common, source: 'volume', destination: 'volume', id: volumeId };
  throw invalid('Unrecognized legacy format.');
}

/**
 * The devices that a request names. Throws Nova's 400s for what is no device.
 */
export function devicesOf({
  imageRef = '',
  block_device_mapping: older = [],
  block_device_mapping_v2: present = [],
}: BlockDevices): readonly Device[] {
  if (older.length > 0 && present.length > 0) {
    throw badRequest('Using different block_device_mapping syntaxes is not allowed in the same request.');
  }
  const withImage = imageRef !== '';
  const named = (devices: readonly BlockDevice[]) => devices.filter(({ no_device }) => !no_device);
  const found = [
    ...named(present).map((device) => deviceOf(device, withImage)),
    ...named(older).map((device) => olderDeviceOf(device, withImage)),
  ];
  // the older syntax has the image beside its devices, the present one among them
  const image: Device = { source: 'image', destination: 'local', id: imageRef, bootIndex: 0, hasSize: false };
  return withImage && present.length === 0 ? [image, ...found] : found;
}

/** What is to be booted from must be there. */
function checkBoot(devices: readonly Device[]): void {
  const booted = devices.find(({ bootIndex }) => bootIndex === 0);
  if (booted?.source === 'volume') throw invalid(`failed to get volume ${booted.id}.`);
  if (booted?.source === 'snapshot') throw badRequest(snapshotMissing(booted.id));
}

/** One device for each place from 0 on, and at least one. */
function checkSequence(devices: readonly Device[]): void {
  const places = devices.map(({ bootIndex }) => bootIndex).filter((index) => index >= 0);
  const sorted = places.toSorted((a, b) => a - b);
  if (sorted.length > 0 && sorted.every((index, place) => index === place)) return;
  throw invalid('Boot sequence for the instance and image/block device mapping combination is not valid.');
}

/** Everything but an image on a local disk: not found, or not offered. */
function refuse({ source, destination, id, hasSize }: Device): void {
  if (source === 'snapshot') throw invalid(`failed to get snapshot ${id}.`);
  if (destination === 'volume' && !hasSize) {
    throw badRequest(
      source === 'image'
        ? "Images with destination_type 'volume' need to have a non-zero size specified"
        : "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size",
    );
  }
  if (destination === 'volume') throw invalid('volumes are not offered here, there is no block storage service.');
  if (source === 'blank') throw invalid('additional local disks come from the flavor (ephemeral, swap).');
}

/**
 * The image to boot from: `imageRef`, which the openstack client repeats as a device with boot_index 0.
 * @param servers how many are asked for at most
 */
export function imageOf({ imageRef = '' }: BlockDevices, devices: readonly Device[], servers: number): string {
  if (imageRef === '' && devices.length === 0) throw badRequest('Missing imageRef attribute');
  if (imageRef === '') checkBoot(devices);
  const volume = devices.find(({ source }) => source === 'volume');
  if (volume !== undefined && servers > 1) {
    throw badRequest('Cannot attach one or more volumes to multiple instances');
  }
  if (volume !== undefined) throw badRequest(volumeMissing(volume.id));
  checkSequence(devices);
  for (const device of devices) refuse(device);
  const [only] = devices;
  if (only?.id !== imageRef) throw invalid(`failed to get image ${only?.id ?? ''}.`);
  return imageRef;
}
