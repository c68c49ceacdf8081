// Why: one process needs no broker, but must not learn habits that a broker forbids: everything is copied, answers have a time
// limit, nudges and reports are delivered later and nobody waits for them.

import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type AgentHandler, type Bus, closed, nobody, type Unsubscribe } from './bus.ts';
import { type Deadlines, deadlineMs, withinDeadline } from './deadline.ts';
import { makeReportLine, type ReportLine } from './report-line.ts';
import { faultFromWire, faultToWire } from './wire.ts';

export interface MemoryBusOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Time limits other than the methods' own, for tests. */
  readonly timeoutMs?: Deadlines;
}

export interface MemoryBus extends Bus {
  /** Resolves when every report so far is taken. */
  idle(): Promise<void>;
}

export function makeMemoryBus({ clock, log, timeoutMs = {} }: MemoryBusOptions): MemoryBus {
  const agents = new Map<string, AgentHandler>();
  const nudged = new Set<(actionId: number) => void>();
  const subscribers = new Set<ReportLine>();
  const closing = new AbortController();

  const answer: Bus['call'] = async (host, method, args, asker = null) => {
    const handler = agents.get(host);
    if (handler === undefined) throw nobody(host);
    return structuredClone(await handler(method, structuredClone(args), structuredClone(asker)));
  };

  return {
    async call(host, method, args, asker = null) {
      if (closing.signal.aborted) throw closed();
      const answered = answer(host, method, args, asker).catch((error: unknown) => {
        // the stack does not travel
        if (!(error instanceof Fault)) log.error({ err: error, host, method }, 'an agent failed unexpectedly');
        throw faultFromWire(faultToWire(error));
      });
      const ms = deadlineMs(method, timeoutMs);
      return withinDeadline(answered, { host, method, ms, clock, closing: closing.signal });
    },

    async serveAgent(host, handler): Promise<Unsubscribe> {
      agents.set(host, handler);
      return async () => {
        if (agents.get(host) === handler) agents.delete(host);
      };
    },

    nudge(actionId) {
      for (const listener of nudged) {
        queueMicrotask(() => {
          if (!nudged.has(listener)) return;
          try {
            listener(actionId);
          } catch (error) {
            log.error({ err: error, actionId }, 'a nudge was not taken');
          }
        });
      }
    },

    async onNudge(listener) {
      // one entry per subscription, though the same function may subscribe twice
      const own = (actionId: number) => listener(actionId);
      nudged.add(own);
      return async () => {
        nudged.delete(own);
      };
    },

    async report(report) {
      if (closing.signal.aborted) throw closed();
      for (const subscriber of subscribers) subscriber.push(structuredClone(report));
    },

    async onReport(listener) {
      const subscriber = makeReportLine(listener, log);
      subscribers.add(subscriber);
      return async () => {
        subscribers.delete(subscriber);
        subscriber.stop();
      };
    },

    async idle() {
      await Promise.all([...subscribers].map((subscriber) => subscriber.idle()));
    },

    waiting: () => [...subscribers].reduce((sum, subscriber) => sum + subscriber.waiting(), 0),

    dead: async () => 0,

    hearingMs: () => Number.POSITIVE_INFINITY,

    problem: () => (closing.signal.aborted ? 'the bus is closed' : null),

    async close() {
      closing.abort();
      agents.clear();
      nudged.clear();
      for (const subscriber of subscribers) subscriber.stop();
      subscribers.clear();
    },
  };
}
