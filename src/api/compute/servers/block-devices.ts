// Why: what a new server boots from, and which disks and volumes it has beside that, is said in two syntaxes and many ways.

import { isYes } from '../../../base/boolean-word.ts';
import { badRequest } from '../../../base/errors.ts';
import { deviceTypes, diskBuses } from '../../../domain/machines/image-properties.ts';
import { fileSystems, type LocalDisk, type LocalDisks } from '../../../domain/servers/local-disks.ts';
import type { ImageFacts } from '../../../domain/machines/images.ts';
import type { NewServerVolume } from '../../../domain/servers/server-volumes.ts';
import type { BlockDevice } from './create-schema.ts';
import { imageDevicesOf } from './image-devices.ts';

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
  readonly volumeType: string | null;
  readonly deleteOnTermination: boolean;
  /** `/dev/vda`; null: nothing was said. Of two that say the same, the request's counts. */
  readonly name: string | null;
}

const invalid = (why: string) => badRequest(`Block Device Mapping is Invalid: ${why}`);

const nameOf = ({ device_name: name }: BlockDevice): string | null =>
  name === undefined || name.startsWith('/dev/') ? (name ?? null) : `/dev/${name}`;

const sizeOf = ({ volume_size: size }: BlockDevice): number | null => (size === undefined ? null : Number(size));
const plain = {
  ...{ guestFormat: null, type: null, bus: null, tag: null },
  ...{ volumeType: null, deleteOnTermination: false, name: null },
} as const;

const goesAlong = ({ delete_on_termination: goes = false }: BlockDevice): boolean => isYes(String(goes));

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
    volumeType: type ?? null,
    deleteOnTermination: goesAlong(given),
    name: nameOf(given),
  };
}

/** A device of the older syntax, in which a name says which one is booted from. */
function olderDeviceOf(given: BlockDevice, withImage: boolean): Device {
  const bootIndex = !withImage && /^(?:\/dev\/)?(?:x?vd|sd|hd)a\d*$/.test(given.device_name ?? '') ? 0 : -1;
  const said = { size: sizeOf(given), deleteOnTermination: goesAlong(given), name: nameOf(given) };
  const common = { ...plain, bootIndex, ...said };
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

const boots = ({ bootIndex }: Device): boolean => bootIndex === 0;

/**
 * The image whose word on devices counts: the one that is named, or the one whose data the volume that boots shall have; empty: none.
 */
export const imageOf = ({ imageRef = '', block_device_mapping_v2: present = [] }: BlockDevices): string =>
  imageRef || (present.find((one) => one.source_type === 'image' && indexOf(one) === 0)?.uuid ?? '');

/**
 * The devices that a request names, and those of its image whose names the request does not take. Throws Nova's 400s for what is no
 * device.
 * @param image the one that `imageOf` names; null: there is none
 */
export function devicesOf(
  { imageRef = '', block_device_mapping: older = [], block_device_mapping_v2: present = [] }: BlockDevices,
  image: ImageFacts | null,
): readonly Device[] {
  if (older.length > 0 && present.length > 0) {
    throw badRequest('Using different block_device_mapping syntaxes is not allowed in the same request.');
  }
  const withImage = imageRef !== '';
  const named = (devices: readonly BlockDevice[]) => devices.filter(({ no_device }) => !no_device);
  const own = image === null ? { present: [], older: [] } : imageDevicesOf(image);
  const ofImage = [
    ...named(own.present).map((device) => deviceOf(device, false)),
    ...named(own.older).map((device) => olderDeviceOf(device, false)),
  ];
  const bootsFromItsOwn = ofImage.some(boots);
  const found = [
    ...named(present).map((device) => deviceOf(device, withImage)),
    ...named(older).map((device) => olderDeviceOf(device, withImage || bootsFromItsOwn)),
  ];
  const taken = new Set([...present, ...older].map(nameOf));
  const others = ofImage.filter(({ name }) => name === null || !taken.has(name));
  // clients name the image as a device; it has another to boot from
  if (bootsFromItsOwn) return [...found.filter((one) => !(boots(one) && one.source === 'image')), ...others];
  // the older syntax has the image beside its devices, the present one among them
  const itself: Device = { ...plain, source: 'image', destination: 'local', id: imageRef, bootIndex: 0, size: null };
  return [...(withImage && present.length === 0 ? [itself] : []), ...found, ...others];
}

/** One device for each place from 0 on, and at least one. */
function checkSequence(devices: readonly Device[]): void {
  const places = devices.map(({ bootIndex }) => bootIndex).filter((index) => index >= 0);
  const sorted = places.toSorted((a, b) => a - b);
  if (sorted.length > 0 && sorted.every((index, place) => index === place)) return;
  throw invalid('Boot sequence for the instance and image/block device mapping combination is not valid.');
}

/** A volume that is to be made of nothing that says its size needs one. */
function checkSize({ source, destination, size }: Device): void {
  if (destination === 'volume' && !size && (source === 'image' || source === 'blank')) {
    throw badRequest(
      source === 'image'
        ? "Images with destination_type 'volume' need to have a non-zero size specified"
        : "Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size",
    );
  }
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

const volumeOf = ({ source, id, size, volumeType, bootIndex, deleteOnTermination, tag }: Device): NewServerVolume => ({
  ...{ source, id, sizeGb: size, type: volumeType, deleteOnTermination, tag },
  bootIndex: bootIndex < 0 ? null : bootIndex,
});

export interface BootSource {
  /** Empty: it boots from a volume. */
  readonly imageRef: string;
  readonly disks: LocalDisks;
  readonly volumes: readonly NewServerVolume[];
}

/**
 * What to boot from: `imageRef`, which the openstack client repeats as a device with boot_index 0; and the disks beside it.
 * @param servers how many are asked for at most
 */
export function bootSourceOf({ imageRef = '' }: BlockDevices, devices: readonly Device[], servers: number): BootSource {
  if (imageRef === '' && devices.length === 0) throw badRequest('Missing imageRef attribute');
  const volume = devices.find(({ source }) => source === 'volume');
  if (volume !== undefined && servers > 1) {
    throw badRequest('Cannot attach one or more volumes to multiple instances');
  }
  checkSequence(devices);
  for (const device of devices) {
    checkSize(device);
    checkWords(device);
  }
  const isLocal = ({ destination }: Device): boolean => destination === 'local';
  const volumes = devices.filter((device) => !isLocal(device));
  const others = devices.filter((device) => device.source === 'blank' && isLocal(device)).map(localDiskOf);
  const image = devices.find((device) => device.source === 'image' && isLocal(device));
  const root = volumes.find(boots);
  if (root !== undefined) {
    return { imageRef: '', disks: { root: { bus: root.bus, tag: root.tag }, others }, volumes: volumes.map(volumeOf) };
  }
  if (image?.id !== imageRef) throw invalid(`failed to get image ${image?.id ?? ''}.`);
  return { imageRef, disks: { root: { bus: image.bus, tag: image.tag }, others }, volumes: volumes.map(volumeOf) };
}
