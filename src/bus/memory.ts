// Why: one process needs no broker, but must not learn habits that a broker forbids: everything is copied, answers have a time
// limit, nudges and reports are delivered later and nobody waits for them.

import type { Clock } from '../base/clock.ts';
import { Fault, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { type AgentMethod, methodTraits } from '../domain/servers/agent-methods.ts';
import type { AgentHandler, Bus, Unsubscribe } from './bus.ts';
import type { AgentReport } from './contract.ts';
import { faultFromWire, faultToWire } from './wire.ts';

export interface MemoryBusOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Time limits other than the methods' own, for tests. */
  readonly timeoutMs?: Partial<Readonly<Record<AgentMethod, number>>>;
}

/** What a newer report of a kind says of the same host better than an older one that nobody took yet. */
const outdates: Readonly<Record<AgentReport['kind'], readonly AgentReport['kind'][]>> = {
  // the older one would say less, and later: that its host was alive when it was not any more
  inventory: ['inventory', 'guests', 'heartbeat'],
  guests: ['guests'],
  heartbeat: ['heartbeat'],
  guest: [],
};

/** Takes a host's reports one after another, so that their order is kept, and different hosts' at once; never blocks who reports. */
class Subscriber {
  readonly #listener: (report: AgentReport) => Promise<void>;
  readonly #log: Log;
  /** By host, the first to come first; a host without any is not there. */
  readonly #waiting = new Map<string, AgentReport[]>();
  /** The hosts whose reports are being taken. */
  readonly #busy = new Map<string, Promise<void>>();
  #count = 0;

  constructor(listener: (report: AgentReport) => Promise<void>, log: Log) {
    this.#listener = listener;
    this.#log = log;
  }

  push(report: AgentReport): void {
    const { host, kind } = report;
    const before = this.#waiting.get(host) ?? [];
    const line = before.filter((older) => !outdates[kind].includes(older.kind));
    this.#count += line.length - before.length;
    if (this.#count >= limits.busBacklog) {
      this.#log.warn({ host, kind }, 'report dropped: the listener does not keep up');
      return;
    }
    line.push(structuredClone(report));
    this.#waiting.set(host, line);
    this.#count += 1;
    this.#begin();
  }

  /** Begins with hosts that wait, as far as there is room. */
  #begin(): void {
    for (const host of this.#waiting.keys()) {
      if (this.#busy.size >= limits.reportsAtOnce) return;
      if (this.#busy.has(host)) continue;
      const taken = this.#takeOne(host).then(() => {
        this.#busy.delete(host);
        this.#begin();
      });
      this.#busy.set(host, taken);
    }
  }

  /** Takes the first report of a host, which goes to the end of the line with what is left: others have their turn. */
  async #takeOne(host: string): Promise<void> {
    await Promise.resolve();
    const [report, ...left] = this.#waiting.get(host) ?? [];
    this.#waiting.delete(host);
    if (left.length > 0) this.#waiting.set(host, left);
    if (report === undefined) return;
    this.#count -= 1;
    try {
      await this.#listener(report);
    } catch (error) {
      this.#log.error({ err: error, host, kind: report.kind }, 'a report was not taken');
    }
  }

  get waiting(): number {
    return this.#count;
  }

  /** Resolves when every report so far is taken. */
  async idle(): Promise<void> {
    while (this.#busy.size > 0) await Promise.all(this.#busy.values());
  }

  stop(): void {
    this.#waiting.clear();
    this.#count = 0;
  }
}

export interface MemoryBus extends Bus {
  /** Resolves when every report so far is taken. */
  idle(): Promise<void>;
  /** Reports that wait for a listener. */
  waiting(): number;
}

export function makeMemoryBus({ clock, log, timeoutMs = {} }: MemoryBusOptions): MemoryBus {
  const agents = new Map<string, AgentHandler>();
  const nudged = new Set<(actionId: number) => void>();
  const subscribers = new Set<Subscriber>();
  const closing = new AbortController();

  const answer: Bus['call'] = async (host, method, args, asker = null) => {
    const handler = agents.get(host);
    if (handler === undefined) throw unavailable(`No agent serves host ${host}.`, { code: 'bus.nobody' });
    return structuredClone(await handler(method, structuredClone(args), structuredClone(asker)));
  };

  return {
    async call(host, method, args, asker = null) {
      if (closing.signal.aborted) throw unavailable('The bus is closed.', { code: 'bus.closed' });
      const answered = new AbortController();
      const limitMs = timeoutMs[method] ?? methodTraits[method].deadlineMs;
      const late = clock.sleep(limitMs, AbortSignal.any([answered.signal, closing.signal])).then(
        () => unavailable(`Host ${host} did not answer '${method}' in time.`, { code: 'bus.timeout' }),
        () => unavailable('The bus was closed before the answer came.', { code: 'bus.closed' }),
      );
      try {
        return await Promise.race([
          answer(host, method, args, asker).catch((error: unknown) => {
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
