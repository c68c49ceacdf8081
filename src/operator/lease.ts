// Why: of several operators one works. Who does not renew in time ends itself before another may begin: a leader that was stopped for a while
// and goes on must not write beside the next one.

import { setTimeout as sleep } from 'node:timers/promises';
import { type V1Lease, V1MicroTime } from '@kubernetes/client-node';
import type { Log } from '../base/log.ts';
import { type Cluster, wordsOfError } from './cluster.ts';

export interface LeaseTimes {
  /** After so long without a renewal another may take it. */
  readonly durationMs: number;
  readonly renewMs: number;
}

export interface LeaderOptions extends LeaseTimes {
  readonly leases: Cluster['leases'];
  readonly namespace: string;
  readonly name: string;
  /** Of this process, and no other. */
  readonly identity: string;
  readonly log: Log;
}

export interface Leader {
  /** Resolves when this process leads. */
  readonly elected: Promise<void>;
  /** Resolves when it leads no more and must end, with why. */
  readonly lost: Promise<string>;
  /** Gives the lease back. */
  resign(): Promise<void>;
}

type MicroTime = V1MicroTime | Date | string | undefined;

const msOf = (time: MicroTime): number => (time === undefined ? 0 : new Date(time).getTime());

/** Whether somebody else holds a lease, by this process's own clock: a lease is his until it did not change for its duration. */
export function makeWatcher() {
  let seen = { renewed: '', atMs: 0 };
  return (lease: V1Lease, identity: string, durationMs: number, nowMs: number): boolean => {
    const { holderIdentity, renewTime } = lease.spec ?? {};
    if (!holderIdentity || holderIdentity === identity) return false;
    const renewed = `${holderIdentity} ${msOf(renewTime)}`;
    if (renewed !== seen.renewed) seen = { renewed, atMs: nowMs };
    return nowMs - seen.atMs < durationMs;
  };
}

/** Runs for the lease until `resign`. */
export function runForLease(options: LeaderOptions): Leader {
  const { leases, namespace, name, identity, durationMs, renewMs, log } = options;
  const isOthers = makeWatcher();
  const elected = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<string>();
  let leads = false;
  /** Runs whatever becomes of a request: before another may begin this one has ended. */
  let deadline: NodeJS.Timeout | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const wanted = (before: V1Lease | null): V1Lease => {
    const now = new V1MicroTime();
    const transitions = before?.spec?.leaseTransitions ?? 0;
    const kept = before?.spec?.holderIdentity === identity;
    const acquireTime = kept ? before.spec?.acquireTime : now;
    return {
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      metadata: before?.metadata ?? { name, namespace },
      spec: {
        ...{ holderIdentity: identity, leaseDurationSeconds: Math.ceil(durationMs / 1_000), renewTime: now },
        ...{
          leaseTransitions: kept ? transitions : transitions + 1,
          ...(acquireTime === undefined ? {} : { acquireTime }),
        },
      },
    };
  };

  /** Whether the lease is this process's. A conflict means that somebody was quicker. */
  async function take(): Promise<boolean> {
    const lease = await leases.read(namespace, name);
    if (lease === null) await leases.create(namespace, wanted(null));
    else if (isOthers(lease, identity, durationMs, performance.now())) return false;
    else await leases.replace(namespace, name, wanted(lease));
    return true;
  }

  /** As `take`, but not for ever: where nobody answers at all, it must be known in time that nothing was renewed. */
  async function takeInTime(): Promise<boolean> {
    const late = new AbortController();
    try {
      return await Promise.race([
        take(),
        // so that there is time for another try before the deadline
        sleep((durationMs - renewMs) / 2, undefined, { signal: late.signal }).then(() => {
          throw new Error('the API server did not answer in time');
        }),
      ]);
    } finally {
      late.abort();
    }
  }

  async function turn(): Promise<void> {
    const began = performance.now();
    const taken = await takeInTime().catch((error: unknown) => {
      log.warn({ error: wordsOfError(error) }, 'the lease could not be renewed');
      return false;
    });
    if (stopped) return;
    if (taken) {
      clearTimeout(deadline);
      const leftMs = durationMs - renewMs - (performance.now() - began);
      deadline = setTimeout(() => lost.resolve('the lease could not be renewed in time'), leftMs);
      if (!leads) log.info({ identity }, 'this operator leads');
      leads = true;
      elected.resolve();
    }
    timer = setTimeout(() => void turn(), renewMs);
  }

  void turn();
  return {
    elected: elected.promise,
    lost: lost.promise,
    async resign() {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(deadline);
      if (!leads) return;
      const lease = await leases.read(namespace, name).catch(() => null);
      if (lease?.spec?.holderIdentity !== identity) return;
      lease.spec.holderIdentity = '';
      // whoever was quicker has it
      await leases.replace(namespace, name, lease).catch(() => {});
    },
  };
}
