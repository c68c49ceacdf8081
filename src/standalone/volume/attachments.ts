// Why: a volume belongs to one server at a time. Whoever wants it makes an attachment, says from which host, and says when the server
// has it; the volume's status follows from its attachment.

import { badRequest, conflict } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Caller } from '../../base/op.ts';
import { mustBegin, type VolumeStatus } from '../../domain/volumes/status.ts';
import {
  attachmentsOf,
  deleteAttachmentRow,
  findAttachment,
  insertAttachment,
  otherServerWith,
  serverWith,
  type StoredAttachment,
  updateAttachment,
} from '../../db/volume-attachments.ts';
import { isBeingRead } from '../../db/volume-jobs.ts';
import { lockVolume, type StoredVolume, updateVolume } from '../../db/volumes.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { RuleName } from '../../policies/index.ts';
import type { VolumeParts } from './parts.ts';
import { attachmentMissing, mustMay, seen, volumeMissing } from './rules.ts';

export type Connector = Readonly<Record<string, unknown>>;

/** How a host reaches a volume, in the form of os-brick's connectors: a file that it has under the same path. */
export interface Connection {
  readonly driver_volume_type: 'local';
  readonly data: {
    readonly volume_id: string;
    /** For services and administrators: where things lie on hosts is nobody else's to know. */
    readonly device_path?: string;
    readonly format: 'qcow2';
    readonly access_mode: 'rw' | 'ro';
  };
}

export const connectionOf = (
  { files, allows }: VolumeParts,
  caller: Caller,
  volumeId: string,
  mode: 'rw' | 'ro',
): Connection => ({
  driver_volume_type: 'local',
  data: {
    volume_id: volumeId,
    ...(caller.isAdmin || allows(caller, 'service_api', {}) ? { device_path: files.pathOf(volumeId) } : {}),
    format: 'qcow2',
    access_mode: mode,
  },
});

const hostOf = (connector: Connector): string | null =>
  typeof connector['host'] === 'string' ? connector['host'] : null;

/** What a volume with these attachments is. */
export function statusWith(attachments: readonly StoredAttachment[]): VolumeStatus {
  if (attachments.some(({ status }) => status === 'attached')) return 'in-use';
  if (attachments.some(({ status }) => status === 'attaching')) return 'attaching';
  return attachments.length > 0 ? 'reserved' : 'available';
}

/** Statuses that follow from attachments; any other stays as it is. */
export const FOLLOWING: readonly VolumeStatus[] = ['available', 'reserved', 'attaching', 'in-use', 'detaching'];

/** Makes a volume's status follow from its attachments. */
export async function follow(t: Tx, volume: StoredVolume, nowMs: number): Promise<void> {
  if (!FOLLOWING.includes(volume.status)) return;
  const status = statusWith(await attachmentsOf(t, [volume.id]));
  if (status !== volume.status) await updateVolume(t, volume.id, { status, updatedAt: nowMs });
}

export interface NewAttachment {
  readonly volumeId: string;
  readonly serverUuid: string | null;
  readonly connector: Connector | null;
  readonly mode: 'rw' | 'ro' | null;
}

/** A status is set by hand; what has the volume says more. @throws badRequest */
async function mustBeNobodys(t: Tx, volumeId: string, serverUuid: string | null): Promise<void> {
  const held = await attachmentsOf(t, [volumeId]);
  if (held.length > 0) throw badRequest(`Invalid volume: Volume ${volumeId} is attached or reserved.`);
  const server = await otherServerWith(t, volumeId, serverUuid ?? '');
  if (server !== null) throw badRequest(`Invalid volume: instance ${server} has it (volume ${volumeId}).`);
}

