// Why: the one process that touches a hypervisor. It puts what the bus asks into the guests' mailboxes, hands it to the driver
// and tells of its own accord what the host has and what guests did. It never sees the database.

import { chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import { inTime } from '../base/in-time.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Bus } from '../bus/bus.ts';
import { believable } from '../domain/servers/believable.ts';
import type { Chassis } from '../domain/placement/hosts.ts';
import type { GuestEvent } from '../domain/servers/guests.ts';
import { type HostOffers, noOffers } from '../domain/placement/host-offers.ts';
import type { Driver } from '../virt/driver.ts';
import { type AnswerStore, makeAnswers, memoryAnswers } from './answers.ts';
import { makeHandler } from './handler.ts';
import { type Meter, makeMeter } from './meter.ts';
import { makeMailboxes } from './mailbox.ts';
import { makeReporter } from './report.ts';

export interface AgentOptions {
  readonly host: string;
  readonly bus: Bus;
  /** Used, not owned: whoever made it closes it after the agent. */
  readonly driver: Driver;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the last answers of guests are kept; default: in memory. */
  readonly answers?: AnswerStore;
  /** Milliseconds between reports, or who says how many it is now; default `limits.hostReportMs`. */
  readonly reportMs?: number | (() => number);
  /** What the operator says of the host; default: nothing. */
  readonly offers?: HostOffers;
  /** What the host is in OVN now; default: nothing. */
  readonly chassis?: () => Chassis | null;
  /** Whether it tells what its guests take; default: no. */
  readonly usage?: boolean;
  /** 0..1, for the jitter of the reports; default `chance.fraction`. */
  readonly random?: () => number;
}

export interface Agent {
  /** Sends a report now, beside the regular ones. */
  reportNow(): Promise<void>;
  /** Resolves when every event of a guest so far is told. */
  told(): Promise<void>;
  /** Requests and events that wait for a guest or are under way. */
  waiting(): number;
  /** Takes no more work, waits at most `graceMs` for what is under way, and stops reporting. */
  close(graceMs?: number): Promise<void>;
}

/** Serves a host: resolves once requests are taken and the first report is on its way. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { host, bus, driver, clock, log, reportMs = limits.hostReportMs } = options;
  const mailboxes = makeMailboxes();
  const answers = makeAnswers(options.answers ?? memoryAnswers(), log);
  let closing = false;

  const reporter = makeReporter({
    host,
    bus,
    driver,
    clock,
    log,
    everyMs: typeof reportMs === 'number' ? () => reportMs : reportMs,
    offers: options.offers ?? noOffers,
    chassis: options.chassis ?? (() => null),
    random: options.random ?? (() => chance.fraction()),
  });

  /** A guest's event is told after what is under way for it, with what the guest is by then. */
  async function tell(event: GuestEvent): Promise<void> {
    if (event.uuid === null) return reporter.reportNow();
    const { uuid } = event;
    const key = `event ${JSON.stringify(event)}`;
    const view = await mailboxes.post(uuid, { key, joinRunning: false }, async () =>
      believable(await driver.inspect({ uuid })),
    );
    await bus.report({ kind: 'guest', host, event, view });
  }

  const telling = new Set<Promise<void>>();
  const told = async (): Promise<void> => {
    while (telling.size > 0) await Promise.all(telling);
  };
  const stopEvents = driver.onEvent((event) => {
    if (closing) return;
    const one = tell(event)
      .catch((error: unknown) => {
        log.warn({ err: error, host, event }, 'an event was not reported; the next report brings the state');
      })
      .finally(() => telling.delete(one));
    telling.add(one);
  });
  // guests that were taken away leave their answers behind
  await driver
    .list({})
    .then((guests) => answers.forgetOthers(guests.map(({ uuid }) => uuid)))
    .catch((error: unknown) =>
      log.warn({ err: error, host }, 'answers of guests that are gone stay until the next start'),
    );
  const stopServing = await bus.serveAgent(host, makeHandler({ driver, mailboxes, answers, isClosing: () => closing }));
  const toldOnce = reporter.start();
  const meter: Meter | null = options.usage === true ? makeMeter({ host, bus, driver, clock, log }) : null;
  meter?.start(toldOnce);
  log.info({ host, driver: driver.kind }, 'agent serves');

  return {
    reportNow: () => reporter.reportNow(),
    told,
    waiting: () => mailboxes.size(),
    async close(graceMs = limits.agentGraceMs) {
      if (closing) return;
      closing = true;
      stopEvents();
      await reporter.close();
      await meter?.close();
      await inTime(Promise.all([mailboxes.idle(), told()]), graceMs, () => undefined, { clock });
      if (mailboxes.size() > 0) log.warn({ host, left: mailboxes.size() }, 'agent closed with work under way');
      // last, so that what was under way could still answer
      await stopServing();
    },
  };
}
