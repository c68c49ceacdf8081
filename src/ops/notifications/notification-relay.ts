// Why: what was written with a change leaves for the broker afterwards, in its order. A broker that is away delays it and loses
// nothing; a process that dies between sending and removing sends once more.

import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { NotificationSender } from '../../bus/notifications.ts';
import { deleteNotifications, waitingNotifications } from '../../db/notifications.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';

export interface NotificationRelay {
  /** Sends what waits, now. Rejects when the broker does not take it; it stays. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Looks for what waits every `limits.notificationPollMs`. */
export function startNotificationRelay(deps: OpsDeps, sender: NotificationSender): NotificationRelay {
  const { database, clock, log } = deps;
  const closing = new AbortController();
  let sending: Promise<void> | null = null;

  async function sendAll(): Promise<void> {
    for (;;) {
      const batch = await waitingNotifications(database.read, limits.notificationBatch);
      if (batch.length === 0) return;
      await sender.send(batch);
      await tx(database, (t) =>
        deleteNotifications(
          t,
          batch.map(({ id }) => id),
        ),
      );
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
