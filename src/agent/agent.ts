// Why: the one process that touches a hypervisor. It puts what the bus asks into the guests' mailboxes, hands it to the driver
// and tells of its own accord what the host has and what guests did. It never sees the database.

import { chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import { notImplemented, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { AgentHandlers, Bus } from '../bus/bus.ts';
import type { AgentMethod } from '../bus/contract.ts';
import type { GuestEvent } from '../domain/servers/guest.ts';
import type { OptionalVerb } from '../domain/placement/host.ts';
import { type HostOffers, noOffers } from '../domain/placement/host-offers.ts';
import type { Driver } from '../virt/driver.ts';
import { makeMailboxes, type Mailboxes } from './mailbox.ts';
import { makeReporter } from './report.ts';

export interface AgentOptions {
  readonly host: string;
  readonly bus: Bus;
  /** Used, not owned: whoever made it closes it after the agent. */
  readonly driver: Driver;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds between inventory reports; default `limits.hostReportMs`. */
  readonly reportMs?: number;
  /** What the operator says of the host; default: nothing. */
  readonly offers?: HostOffers;
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

const nothing = (): null => null;

/** The bus methods over the driver. What concerns one guest goes through its mailbox, but for what is only read or steered. */
function handlersOf(driver: Driver, mailboxes: Mailboxes, isClosing: () => boolean): AgentHandlers {
  const post = <T>(uuid: string, method: AgentMethod, args: unknown, work: () => Promise<T>): Promise<T> => {
    if (isClosing()) return Promise.reject(unavailable('The agent is shutting down.', { code: 'agent.closing' }));
    const key = `${method} ${JSON.stringify(args)}`;
    return mailboxes.post(uuid, { key, joinRunning: method !== 'inspect' }, work);
  };
  /** An optional verb of the driver; a driver without it is asked only by mistake. */
  const able = <V extends OptionalVerb & keyof Driver>(verb: V): NonNullable<Driver[V]> => {
    const method = driver[verb];
    if (method === undefined) {
      throw notImplemented(`The ${driver.kind} driver cannot ${verb}.`, { code: `driver.${verb}` });
    }
    return method;
  };
  return {
    spawn: (args) => post(args.spec.uuid, 'spawn', args, () => driver.spawn(args.spec)),
    destroy: (args) => post(args.uuid, 'destroy', args, () => driver.destroy(args.uuid)).then(nothing),
    powerOn: (args) => post(args.spec.uuid, 'powerOn', args, () => driver.powerOn(args.spec)),
    powerOff: (args) => post(args.uuid, 'powerOff', args, () => driver.powerOff(args.uuid, args.timeoutMs)),
    reboot: (args) => post(args.spec.uuid, 'reboot', args, () => driver.reboot(args.spec, args.type, args.timeoutMs)),
    pause: ({ uuid }) => post(uuid, 'pause', { uuid }, () => able('pause')(uuid)),
    unpause: ({ uuid }) => post(uuid, 'unpause', { uuid }, () => able('unpause')(uuid)),
    suspend: ({ uuid }) => post(uuid, 'suspend', { uuid }, () => able('suspend')(uuid)),
    resume: ({ uuid }) => post(uuid, 'resume', { uuid }, () => able('resume')(uuid)),
    snapshot: (args) =>
      post(args.uuid, 'snapshot', args, () => able('snapshot').take(args.uuid, args.imageId, args.quiesce)),
    // what is copied is no longer the guest's: it need not wait for a transfer
    uploadSnapshot: (args) =>
      post(args.imageId, 'uploadSnapshot', args, async () => {
        await able('snapshot').upload(args.uuid, args.imageId);
        return null;
      }),
    dropSnapshot: (args) =>
      post(args.imageId, 'dropSnapshot', args, async () => {
        await able('snapshot').drop(args.uuid, args.imageId);
        return null;
      }),
    rescue: (args) => post(args.spec.uuid, 'rescue', args, () => able('rescue')(args.spec)),
    unrescue: (args) => post(args.spec.uuid, 'unrescue', args, () => able('unrescue')(args.spec)),
    rebuild: (args) => post(args.spec.uuid, 'rebuild', args, () => able('rebuild')(args.spec, args.preserveEphemeral)),
    setAdminPassword: (args) =>
      post(args.uuid, 'setAdminPassword', args, async () => {
        await able('setAdminPassword')(args.uuid, args.user, args.password);
        return null;
      }),
    injectNmi: ({ uuid }) =>
      post(uuid, 'injectNmi', { uuid }, async () => {
        await able('injectNmi')(uuid);
        return null;
      }),
    attachNic: (args) => post(args.uuid, 'attachNic', args, () => able('attachNic')(args.uuid, args.nic, args.plan)),
    detachNic: (args) => post(args.uuid, 'detachNic', args, () => able('detachNic')(args.uuid, args.portId)),
    migrateDisk: (args) =>
      post(args.uuid, 'migrateDisk', args, () => able('migrateDisk')(args.uuid, args.timeoutMs)).then(nothing),
    receiveDisk: (args) =>
      post(args.spec.uuid, 'receiveDisk', args, () => able('receiveDisk')(args.spec, args.from, args.on)),
    restoreDisk: (args) => post(args.spec.uuid, 'restoreDisk', args, () => able('restoreDisk')(args.spec, args.on)),
    dropDisk: ({ uuid }) => post(uuid, 'dropDisk', { uuid }, () => able('dropDisk')(uuid)).then(nothing),
    liveMigrate: (args) => post(args.uuid, 'liveMigrate', args, () => able('liveMigrate')(args.uuid, args.to)),
    // asked while the guest is under way
    liveProgress: ({ uuid }) => able('liveProgress')(uuid),
    steerLive: ({ uuid, wish }) => able('steerLive')(uuid, wish).then(nothing),
    adjust: (args) => post(args.uuid, 'adjust', args, () => driver.adjust(args.uuid, args.request)),
    inspect: (args) => post(args.uuid, 'inspect', args, () => driver.inspect(args.uuid)),
    console: (args) => driver.console(args.uuid, args.maxBytes),
    remoteConsole: async ({ uuid, protocol }) => able('remoteConsole')(uuid, protocol),
    diagnostics: async ({ uuid }) => able('diagnostics')(uuid),
    cacheImage: async ({ image }) => able('cacheImage')(image),
    list: () => driver.list(),
  };
}

/** Serves a host: resolves once requests are taken and the first report is on its way. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { host, bus, driver, clock, log } = options;
  const mailboxes = makeMailboxes();
  let closing = false;

  const reporter = makeReporter({
    host,
    bus,
    driver,
    clock,
    log,
    everyMs: options.reportMs ?? limits.hostReportMs,
    offers: options.offers ?? noOffers,
    random: options.random ?? (() => chance.fraction()),
  });

  /** A guest's event is told after what is under way for it, with what the guest is by then. */
  async function tell(event: GuestEvent): Promise<void> {
    if (event.uuid === null) return reporter.reportNow();
    const { uuid } = event;
    const key = `event ${JSON.stringify(event)}`;
    const view = await mailboxes.post(uuid, { key, joinRunning: false }, () => driver.inspect(uuid));
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
  const stopServing = await bus.serveAgent(
    host,
    handlersOf(driver, mailboxes, () => closing),
  );
  reporter.start();
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
      const waited = new AbortController();
      await Promise.race([
        Promise.all([mailboxes.idle(), told()]),
        clock.sleep(graceMs, waited.signal).catch(() => undefined),
      ]);
      waited.abort();
      if (mailboxes.size() > 0) log.warn({ host, left: mailboxes.size() }, 'agent closed with work under way');
      // last, so that what was under way could still answer
      await stopServing();
    },
  };
}
