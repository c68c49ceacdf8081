import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { makeNotificationSender, type SentNotification } from '../../../src/bus/notifications.ts';

describe('the sender of notifications', () => {
  it('gives up a broker that takes its call and says nothing, and closes', { timeout: 10_000 }, async () => {
    const open = new Set<Socket>();
    const broker = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => undefined).once('close', () => open.delete(socket));
      socket.resume();
    });
    broker.listen(0, '127.0.0.1');
    await once(broker, 'listening');
    const url = `amqp://guest:guest@127.0.0.1:${(broker.address() as AddressInfo).port}`;
    const sender = makeNotificationSender({ url, exchange: 'nova', topics: ['versioned'], timeoutMs: 50 });
    const notification = { priority: 'INFO', context: {} } as unknown as SentNotification['notification'];
    try {
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        await assert.rejects(sender.send([{ createdAt: 0, notification }]), { code: 'broker.away' });
      }
      await sender.close();
      while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    } finally {
      for (const socket of open) socket.destroy();
      broker.close();
    }
  });
});
