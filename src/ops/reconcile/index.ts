// Why: reconcilers take no arguments and re-derive everything from state, so that the happy day and recovery are one path. They
// run on a timer that is a little off the beat, one after another.

import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { endTurn, takeTurn } from '../../db/named-locks.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { adjustDecisions, adjustSchedules } from './autoscale.ts';
import { backupSchedules } from './backup-schedules.ts';
import { makeCopySweep } from './copy-jobs.ts';
import { makeEvacuations } from './evacuations.ts';
import { makeHostLiveness } from './host-liveness.ts';
import { makePurgeOld } from './purge-old.ts';
import { remnants } from './remnants.ts';
import { reclaim } from './reclaim.ts';
import { shelvedServers } from './shelved.ts';
import { makeStaleClaims } from './stale-claims.ts';
import { stuckServers } from './stuck-servers.ts';
import { metering } from './metering.ts';
import { makePlacementMirror } from './placement-mirror.ts';
import { usageSamples } from './usage-samples.ts';
import { unconfirmedResizes } from './unconfirmed-resizes.ts';

/** `until`: the worker ends. Returns `error` where it failed and said so already. */
type Run = (deps: OpsDeps, until: AbortSignal) => Promise<'error' | void | undefined>;

export interface Reconciler {
  readonly run: Run;
  /** `deployment`: one worker at a time, once in a period for all of them; `process`: each worker for itself. */
  readonly by: 'deployment' | 'process';
  /** It waits for others and has a timer of its own, with this period in milliseconds; absent: that of all. */
  readonly apartMs?: number;
  /** After how long a worker that has its turn is thought dead, in milliseconds; absent: `limits.reconcileLeaseMs`. */
  readonly leaseMs?: number;
  /** Whether there is anything for it; absent: always. */
  readonly isOn?: (deps: OpsDeps) => boolean;
}

const once = (run: Run): Reconciler => ({ run, by: 'deployment' });
const each = (run: Run): Reconciler => ({ run, by: 'process' });

export type ReconcilerName =
  | 'hostLiveness'
  | 'reclaim'
  | 'staleClaims'
  | 'stuckServers'
  | 'unconfirmedResizes'
  | 'shelvedServers'
  | 'remnants'
  | 'usageSamples'
  | 'metering'
  | 'adjustSchedules'
  | 'adjustDecisions'
  | 'backupSchedules'
  | 'copySweep'
  | 'evacuations'
  | 'placementMirror'
  | 'purgeOld';

export type Reconcilers = Readonly<Record<ReconcilerName, Reconciler>>;

/** The reconcilers that a timer runs; power drift and orphans run with each host's report (reports.ts). */
export const makeReconcilers = (): Reconcilers => ({
  // it remembers who was up
  hostLiveness: each(makeHostLiveness()),
  // it remembers since when it hears
  evacuations: each(makeEvacuations()),
  reclaim: once(reclaim),
  staleClaims: once(makeStaleClaims()),
  stuckServers: once(stuckServers),
  unconfirmedResizes: once(unconfirmedResizes),
  shelvedServers: once(shelvedServers),
  remnants: once(remnants),
  usageSamples: once(usageSamples),
  metering: once(metering),
  adjustSchedules: once(adjustSchedules),
  adjustDecisions: once(adjustDecisions),
  backupSchedules: once(backupSchedules),
  copySweep: each(makeCopySweep()),
  placementMirror: {
    ...once(makePlacementMirror()),
    apartMs: limits.placementMirrorMs,
    leaseMs: limits.placementLeaseMs,
    isOn: ({ placement }) => placement !== undefined,
  },
  // the last: it takes its time, and has turns of its own
  purgeOld: each(makePurgeOld()),
});

/** Runs one. One that fails is logged, and keeps nobody from his turn. */
async function runOne(deps: OpsDeps, name: string, run: Run, until: AbortSignal): Promise<void> {
  const began = performance.now();
  const tell = (outcome: 'success' | 'error'): void =>
    deps.observer?.reconciled({ reconciler: name, outcome, seconds: (performance.now() - began) / 1000 });
  try {
    tell((await run(deps, until)) ?? 'success');
  } catch (error) {
    tell('error');
    deps.log.error(
      { err: error, reconciler: name, reason: messageOf(error) },
      'a reconciler failed; its next turn comes',
    );
  }
}

/** Runs each once, now. */
export async function reconcileAll(
  deps: OpsDeps,
  runs: Readonly<Record<string, Run>>,
  until = new AbortController().signal,
): Promise<void> {
  for (const [name, run] of Object.entries(runs)) await runOne(deps, name, run, until);
}

/** Those that one timer runs one after another, and those that have timers of their own. */
export function byTimer(reconcilers: Reconcilers): {
  readonly together: Partial<Reconcilers>;
  readonly apart: readonly (readonly [name: ReconcilerName, reconciler: Reconciler, periodMs: number])[];
} {
  const entries = Object.entries(reconcilers) as [ReconcilerName, Reconciler][];
  return {
    together: Object.fromEntries(entries.filter(([, { apartMs }]) => apartMs === undefined)),
    apart: entries.flatMap(([name, one]) => (one.apartMs === undefined ? [] : [[name, one, one.apartMs] as const])),
  };
}

/** Runs each whose turn it is: of those that are one's for the deployment, those that no worker ran in this period. */
export async function reconcileDue(
  deps: OpsDeps,
  reconcilers: Partial<Reconcilers>,
  periodMs: number,
  until = new AbortController().signal,
): Promise<void> {
  for (const [name, { run, by, isOn, leaseMs = limits.reconcileLeaseMs }] of Object.entries(reconcilers) as [
    ReconcilerName,
    Reconciler,
  ][]) {
    if (isOn?.(deps) === false) continue;
    if (by === 'process') {
      await runOne(deps, name, run, until);
      continue;
    }
    const beganMs = deps.clock.now();
    const untilMs = beganMs + leaseMs;
    const lock = `reconcile.${name}` as const;
    if (!(await tx(deps.database, (t) => takeTurn(t, lock, beganMs, untilMs)))) continue;
    await runOne(deps, name, run, until);
    // a timer is up to a fifth early: whoever is alone must find its turn due
    await tx(deps.database, (t) => endTurn(t, lock, untilMs, beganMs + periodMs * 0.75));
  }
}