/** Keeps a volume for a server. @throws notFound, forbidden, badRequest where somebody has it or it is at something else */
export async function createAttachment(
  parts: VolumeParts,
  caller: Caller,
  asked: NewAttachment,
): Promise<StoredAttachment> {
  const { allows, clock, database } = parts;
  return tx(database, async (t) => {
    const { volumeId, serverUuid, connector } = asked;
    const volume = seen(allows, caller, 'volume:get', await lockVolume(t, volumeId), volumeMissing(volumeId));
    mustMay(allows, caller, 'volume:attachment_create', volume);
    mustBegin('reserve', volume);
    await mustBeNobodys(t, volumeId, serverUuid);
    if (await isBeingRead(t, volumeId)) throw badRequest(`Invalid volume: Volume ${volumeId} is being copied.`);
    if (asked.mode === 'rw' && volume.readonly) {
      throw badRequest(
        `Invalid input received: Volume ${volumeId} is read-only, so it cannot be attached to be written to.`,
      );
    }
    const now = clock.now();
    const attachment: StoredAttachment = {
      ...{ id: newUuid(), volumeId, projectId: volume.projectId, serverUuid, device: null, connector },
      host: connector === null ? null : hostOf(connector),
      mode: asked.mode ?? (volume.readonly ? 'ro' : 'rw'),
      status: connector === null ? 'reserved' : 'attaching',
      ...{ attachedAt: null, createdAt: now, updatedAt: now },
    };
    await insertAttachment(t, attachment);
    await updateVolume(t, volumeId, { status: statusWith([attachment]), updatedAt: now });
    return attachment;
  });
}

/** The attachment, if the caller may know of it. @throws notFound */
export const seenAttachment = async (
  { allows, database }: VolumeParts,
  caller: Caller,
  id: string,
): Promise<StoredAttachment> =>
  seen(allows, caller, 'volume:get_all_attachments', await findAttachment(database.read, id), attachmentMissing(id));

/** Changes an attachment, and its volume's status with it. */
async function changeAttachment(
  parts: VolumeParts,
  caller: Caller,
  id: string,
  rule: RuleName,
  to: (attachment: StoredAttachment, volume: StoredVolume) => Partial<StoredAttachment>,
): Promise<StoredAttachment> {
  const { volumeId } = await seenAttachment(parts, caller, id);
  const now = parts.clock.now();
  return tx(parts.database, async (t) => {
    // the volume's lock is that of its attachments
    const volume = await lockVolume(t, volumeId);
    const attachment = await findAttachment(t, id);
    if (volume === null || attachment === null) throw attachmentMissing(id);
    mustMay(parts.allows, caller, rule, attachment);
    const fields = { ...to(attachment, volume), updatedAt: now };
    await updateAttachment(t, id, fields);
    await follow(t, volume, now);
    return { ...attachment, ...fields };
  });
}

/** Says from where the volume is reached. @throws badRequest also while it gets other data, which would not be the server's that has it */
export const connectAttachment = (
  parts: VolumeParts,
  caller: Caller,
  id: string,
  connector: Connector,
): Promise<StoredAttachment> =>
  changeAttachment(parts, caller, id, 'volume:attachment_update', ({ status }, volume) => {
    if (volume.status === 'downloading')
      throw badRequest(`Invalid volume: Volume ${volume.id} cannot be connected while it is downloading.`);
    if (status === 'attached')
      throw badRequest(`Invalid input received: attachment ${id} is complete, so it cannot be changed.`);
    return { connector, host: hostOf(connector), status: 'attaching' };
  });

/** Says that the server has the volume. @param device what the server calls it; null: not known */
export const completeAttachment = (
  parts: VolumeParts,
  caller: Caller,
  id: string,
  device: string | null,
): Promise<StoredAttachment> =>
  changeAttachment(parts, caller, id, 'volume:attachment_complete', ({ status, attachedAt }) => {
    if (status === 'reserved') throw badRequest(`Invalid input received: attachment ${id} is not connected yet.`);
    return { status: 'attached', attachedAt: attachedAt ?? parts.clock.now(), ...(device === null ? {} : { device }) };
  });

/** Whether compute gave the volume to a server of its own. */
const isComputes = async (t: Tx, { volumeId, serverUuid }: StoredAttachment): Promise<boolean> =>
  serverUuid !== null && (await serverWith(t, volumeId)) === serverUuid;

/**
 * Removes an attachment; the volume is available then. One that a server has is the compute service's to remove: taking it away
 * below a running guest would give its bytes to two.
 * @throws notFound, forbidden, conflict
 */
