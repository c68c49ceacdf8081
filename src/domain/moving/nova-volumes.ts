// Why: Nova's rows of a server's Cinder volumes are converted to our own form. They are not trusted: Cinder's data of the same attachments
// decides whether a volume is taken over.

import { isUuidLike } from '../../base/ids.ts';
import type { VolumeBus } from '../servers/server-volumes.ts';
import { boolIn, jsonIn, type NovaRow, type NovaServer, numberIn, objectIn, textIn, timeIn } from './nova-rows.ts';

type Json = Readonly<Record<string, unknown>>;

/** A volume as in a row of `block_device_mapping`. */
export interface NovaVolume {
  readonly volumeId: string;
  /** Cinder's. */
  readonly attachmentId: string;
  /** `/dev/vdb` */
  readonly device: string;
  readonly bus: VolumeBus;
  readonly bootIndex: number | null;
  readonly deleteOnTermination: boolean;
  readonly tag: string | null;
  readonly createdAt: number;
  /** Connection data, flattened as in Cinder's API. */
  readonly connectionInfo: Json;
}

/** An attachment in Cinder, with data of its volume. */
export interface AttachedVolume {
  readonly id: string;
  readonly volumeId: string;
  readonly serverUuid: string | null;
  /** `attached` if it is complete. */
  readonly status: string;
  readonly connectionInfo: Json;
  /** Null: the volume is not in use. */
  readonly volume: {
    readonly projectId: string;
    readonly sizeGb: number;
    readonly isEncrypted: boolean;
    readonly isShared: boolean;
    /** The number of servers that it is attached to. */
    readonly servers: number;
    /** The host of this attachment; null: unknown. */
    readonly host: string | null;
  } | null;
}

export const isVolume = (row: NovaRow): boolean => textIn(row, 'destination_type') === 'volume';

/** The maximum length of `connection_info`; usual ones have some hundred characters. */
const LONGEST_INFO = 65_536;
const LONGEST_TAG = 60;
const DEVICE = /^\/dev\/[sv]d[a-z]{1,2}$/;

const BLOCK = 512;

/** The block size of a disk; another one after the next start would make its partitions unreadable. */
const blockBytes = (info: Json): number =>
  Math.max(...['logical_block_size', 'physical_block_size'].map((name) => numberIn(info, name) ?? BLOCK));

/** Reads `connection_info`: Cinder's data is under `data`. */
function connectionIn(row: NovaRow): { readonly info: Json; readonly problem: string | null } {
  const text = textIn(row, 'connection_info') ?? '';
  const refused = (problem: string) => ({ info: {}, problem });
  if (text.length > LONGEST_INFO) return refused('its connection_info in Nova is too long');
  const { data, serial, driver_volume_type } = objectIn(jsonIn(text));
  if (typeof driver_volume_type !== 'string') return refused('its connection_info in Nova cannot be read');
  if (serial !== undefined && serial !== textIn(row, 'volume_id'))
    return refused('its connection_info in Nova is that of another volume');
  const info = { ...objectIn(data), driver_volume_type };
  if ('multipath_id' in info || 'target_portals' in info)
    return refused('it has several paths (multipath), and hosts here use one');
  const bytes = blockBytes(info);
  if (bytes !== BLOCK) return refused(`its blocks have ${bytes} bytes; only ${BLOCK} are supported here`);
  return { info, problem: null };
}

/** @returns the volume, or why it cannot be taken over */
function readVolume(row: NovaRow): NovaVolume | string {
  const volumeId = textIn(row, 'volume_id') ?? '';
  const refused = (why: string) => `volume ${isUuidLike(volumeId) ? volumeId : '(without an id)'}: ${why}`;
  if (!isUuidLike(volumeId)) return refused('Nova has no id of it');
  const attachmentId = textIn(row, 'attachment_id');
  if (attachmentId === null) return refused('it has no attachment (attached before Queens)');
  if (!isUuidLike(attachmentId)) return refused('its attachment id in Nova is not a UUID');
  if (boolIn(row, 'encrypted')) return refused('it is encrypted');
  const kind = textIn(row, 'device_type') ?? 'disk';
  if (kind !== 'disk') return refused(`it is a ${kind} in its guest`);
  const device = textIn(row, 'device_name') ?? '';
  const bus = textIn(row, 'disk_bus') ?? (device.startsWith('/dev/sd') ? 'scsi' : 'virtio');
  if (bus !== 'virtio' && bus !== 'scsi')
    return refused(`it is on bus ${bus}; only virtio and scsi are supported here`);
  if (!DEVICE.test(device)) return refused('its device name in Nova is not supported');
  const tag = textIn(row, 'tag');
  if (tag !== null && tag.length > LONGEST_TAG) return refused('its tag is too long');
  const { info, problem } = connectionIn(row);
  if (problem !== null) return refused(problem);
  const index = numberIn(row, 'boot_index');
  return {
    ...{ volumeId, attachmentId, device, bus, tag, connectionInfo: info },
    bootIndex: index === null || index < 0 ? null : index,
    deleteOnTermination: boolIn(row, 'delete_on_termination'),
    createdAt: timeIn(row, 'created_at') ?? 0,
  };
}

