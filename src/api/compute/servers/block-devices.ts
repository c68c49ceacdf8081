// Why: what a new server boots from, and which disks it has beside that, is said in two syntaxes and many ways, most of which need
// volumes. There is no block storage service here, so an image and empty disks on the host are left; everything else is refused as
// Nova refuses what it cannot find.

import { badRequest } from '../../../base/errors.ts';
import { deviceTypes, diskBuses } from '../../../domain/machines/image-properties.ts';
import { fileSystems, type LocalDisk, type LocalDisks } from '../../../domain/servers/local-disks.ts';
import { snapshotMissing, volumeMissing } from '../../../domain/servers/volume.ts';

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
  readonly guest_format?: string;
  readonly device_type?: string;
  readonly disk_bus?: string;
  readonly tag?: string;
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
  /** In the units of its kind; null: nothing was said. */
  readonly size: number | null;
  readonly guestFormat: string | null;
  readonly type: string | null;
  readonly bus: string | null;
  readonly tag: string | null;
}

const invalid = (why: string) => badRequest(`Block Device Mapping is Invalid: ${why}`);

const sizeOf = ({ volume_size: size }: BlockDevice): number | null => (size === undefined ? null : Number(size));
const plain = { guestFormat: null, type: null, bus: null, tag: null } as const;

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
    size: sizeOf(given),
    guestFormat: given.guest_format ?? null,
    type: given.device_type ?? null,
    bus: given.disk_bus ?? null,
    tag: given.tag ?? null,
  };
}

/** A device of the older syntax, in which a name says which one is booted from. */
function olderDeviceOf(given: BlockDevice, withImage: boolean): Device {
  const bootIndex = !withImage && /^(?:\/dev\/)?(?:x?vd|sd|hd)a\d*$/.test(given.device_name ?? '') ? 0 : -1;
  const common = { ...plain, bootIndex, size: sizeOf(given) };
  const { virtual_name: virtual = '' } = given;
  if (/^(?:swap|ephemeral\d+)$/.test(virtual)) {
    const guestFormat = virtual === 'swap' ? virtual : null;
    return { ...common, source: 'blank', destination: 'local', id: '', guestFormat };
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
  const image: Device = { ...plain, source: 'image', destination: 'local', id: imageRef, bootIndex: 0, size: null };
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

/** Everything but an image and empty disks on the host: not found, or not offered. */
function refuse({ source, destination, id, size }: Device): void {
  if (source === 'snapshot') throw invalid(`failed to get snapshot ${id}.`);
  if (destination === 'volume' && !size) {
    throw badRequest(
      source === 'image'
        ? "Images with destination_type 'volume' need to have a non-zero size specified"
        : "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size",
    );
  }
  if (destination === 'volume') throw invalid('volumes are not offered here, there is no block storage service.');
}

/** Words that Nova does not know, and what cannot be had here. */
function checkWords({ bus, type, guestFormat, source, destination }: Device): void {
  if (bus !== null && !diskBuses.some((known) => known === bus)) {
    throw badRequest(`Block Device Mapping is invalid: The provided disk bus ${bus} is not valid.`);
  }
  if (type !== null && !deviceTypes.some((known) => known === type)) throw invalid(`Field value ${type} is invalid`);
  if (destination !== 'local') return;
  if (type === 'lun' || type === 'fs' || type === 'floppy') {
    throw invalid(`a disk on the host cannot be a ${type} for the guest: disk and cdrom can be.`);
  }
  if (source === 'image' && type === 'cdrom')
    throw invalid('a root disk is a disk; an ISO image is a CD-ROM by itself.');
  const known = source === 'blank' ? [...fileSystems, 'swap'] : [];
  if (guestFormat !== null && !known.includes(guestFormat)) {
    throw invalid(`Unsupported guest_format ${guestFormat}; there are ${[...fileSystems, 'swap'].join(', ')}.`);
  }
}

const localDiskOf = ({ size, bus, type, guestFormat, tag }: Device): LocalDisk => ({
  kind: guestFormat === 'swap' ? 'swap' : 'ephemeral',
  ...{ size, bus, tag },
  device: type === 'cdrom' ? 'cdrom' : 'disk',
  format: guestFormat === 'swap' ? null : guestFormat,
});

export interface BootSource {
  readonly imageRef: string;
  readonly disks: LocalDisks;
}

/**
 * What to boot from: `imageRef`, which the openstack client repeats as a device with boot_index 0; and the disks beside it.
 * @param servers how many are asked for at most
 */
export function bootSourceOf({ imageRef = '' }: BlockDevices, devices: readonly Device[], servers: number): BootSource {
  if (imageRef === '' && devices.length === 0) throw badRequest('Missing imageRef attribute');
  if (imageRef === '') checkBoot(devices);
  const volume = devices.find(({ source }) => source === 'volume');
  if (volume !== undefined && servers > 1) {
    throw badRequest('Cannot attach one or more volumes to multiple instances');
  }
  if (volume !== undefined) throw badRequest(volumeMissing(volume.id));
  checkSequence(devices);
  for (const device of devices) {
    refuse(device);
    checkWords(device);
  }
  const image = devices.find(({ source }) => source === 'image');
  if (image?.id !== imageRef) throw invalid(`failed to get image ${image?.id ?? ''}.`);
  const others = devices.filter(({ source }) => source === 'blank').map(localDiskOf);
  return { imageRef, disks: { root: { bus: image.bus, tag: image.tag }, others } };
}
