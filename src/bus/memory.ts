// Why: one process needs no broker, but must not learn habits that a broker forbids: everything is copied, answers have a time
// limit, nudges and reports are delivered later and nobody waits for them.

import type { Clock } from '../base/clock.ts';
import { Fault, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { AgentHandlers, Bus, Unsubscribe } from './bus.ts';
import { type AgentArgs, type AgentMethod, type AgentReply, type AgentReport, agentTimeoutMs } from './contract.ts';
import { faultFromWire, faultToWire } from './wire.ts';

export interface MemoryBusOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Time limits other than the contract's, for tests. */
  readonly timeoutMs?: Partial<Readonly<Record<AgentMethod, number>>>;
}

/** Reports of one host that wait for a listener. */
interface Queue {
  waiting: AgentReport[];
  readonly drained: Promise<void>;
}

/**
 * Takes the reports of each host one after another, so that their order is kept; never blocks the one who reports. What a host says
 * does not wait for another one that is slow to answer.
 */
class Subscriber {
  readonly #listener: (report: AgentReport) => Promise<void>;
  readonly #log: Log;
  readonly #queues = new Map<string, Queue>();

  constructor(listener: (report: AgentReport) => Promise<void>, log: Log) {
    this.#listener = listener;
    this.#log = log;
  }

  push(report: AgentReport): void {
    const { host } = report;
    const known = this.#queues.get(host);
    // the older one would say less, and later: that its host was alive when it was not any more
    if (known !== undefined && report.kind === 'inventory') {
      known.waiting = known.waiting.filter(({ kind }) => kind !== 'inventory');
    }
    if (this.waiting >= limits.busBacklog) {
      this.#log.warn({ host, kind: report.kind }, 'report dropped: the listener does not keep up');
      return;
    }
    const copy = structuredClone(report);
    if (known === undefined) this.#queues.set(host, { waiting: [copy], drained: this.#drain(host) });
    else known.waiting.push(copy);
  }

  async #drain(host: string): Promise<void> {
    await Promise.resolve();
    const next = (): AgentReport | undefined => this.#queues.get(host)?.waiting.shift();
    for (let report = next(); report !== undefined; report = next()) {
      try {
        await this.#listener(report);
      } catch (error) {
        this.#log.error({ err: error, host, kind: report.kind }, 'a report was not taken');
      }
    }
    this.#queues.delete(host);
  }

  get waiting(): number {
    return this.#queues.values().reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** Resolves when every report so far is taken. */
  async idle(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ drained }) => drained));
  }

  stop(): void {
    for (const queue of this.#queues.values()) queue.waiting = [];
  }
}

export interface MemoryBus extends Bus {
  /** Resolves when every report so far is taken. */
  idle(): Promise<void>;
  /** Reports that wait for a listener. */
  waiting(): number;
}

export function makeMemoryBus({ clock, log, timeoutMs = {} }: MemoryBusOptions): MemoryBus {
  const agents = new Map<string, AgentHandlers>();
  const nudged = new Set<(actionId: number) => void>();
  const subscribers = new Set<Subscriber>();
  const closing = new AbortController();

  async function answer<M extends AgentMethod>(host: string, method: M, args: AgentArgs<M>): Promise<AgentReply<M>> {
    const handlers = agents.get(host);
    if (handlers === undefined) throw unavailable(`No agent serves host ${host}.`, { code: 'bus.nobody' });
    return structuredClone(await handlers[method](structuredClone(args)));
  }

  return {
    async call(host, method, args) {
      if (closing.signal.aborted) throw unavailable('The bus is closed.', { code: 'bus.closed' });
      const answered = new AbortController();
      const limitMs = timeoutMs[method] ?? agentTimeoutMs[method];
      const late = clock.sleep(limitMs, AbortSignal.any([answered.signal, closing.signal])).then(
        () => unavailable(`Host ${host} did not answer '${method}' in time.`, { code: 'bus.timeout' }),
        () => unavailable('The bus was closed before the answer came.', { code: 'bus.closed' }),
      );
      try {
        return await Promise.race([
          answer(host, method, args).catch((error: unknown) => {
            // the stack does not travel
            if (!(error instanceof Fault)) log.error({ err: error, host, method }, 'an agent failed unexpectedly');
            throw faultFromWire(faultToWire(error));
          }),
          late.then((fault) => {
            throw fault;
          }),
        ]);
      } finally {
        answered.abort();
      }
    },

    async serveAgent(host, handlers): Promise<Unsubscribe> {
      agents.set(host, handlers);
      return async () => {
        if (agents.get(host) === handlers) agents.delete(host);
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
      if (closing.signal.aborted) throw unavailable('The bus is closed.', { code: 'bus.closed' });
      for (const subscriber of subscribers) subscriber.push(report);
    },

    async onReport(listener) {
      const subscriber = new Subscriber(listener, log);
      subscribers.add(subscriber);
      return async () => {
        subscribers.delete(subscriber);
        subscriber.stop();
      };
    },

    async idle() {
      await Promise.all([...subscribers].map((subscriber) => subscriber.idle()));
    },

    waiting: () => [...subscribers].reduce((sum, subscriber) => sum + subscriber.waiting, 0),

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
