// Why: listeners of Nova's notifications (Ceilometer, Watcher, Masakari, billing) speak oslo.messaging over RabbitMQ. This is
// its envelope and the way its own notifier publishes: to a topic exchange, and into a queue of the topic's name that it
// declares itself, so that nothing is lost before the first listener comes.

import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { unavailable } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import { limits } from '../base/limits.ts';
import type { Notification } from '../domain/notifications/notifications.ts';

export interface SentNotification {
  readonly createdAt: number;
  readonly notification: Notification;
}

export interface NotificationSender {
  /** Resolves when the broker has confirmed them all; rejects with `unavailable` otherwise. */
  send(batch: readonly SentNotification[]): Promise<void>;
  close(): Promise<void>;
}

export interface NotificationSenderOptions {
  /** `amqp://user:password@host:5672/vhost` */
  readonly url: string;
  /** oslo.messaging's control_exchange; Nova's is `nova`. */
  readonly exchange: string;
  /** Nova's `versioned_notifications_topics`. */
  readonly topics: readonly string[];
  /** How long the broker may take with one batch, in milliseconds; default `limits.notificationSendMs`. */
  readonly timeoutMs?: number;
}

/** `2026-11-25 07:40:00.123000`, as oslo.messaging writes times (UTC). */
const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1).replace('T', ' ')}000`;

/** The message in oslo.messaging's envelope, version 2.0. */
export function envelopeOf({ createdAt, notification }: SentNotification): object {
  const { eventType, priority, publisherId, payload, context } = notification;
  const message = {
    message_id: randomUUID(),
    _unique_id: randomUUID().replaceAll('-', ''),
    publisher_id: publisherId,
    event_type: eventType,
    priority,
    payload,
    timestamp: timeText(createdAt),
    _context_request_id: context.requestId,
    _context_user_id: context.userId,
    _context_project_id: context.projectId,
  };
  return { 'oslo.version': '2.0', 'oslo.message': JSON.stringify(message) };
}

interface Opened {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
}

/** As `work`, or rejects when it takes too long: a broker that is short of memory accepts connections and answers nothing. */
const answered = <T>(work: Promise<T>, timeoutMs: number): Promise<T> =>
  inTime(work, timeoutMs, () => {
    throw new Error(`no answer within ${timeoutMs} ms`);
  });

async function hangUp(connection: ChannelModel, timeoutMs: number): Promise<void> {
  try {
    await answered(connection.close(), timeoutMs);
  } catch {
    // broken already, which is closed well enough
  }
}

/** Connects at the first send, and anew after a failure. */
export function makeNotificationSender({
  url,
  exchange,
  topics,
  timeoutMs = limits.notificationSendMs,
}: NotificationSenderOptions): NotificationSender {
  let open: Promise<Opened> | null = null;
  const queues = new Set<string>();

  async function connect(): Promise<Opened> {
    // only where it is used: most installations have no broker
    const { connect: dial } = await import('amqplib');
    const connection = await dial(url, { noDelay: true, timeout: timeoutMs });
    const forget = () => {
      open = null;
      queues.clear();
    };
    connection.on('error', forget);
    connection.on('close', forget);
    try {
      const channel = await connection.createConfirmChannel();
      channel.on('error', forget);
      await channel.assertExchange(exchange, 'topic', { durable: false, autoDelete: false });
      return { connection, channel };
    } catch (error) {
      void hangUp(connection, timeoutMs);
      throw error;
    }
  }

  async function declare(channel: ConfirmChannel, queue: string): Promise<void> {
    if (queues.has(queue)) return;
    await channel.assertQueue(queue, { durable: false, autoDelete: false });
    await channel.bindQueue(queue, exchange, queue);
    queues.add(queue);
  }

  async function publish(opening: Promise<Opened>, batch: readonly SentNotification[]): Promise<void> {
    const { channel } = await opening;
    for (const sent of batch) {
      const content = Buffer.from(JSON.stringify(envelopeOf(sent)));
      for (const topic of topics) {
        const routingKey = `${topic}.${sent.notification.priority.toLowerCase()}`;
        await declare(channel, routingKey);
        const properties = { contentType: 'application/json', contentEncoding: 'utf-8', persistent: true };
        channel.publish(exchange, routingKey, content, properties);
      }
    }
    await channel.waitForConfirms();
  }

  return {
    async send(batch) {
      const opening = (open ??= connect());
      try {
        await answered(publish(opening, batch), timeoutMs);
      } catch (cause) {
        open = null;
        queues.clear();
        // the next attempt makes a connection of its own, and does not wait for the end of this one
        void opening.then(({ connection }) => hangUp(connection, timeoutMs)).catch(() => undefined);
        throw unavailable('The message broker did not take the notifications.', { code: 'broker.away', cause });
      }
    },
    async close() {
      const opened = await open?.catch(() => null);
      if (opened) await hangUp(opened.connection, timeoutMs);
    },
  };
}
