// Why: somebody must keep the promises. A worker looks for actions that are due (when it is nudged, and by itself every few
// seconds), takes a lease on each, runs its saga, and renews the leases while it does. Any number of workers may run.

import { chance } from '../../base/chance.ts';
import { limits } from '../../base/limits.ts';
import { takeOverLeases } from '../../db/instance-actions.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { reportControlPlane } from '../reconcile/control-plane.ts';
import { copyJobs } from '../reconcile/copy-jobs.ts';
import { byTimer, makeReconcilers, reconcileAll, reconcileDue } from '../reconcile/index.ts';
import { handleReport } from '../reconcile/reports.ts';
import { Running } from './running.ts';

export interface WorkerOptions {
  /** Who this worker is; unique among those that run at the same time. */
  readonly name: string;
  /** Whether no other process can hold leases of this name: then those of an earlier life end at once, not with time. */
  readonly takeOver: boolean;
  /** The machine that it runs on, under whose name the control plane is told to live; absent: it is not told. */
  readonly host?: string;
  /** Actions at once; default `limits.actionsAtOnce`. */
  readonly concurrency?: number;
  /** Milliseconds between two looks for work; default `limits.workerPollMs`. */
  readonly pollMs?: number;
  /** Milliseconds between two runs of the reconcilers; default `limits.reconcileMs`; 0: none. */
  readonly reconcileMs?: number;
  readonly leaseMs?: number;
}

export interface Worker {
  /** Resolves when nothing is under way here and nothing is due. */
  idle(): Promise<void>;
  /** Actions that run here. */
  running(): number;
  /** Runs the reconcilers now. */
  reconcile(): Promise<void>;
  /** Takes no more work, lets go of what runs (it resumes elsewhere or later), and ends; asked again, it is the same end. */
  close(): Promise<void>;
}

const NOT_ASKED = 'it was not asked what shall end; the next look tells';

/** Up to a fifth more or less, so that workers do not look in chorus. */
const jittered = (ms: number): number => Math.round(ms * (0.8 + 0.4 * chance.fraction()));

/** Does something again and again, until the signal; one that fails has its next turn. */
async function repeat(
  { clock, log }: OpsDeps,
  ms: number,
  until: AbortSignal,
  what: () => Promise<void>,
): Promise<void> {
  while (!until.aborted) {
    await clock.sleep(jittered(ms), until).catch(() => undefined);
    if (until.aborted) return;
    try {
      await what();
    } catch (error) {
      log.error({ err: error }, 'a timer of the worker failed; its next turn comes');
    }
  }
}

/** Ends at once the leases of an earlier life of a worker that no other process can be. */
async function takeOver({ database, log }: OpsDeps, name: string): Promise<void> {
  const count = await tx(database, (t) => takeOverLeases(t, name));
  if (count > 0) log.info({ count }, 'resuming what an earlier life of this worker left');
}

/** Hears of work and of hosts. Returns what ends that. */
async function listen(deps: OpsDeps, running: Running): Promise<() => Promise<unknown>> {
  const { bus, log, observer } = deps;
  const stopNudges = await bus.onNudge((id) => {
    // who speaks of an action that runs wants it to end
    if (running.has(id)) void running.endCancelled().catch((error: unknown) => log.warn({ err: error }, NOT_ASKED));
    running.look();
  });
  const stopReports = await bus.onReport(async (report) => {
    await handleReport(deps, report);
    observer?.reported(report.kind);
  });
  return () => Promise.all([stopNudges(), stopReports()]);
}

export async function startWorker(deps: OpsDeps, options: WorkerOptions): Promise<Worker> {
  const { name, host, leaseMs = limits.leaseMs, reconcileMs = limits.reconcileMs } = options;
  const concurrency = options.concurrency ?? limits.actionsAtOnce;
  const running = new Running(deps, { owner: `${name}#${chance.uuid()}`, leaseMs, concurrency });
  const reconcilers = makeReconcilers();
  const { together, apart } = byTimer(reconcilers);
  if (options.takeOver) await takeOver(deps, name);
  if (host !== undefined) await reportControlPlane(deps, host);
  const stopListening = await listen(deps, running);
  const every = (ms: number, what: () => Promise<void>): Promise<void> => repeat(deps, ms, running.closing, what);
  const loops = [
    every(options.pollMs ?? limits.workerPollMs, async () => {
      running.look();
      // another process may have overtaken what runs here
      await running.endCancelled();
    }),
    every(leaseMs / 3, () => running.renew()),
    ...(reconcileMs > 0
      ? [
          every(reconcileMs, () => reconcileDue(deps, together, reconcileMs, running.closing)),
          ...apart
            .filter(([, { isOn }]) => isOn?.(deps) !== false)
            .map(([name, one, ms]) => every(ms, () => reconcileDue(deps, { [name]: one }, ms, running.closing))),
          every(limits.copyJobPollMs, () => copyJobs(deps)),
        ]
      : []),
    ...(host === undefined ? [] : [every(limits.hostReportMs, () => reportControlPlane(deps, host))]),
  ];
  running.look();

  let closed: Promise<void> | null = null;
  async function end(): Promise<void> {
    running.close();
    await stopListening();
    await running.end();
    await Promise.all(loops);
  }

  return {
    idle: () => running.idle(),
    running: () => running.size,
    reconcile: () =>
      reconcileAll(deps, Object.fromEntries(Object.entries(reconcilers).map(([one, { run }]) => [one, run]))),
    close: () => (closed ??= end()),
  };
}
