// Why: what was promised and not done is told to who asked for it, in a row that he can read.

import type { Reader } from './engine.ts';
import { defineNoun, findRow, insertRow } from './table.ts';
import type { Tx } from './tx.ts';

export interface VolumeMessage {
  readonly id: string;
  readonly projectId: string;
  readonly requestId: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly eventId: string;
  readonly message: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export const messageNoun = defineNoun<VolumeMessage>({
  table: 'volume_messages',
  columns: {
    id: ['id', 'text'],
    projectId: ['project_id', 'text'],
    requestId: ['request_id', 'text'],
    resourceType: ['resource_type', 'text'],
    resourceId: ['resource_id', 'text'],
    eventId: ['event_id', 'text'],
    message: ['message', 'text'],
    createdAt: ['created_at', 'time'],
    expiresAt: ['expires_at', 'time'],
  },
});

export const findMessage = (reader: Reader, id: string): Promise<VolumeMessage | null> =>
  findRow(reader, messageNoun, { id });

/** Adds one, and removes those that nobody needs any more. */
export async function insertMessage(tx: Tx, message: VolumeMessage): Promise<void> {
  await tx('volume_messages').where('expires_at', '<', message.createdAt).delete();
  await insertRow(tx, messageNoun, message);
}

export async function deleteMessage(tx: Tx, id: string): Promise<void> {
  await tx('volume_messages').where({ id }).delete();
}
