// Why: machines are watched, their servers are polled together, and whatever changed is brought together again, one machine at a time.

import { randomUUID } from 'node:crypto';
import { chance } from '../base/chance.ts';
import type { Log } from '../base/log.ts';
import type { Cluster } from './cluster.ts';
import { statusOfError, wordsOfError } from './cluster.ts';
import { sameStatus } from './conditions.ts';
import { makeOperatorMetrics, type OperatorMetrics } from './metrics.ts';
import type { Observed, Provider, Usage } from './provider.ts';
import { makeQueue } from './queue.ts';
import { reconcile, type Reconciling, release } from './reconcile.ts';
import { makeTimers } from './timers.ts';
import { FINALIZER, type Key, keyOf, type VirtualMachine } from './types.ts';
import { type Machines, watchMachines } from './watch.ts';

export interface ControllerOptions {
  readonly cluster: Cluster;
  readonly provider: Provider;
  readonly log: Log;
  readonly hookPrefixes: readonly string[];
  /** Machines that are worked on at the same time. */
  readonly concurrency: number;
  /** Between two looks at what changed at the provider, and two at everything. */
  readonly pollMs: number;
  readonly resyncMs: number;
}

export interface Controller {
  readonly metrics: OperatorMetrics;
  /** Begins to work; resolves when all machines are known. */
  start(): Promise<void>;
  /** Whether the API server and the provider answered lately; else why not. */
  problem(): string | null;
  close(): Promise<void>;
}

/** Between the provider's clock and ours. */
const OVERLAP_MS = 10_000;
const TERMINATING_MS = 2_000;
const USAGE_MS = 15_000;
/** The same event of a machine is not written again for so long. */
const EVENT_MS = 600_000;
const MOST_EVENTS = 10_000;

/** Writes events, each once for a while: what is refused every half minute is one event. */
function makeTeller({ cluster, log }: Pick<ControllerOptions, 'cluster' | 'log'>): Reconciling['tell'] {
  const told = new Map<string, number>();
  return (vm, type, reason, message) => {
    const mark = `${vm.metadata.uid} ${reason} ${message}`;
    const nowMs = performance.now();
    if (nowMs - (told.get(mark) ?? -Infinity) < EVENT_MS) return;
    if (told.size >= MOST_EVENTS) told.clear();
    told.set(mark, nowMs);
    log.info({ vm: keyOf(vm), reason, message }, 'event');
    cluster
      .writeEvent(vm, { type, reason, message })
      .catch((error: unknown) =>
        log.warn({ vm: keyOf(vm), error: wordsOfError(error) }, 'an event could not be written'),
      );
  };
}

/** What servers take, asked for at most every `USAGE_MS`; what was known last where the provider does not answer. */
function makeUsage({ provider, log }: Pick<ControllerOptions, 'provider' | 'log'>) {
  let last: { readonly atMs: number; readonly found: ReadonlyMap<string, Usage> } = {
    atMs: -Infinity,
    found: new Map(),
  };
  return async (): Promise<ReadonlyMap<string, Usage>> => {
    if (performance.now() - last.atMs < USAGE_MS) return last.found;
    const found = await provider.usage().catch((error: unknown) => {
      log.warn({ error: wordsOfError(error) }, 'what servers take is not known');
      return new Map<string, Usage>();
    });
    last = { atMs: performance.now(), found };
    return found;
  };
}

/** Looks at the machine of a key once, and says when to look again. */
function makeLook(
  { cluster }: Pick<ControllerOptions, 'cluster'>,
  machines: Machines,
  deps: Reconciling,
  news: Map<Key, Observed>,
) {
  const machineOf = (key: Key): VirtualMachine | undefined => {
    const [namespace = '', name = ''] = key.split('/');
    return machines.get(name, namespace);
  };

  async function end(vm: VirtualMachine): Promise<number | null> {
    const finalizers = vm.metadata.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) return null;
    if (!(await release(deps, vm))) {
      const status = { ...vm.status, phase: 'Terminating' } as const;
      if (!sameStatus(vm.status, status)) await cluster.writeStatus(vm, status);
      return TERMINATING_MS;
    }
    await cluster.writeFinalizers(
      vm,
      finalizers.filter((one) => one !== FINALIZER),
    );
    return null;
  }

  async function look(key: Key): Promise<number | null> {
    const vm = machineOf(key);
    const seen = news.get(key) ?? null;
    news.delete(key);
    if (vm === undefined) return null;
    if (vm.metadata.deletionTimestamp !== undefined) return end(vm);
    const finalizers = vm.metadata.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) {
      // the watch tells of it, and the next look goes on
      await cluster.writeFinalizers(vm, [...finalizers, FINALIZER]);
      return null;
    }
    const { status, againMs } = await reconcile(deps, vm, seen);
    if (!sameStatus(vm.status, status)) await cluster.writeStatus(vm, status);
    return againMs;
  }

  return look;
}

export function makeController(options: ControllerOptions): Controller {
  const { cluster, provider, log, hookPrefixes, concurrency, pollMs, resyncMs } = options;
  const machines = cluster.machines();
  const metrics = makeOperatorMetrics(() => machines.list(), makeUsage(options));
  const deps: Reconciling = {
    ...{ provider, hookPrefixes, readSecret: cluster.readSecret, tell: makeTeller(options), now: Date.now },
    aside: (wait) => queue.aside(wait),
  };
  const timers = makeTimers();
  let problem: string | null = 'the machines are not known yet';
  let sinceMs = Date.now();
  /** What a poll told of a machine's server: good for one look. */
  const news = new Map<Key, Observed>();

  const look = makeLook(options, machines, deps, news);
  const queue = makeQueue({
    concurrency,
    backoff: { leastMs: 500, mostMs: 30_000 },
    async work(key) {
      const began = performance.now();
      try {
        const againMs = await look(key);
        metrics.reconciled('success', (performance.now() - began) / 1_000);
        return againMs;
      } catch (error) {
        metrics.reconciled('error', (performance.now() - began) / 1_000);
        throw error;
      }
    },
    failed(key, error, againMs) {
      // somebody else wrote meanwhile: the watch has it by then
      if (statusOfError(error) === 409) return;
      log.warn({ vm: key, error: wordsOfError(error), again_ms: againMs }, 'reconciling failed');
    },
  });

  /** Servers that changed, or went, past the machines' owners. */
  async function poll(): Promise<void> {
    const began = Date.now();
    try {
      const changed = await provider.changedSince(sinceMs - OVERLAP_MS);
      sinceMs = began;
      problem = null;
      for (const vm of changed.size === 0 ? [] : machines.list()) {
        const server = changed.get(vm.status?.serverID ?? '');
        if (server === undefined) continue;
        if (server !== null) news.set(keyOf(vm), server);
        queue.add(keyOf(vm));
      }
    } catch (error) {
      problem = `the provider: ${wordsOfError(error)}`;
      log.warn({ error: wordsOfError(error) }, 'the provider was not to be asked');
    }
  }

  const watched = watchMachines(machines, timers, log, (key) => queue.add(key));
  return {
    metrics,
    async start() {
      await watched.start();
      problem = null;
      timers.every(pollMs, poll);
      timers.every(resyncMs, async () =>
        machines.list().forEach((vm) => queue.addAfter(keyOf(vm), chance.fraction() * pollMs)),
      );
      log.info({ machines: machines.list().length }, 'machines are watched');
    },
    problem: () => watched.problem() ?? problem,
    async close() {
      timers.close();
      await machines.stop();
      await queue.close();
    },
  };
}

/** A name for one process and no other. */
export const identityOf = (hostname: string): string => `${hostname}_${randomUUID()}`;