/** The values that occur more than once. */
const twice = (values: readonly string[]): readonly string[] => [
  ...new Set(values.filter((value, at) => values.indexOf(value) !== at)),
];

/** A server's volumes, and reasons why they cannot be taken over. */
export function readVolumes({ blockDevices }: Pick<NovaServer, 'blockDevices'>): {
  readonly volumes: readonly NovaVolume[];
  readonly problems: readonly string[];
} {
  const read = blockDevices.filter(isVolume).map(readVolume);
  const volumes = read.filter((one) => typeof one !== 'string');
  const of = (name: 'volumeId' | 'attachmentId' | 'device') => twice(volumes.map((one) => one[name]));
  const roots = volumes.filter(({ bootIndex }) => bootIndex === 0);
  return {
    volumes,
    problems: [
      ...read.filter((one) => typeof one === 'string'),
      ...of('volumeId').map((id) => `Nova has volume ${id} twice`),
      ...of('attachmentId').map((id) => `two of its volumes have the attachment ${id}`),
      ...of('device').map((device) => `two of its volumes are ${device}`),
      ...(roots.length > 1 ? ['two of its volumes are its root disk'] : []),
    ],
  };
}

/** Whether a server boots from a volume, even if Nova has an image for it. */
export const hasVolumeRoot = ({ blockDevices }: Pick<NovaServer, 'blockDevices'>): boolean =>
  blockDevices.some((row) => isVolume(row) && numberIn(row, 'boot_index') === 0);

/** Why a volume cannot be taken over, by Cinder's data; null: it can. @param attached null: Cinder has no such attachment */
export function attachmentProblem(
  { volumeId, attachmentId }: Pick<NovaVolume, 'volumeId' | 'attachmentId'>,
  attached: AttachedVolume | null,
  server: { readonly uuid: string; readonly projectId: string; readonly host: string | null },
): string | null {
  const refused = (why: string) => `volume ${volumeId}: ${why}`;
  if (attached === null) return refused(`Cinder has no attachment ${attachmentId}`);
  if (attached.volumeId !== volumeId) return refused('its attachment in Cinder is that of another volume');
  if (attached.serverUuid !== server.uuid) return refused('its attachment in Cinder is that of another server');
  if (attached.status !== 'attached') return refused(`its attachment in Cinder is ${attached.status}`);
  const { volume } = attached;
  if (volume === null) return refused('it is not in use in Cinder');
  if (volume.projectId !== server.projectId) return refused('it belongs to another project than the server');
  if (volume.isEncrypted) return refused('it is encrypted');
  if (volume.isShared && volume.servers > 1) return refused('it is shared with other servers (multiattach)');
  if (volume.host !== null && volume.host !== server.host)
    return refused(`in Cinder it is attached to host ${volume.host}`);
  return null;
}

/** Reasons for attachments of a server that Cinder has and Nova does not: they would be deleted with the server. */
export const unknownAttachments = (
  volumes: readonly Pick<NovaVolume, 'attachmentId'>[],
  attached: readonly AttachedVolume[],
): readonly string[] =>
  attached
    .filter(({ id }) => !volumes.some(({ attachmentId }) => attachmentId === id))
    .map(({ id, volumeId }) => `Cinder has an attachment of volume ${volumeId} to it that Nova does not have (${id})`);

/** Nova's `connection_info` for Cinder's connection data. */
export function novaConnection(info: Json, volumeId: string): Json {
  const { driver_volume_type, ...data } = info;
  return { driver_volume_type, data, serial: volumeId };
}
