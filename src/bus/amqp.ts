// Why: the bus between processes, over RabbitMQ. Calls wait in a queue for each host, reports in a few that workers share, nudges nowhere;
// what it is made of stands in amqp/, beginning with topology.ts (docs/decisions/0037-a-bus-between-processes.md).

import type { Clock } from '../base/clock.ts';
import { internal } from '../base/errors.ts';
import { newUuid } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { makeCaller } from './amqp/caller.ts';
import type { BusTls } from './amqp/connection.ts';
import { makeConsumer } from './amqp/consumer.ts';
import { serveHost } from './amqp/host.ts';
import { openLink } from './amqp/link.ts';
import { decode, encode } from './amqp/message.ts';
import { takeReports } from './amqp/reports.ts';
import type { Refusal, Seal, Unseal } from './amqp/seal.ts';
import { declareShared, exchanges, reportKey } from './amqp/topology.ts';
import type { Bus } from './bus.ts';
import type { Deadlines } from './deadline.ts';
import type { ReportLine } from './report-line.ts';

export interface AmqpBusOptions {
  /** Of one broker, or of several of one cluster. */
  readonly urls: readonly string[];
  readonly tls?: BusTls;
  /** What signs calls; null: this is an agent, which calls nobody and makes only its own queue. */
  readonly seal: Seal | null;
  /** What judges calls; null: no host is served here. */
  readonly unseal: Unseal | null;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each call that was refused, and why. */
  readonly refused?: (why: Refusal) => void;
  readonly timeoutMs?: Deadlines;
}

/** Resolves after the first attempt to connect, whether it succeeded or not; it is tried again for as long as it takes. */
export async function openAmqpBus(options: AmqpBusOptions): Promise<Bus> {
  const { urls, tls = {}, seal, unseal, clock, log, refused = () => undefined, timeoutMs = {} } = options;
  const closing = new AbortController();
  const declare = seal === null ? async () => undefined : declareShared;
  const link = await openLink({ urls, tls, clock, log, declare });
  const { signal } = closing;
  const call = await makeCaller({ link, seal, clock, log, closing: signal, deadlines: timeoutMs });
  const lines = new Set<ReportLine>();

  return {
    call,

    async serveAgent(host, handler) {
      if (unseal === null) throw internal('This process trusts nobody who calls its hosts.', { code: 'bus.no_key' });
      return serveHost({ link, host, handler, unseal, clock, log, refused });
    },

    nudge: (actionId) => link.mention(exchanges.nudges, '', encode({ action: actionId })),

    async onNudge(listener) {
      const name = `xloud.nudged.${newUuid()}`;
      const consumer = makeConsumer({
        async queue(channel) {
          await channel.assertQueue(name, { exclusive: true, durable: false, maxLength: limits.busNudgesQueued });
          await channel.bindQueue(name, exchanges.nudges, '');
          return name;
        },
        atOnce: 0,
        take({ content }) {
          const action = decode(content)?.['action'];
          if (typeof action === 'number') listener(action);
        },
        log,
      });
      return link.add(consumer);
    },

    async report(report) {
      const key = reportKey(report.host);
      await link.publish({ exchange: exchanges.reports, key, content: encode({ report }), id: newUuid() });
    },

    async onReport(listener) {
      const { line, stop } = await takeReports({ link, listener, clock, log, closing: signal });
      lines.add(line);
      return async () => {
        lines.delete(line);
        await stop();
      };
    },

    waiting: () => lines.values().reduce((sum, line) => sum + line.waiting(), 0),
    dead: () => link.ask(async (channel) => (await channel.checkQueue(exchanges.dead)).messageCount),
    hearingMs: () => link.openMs(),
    problem: () => link.problem(),

    async close() {
      closing.abort();
      for (const line of lines) line.stop();
      await link.close();
    },
  };
}
