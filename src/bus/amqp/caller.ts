// Why: the side that asks. Each call is signed, waits in the host's queue no longer than its caller does, and is answered into a queue that
// dies with this process.

import type { Clock } from '../../base/clock.ts';
import { type Fault, internal } from '../../base/errors.ts';
import { newUuid } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import type { AgentReply } from '../../domain/servers/agent-methods.ts';
import { type Bus, closed, nobody } from '../bus.ts';
import { type Deadlines, deadlineMs, withinDeadline } from '../deadline.ts';
import { faultFromWire, type WireFault } from '../wire.ts';
import { makeConsumer } from './consumer.ts';
import type { Link } from './link.ts';
import { decode } from './message.ts';
import type { Seal } from './seal.ts';
import { exchanges, hostQueue } from './topology.ts';

export interface CallerOptions {
  readonly link: Link;
  /** Null: this process may ask nobody. */
  readonly seal: Seal | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly closing: AbortSignal;
  readonly deadlines: Deadlines;
}

interface Pending {
  resolve(reply: unknown): void;
  reject(fault: Fault): void;
}

export async function makeCaller(options: CallerOptions): Promise<Bus['call']> {
  const { link, seal, clock, log, closing, deadlines } = options;
  const replies = `xloud.reply.${newUuid()}`;
  const pending = new Map<string, Pending>();

  const answers = makeConsumer({
    async queue(channel) {
      await channel.assertQueue(replies, { exclusive: true, durable: false });
      await channel.bindQueue(replies, exchanges.replies, replies);
      return replies;
    },
    atOnce: 0,
    take({ content }) {
      const answer = decode(content);
      const waiting = pending.get(String(answer?.['id']));
      // whoever waited gave up
      if (answer === null || waiting === undefined) return;
      if (answer['fault'] === undefined) waiting.resolve(answer['reply']);
      else waiting.reject(faultFromWire(answer['fault'] as WireFault));
    },
    log,
  });
  if (seal !== null) await link.add(answers);
  // the queue of the answers died with the connection
  link.onLost((fault) => {
    for (const one of pending.values()) one.reject(fault);
  });

  return async (host, method, args, asker = null) => {
    if (closing.aborted) throw closed();
    if (seal === null) throw internal('This process has no key to sign calls with.', { code: 'bus.no_key' });
    const id = newUuid();
    const ms = deadlineMs(method, deadlines);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    pending.set(id, { resolve, reject });
    const ask = async (): Promise<unknown> => {
      const call = { id, host, method, args, asker, expiresAt: clock.now() + ms, reply: replies };
      const content = await seal(call);
      const message = { exchange: '', key: hostQueue(host), content, id, ttlMs: ms, persistent: true };
      // the answer may be there before the broker's receipt
      return Promise.race([promise, link.publish({ ...message, returned: nobody(host) }).then(() => promise)]);
    };
    try {
      // what an agent says has no type on the way: it is the reply of the same method
      return (await withinDeadline(ask(), { host, method, ms, clock, closing })) as AgentReply<typeof method>;
    } finally {
      pending.delete(id);
      promise.catch(() => undefined);
    }
  };
}
