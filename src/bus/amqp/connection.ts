// Why: a broker is restarted, and networks fail. One connection is kept, and made again with growing pauses; meanwhile whoever needs it is
// told soon that it is not there.

import { EventEmitter, once } from 'node:events';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { type Fault, messageOf, unavailable } from '../../base/errors.ts';
import { inTime } from '../../base/in-time.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { closed } from '../bus.ts';

/** PEM texts. */
export interface BusTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface ConnectionOptions {
  /** `amqp://user:password@host:5672/vhost` or `amqps://…`; of several the next one is tried after a failure. */
  readonly urls: readonly string[];
  readonly tls?: BusTls;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes on a new connection what shall be there before anybody uses it. */
  readonly setUp: (opened: Opened) => Promise<void>;
}

/** A connection, and the channel to publish on. */
export interface Opened {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
}

export interface Connection {
  current(): Opened | null;
  /** The connection; one that is being made again is waited for a little. Rejects with `bus.away` and `bus.closed`. */
  ready(): Promise<Opened>;
  /** Gives a connection up: another one is made. */
  fail(opened: Opened, reason: string): void;
  /** Returns the function that ends it. */
  onLost(listener: (fault: Fault) => void): () => void;
  /** For how many milliseconds there has been this connection; 0: there is none. */
  openMs(): number;
  problem(): string | null;
  close(): Promise<void>;
}

export const away = (why: string): Fault =>
  unavailable('The message broker cannot be reached.', { code: 'bus.away', detail: why });

/** As `work`, or rejects: a broker that is just beginning takes requests that it never answers. */
export const soon = <T>(work: Promise<T>): Promise<T> =>
  inTime(work, limits.busConnectMs, () => {
    throw new Error(`it did not answer within ${limits.busConnectMs} ms`);
  });

const FIRST_PAUSE_MS = 100;

/** With a heartbeat of ours unless the operator said another one. */
function dialled(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', String(limits.busHeartbeatMs / 1000));
  return parsed.href;
}

async function dial(url: string, tls: BusTls, setUp: ConnectionOptions['setUp']): Promise<Opened> {
  // only where it is used: most installations have no broker
  const { connect } = await import('amqplib');
  const given = Object.fromEntries(Object.entries(tls).filter(([, pem]) => pem !== undefined));
  const socket = { ...given, noDelay: true, keepAlive: true, timeout: limits.busConnectMs };
  const connection = await connect(dialled(url), socket);
  // what fails while it is being set up rejects there
  connection.on('error', () => undefined);
  try {
    const made = async (): Promise<Opened> => {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined);
      // a consumer's channel that fails before the last one stands tells the connection: half of what is wanted is not enough
      const broken = new Promise<never>((_resolve, reject) => {
        connection.once('error', reject);
        connection.once('close', (error) => reject(error ?? new Error('it hung up')));
        channel.once('error', reject);
      });
      broken.catch(() => undefined);
      await Promise.race([setUp({ connection, channel }), broken]);
      return { connection, channel };
    };
    return await soon(made());
  } catch (error) {
    connection.close().catch(() => undefined);
    throw error;
  }
}

/** The first attempt is over when this resolves, whether it succeeded or not. */
export async function keepConnection(options: ConnectionOptions): Promise<Connection> {
  const { urls, tls = {}, clock, log, setUp } = options;
  const closing = new AbortController();
  const news = new EventEmitter<{ open: []; lost: [Fault] }>().setMaxListeners(0);
  let opened: Opened | null = null;
  let why = 'it was not asked yet';
  let attempts = 0;
  let sinceMs = 0;

  function fail(one: Opened, reason: string): void {
    if (opened !== one) return;
    opened = null;
    why = reason;
    log.warn({ reason }, 'the message broker is lost');
    news.emit('lost', away(reason));
    one.connection.close().catch(() => undefined);
    void keep();
  }

  function watch(one: Opened): void {
    const { connection, channel } = one;
    connection.on('error', (error) => fail(one, messageOf(error)));
    connection.on('close', (error) => fail(one, error === undefined ? 'it hung up' : messageOf(error)));
    connection.on('blocked', (reason) => log.warn({ reason }, 'the message broker takes nothing'));
    channel.on('error', (error) => fail(one, messageOf(error)));
    channel.on('close', () => fail(one, 'it closed the channel'));
  }

  /** One attempt. Whether no other is needed. */
  async function attempt(): Promise<boolean> {
    try {
      const one = await dial(urls[attempts++ % urls.length] as string, tls, setUp);
      if (closing.signal.aborted) {
        await one.connection.close();
        return true;
      }
      watch(one);
      opened = one;
      sinceMs = performance.now();
      log.info('the message broker is there');
      news.emit('open');
      return true;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== why) log.warn({ reason }, 'the message broker cannot be reached; it is tried again');
      why = reason;
      return false;
    }
  }

  async function keep(pauseMs = FIRST_PAUSE_MS): Promise<void> {
    if (closing.signal.aborted || (await attempt())) return;
    await clock.sleep(Math.round(pauseMs * (0.8 + 0.4 * chance.fraction())), closing.signal).catch(() => undefined);
    await keep(Math.min(pauseMs * 2, limits.busBackoffMs));
  }

  if (!(await attempt())) void keep();

  return {
    current: () => opened,
    async ready() {
      if (opened !== null) return opened;
      if (closing.signal.aborted) throw closed();
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(limits.busAwayMs)]);
      await once(news, 'open', { signal }).catch(() => undefined);
      if (opened === null) throw closing.signal.aborted ? closed() : away(why);
      return opened;
    },
    fail,
    onLost(listener) {
      news.on('lost', listener);
      return () => void news.off('lost', listener);
    },
    openMs: () => (opened === null ? 0 : performance.now() - sinceMs),
    problem: () => (closing.signal.aborted ? 'the bus is closed' : opened === null ? `no broker: ${why}` : null),
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      const now = opened;
      opened = null;
      news.emit('lost', closed());
      if (now === null) return;
      const gone = now.connection.close().catch(() => undefined);
      await inTime(gone, limits.busAwayMs, () => undefined, { clock });
    },
  };
}
