// Why: whatever is taken from a queue is taken alike: on a channel of its own, so many at once, and given back only while that channel lives.

import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Subscription } from './link.ts';

/** A message, and what becomes of it. Done with twice, or on a connection that is gone: nothing happens. */
export interface Delivery {
  readonly content: Buffer;
  readonly key: string;
  /** It was given to somebody before who did not say what became of it. */
  readonly redelivered: boolean;
  ack(): void;
  /** Nobody shall have it: it is kept with what is dead. */
  refuse(): void;
  /** Somebody else, or this one again, shall have it. */
  giveBack(): void;
}

export interface ConsumerOptions {
  /** Declares what is consumed, and names it. */
  readonly queue: (channel: Channel) => Promise<string>;
  /** How many may be under way; 0: as many as there are, which are taken as done. */
  readonly atOnce: number;
  readonly take: (delivery: Delivery) => void;
  readonly log: Log;
}

export interface Consumer extends Subscription {
  /** Takes nothing more; what is under way may still be acknowledged. */
  cancel(): Promise<void>;
  /** Begins anew at the end of the line of those who wait for the queue. */
  requeue(): Promise<void>;
}

export function makeConsumer({ queue, atOnce, take, log }: ConsumerOptions): Consumer {
  let channel: Channel | null = null;
  let name = '';
  let tag = '';

  const deliveryOf = (own: Channel, message: ConsumeMessage): Delivery => {
    let settled = atOnce === 0;
    const settle = (how: () => void): void => {
      if (settled || channel !== own) return;
      settled = true;
      try {
        how();
      } catch (error) {
        // it comes again on the next connection
        log.debug({ reason: messageOf(error) }, 'a delivery outlived its channel');
      }
    };
    return {
      content: message.content,
      key: message.fields.routingKey,
      redelivered: message.fields.redelivered,
      ack: () => settle(() => own.ack(message)),
      refuse: () => settle(() => own.nack(message, false, false)),
      giveBack: () => settle(() => own.nack(message, false, true)),
    };
  };

  async function begin(own: Channel): Promise<void> {
    const onMessage = (message: ConsumeMessage | null): void => {
      // null: the broker took the queue away
      if (message === null) own.emit('error', new Error(`${name} is gone`));
      else take(deliveryOf(own, message));
    };
    tag = (await own.consume(name, onMessage, { noAck: atOnce === 0 })).consumerTag;
  }

  async function cancel(): Promise<void> {
    if (channel === null || tag === '') return;
    const ended = tag;
    tag = '';
    await channel.cancel(ended).catch(() => undefined);
  }

  return {
    async attach(connection: ChannelModel) {
      const own = await connection.createChannel();
      // without its channel the connection is of no use: everything is made anew
      own.on('error', (error: Error) => connection.emit('error', error));
      channel = own;
      name = await queue(own);
      if (atOnce > 0) await own.prefetch(atOnce);
      await begin(own);
    },
    async detach() {
      const own = channel;
      channel = null;
      tag = '';
      await own?.close().catch(() => undefined);
    },
    cancel,
    async requeue() {
      if (channel === null) return;
      await cancel();
      await begin(channel);
    },
  };
}
