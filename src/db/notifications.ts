// Why: what is to be told waits here until a broker has it: written with what it tells of, removed when it is sent.

import type { Notification } from '../domain/notifications/notifications.ts';
import type { Reader } from './engine.ts';
import { defineNoun, insertRow } from './table.ts';
import type { Tx } from './tx.ts';

export interface WaitingNotification {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly notification: Notification;
}

const waitingNoun = defineNoun<WaitingNotification>({
  table: 'notifications',
  columns: { id: ['id', 'number'], createdAt: ['created_at', 'time'], notification: ['message', 'json'] },
});

export async function insertNotification(tx: Tx, notification: Notification, nowMs: number): Promise<void> {
  await insertRow(tx, waitingNoun, { notification, createdAt: nowMs });
}

/** The oldest ones first. */
export async function waitingNotifications(reader: Reader, limit: number): Promise<WaitingNotification[]> {
  return waitingNoun.fromRows(await reader('notifications').select(waitingNoun.columns).orderBy('id').limit(limit));
}

export async function deleteNotifications(tx: Tx, ids: readonly number[]): Promise<void> {
  if (ids.length > 0)
    await tx('notifications')
      .whereIn('id', [...ids])
      .delete();
}
