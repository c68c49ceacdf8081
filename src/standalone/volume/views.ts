// Why: what clients read, in Cinder's names, by microversion and by what the caller may see.

import { isoMicros } from '../../base/clock.ts';
import type { Caller } from '../../base/op.ts';
import type { StoredAttachment } from '../../db/volume-attachments.ts';
import type { StoredSnapshot } from '../../db/volume-snapshots.ts';
import type { StoredVolume } from '../../db/volumes.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Allows } from '../access.ts';
import { POOL } from './backend.ts';
import { targetOf } from './rules.ts';
import type { Visit } from './web.ts';

/** What keeps it, as a service among the volume services. */
export const SERVICE_UUID = '8f0d5d1e-7c55-4f6d-9d1c-3f1b0a6f7f10';

const time = (ms: number): string => isoMicros(ms).replace(/Z$/, '');
const changedAt = ({ createdAt, updatedAt }: { readonly createdAt: number; readonly updatedAt: number }) =>
  updatedAt === createdAt ? null : time(updatedAt);

const linksOf = ({ base }: Visit, path: string) => [
  { rel: 'self', href: `${base}/${path}` },
  { rel: 'bookmark', href: `${base.replace(/\/v3/, '')}/${path}` },
];

/** What a view of volumes needs beside their rows. */
export interface VolumeFacts {
  readonly typeNames: ReadonlyMap<string, string>;
  readonly attachments: ReadonlyMap<string, readonly StoredAttachment[]>;
}

export const volumeSummary = (visit: Visit, { id, name }: StoredVolume) => ({
  id,
  name,
  links: linksOf(visit, `volumes/${id}`),
});

/** How an attachment stands in its volume; hosts are the operator's to see. */
const attachedView = (caller: Caller, { id, volumeId, serverUuid, host, device, attachedAt }: StoredAttachment) => ({
  id: volumeId,
  attachment_id: id,
  volume_id: volumeId,
  server_id: serverUuid,
  host_name: caller.isAdmin ? host : null,
  device,
  attached_at: attachedAt === null ? null : time(attachedAt),
});

function since({ minor }: Visit): object {
  return {
    ...(minor >= 13 ? { group_id: null } : {}),
    ...(minor >= 21 ? { provider_id: null } : {}),
    ...(minor >= 48 ? { service_uuid: SERVICE_UUID, shared_targets: false } : {}),
    ...(minor >= 65 ? { consumes_quota: true } : {}),
  };
}

/** The rules of what not everybody who may see a volume sees of it. */
export const volumeViewRules = [
  'volume_extension:volume_image_metadata:show',
  'volume_extension:volume_host_attribute',
  'volume_extension:volume_tenant_attribute',
  'volume_extension:volume_mig_status_attribute',
] as const satisfies readonly RuleName[];

/** What is answered to who makes or changes a volume: without what only its page shows. */
export function madeView(visit: Visit, volume: StoredVolume, facts: VolumeFacts): object {
  const { caller, minor } = visit;
  return {
    id: volume.id,
    name: volume.name,
    description: volume.description,
    status: volume.status,
    size: volume.sizeGb,
    availability_zone: volume.zone,
    created_at: time(volume.createdAt),
    updated_at: changedAt(volume),
    volume_type: facts.typeNames.get(volume.typeId) ?? null,
    snapshot_id: volume.snapshotId,
    source_volid: volume.sourceVolumeId,
    metadata: volume.metadata,
    user_id: volume.userId,
    bootable: String(volume.bootable),
    encrypted: false,
    multiattach: false,
    replication_status: null,
    consistencygroup_id: null,
    migration_status: null,
    attachments: (facts.attachments.get(volume.id) ?? [])
      .filter(({ status }) => status === 'attached')
      .map((attachment) => attachedView(caller, attachment)),
    links: linksOf(visit, `volumes/${volume.id}`),
    ...since(visit),
    ...(minor >= 61 && caller.isAdmin ? { cluster_name: null } : {}),
    ...(minor >= 63 ? { volume_type_id: volume.typeId } : {}),
  };
}

export function volumeView(allows: Allows, visit: Visit, volume: StoredVolume, facts: VolumeFacts): object {
  const { caller } = visit;
  const target = targetOf(volume);
  const may = (rule: (typeof volumeViewRules)[number]): boolean => allows(caller, rule, target);
  return {
    ...madeView(visit, volume, facts),
    ...(volume.imageMetadata === null || !may('volume_extension:volume_image_metadata:show')
      ? {}
      : { volume_image_metadata: volume.imageMetadata }),
    ...(may('volume_extension:volume_host_attribute') ? { 'os-vol-host-attr:host': POOL } : {}),
    ...(may('volume_extension:volume_tenant_attribute') ? { 'os-vol-tenant-attr:tenant_id': volume.projectId } : {}),
    ...(may('volume_extension:volume_mig_status_attribute')
      ? { 'os-vol-mig-status-attr:migstat': null, 'os-vol-mig-status-attr:name_id': null }
      : {}),
  };
}

export const snapshotView = ({ minor }: Visit, snapshot: StoredSnapshot, detailed: boolean): object => ({
  id: snapshot.id,
  name: snapshot.name,
  description: snapshot.description,
  volume_id: snapshot.volumeId,
  status: snapshot.status,
  size: snapshot.sizeGb,
  metadata: snapshot.metadata,
  created_at: time(snapshot.createdAt),
  updated_at: changedAt(snapshot),
  ...(detailed
    ? {
        'os-extended-snapshot-attributes:progress': snapshot.status === 'available' ? '100%' : '0%',
        'os-extended-snapshot-attributes:project_id': snapshot.projectId,
        ...(minor >= 14 ? { group_snapshot_id: null } : {}),
        ...(minor >= 41 ? { user_id: snapshot.userId } : {}),
        ...(minor >= 65 ? { consumes_quota: true } : {}),
      }
    : {}),
});

export const attachmentSummary = ({ id, status, serverUuid, volumeId }: StoredAttachment): object => ({
  id,
  status,
  instance: serverUuid,
  volume_id: volumeId,
});

/** @param connection how a host reaches it; it is told who connects, and nobody else */
export const attachmentView = (attachment: StoredAttachment, connection: object): object => ({
  ...attachmentSummary(attachment),
  attached_at: attachment.attachedAt === null ? '' : time(attachment.attachedAt),
  detached_at: '',
  attach_mode: attachment.mode,
  connection_info: connection,
});