export async function deleteAttachment(parts: VolumeParts, caller: Caller, id: string): Promise<void> {
  const { allows, clock, database } = parts;
  const { volumeId } = await seenAttachment(parts, caller, id);
  await tx(database, async (t) => {
    const volume = await lockVolume(t, volumeId);
    const attachment = await findAttachment(t, id);
    if (volume === null || attachment === null) throw attachmentMissing(id);
    mustMay(allows, caller, 'volume:attachment_delete', attachment);
    if ((await isComputes(t, attachment)) && !allows(caller, 'service_api', {})) {
      throw conflict(`Detach volume from instance ${attachment.serverUuid} using the Compute API`);
    }
    await deleteAttachmentRow(t, id);
    await follow(t, volume, clock.now());
  });
}

/** Notes that something outside of this cloud has the volume: reserved or free before, in use then. */
export async function noteAttached(
  parts: VolumeParts,
  caller: Caller,
  asked: NewAttachment,
  device: string | null,
): Promise<void> {
  const { allows, clock, database } = parts;
  const { volumeId } = asked;
  await tx(database, async (t) => {
    const volume = seen(allows, caller, 'volume:get', await lockVolume(t, volumeId), volumeMissing(volumeId));
    mustMay(allows, caller, 'volume_extension:volume_actions:attach', volume);
    mustBegin('noteAttached', volume);
    await mustBeNobodys(t, volumeId, asked.serverUuid);
    const now = clock.now();
    await insertAttachment(t, {
      ...{ id: newUuid(), volumeId, projectId: volume.projectId, serverUuid: asked.serverUuid, device },
      ...{
        host: hostOf(asked.connector ?? {}),
        mode: asked.mode ?? 'rw',
        status: 'attached',
        connector: asked.connector,
      },
      ...{ attachedAt: now, createdAt: now, updatedAt: now },
    });
    await updateVolume(t, volumeId, { status: 'in-use', updatedAt: now });
  });
}

/** The attachment of a volume that is meant (null: the first), and the others. */
async function goneAndOthers(t: Tx, volumeId: string, id: string | null) {
  const attachments = await attachmentsOf(t, [volumeId]);
  const gone = id === null ? attachments[0] : attachments.find((one) => one.id === id);
  return { gone, others: attachments.filter((one) => one !== gone) };
}

/** Takes that note away. What compute gave to a server is taken by compute alone. @throws conflict */
export async function noteDetached(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  id: string | null,
): Promise<void> {
  const { allows, clock, database } = parts;
  await tx(database, async (t) => {
    const volume = seen(allows, caller, 'volume:get', await lockVolume(t, volumeId), volumeMissing(volumeId));
    mustMay(allows, caller, 'volume_extension:volume_actions:detach', volume);
    const { gone } = await goneAndOthers(t, volumeId, id);
    // as in Cinder: what is not attached is detached already
    if (gone === undefined && id === null) return follow(t, volume, clock.now());
    if (gone === undefined) throw badRequest(`Invalid volume: Volume ${volumeId} has no such attachment.`);
    if ((await isComputes(t, gone)) && !allows(caller, 'service_api', {})) {
      throw conflict(`Detach volume from instance ${gone.serverUuid} using the Compute API`);
    }
    await deleteAttachmentRow(t, gone.id);
    await follow(t, volume, clock.now());
  });
}

/** Forgets an attachment whatever anybody has: for administrators, of a server that is gone. */
export async function forceDetach(
  parts: VolumeParts,
  caller: Caller,
  volumeId: string,
  id: string | null,
): Promise<void> {
  const { allows, clock, database } = parts;
  await tx(database, async (t) => {
    const volume = seen(allows, caller, 'volume:get', await lockVolume(t, volumeId), volumeMissing(volumeId));
    mustMay(allows, caller, 'volume_extension:volume_admin_actions:force_detach', volume);
    const { gone, others } = await goneAndOthers(t, volumeId, id);
    if (gone === undefined) throw badRequest(`Invalid input received: Volume ${volumeId} has no such attachment.`);
    await deleteAttachmentRow(t, gone.id);
    // what was wrong with it was about that attachment; work that is under way goes on
    const ends = FOLLOWING.includes(volume.status) || volume.status.startsWith('error');
    if (ends) await updateVolume(t, volumeId, { status: statusWith(others), updatedAt: clock.now() });
  });
}
