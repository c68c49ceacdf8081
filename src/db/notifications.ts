// Why: what is to be told waits here until a broker has it: written with what it tells of, removed when it is sent.

import type { Notification } from '../domain/notifications/notification.ts';
import { fromJson, toJson } from './codec.ts';
import type { Reader, Row } from './engine.ts';
import type { Tx } from './tx.ts';

export interface WaitingNotification {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly notification: Notification;
}

export async function insertNotification(tx: Tx, notification: Notification, nowMs: number): Promise<void> {
  await tx('notifications').insert({ message: toJson(notification), created_at: nowMs });
}

/** The oldest ones first. */
export async function waitingNotifications(reader: Reader, limit: number): Promise<WaitingNotification[]> {
  const rows: Row[] = await reader('notifications').select('id', 'message', 'created_at').orderBy('id').limit(limit);
  return rows.map((row) => ({
    id: Number(row['id']),
    createdAt: Number(row['created_at']),
    notification: fromJson<Notification>(row['message']),
  }));
}

export async function deleteNotifications(tx: Tx, ids: readonly number[]): Promise<void> {
  if (ids.length > 0)
    await tx('notifications')
      .whereIn('id', [...ids])
      .delete();
}
