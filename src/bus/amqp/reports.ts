// Why: many workers share what many hosts tell. Reports go to a few queues by their host, each of which one worker takes at a time: so one
// host's stay in order, and what a worker that died had not taken is another's.

import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { Unsubscribe } from '../bus.ts';
import type { AgentReport } from '../contract.ts';
import { makeReportLine, type ReportLine } from '../report-line.ts';
import { type Consumer, type Delivery, makeConsumer } from './consumer.ts';
import type { Link } from './link.ts';
import { decode } from './message.ts';
import { reportKey, reportQueues, workersQueue } from './topology.ts';

export interface ReportsOptions {
  readonly link: Link;
  readonly listener: (report: AgentReport) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly closing: AbortSignal;
}

/** A report under the key of its host: nobody speaks for another one. */
function reportOf({ content, key }: Delivery): AgentReport | string {
  const report = decode(content)?.['report'];
  if (typeof report !== 'object' || report === null || !('host' in report)) return 'not in a version that is known';
  if (typeof report.host !== 'string' || reportKey(report.host) !== key) return 'told in the name of another host';
  // hosts are believed in what they say of themselves
  return report as AgentReport;
}

interface Share {
  readonly consumer: Consumer;
  /** Whether anything came since it was looked last. */
  took: boolean;
}

/** Begins anew on one queue where this worker takes more than its share, so that another one has it. */
async function giveUpOne(shares: readonly Share[], workers: number): Promise<void> {
  const taken = shares.filter(({ took }) => took);
  for (const share of shares) share.took = false;
  const [first] = taken;
  const share = Math.ceil(shares.length / Math.max(1, workers));
  if (first !== undefined && taken.length > share) await first.consumer.requeue();
}

export async function takeReports(
  options: ReportsOptions,
): Promise<{ readonly line: ReportLine; readonly stop: Unsubscribe }> {
  const { link, listener, clock, log, closing } = options;
  const line = makeReportLine(listener, log);
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, closing]);

  const shares = reportQueues.map((queue): Share => {
    const take = (delivery: Delivery): void => {
      share.took = true;
      const report = reportOf(delivery);
      if (typeof report !== 'string') return line.push(report, () => delivery.ack());
      log.warn({ queue, why: report }, 'a report is refused');
      delivery.refuse();
    };
    const share: Share = {
      consumer: makeConsumer({ queue: async () => queue, atOnce: limits.busReportsAhead, take, log }),
      took: false,
    };
    return share;
  });
  const ends: Unsubscribe[] = [];
  for (const { consumer } of shares) ends.push(await link.add(consumer));
  // to be counted among the workers
  const place = makeConsumer({ queue: async () => workersQueue, atOnce: 1, take: (one) => one.ack(), log });
  ends.push(await link.add(place));
  const countWorkers = (): Promise<number> =>
    link.ask(async (channel) => (await channel.checkQueue(workersQueue)).consumerCount);

  async function keepShare(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(limits.busShareMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await giveUpOne(shares, await countWorkers());
      } catch (error) {
        log.debug({ reason: messageOf(error) }, 'shares were not compared');
      }
    }
  }
  void keepShare();

  return {
    line,
    async stop() {
      ended.abort();
      line.stop();
      for (const end of ends) await end();
    },
  };
}
