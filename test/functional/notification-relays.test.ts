// Every process of a deployment sends notifications, and what waits in the one database is sent by one of them.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import type { NotificationSender, SentNotification } from '../../src/bus/notifications.ts';
import { insertNotification, waitingNotifications } from '../../src/db/notifications.ts';
import { tx } from '../../src/db/tx.ts';
import { apiNotification } from '../../src/domain/notifications/notifications.ts';
import { type NotificationRelay, startNotificationRelay } from '../../src/ops/notifications/notification-relay.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';

const context = { requestId: 'req-1', userId: 'u', projectId: 'p' };
const payload = {
  'nova_object.name': 'NumberPayload',
  'nova_object.namespace': 'nova',
  'nova_object.version': '1.0',
  'nova_object.data': {},
} as const;
const numbered = (n: number) => apiNotification(`number.${n}`, 'nova-api:xloud', payload, context);

for (const engine of engines) {
  describe(`several relays on ${engine}`, () => {
    let store: TestStore;
    let aheadMs: number;
    let told: string[];
    const relays: NotificationRelay[] = [];
    const clock: Clock = { now: () => systemClock.now() + aheadMs, sleep: (...args) => systemClock.sleep(...args) };

    beforeEach(async () => {
      store = await freshDatabase(engine);
      aheadMs = 0;
      told = [];
    });
    afterEach(async () => {
      for (const relay of relays.splice(0)) await relay.close();
      await store.close();
    });

    const insert = (count: number) =>
      tx(store.database, async (t) => {
        for (let n = 0; n < count; n += 1) await insertNotification(t, numbered(n), clock.now());
      });
    const waiting = async () => (await waitingNotifications(store.database.read, 1_000)).length;
    /** One whose broker takes a batch when this resolves. */
    const relay = (taken: () => Promise<void>): NotificationRelay => {
      const sender: NotificationSender = {
        async send(batch: readonly SentNotification[]) {
          await taken();
          told.push(...batch.map(({ notification }) => notification.eventType));
        },
        close: () => Promise.resolve(),
      };
      const one = startNotificationRelay({ database: store.database, clock, log: silentLog }, sender);
      relays.push(one);
      return one;
    };
    const at = () => Promise.resolve();

    it('send each notification once, one relay at a time and in their order', async () => {
      const count = 3 * limits.notificationBatch - 1;
      let sending = 0;
      const slowly = async () => {
        sending += 1;
        assert.equal(sending, 1, 'two send at once');
        await sleep(20);
        sending -= 1;
      };
      const three = [relay(slowly), relay(slowly), relay(slowly)];
      await insert(count);
      while ((await waiting()) > 0) await Promise.all(three.map((one) => one.flush()));
      assert.deepEqual(
        told,
        Array.from({ length: count }, (_, n) => `number.${n}`),
      );
    });

    it('let another one try at once where the broker takes nothing of the first', async () => {
      await insert(1);
      const cut = relay(() => Promise.reject(new Error('cut off')));
      await assert.rejects(cut.flush(), /cut off/);
      await relay(at).flush();
      assert.deepEqual(told, ['number.0']);
    });

    it('wait for one that ended in its turn no longer than that lasts', async () => {
      await insert(1);
      const [asked, slow] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const [askedAgain, slowToo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const first = relay(() => {
        asked.resolve();
        return slow.promise;
      }).flush();
      await asked.promise;
      await relay(at).flush();
      assert.deepEqual(told, [], 'it is not its turn');
      aheadMs += limits.notificationTurnMs;
      const second = relay(() => {
        askedAgain.resolve();
        return slowToo.promise;
      }).flush();
      await askedAgain.promise;
      // the first was only slow: it does not give away what is the second one's now
      slow.resolve();
      await first;
      await insert(1);
      await relay(at).flush();
      assert.deepEqual(told, ['number.0']);
      slowToo.resolve();
      await second;
      assert.deepEqual(told, ['number.0', 'number.0', 'number.0']);
      assert.equal(await waiting(), 0);
    });
  });
}
