// Why: somebody must keep the promises. A worker looks for actions that are due (when it is nudged, and by itself every few
// seconds), takes a lease on each, runs its saga, and renews the leases while it does. Any number of workers may run.

import { chance } from '../../base/chance.ts';
import { asFault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import {
  dueActions,
  finishAction,
  finishEvent,
  guardLease,
  heldActions,
  listEvents,
  releaseLease,
  renewLeases,
  takeOverLeases,
} from '../../db/instance-actions.ts';
import { findServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { reportControlPlane } from '../reconcile/control-plane.ts';
import { makeReconcilers, reconcileAll, reconcileDue } from '../reconcile/index.ts';
import { handleReport } from '../reconcile/reports.ts';
import { failureOf } from './failure.ts';
import type { Outcome } from './run.ts';
import { runSaga } from './run-saga.ts';
import type { Taken } from './saga.ts';
import type { StopReason } from './stopped.ts';
import { sagaOf } from '../actions.ts';
import { settleFailed } from './settle.ts';
import { takeDue } from './take.ts';

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

const IDLE_CHECK_MS = 5;
const NOT_ASKED = 'it was not asked what shall end; the next look tells';

/** Up to a fifth more or less, so that workers do not look in chorus. */
const jittered = (ms: number): number => Math.round(ms * (0.8 + 0.4 * chance.fraction()));

export async function startWorker(deps: OpsDeps, options: WorkerOptions): Promise<Worker> {
  const { database, clock, log, bus } = deps;
  const owner = `${options.name}#${chance.uuid()}`;
  const leaseMs = options.leaseMs ?? limits.leaseMs;
  const concurrency = options.concurrency ?? limits.actionsAtOnce;
  const running = new Map<number, { stop: AbortController; done: Promise<void> }>();
  const closing = new AbortController();
  const reconcilers = makeReconcilers();
  let resting = 0;
  /** Whether there was no place for all that was due, when it was looked last. */
  let waits = false;
  let wanted = false;
  let looking: Promise<void> | null = null;

  if (options.takeOver) {
    const count = await tx(database, (t) => takeOverLeases(t, options.name));
    if (count > 0) log.info({ count }, 'resuming what an earlier life of this worker left');
  }

  /** What rests holds its lease, but no place: whoever waits for one has it meanwhile. */
  async function rest<T>(work: Promise<T>): Promise<T> {
    resting += 1;
    if (waits) look();
    try {
      return await work;
    } finally {
      resting -= 1;
    }
  }

  async function runOne(taken: Taken, signal: AbortSignal): Promise<Outcome> {
    const { action } = taken;
    const saga = sagaOf(action.action);
    if (saga !== null) return runSaga(deps, saga, taken, owner, signal, closing.signal, rest);
    log.error({ action: action.action, id: action.id }, 'an action that no saga of this program has: ended');
    await tx(database, (t) => finishAction(t, action.id, 'Error', {}, clock.now()));
    return { kind: 'done' };
  }

  /** A mistake of ours, not of the world: the action ends, and the server says so. */
  async function giveUp({ action }: Taken, error: unknown): Promise<void> {
    const fault = asFault(error);
    const server = await findServer(database.read, action.serverUuid);
    await tx(database, async (t) => {
      const nowMs = clock.now();
      // whoever lost the lease ends nothing: the action is another's now
      const lease = await guardLease(t, action.id, owner, nowMs);
      if (lease === 'lost') return;
      if (action.attempts < limits.stepAttempts) {
        await releaseLease(t, action.id, owner, nowMs + limits.stepPauseMs);
        return;
      }
      const open = (await listEvents(t, [action.id])).findLast(({ result }) => result === null);
      if (open !== undefined) await finishEvent(t, open, { result: 'Error', details: fault.message }, nowMs);
      await finishAction(t, action.id, 'Error', {}, nowMs);
      // the server of one that was overtaken belongs to what overtook it
      if (server === null || lease === 'cancelled') return;
      await settleFailed(t, server, failureOf('', fault), nowMs, { vmState: 'error' });
    });
  }

  function start(taken: Taken): void {
    const { action } = taken;
    const stop = new AbortController();
    if (closing.signal.aborted) stop.abort('shutdown' satisfies StopReason);
    const done = runOne(taken, stop.signal)
      .catch(async (error: unknown) => {
        log.error({ err: error, action: action.action, request: action.requestId }, 'an action broke off');
        await giveUp(taken, error).catch((second: unknown) => log.error({ err: second }, 'and could not be ended'));
        return { kind: 'done' } as const;
      })
      .then((outcome: Outcome) => {
        running.delete(action.id);
        if (outcome.kind === 'again') wakeAt(outcome.atMs);
        look();
      });
    running.set(action.id, { stop, done });
  }

  function wakeAt(atMs: number): void {
    clock.sleep(Math.max(0, atMs - clock.now()), closing.signal).then(look, () => undefined);
  }

  async function startDue(): Promise<void> {
    const free = concurrency - running.size + resting;
    waits = free <= 0;
    if (waits || closing.signal.aborted) return;
    const found = await dueActions(database.read, clock.now(), free);
    waits = found.length === free;
    const others = found.filter(({ id }) => !running.has(id));
    if (others.length === 0) return;
    for (const taken of await takeDue(deps, others, owner, leaseMs)) start(taken);
  }

  async function endCancelled(): Promise<void> {
    for (const { id, cancel } of await heldActions(database.read, [...running.keys()], owner)) {
      if (cancel) running.get(id)?.stop.abort('cancel' satisfies StopReason);
    }
  }

  /** Looks for work, once at a time; asked meanwhile, once more afterwards. */
  function look(): void {
    wanted = true;
    if (looking !== null || closing.signal.aborted) return;
    looking = (async () => {
      while (wanted && !closing.signal.aborted) {
        wanted = false;
        try {
          await startDue();
        } catch (error) {
          log.error({ err: error }, 'looking for work failed; the next look comes');
        }
      }
    })().finally(() => {
      looking = null;
      if (wanted) look();
    });
  }

  async function renew(): Promise<void> {
    const ids = [...running.keys()];
    if (ids.length === 0) return;
    const held = await tx(database, (t) => renewLeases(t, ids, owner, clock.now() + leaseMs));
    const still = new Map(held.map(({ id, cancel }) => [id, cancel]));
    for (const id of ids) {
      const cancel = still.get(id);
      if (cancel === undefined) running.get(id)?.stop.abort('lost' satisfies StopReason);
      else if (cancel) running.get(id)?.stop.abort('cancel' satisfies StopReason);
    }
  }

  async function every(ms: number, what: () => Promise<void> | void): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(jittered(ms), closing.signal).catch(() => undefined);
      if (closing.signal.aborted) return;
      try {
        await what();
      } catch (error) {
        log.error({ err: error }, 'a timer of the worker failed; its next turn comes');
      }
    }
  }

  const { host } = options;
  if (host !== undefined) await reportControlPlane(deps, host);
  const reconcile = (): Promise<void> =>
    reconcileAll(deps, Object.fromEntries(Object.entries(reconcilers).map(([name, { run }]) => [name, run])));
  const stopNudges = await bus.onNudge((id) => {
    // who speaks of an action that runs wants it to end
    if (running.has(id)) void endCancelled().catch((error: unknown) => log.warn({ err: error }, NOT_ASKED));
    look();
  });
  const stopReports = await bus.onReport((report) => handleReport(deps, report));
  const reconcileMs = options.reconcileMs ?? limits.reconcileMs;
  const loops = [
    every(options.pollMs ?? limits.workerPollMs, async () => {
      look();
      // another process may have overtaken what runs here
      await endCancelled();
    }),
    every(leaseMs / 3, renew),
    ...(reconcileMs > 0 ? [every(reconcileMs, () => reconcileDue(deps, reconcilers, reconcileMs))] : []),
    ...(host === undefined ? [] : [every(limits.hostReportMs, () => reportControlPlane(deps, host))]),
  ];
  look();

  let closed: Promise<void> | null = null;
  async function end(): Promise<void> {
    closing.abort();
    await Promise.all([stopNudges(), stopReports()]);
    if (looking !== null) await looking;
    const left = [...running.values()];
    for (const { stop } of left) stop.abort('shutdown' satisfies StopReason);
    await Promise.all([...left.map(({ done }) => done), ...loops]);
  }

  return {
    async idle() {
      for (;;) {
        if (looking !== null) await looking;
        const due = await dueActions(database.read, clock.now(), 1);
        if (looking === null && running.size === 0 && due.length === 0) return;
        await clock.sleep(IDLE_CHECK_MS);
      }
    },
    running: () => running.size,
    reconcile,
    close: () => (closed ??= end()),
  };
}
