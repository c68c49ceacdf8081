// Why: what Nova keeps of a server's volumes of Cinder is what we keep of them, in other words. Its rows are not believed: what Cinder
// says of the same attachments decides whether a volume comes along.

import { isUuidLike } from '../../base/ids.ts';
import type { VolumeBus } from '../servers/server-volumes.ts';
import { boolIn, jsonIn, type NovaRow, type NovaServer, numberIn, objectIn, textIn, timeIn } from './nova-rows.ts';

type Json = Readonly<Record<string, unknown>>;

/** A volume as a row of `block_device_mapping` has it. */
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
  /** How its host reaches it, in one level, as Cinder tells it. */
  readonly connectionInfo: Json;
}

/** An attachment at Cinder, with what is said there of its volume. */
export interface AttachedVolume {
  readonly id: string;
  readonly volumeId: string;
  readonly serverUuid: string | null;
  /** `attached`, where it is complete. */
  readonly status: string;
  readonly connectionInfo: Json;
  /** Null: the volume is not in use. */
  readonly volume: {
    readonly projectId: string;
    readonly sizeGb: number;
    readonly isEncrypted: boolean;
    readonly isShared: boolean;
    /** At how many servers it is. */
    readonly servers: number;
    /** The host of this attachment; null: Cinder does not say. */
    readonly host: string | null;
  } | null;
}

export const isVolume = (row: NovaRow): boolean => textIn(row, 'destination_type') === 'volume';

/** Characters of `connection_info`: what storage says of itself has hundreds. */
const LONGEST_INFO = 65_536;
const LONGEST_TAG = 60;
const DEVICE = /^\/dev\/[sv]d[a-z]{1,2}$/;

/** Nova has what Cinder says under `data`, beside what it adds itself. */
function connectionIn(row: NovaRow): { readonly info: Json; readonly problem: string | null } {
  const text = textIn(row, 'connection_info') ?? '';
  const refused = (problem: string) => ({ info: {}, problem });
  if (text.length > LONGEST_INFO) return refused('what Nova keeps of its connection is too long');
  const { data, serial, driver_volume_type } = objectIn(jsonIn(text));
  if (typeof driver_volume_type !== 'string') return refused('what Nova keeps of its connection cannot be read');
  if (serial !== undefined && serial !== textIn(row, 'volume_id'))
    return refused('what Nova keeps of its connection is of another volume');
  const info = { ...objectIn(data), driver_volume_type };
  if ('multipath_id' in info || 'target_portals' in info)
    return refused('it is reached by several paths (multipath), and hosts here take one');
  return { info, problem: null };
}

/** @returns the volume, or why it cannot be one here */
function readVolume(row: NovaRow): NovaVolume | string {
  const volumeId = textIn(row, 'volume_id') ?? '';
  const refused = (why: string) => `volume ${isUuidLike(volumeId) ? volumeId : '(without an id)'}: ${why}`;
  if (!isUuidLike(volumeId)) return refused('Nova says no id of it');
  const attachmentId = textIn(row, 'attachment_id');
  if (attachmentId === null) return refused('it is attached in the old way (before Queens), without an attachment');
  if (!isUuidLike(attachmentId)) return refused('what Nova says of its attachment is no id');
  if (boolIn(row, 'encrypted')) return refused('it is encrypted');
  const kind = textIn(row, 'device_type') ?? 'disk';
  if (kind !== 'disk') return refused(`it is a ${kind} in its guest`);
  const device = textIn(row, 'device_name') ?? '';
  const bus = textIn(row, 'disk_bus') ?? (device.startsWith('/dev/sd') ? 'scsi' : 'virtio');
  if (bus !== 'virtio' && bus !== 'scsi')
    return refused(`it is plugged into ${bus}, and volumes here into virtio or scsi`);
  if (!DEVICE.test(device)) return refused('Nova says no name of its disk');
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

/** The values that come more than once. */
const twice = (values: readonly string[]): readonly string[] => [
  ...new Set(values.filter((value, at) => values.indexOf(value) !== at)),
];

/** A server's volumes, and why one of them cannot be taken over. */
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

/** Whether a server's root disk is a volume, whatever Nova says of its image. */
export const hasVolumeRoot = ({ blockDevices }: Pick<NovaServer, 'blockDevices'>): boolean =>
  blockDevices.some((row) => isVolume(row) && numberIn(row, 'boot_index') === 0);

/** Why a volume does not come along, as Cinder has it; null: nothing speaks against it. @param attached null: it has no such attachment */
export function attachmentProblem(
  { volumeId, attachmentId }: Pick<NovaVolume, 'volumeId' | 'attachmentId'>,
  attached: AttachedVolume | null,
  server: { readonly uuid: string; readonly projectId: string; readonly host: string | null },
): string | null {
  const refused = (why: string) => `volume ${volumeId}: ${why}`;
  if (attached === null) return refused(`Cinder has no attachment ${attachmentId}`);
  if (attached.volumeId !== volumeId) return refused(`its attachment is another volume's at Cinder`);
  if (attached.serverUuid !== server.uuid) return refused(`its attachment is another server's at Cinder`);
  if (attached.status !== 'attached') return refused(`its attachment is ${attached.status} at Cinder`);
  const { volume } = attached;
  if (volume === null) return refused('it is not in use at Cinder');
  if (volume.projectId !== server.projectId) return refused("it is another project's than the server");
  if (volume.isEncrypted) return refused('it is encrypted');
  if (volume.isShared && volume.servers > 1) return refused('it is shared with other servers (multiattach)');
  if (volume.host !== null && volume.host !== server.host) return refused(`Cinder has it at host ${volume.host}`);
  return null;
}

/** Attachments that Cinder has of a server and Nova does not: they would end with the server. */
export const unknownAttachments = (
  volumes: readonly Pick<NovaVolume, 'attachmentId'>[],
  attached: readonly AttachedVolume[],
): readonly string[] =>
  attached
    .filter(({ id }) => !volumes.some(({ attachmentId }) => attachmentId === id))
    .map(({ id, volumeId }) => `Cinder has an attachment of volume ${volumeId} to it that Nova does not have (${id})`);

/** What Nova keeps of a connection that Cinder tells. */
export function novaConnection(info: Json, volumeId: string): Json {
  const { driver_volume_type, ...data } = info;
  return { driver_volume_type, data, serial: volumeId };
}
