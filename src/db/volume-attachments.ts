// Why: the rows of attachments: which server has a volume, or is about to.

import type { Reader } from './engine.ts';
import { defineNoun, findRow, insertRow, updateRows } from './table.ts';
import type { Tx } from './tx.ts';

export type AttachmentStatus = 'reserved' | 'attaching' | 'attached';

export interface StoredAttachment {
  readonly id: string;
  readonly volumeId: string;
  readonly projectId: string;
  /** Null: of no server. */
  readonly serverUuid: string | null;
  /** Null: not connected yet. */
  readonly host: string | null;
  readonly device: string | null;
  readonly mode: 'rw' | 'ro';
  readonly status: AttachmentStatus;
  /** As whoever attaches gave it. */
  readonly connector: Readonly<Record<string, unknown>> | null;
  readonly attachedAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export const attachmentNoun = defineNoun<StoredAttachment>({
  table: 'volume_attachments',
  columns: {
    id: ['id', 'text'],
    volumeId: ['volume_id', 'text'],
    projectId: ['project_id', 'text'],
    serverUuid: ['server_uuid', 'text'],
    host: ['host', 'text'],
    device: ['device', 'text'],
    mode: ['mode', 'text'],
    status: ['status', 'text'],
    connector: ['connector', 'json'],
    attachedAt: ['attached_at', 'time'],
    createdAt: ['created_at', 'time'],
    updatedAt: ['updated_at', 'time'],
  },
});

export const findAttachment = (reader: Reader, id: string): Promise<StoredAttachment | null> =>
  findRow(reader, attachmentNoun, { id });

/** The attachments of some volumes, the oldest first. */
export async function attachmentsOf(reader: Reader, volumeIds: readonly string[]): Promise<StoredAttachment[]> {
  const rows = reader('volume_attachments')
    .whereIn('volume_id', [...volumeIds])
    .select(attachmentNoun.columns);
  return attachmentNoun.fromRows(await rows.orderBy(['created_at', 'id']));
}

/** The attachments of a server. */
export async function attachmentsOfServer(reader: Reader, serverUuid: string): Promise<StoredAttachment[]> {
  const rows = reader('volume_attachments').where({ server_uuid: serverUuid }).select(attachmentNoun.columns);
  return attachmentNoun.fromRows(await rows.orderBy(['created_at', 'id']));
}

/**
 * The server that compute gave a volume to, or is giving it to; null: none. What an attachment says of a server anybody with the volume
 * may have written.
 */
export async function serverWith(reader: Reader, volumeId: string): Promise<string | null> {
  const row: { uuid: string } | undefined = await reader('server_volumes')
    .join('servers', 'servers.id', 'server_volumes.server_id')
    .where({ volume_id: volumeId })
    .first('uuid');
  return row?.uuid ?? null;
}

/** The server, other than this one, that has a volume by what compute keeps, whatever attachments there are; null: none. */
export async function otherServerWith(reader: Reader, volumeId: string, serverUuid: string): Promise<string | null> {
  const row: { uuid: string } | undefined = await reader('server_volumes')
    .join('servers', 'servers.id', 'server_volumes.server_id')
    .where({ volume_id: volumeId })
    .whereNotNull('attachment_id')
    .whereNot('uuid', serverUuid)
    .first('uuid');
  return row?.uuid ?? null;
}

export async function insertAttachment(tx: Tx, attachment: StoredAttachment): Promise<void> {
  await insertRow(tx, attachmentNoun, attachment);
}

export async function updateAttachment(tx: Tx, id: string, fields: Partial<StoredAttachment>): Promise<void> {
  await updateRows(tx, attachmentNoun, { id }, fields);
}

/** False: it was not there. */
export async function deleteAttachmentRow(tx: Tx, id: string): Promise<boolean> {
  return (await tx('volume_attachments').where({ id }).delete()) === 1;
}

export async function deleteAttachmentsOf(tx: Tx, volumeId: string): Promise<void> {
  await tx('volume_attachments').where({ volume_id: volumeId }).delete();
}
