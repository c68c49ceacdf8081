// Why: what was written with a change leaves for the broker afterwards, in its order. A broker that is away delays it and loses
// nothing; a process that dies between sending and removing sends once more. Every process of a deployment has a relay: they take
// turns, so that what waits is sent by one of them.

import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { NotificationSender } from '../../bus/notifications.ts';
import { endTurn, takeTurn } from '../../db/named-locks.ts';
import { deleteNotifications, type WaitingNotification, waitingNotifications } from '../../db/notifications.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';

export interface NotificationRelay {
  /** Sends what waits, now, unless another relay is at it. Rejects when the broker does not take it; it stays. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Looks for what waits every `limits.notificationPollMs`. */
export function startNotificationRelay(
  { database, clock, log }: Pick<OpsDeps, 'database' | 'clock' | 'log'>,
  sender: NotificationSender,
): NotificationRelay {
  const closing = new AbortController();
  let sending: Promise<void> | null = null;

  /** Takes the turn, if something waits; null: nothing does, or another relay has it. */
  async function takeBatch(untilMs: number): Promise<readonly WaitingNotification[] | null> {
    // most looks find nothing, and write nothing
    if ((await waitingNotifications(database.read, 1)).length === 0) return null;
    return await tx(database, async (t) => {
      if (!(await takeTurn(t, 'notifications', clock.now(), untilMs))) return null;
      // looked for only now: what was sent in the last turn is gone
      return await waitingNotifications(t, limits.notificationBatch);
    });
  }

  async function endBatch(untilMs: number, sent: readonly WaitingNotification[]): Promise<void> {
    await tx(database, async (t) => {
      await deleteNotifications(
        t,
        sent.map(({ id }) => id),
      );
      await endTurn(t, 'notifications', untilMs, clock.now());
    });
  }

  async function sendAll(): Promise<void> {
    for (;;) {
      const untilMs = clock.now() + limits.notificationTurnMs;
      const batch = await takeBatch(untilMs);
      if (batch === null) return;
      try {
        if (batch.length > 0) await sender.send(batch);
      } catch (error) {
        // another process may reach the broker
        await endBatch(untilMs, []);
        throw error;
      }
      await endBatch(untilMs, batch);
    }
  }

  // one at a time: two would send the same batch twice
  const flush = (): Promise<void> =>
    (sending ??= sendAll().finally(() => {
      sending = null;
    }));

  async function loop(): Promise<void> {
    let away = false;
    while (!closing.signal.aborted) {
      try {
        await flush();
        if (away) log.info('notifications: the broker takes them again');
        away = false;
      } catch (error) {
        if (!away) log.warn({ reason: messageOf(error) }, 'notifications wait: the broker does not take them');
        away = true;
      }
      await clock.sleep(limits.notificationPollMs, closing.signal).catch(() => undefined);
    }
  }

  const done = loop();
  return {
    flush,
    async close() {
      closing.abort();
      await done;
      await flush().catch((error: unknown) =>
        log.warn({ reason: messageOf(error) }, 'notifications stay for the next start'),
      );
      await sender.close();
    },
  };
}
