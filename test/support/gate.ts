// Why: what shows while a host works is looked at while the host waits, not in a race with it: what hosts are asked stops at a gate,
// where a test meets it.

import type { Bus } from '../../src/bus/bus.ts';
import type { AgentMethod } from '../../src/domain/servers/agent-methods.ts';
import type { Verb } from '../../src/virt/fake/behaviour.ts';

/** What stops: a hypervisor that begins with a verb, or a call on its way to a host (an agent asks its hypervisor by itself, too). */
export type Stopping = Verb | `call ${AgentMethod}`;

export interface Gate {
  /** Resolves when something has come there; rejects when nothing does within a minute. */
  readonly reached: (what: Stopping) => Promise<void>;
  /** Lets it go on; what begins later does not wait. */
  readonly pass: (what: Stopping) => void;
}

export interface Gates {
  /** Resolves when a host is asked for this, from now on; it may not have begun with it. */
  readonly asked: (method: AgentMethod) => Promise<void>;
  /** Does `work` while hosts hear nothing of what they are asked. */
  readonly held: <T>(work: () => Promise<T>) => Promise<T>;
  /** Does `work` while what comes to one of these waits: until it is let go, or `work` is done. */
  readonly gated: <T>(what: readonly Stopping[], work: (gate: Gate) => Promise<T>) => Promise<T>;
}

const PATIENCE_MS = 60_000;

async function inTime(what: string, promise: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(() => late.reject(new Error(`no host came to '${what}'`)), PATIENCE_MS);
  await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

interface Stop {
  readonly came: PromiseWithResolvers<void>;
  readonly go: PromiseWithResolvers<void>;
}

/** Gates, for the bus that hosts are asked by and for what fake hypervisors await before each verb. */
export function makeGates() {
  const stops = new Map<Stopping, Stop>();
  const before = async (what: Stopping): Promise<void> => {
    const stop = stops.get(what);
    stop?.came.resolve();
    await stop?.go.promise;
  };
  const awaited = new Map<AgentMethod, PromiseWithResolvers<void>>();
  let hear: Promise<void> = Promise.resolve();

  const gates: Gates = {
    asked(method) {
      const come = Promise.withResolvers<void>();
      awaited.set(method, come);
      return inTime(method, come.promise);
    },
    async held(work) {
      const go = Promise.withResolvers<void>();
      hear = go.promise;
      try {
        return await work();
      } finally {
        go.resolve();
      }
    },
    async gated(verbs, work) {
      const mine = new Map<Stopping, Stop>();
      for (const verb of verbs) {
        const stop = { came: Promise.withResolvers<void>(), go: Promise.withResolvers<void>() };
        mine.set(verb, stop);
        stops.set(verb, stop);
      }
      const pass = (verb: Stopping): void => {
        mine.get(verb)?.go.resolve();
        stops.delete(verb);
      };
      try {
        return await work({ reached: (verb) => inTime(verb, (mine.get(verb) as Stop).came.promise), pass });
      } finally {
        for (const verb of verbs) pass(verb);
      }
    },
  };

  return {
    gates,
    gatedBus: (bus: Bus): Bus => ({
      ...bus,
      async call(...request) {
        awaited.get(request[1])?.resolve();
        await hear;
        await before(`call ${request[1]}`);
        return bus.call(...request);
      },
    }),
    before,
  };
}
