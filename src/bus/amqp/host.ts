// Why: the side that is asked. It takes so many calls at once and leaves the rest in the broker; each is judged, done, answered, and only
// then acknowledged, so that what an agent was at when it died is asked of the next one.

import type { Clock } from '../../base/clock.ts';
import { asFault, Fault, messageOf, notImplemented } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { type AgentArgs, type AgentMethod, methodTraits } from '../../domain/servers/agent-methods.ts';
import type { AgentHandler, Unsubscribe } from '../bus.ts';
import { faultToWire, type OwnFault } from '../wire.ts';
import { type Delivery, makeConsumer } from './consumer.ts';
import type { Link } from './link.ts';
import { encode, type Fields, VERSION } from './message.ts';
import type { Call, Refusal, Unseal } from './seal.ts';
import { exchanges, hostQueue, hostQueueOptions } from './topology.ts';

export interface HostOptions {
  readonly link: Link;
  readonly host: string;
  readonly handler: AgentHandler;
  readonly unseal: Unseal;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each call that was refused, and why. */
  readonly refused: (why: Refusal) => void;
}

/** Calls that were taken, until they expire. */
interface Seen {
  readonly expiresAt: number;
  /** Resolves when it is answered. */
  readonly done: Promise<void>;
}

/** What came of a call. */
type Work = { readonly reply: unknown; readonly fault?: undefined } | { readonly fault: OwnFault };

const isMethod = (name: string): name is AgentMethod => Object.hasOwn(methodTraits, name);

export async function serveHost(options: HostOptions): Promise<Unsubscribe> {
  const { link, host, handler, unseal, clock, refused } = options;
  const log = options.log.child({ host });
  const seen = new Map<string, Seen>();

  function forget(nowMs: number): void {
    for (const [id, { expiresAt }] of seen) if (expiresAt + limits.busClockSkewMs < nowMs) seen.delete(id);
  }

  /** Says it to whoever waits; while the broker is away, once it is back and somebody still waits. */
  async function answer({ id, reply }: Pick<Call, 'id' | 'reply'>, what: Fields, untilMs: number): Promise<void> {
    for (;;) {
      try {
        return await link.publish({ exchange: exchanges.replies, key: reply, content: encode({ id, ...what }), id });
      } catch (error) {
        if (asFault(error).code === 'bus.closed' || clock.now() > untilMs) {
          return log.warn({ id, reason: messageOf(error) }, 'an answer could not be given');
        }
      }
    }
  }

  async function work({ method, args, asker }: Call): Promise<Work> {
    try {
      if (!isMethod(method)) throw notImplemented(`This host's agent cannot ${method}.`, { code: 'bus.method' });
      // the control plane signed it: it has the form of this version
      return { reply: (await handler(method, args as AgentArgs<typeof method>, asker)) ?? null };
    } catch (error) {
      // the stack does not travel
      if (!(error instanceof Fault)) log.error({ err: error, method }, 'an agent failed unexpectedly');
      return { fault: faultToWire(error) };
    }
  }

  async function doCall(call: Call, delivery: Delivery): Promise<void> {
    const what = await work(call);
    if (what.fault?.code === 'agent.closing') {
      // the next agent does it
      seen.delete(call.id);
      await consumer.cancel();
      return delivery.giveBack();
    }
    await answer(call, what, call.expiresAt);
    delivery.ack();
  }

  function refuse(delivery: Delivery, why: Refusal, detail?: string): void {
    log.warn({ why, detail }, 'a call is refused');
    refused(why);
    delivery.refuse();
  }

  async function take(delivery: Delivery): Promise<void> {
    const nowMs = clock.now();
    const opened = await unseal(delivery.content, host, nowMs - limits.busClockSkewMs);
    if (opened.kind === 'refused') return refuse(delivery, opened.why, opened.detail);
    if (opened.kind === 'version') {
      const why = `Host ${host} speaks version ${VERSION} of the bus, not ${JSON.stringify(opened.version)}.`;
      await answer(opened, { fault: faultToWire(notImplemented(why, { code: 'bus.version' })) }, nowMs);
      return delivery.ack();
    }
    const { call } = opened;
    const before = seen.get(call.id);
    if (before !== undefined) {
      if (!delivery.redelivered) return refuse(delivery, 'asked twice');
      // the connection was lost while it was worked on: whoever does that answers
      await before.done;
      return delivery.ack();
    }
    if (seen.size >= limits.busCallsRemembered) forget(nowMs);
    if (seen.size >= limits.busCallsRemembered) return delivery.giveBack();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    seen.set(call.id, { expiresAt: call.expiresAt, done });
    await doCall(call, delivery).finally(resolve);
  }

  const consumer = makeConsumer({
    async queue(channel) {
      await channel.assertQueue(hostQueue(host), hostQueueOptions);
      return hostQueue(host);
    },
    atOnce: limits.busCallsAtOnce,
    take: (delivery) =>
      void take(delivery).catch((error: unknown) => log.error({ err: error }, 'a call could not be taken')),
    log,
  });
  const forgetting = setInterval(() => forget(clock.now()), limits.busHeartbeatMs);
  forgetting.unref();
  const end = await link.add(consumer);
  return async () => {
    clearInterval(forgetting);
    await end();
  };
}
