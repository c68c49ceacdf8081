// Why: Cinder's JSON of volumes, snapshots and connections is converted to compute's own types in one place; a connection that hosts here
// cannot use is refused with the reason.

import { parseDateTime } from '../base/date-time.ts';
import { conflict, type Fault } from '../base/errors.ts';
import { isUuidLike } from '../base/ids.ts';
import {
  type IscsiSource,
  limitsIn,
  type NetworkAddress,
  type NfsSource,
  type RbdSource,
  type SourceKind,
  type VolumeSource,
} from '../domain/servers/volume-source.ts';
import { anyText, countOrNull, record, records, textOf, textOrNull } from './answer-values.ts';
import type { Volume, VolumeConnection, VolumeSnapshot, VolumeTarget } from './volume.ts';

type Json = Readonly<Record<string, unknown>>;

/** Cinder's times have no time zone and are UTC. */
const time = (value: unknown): number => {
  const text = textOf(value);
  return parseDateTime(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`) ?? 0;
};

const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(record(value)).map(([name, one]) => [name, anyText(one)]));

export function volumeFrom(volume: Json): Volume {
  const image = volume['volume_image_metadata'];
  return {
    id: textOf(volume['id']),
    projectId: textOf(volume['os-vol-tenant-attr:tenant_id']),
    name: textOrNull(volume['name']),
    description: textOrNull(volume['description']),
    status: textOf(volume['status']),
    sizeGb: countOrNull(volume['size']) ?? 0,
    zone: textOf(volume['availability_zone']),
    type: textOrNull(volume['volume_type']),
    bootable: anyText(volume['bootable']) === 'true',
    snapshotId: textOrNull(volume['snapshot_id']),
    metadata: texts(volume['metadata']),
    imageMetadata: image === undefined || image === null ? null : texts(image),
    attachments: records(volume['attachments']).map((one) => ({
      serverUuid: textOrNull(one['server_id']),
      device: textOrNull(one['device']),
    })),
    createdAt: time(volume['created_at']),
  };
}

export const snapshotFrom = (snapshot: Json): VolumeSnapshot => ({
  id: textOf(snapshot['id']),
  volumeId: textOf(snapshot['volume_id']),
  name: textOrNull(snapshot['name']),
  description: textOrNull(snapshot['description']),
  status: textOf(snapshot['status']),
  sizeGb: countOrNull(snapshot['size']) ?? 0,
  createdAt: time(snapshot['created_at']),
});

/** A volume attachment as Cinder stores it. */
export interface Attachment {
  readonly id: string;
  readonly volumeId: string;
  readonly serverUuid: string | null;
  /** `reserved`, `attaching`, `attached`, … */
  readonly status: string;
  /** How a host reaches the volume; empty before one was connected. */
  readonly connectionInfo: Json;
}

export const attachmentFrom = (attachment: Json): Attachment => ({
  id: textOf(attachment['id']),
  volumeId: textOf(attachment['volume_id']),
  serverUuid: textOrNull(attachment['instance']),
  status: textOf(attachment['status']),
  connectionInfo: record(attachment['connection_info']),
});

/** A host's connector properties, as os-brick gives them to Cinder. */
export function connectorOf({ host, ip, arch, connector }: VolumeTarget, device: string): Json {
  return {
    ...{ host, ip, platform: arch, os_type: 'linux', multipath: false, mountpoint: device },
    ...(connector !== null && { initiator: connector.initiator }),
  };
}

const unusable = (why: string): Fault => conflict(`The volume cannot be used: ${why}.`, { code: 'volume.source' });

const HOST = /^[A-Za-z0-9][A-Za-z0-9.:_-]{0,254}$/;

function addressOf(host: unknown, port: unknown): NetworkAddress {
  // IPv6 comes in brackets
  const name = textOf(host).replace(/^\[(.*)\]$/, '$1');
  const number = Number(port);
  if (!HOST.test(name) || !Number.isInteger(number) || number < 1 || number > 65_535)
    throw unusable('the volume service names no address of its storage');
  return { host: name, port: number };
}

/** `pool/image`: to librbd and QEMU `@` begins a snapshot, `:` an option, and `\\` hides either. */
const RBD_IMAGE = /^[^\s\p{C}/@:\\]{1,200}\/[^\s\p{C}/@:\\]{1,200}$/u;

function rbdFrom(info: Json): RbdSource {
  const image = textOf(info['name']);
  const hosts = Array.isArray(info['hosts']) ? info['hosts'] : [];
  const ports = Array.isArray(info['ports']) ? info['ports'] : [];
  if (!RBD_IMAGE.test(image) || hosts.length === 0) throw unusable('the volume service names no image of Ceph');
  const monitors = hosts.map((host, index) => addressOf(host, ports[index] ?? ports[0] ?? 6789));
  if (info['auth_enabled'] !== true) return { kind: 'rbd', image, monitors, auth: null };
  const [user, secretUuid] = [textOf(info['auth_username']), textOf(info['secret_uuid'])];
  if (user === '' || !isUuidLike(secretUuid))
    throw unusable('the volume service names no user or no secret of Ceph (rbd_user, rbd_secret_uuid of Cinder)');
  return { kind: 'rbd', image, monitors, auth: { user, secretUuid } };
}

const IQN = /^(?:iqn|eui|naa)\.[A-Za-z0-9.:_-]{1,220}$/;

function iscsiFrom(info: Json, { connector }: VolumeTarget): IscsiSource {
  const target = textOf(info['target_iqn']);
  const lun = Number(info['target_lun']);
  const [, host, port] = /^(.*):(\d+)(?:,\d+)?$/.exec(textOf(info['target_portal'])) ?? [];
  if (!IQN.test(target) || !Number.isInteger(lun) || lun < 0)
    throw unusable('the volume service names no iSCSI target');
  const initiator = connector?.initiator ?? '';
  if (!IQN.test(initiator)) throw unusable('its host has no iSCSI name');
  const method = textOrNull(info['auth_method']);
  if (method !== null && method !== '' && method.toUpperCase() !== 'CHAP')
    throw unusable(`its iSCSI target wants ${method}, and hosts know CHAP alone`);
  const [user, password] = [textOf(info['auth_username']), textOf(info['auth_password'])];
  const chap = method === null || method === '' ? null : { user, password };
  return { kind: 'iscsi', portal: addressOf(host, port), target, lun, initiator, chap };
}

function nfsFrom(info: Json): NfsSource {
  const [share, file] = [textOf(info['export']), textOf(info['name'])];
  const format = textOrNull(info['format']) ?? 'raw';
  if (share === '' || file === '' || file.includes('/')) throw unusable('the volume service names no file of a share');
  if (format !== 'raw' && format !== 'qcow2') throw unusable(`its file is ${format}, and hosts know raw and qcow2`);
  // as for mount: `-o vers=4.2`
  const options = textOf(info['options'])
    .replace(/^\s*-o\s*/, '')
    .trim();
  return { kind: 'nfs', share, options, file, format };
}

const readers: Readonly<Record<string, (info: Json, to: VolumeTarget) => VolumeSource>> = {
  rbd: rbdFrom,
  iscsi: iscsiFrom,
  nfs: nfsFrom,
};

/** Throws `conflict` if the host's agent cannot open volumes of this kind; an agent that reports no connector opens only files. */
function mustOpen({ host, connector }: VolumeTarget, kind: SourceKind): void {
  const kinds = connector?.kinds ?? ['file'];
  if (!kinds.includes(kind)) throw unusable(`host ${host} opens no ${kind} volumes`);
}

/** Throws `conflict` with the reason if the host cannot use the connection. */
export function connectionFrom(info: Json, to: VolumeTarget): VolumeConnection {
  const type = textOf(info['driver_volume_type']);
  const reader = Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (reader === undefined)
    throw unusable(`it is reached by ${type || 'nothing known'}, and hosts know rbd, iscsi and nfs`);
  if (info['encrypted'] === true) throw unusable('it is encrypted');
  const source = reader(info, to);
  mustOpen(to, source.kind ?? 'file');
  return { source, readonly: info['access_mode'] === 'ro', limits: limitsIn(record(info['qos_specs'])) };
}
