// Why: whoever publishes must know whether the broker has it, and whoever takes must take again after each loss of the connection.

import type { Channel, ChannelModel, Message } from 'amqplib';
import { Fault, messageOf, unavailable } from '../../base/errors.ts';
import { away, type Connection, type ConnectionOptions, keepConnection, soon } from './connection.ts';

export interface LinkOptions extends Omit<ConnectionOptions, 'setUp'> {
  /** Makes what everybody shares, before anything is taken. */
  readonly declare: (channel: Channel) => Promise<void>;
}

/** What is set up on each connection anew. */
export interface Subscription {
  attach(connection: ChannelModel): Promise<void>;
  detach(): Promise<void>;
}

export interface Outgoing {
  readonly exchange: string;
  readonly key: string;
  readonly content: Buffer;
  /** Its own. */
  readonly id: string;
  /** In milliseconds; then it is dead. Absent: it stays. */
  readonly ttlMs?: number;
  readonly persistent?: boolean;
  /** What to say when no queue takes it; absent: that is nobody's loss. */
  readonly returned?: Fault;
}

export interface Link extends Pick<Connection, 'onLost' | 'openMs' | 'problem' | 'close'> {
  /** Publishes, and resolves once the broker has it. Rejects with `unavailable`: `bus.away`, `bus.full`, or what `returned` says. */
  publish(message: Outgoing): Promise<void>;
  /** Publishes if that can be done now; nobody is told. */
  mention(exchange: string, key: string, content: Buffer): void;
  /** Sets it up now, where there is a connection, and on each that comes. Returns what ends it. */
  add(subscription: Subscription): Promise<() => Promise<void>>;
  /** Asks something on the channel of this connection. Rejects with `bus.away`. */
  ask<T>(question: (channel: Channel) => Promise<T>): Promise<T>;
}

const full = (cause: unknown): Fault =>
  unavailable('Too much waits in the message broker.', { code: 'bus.full', cause });
const JSON_TYPE = { contentType: 'application/json' };

/** The first attempt to connect is over when this resolves. */
export async function openLink({ declare, ...options }: LinkOptions): Promise<Link> {
  const { log } = options;
  const subscriptions = new Set<Subscription>();
  /** What to do when a message comes back, by its id. */
  const returned = new Map<string, () => void>();

  const connection = await keepConnection({
    ...options,
    async setUp({ connection: fresh, channel }) {
      await declare(channel);
      channel.on('return', ({ properties }: Message) => returned.get(String(properties.messageId))?.());
      for (const subscription of subscriptions) await subscription.attach(fresh);
    },
  });

  return {
    async publish({ exchange, key, content, id, ttlMs, persistent = false, returned: fault }) {
      const { channel } = await connection.ready();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const forget = connection.onLost(reject);
      if (fault !== undefined) returned.set(id, () => reject(fault));
      const flags = { messageId: id, persistent, mandatory: fault !== undefined };
      const expiry = ttlMs === undefined ? {} : { expiration: String(Math.ceil(ttlMs)) };
      try {
        channel.publish(exchange, key, content, { ...JSON_TYPE, ...flags, ...expiry }, (error: unknown) => {
          if (error === null || error === undefined) resolve();
          else reject(full(error));
        });
        await promise;
      } catch (error) {
        // a channel that was closed meanwhile throws at once
        throw error instanceof Fault ? error : away(messageOf(error));
      } finally {
        forget();
        returned.delete(id);
      }
    },
    mention(exchange, key, content) {
      try {
        connection.current()?.channel.publish(exchange, key, content, JSON_TYPE);
      } catch (error) {
        log.debug({ reason: messageOf(error) }, 'not mentioned');
      }
    },
    async add(subscription) {
      subscriptions.add(subscription);
      const now = connection.current();
      if (now !== null) {
        const { connection: fresh } = now;
        await soon(subscription.attach(fresh)).catch((error: unknown) => connection.fail(now, messageOf(error)));
      }
      return async () => {
        subscriptions.delete(subscription);
        await subscription.detach();
      };
    },
    async ask(question) {
      const { channel } = await connection.ready();
      try {
        return await question(channel);
      } catch (error) {
        throw away(messageOf(error));
      }
    },
    onLost: (listener) => connection.onLost(listener),
    openMs: () => connection.openMs(),
    problem: () => connection.problem(),
    close: () => connection.close(),
  };
}
