// Why: a 202 is a promise. A saga is an array of named steps, each with its undo; its log is the server's action and the
// events of that action. Whoever holds the action's lease begins at the first step that is not done, so that a process may
// die anywhere: every step can be run twice, and what it does outside can be taken back twice.
//
//   queued -> running -> done                       every step succeeded; settle wrote the end in one transaction with it
//             running -> undoing -> done            a step failed for good: undo in reverse, then the failure is written
//             running -> undoing -> running         the saga asked to try again from an earlier step (another host)
//
// A fault of kind `unavailable` is tried again after a pause, a bounded number of times; every other is for good. An undo
// that fails for good ends the undoing: what lies before it may still be in use and stays claimed and recorded. What lies
// before a final step that is done is never undone.

import { secondsBetween } from '../../base/clock.ts';
import { asFault, type Fault, internal, messageOf, outwardMessage } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { AgentArgs, AgentMethod, AgentReply } from '../../bus/contract.ts';
import {
  type ActionState,
  type EventLog,
  findActionById,
  finishAction,
  finishEvent,
  guardLease,
  type InstanceAction,
  listEvents,
  markUndo,
  overtakersOf,
  readInput,
  releaseLease,
  startEvent,
  updateAction,
  writeInput,
} from '../../db/instance-actions.ts';
import { databaseFault } from '../../db/errors.ts';
import { findServer } from '../../db/servers.ts';
import { afterCommit, type Tx, tx } from '../../db/tx.ts';
import { eventNameOf } from '../../domain/notifications/event-names.ts';
import type { Server } from '../../domain/servers/instance.ts';
import type { ActionEnd, OpsDeps } from '../deps.ts';
import { keepingTask } from './keep-task.ts';
import { noteAction, type SagaFacts } from '../notifications/notify.ts';

/** What a step may use. */
export interface StepContext<I> {
  readonly deps: OpsDeps;
  readonly log: Log;
  readonly action: InstanceAction;
  readonly input: I;
  /** The server as it was when the step began. */
  readonly server: Server;
  /** What an earlier step of this saga returned, which is done. */
  readonly output: <O>(step: Step<I, O>) => O;
  /** The same; null where the step is not done, or was undone. */
  readonly outputIfDone: <O>(step: Step<I, O>) => O | null;
  /** A transaction that happens only while the lease is held and nothing overtook the action. */
  readonly commit: <T>(work: (tx: Tx, nowMs: number) => Promise<T>) => Promise<T>;
  /** Asks an agent; gives up waiting when the action shall end (the agent's mailbox keeps the order of what was asked). */
  readonly call: <M extends AgentMethod>(host: string, method: M, args: AgentArgs<M>) => Promise<AgentReply<M>>;
  /** Marks a place where a test may end the process. */
  readonly point: (name: string) => void;
}

export interface Step<I, O = unknown> {
  readonly name: string;
  /**
   * What it returns is kept in the event's output and is read back as JSON: nothing else may be in it, and what is undefined is
   * null afterwards, or not there.
   */
  readonly run: (context: StepContext<I>) => Promise<O>;
  /** Takes back what the step did, wholly or half; or why nothing needs to be. */
  readonly undo: ((context: StepContext<I>) => Promise<void>) | string;
  /** Once it is done there is no way back: what fails later undoes only what came after it. */
  readonly final?: true;
}

/** A step whose output is read: by this value, whose types follow from `run`. */
export const step = <I, O>(one: Step<I, O>): Step<I, O> => one;

/** Why an action failed, as it is kept while its steps are undone. */
export interface Failure {
  readonly step: string;
  readonly kind: Fault['kind'];
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  /** An undo that failed for good, by its step; then what came before it still stands. */
  readonly stuck: string | null;
}

export interface Saga<I> {
  readonly name: string;
  readonly steps: readonly Step<I>[];
  /** Keys of the input that are forgotten when the action ends. */
  readonly secrets: readonly (keyof I & string)[];
  /** Another saga of the same name, for what this input asks; null: this one. */
  readonly variant?: (input: I) => Saga<I> | null;
  /** Writes the end, with the last event in one transaction. A text: the action ends with `Error` and this detail. */
  settle(tx: Tx, context: StepContext<I>, nowMs: number): Promise<string | null>;
  /** Writes the failure. `seen` is what `observe` returned. */
  failed(tx: Tx, context: StepContext<I>, failure: Failure, nowMs: number, seen: unknown): Promise<void>;
  /** What notifications of the action say beside the server. */
  readonly facts?: (input: I) => SagaFacts;
  /** Looks at the world before `failed` is written; failing is no harm (`seen` is null). */
  readonly observe?: (context: StepContext<I>) => Promise<unknown>;
  /**
   * An administrator's word overtakes the action, which is then undone as far as it got (`stuck`: not wholly): writes what becomes
   * of all but the server's states, which are as they were set. Without it nothing is undone. What deletes or evacuates clears up itself.
   */
  readonly givenUp?: (tx: Tx, context: StepContext<I>, stuck: boolean, nowMs: number) => Promise<void>;
  /**
   * Something overtakes the action: takes back what that does not find. Tried again while a neighbour is away, as any step; failing
   * for good is logged and no harm to what overtakes.
   */
  readonly overtaken?: (context: StepContext<I>) => Promise<void>;
  /** Whether to undo down to a step and try again from there, with other input. */
  readonly retry?: (failure: Failure, context: StepContext<I>) => { readonly from: string; readonly input: I } | null;
}

/** The input column: the saga's own input and what must survive a crash while it is undone. */
export interface Envelope<I> {
  readonly args: I;
  readonly failure?: Failure;
  readonly retry?: { readonly from: string; readonly args: I };
}

export const envelopeOf = <I>(args: I): Envelope<I> => ({ args });

/** Why a running action is told to stop. */
export type StopReason = 'cancel' | 'lost' | 'shutdown';

class Stopped extends Error {
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.reason = reason;
  }
}

/** `again`: not over, due at `atMs`. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly atMs: number }
  | { readonly kind: 'lost' };

export const eventName = (saga: { readonly name: string }, step: { readonly name: string }): string =>
  eventNameOf(saga.name, step.name);

function failureOf(step: string, fault: Fault): Failure {
  const detail = fault.detail === undefined ? fault.cause : fault.detail;
  return {
    step,
    kind: fault.kind,
    code: fault.code,
    message: fault.message,
    detail: detail === undefined ? null : typeof detail === 'string' ? detail : textOf(detail),
    stuck: null,
  };
}

/** A fault of what a step threw; a database that is away or was locked comes back, as a neighbour does. */
const faultOf = (error: unknown): Fault => databaseFault(error) ?? asFault(error);

function textOf(detail: unknown): string {
  if (detail instanceof Error) return detail.stack ?? detail.message;
  return JSON.stringify(detail) ?? '';
}

export const pauseMs = (attempt: number): number =>
  Math.min(limits.stepPauseMs * 2 ** Math.max(0, attempt - 1), limits.stepPauseMaxMs);

/**
 * Runs an action whose lease `owner` holds until it is over, must wait, or is stopped through `signal` (whose reason is a
 * StopReason).
 * @param closing aborted when the process ends: then one that was overtaken stops, too, and is ended by the next
 */
export async function runSaga<I>(
  deps: OpsDeps,
  named: Saga<I>,
  taken: InstanceAction,
  owner: string,
  signal: AbortSignal,
  closing: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  const { database, clock, hooks } = deps;
  const log = deps.log.child({ request: taken.requestId, server: taken.serverUuid, action: named.name });
  let envelope = await readInput<Envelope<I>>(database.read, taken.id);
  const saga = named.variant?.(envelope.args) ?? named;
  let events: readonly EventLog[] = await listEvents(database.read, [taken.id]);
  let state: ActionState = taken.state;
  let attempts = taken.attempts;
  // once overtaken, an action commits nothing but its own end
  let ending = false;

  /** What stops it now: one that ends hears of nothing but the end of the process. */
  const stopper = (): { readonly by: AbortSignal; readonly reason: () => StopReason } =>
    ending ? { by: closing, reason: () => 'shutdown' } : { by: signal, reason: () => signal.reason as StopReason };

  const stopIfTold = (): void => {
    const { by, reason } = stopper();
    if (by.aborted) throw new Stopped(reason());
  };

  /** The answer, unless the action is told to stop before it comes. A step may ask thousands of times: nothing is left of it. */
  function orStopped<T>(answer: Promise<T>): Promise<T> {
    const { by, reason } = stopper();
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(new Stopped(reason()));
      by.addEventListener('abort', stop, { once: true });
      void answer.then(resolve, reject).finally(() => by.removeEventListener('abort', stop));
    });
  }

  async function commit<T>(work: (tx: Tx, nowMs: number) => Promise<T>): Promise<T> {
    return tx(database, async (t) => {
      const nowMs = clock.now();
      const lease = await guardLease(t, taken.id, owner, nowMs);
      if (lease === 'lost') throw new Stopped('lost');
      if (lease === 'cancelled' && !ending) throw new Stopped('cancel');
      return work(t, nowMs);
    });
  }

  const live = (step: Pick<Step<I>, 'name'>): EventLog | undefined =>
    events.findLast((event) => event.event === eventName(saga, step) && event.undo === null);

  /** The log keeps no types: an output is what the step of that name returned. */
  const outputsFrom = (read: (step: Step<I>) => unknown): Pick<StepContext<I>, 'output' | 'outputIfDone'> => ({
    output: <O>(one: Step<I, O>) => read(one) as O,
    outputIfDone: <O>(one: Step<I, O>) => (read(one) ?? null) as O | null,
  });

  async function contextFor(stepName: string): Promise<StepContext<I>> {
    const server = await findServer(database.read, taken.serverUuid, { deleted: true });
    if (server === null) throw internal(`The server ${taken.serverUuid} of this action has no row.`);
    if (server.deleted && !ending) throw new Stopped('cancel');
    return {
      deps,
      log,
      action: taken,
      input: envelope.args,
      server,
      ...outputsFrom((one) => live(one)?.output),
      commit,
      call: (host, method, args) => {
        stopIfTold();
        const answer = deps.bus.call(host, method, args);
        hooks?.point?.(`${saga.name}.${stepName}.asked`);
        return orStopped(answer);
      },
      point: (name) => hooks?.point?.(`${saga.name}.${stepName}.${name}`),
    };
  }

  const reload = async (): Promise<void> => {
    events = await listEvents(database.read, [taken.id]);
  };

  /** Notes a failure and turns to undoing. */
  async function fail(step: Step<I>, fault: Fault): Promise<void> {
    const failure = failureOf(step.name, fault);
    const context = await contextFor(step.name);
    const retry = saga.retry?.(failure, context) ?? null;
    log.warn({ step: step.name, code: fault.code, retry: retry?.from, err: fault }, 'a step failed');
    envelope = {
      args: envelope.args,
      failure,
      ...(retry === null ? {} : { retry: { from: retry.from, args: retry.input } }),
    };
    await commit(async (t, nowMs) => {
      const event = live(step);
      if (event !== undefined) {
        const { host } = context.server;
        const end = { result: 'Error', details: failure.message, traceback: failure.detail, host } as const;
        await finishEvent(t, event.id, end, nowMs);
      }
      await writeInput(t, taken.id, envelope);
      await updateAction(t, taken.id, { state: 'undoing', attempts: 0 }, nowMs);
    });
    state = 'undoing';
    attempts = 0;
    await reload();
  }

  /** The steps that are not done, one after another. Null: all are; else when to come again. */
  async function forward(): Promise<Outcome | null> {
    for (const [index, step] of saga.steps.entries()) {
      let event = live(step);
      if (event?.result === 'Success') continue;
      stopIfTold();
      if (event === undefined) {
        const begins = index === 0 && events.length === 0;
        await commit(async (t, nowMs) => {
          await startEvent(t, taken.id, eventName(saga, step), nowMs);
          if (begins) await noteBegin(t, nowMs);
        });
        await reload();
        event = live(step) as EventLog;
      }
      const eventId = event.id;
      try {
        if (attempts > limits.stepAttempts) {
          throw internal(`Given up: the step '${step.name}' was begun ${attempts - 1} times and never ended.`);
        }
        const context = await contextFor(step.name);
        context.point('before');
        const output = await step.run(context);
        context.point('after');
        stopIfTold();
        const next = saga.steps[index + 1];
        const nextLive = next === undefined ? undefined : live(next);
        await commit(async (t, nowMs) => {
          const end = { result: 'Success', output: output ?? null, host: context.server.host } as const;
          // the last step's event ends in the transaction that settles
          if (next === undefined) await finishLast(t, eventId, end, output, context, nowMs);
          else {
            await finishEvent(t, eventId, end, nowMs);
            if (nextLive === undefined) await startEvent(t, taken.id, eventName(saga, next), nowMs);
            await updateAction(t, taken.id, { attempts: 0 }, nowMs);
          }
        });
        attempts = 1;
        if (next === undefined) {
          context.point('settled');
          return { kind: 'done' };
        }
        await reload();
      } catch (error) {
        if (error instanceof Stopped) throw error;
        const fault = faultOf(error);
        if (fault.kind === 'unavailable' && attempts < limits.stepAttempts) return again(fault, step);
        await fail(step, fault);
        return null;
      }
    }
    return { kind: 'done' };
  }

  async function finishLast(
    t: Tx,
    eventId: number,
    end: Parameters<typeof finishEvent>[2],
    output: unknown,
    context: StepContext<I>,
    nowMs: number,
  ): Promise<void> {
    const last = saga.steps.at(-1) as Step<I>;
    const complete: StepContext<I> = {
      ...context,
      // as it will read back: the same whether this process ran the step or found its output
      ...outputsFrom(({ name }) =>
        name === last.name ? JSON.parse(JSON.stringify(output ?? null)) : live({ name })?.output,
      ),
    };
    const problem = await keepingTask(t, taken, nowMs, () => saga.settle(t, complete, nowMs));
    await finishEvent(t, eventId, problem === null ? end : { ...end, result: 'Error', details: problem }, nowMs);
    await finishAction(t, taken.id, problem === null ? null : 'Error', kept(), nowMs);
    tell(t, problem === null ? 'success' : 'error', nowMs);
    const failure = problem === null ? null : { code: 'partial', message: problem, where: last.name };
    await noteAction(t, deps, taken, failure === null ? 'end' : 'error', context.server, nowMs, {
      ...facts(),
      failure,
    });
  }

  /** Tells how the action ended, once that is so. */
  const tell = (t: Tx, outcome: ActionEnd['outcome'], nowMs: number): void =>
    afterCommit(t, () => {
      const seconds = secondsBetween(taken.startTime, nowMs);
      deps.observer?.acted({ action: named.name, outcome, seconds });
    });

  const facts = (): SagaFacts => saga.facts?.(envelope.args) ?? {};

  async function noteBegin(t: Tx, nowMs: number): Promise<void> {
    if (!deps.config.notifications) return;
    // by the transaction's own connection: one that waits for a second may wait for another that does the same
    const server = await findServer(t, taken.serverUuid, { deleted: true });
    if (server === null) return;
    await noteAction(t, deps, taken, 'start', { ...server, taskState: null }, nowMs, facts());
  }

  async function again(fault: Fault, step: Pick<Step<I>, 'name'>): Promise<Outcome> {
    const atMs = clock.now() + pauseMs(attempts);
    log.warn(
      { step: step.name, attempts, code: fault.code, reason: fault.message },
      'a step waits for its next attempt',
    );
    await tx(database, (t) => releaseLease(t, taken.id, owner, atMs));
    return { kind: 'again', atMs };
  }

  /** Undoes in reverse. Null: go forward again; else the end or when to come again. */
  async function backward(): Promise<Outcome | null> {
    const from = envelope.retry === undefined ? 0 : saga.steps.findIndex((s) => s.name === envelope.retry?.from);
    const firstKept = Math.max(from, afterFinal());
    let stuck = envelope.failure?.stuck ?? null;
    for (const step of saga.steps.slice(firstKept).toReversed()) {
      const event = live(step);
      if (event === undefined || stuck !== null) continue;
      if (typeof step.undo !== 'string') {
        try {
          stopIfTold();
          if (attempts > limits.stepAttempts) throw internal(`Given up undoing '${step.name}'.`);
          const context = await contextFor(step.name);
          context.point('undo');
          await step.undo(context);
          context.point('undone');
        } catch (error) {
          if (error instanceof Stopped) throw error;
          const fault = faultOf(error);
          if (fault.kind === 'unavailable' && attempts < limits.stepAttempts) return again(fault, step);
          log.error({ step: step.name, err: fault }, 'a step could not be undone: what it used stays claimed');
          stuck = step.name;
        }
      }
      const mark = stuck === null ? 'done' : 'failed';
      if (stuck !== null && envelope.failure !== undefined) {
        envelope = { args: envelope.args, failure: { ...envelope.failure, stuck } };
      }
      await commit(async (t, nowMs) => {
        await markUndo(t, event.id, mark);
        await writeInput(t, taken.id, envelope);
        await updateAction(t, taken.id, { attempts: 0 }, nowMs);
      });
      attempts = 1;
      await reload();
    }
    if (envelope.retry !== undefined && stuck === null) {
      envelope = { args: envelope.retry.args };
      await commit(async (t, nowMs) => {
        await writeInput(t, taken.id, envelope);
        await updateAction(t, taken.id, { state: 'running', attempts: 0 }, nowMs);
      });
      state = 'running';
      return null;
    }
    await writeFailure(envelope.failure ?? failureOf('', internal('The action failed.')));
    return { kind: 'done' };
  }

  /** The first step that may be undone. */
  const afterFinal = (): number =>
    saga.steps.findLastIndex((step) => step.final && live(step)?.result === 'Success') + 1;

  /** Takes back what nothing that overtakes would find. Null: it is, or can't be; else when to come again. */
  async function clearUp(): Promise<Outcome | null> {
    try {
      await saga.overtaken?.(await contextFor('overtaken'));
    } catch (error) {
      if (error instanceof Stopped) throw error;
      const fault = faultOf(error);
      if (fault.kind === 'unavailable' && attempts < limits.stepAttempts) return again(fault, { name: 'overtaken' });
      log.error({ err: error }, 'the action left something behind that no deletion finds');
    }
    return null;
  }

  /** Undoes what was begun; returns whether something could not be, or when to come again. */
  async function giveUp(): Promise<boolean | Outcome> {
    for (const step of saga.steps.slice(afterFinal()).toReversed()) {
      if (live(step) === undefined || typeof step.undo === 'string') continue;
      try {
        stopIfTold();
        await step.undo(await contextFor(step.name));
      } catch (error) {
        if (error instanceof Stopped) throw error;
        const fault = faultOf(error);
        // a host or a neighbour that is away for a moment is no reason to leave a server in pieces
        if (fault.kind === 'unavailable' && attempts < limits.stepAttempts) return again(fault, step);
        log.error({ step: step.name, err: error }, 'a step of what was overtaken could not be undone');
        return true;
      }
    }
    return false;
  }

  async function writeFailure(failure: Failure): Promise<void> {
    const context = await contextFor('failed');
    let seen: unknown = null;
    if (saga.observe !== undefined) {
      try {
        seen = await saga.observe(context);
      } catch (error) {
        if (error instanceof Stopped) throw error;
        log.warn({ reason: messageOf(error) }, 'what is left could not be looked at');
      }
    }
    context.point('before');
    await commit(async (t, nowMs) => {
      await keepingTask(t, taken, nowMs, () => saga.failed(t, context, failure, nowMs, seen));
      await finishAction(t, taken.id, 'Error', kept(), nowMs);
      tell(t, 'error', nowMs);
      const told = { code: failure.code, message: outwardMessage(failure), where: failure.step };
      await noteAction(t, deps, taken, 'error', context.server, nowMs, { ...facts(), failure: told });
    });
  }

  const kept = (): Envelope<Partial<I>> => {
    const args: Partial<I> = { ...envelope.args };
    for (const key of saga.secrets) delete args[key];
    return { args, ...(envelope.failure === undefined ? {} : { failure: envelope.failure }) };
  };

  /** Something overtook the action, which ends here: a delete that cleans up, or an administrator's word. */
  async function cancelled(): Promise<Outcome> {
    ending = true;
    const left = await clearUp();
    if (left !== null) return left;
    const overtakers = await overtakersOf(database.read, taken);
    const by = overtakers[0] ?? null;
    // what deletes or evacuates, be it later, clears up itself and waits for nobody, unless it was overtaken, too
    const undone = by !== null && overtakers.every(({ action, cancel }) => action === 'resetState' || cancel);
    const { givenUp } = undone ? saga : {};
    const stuck = givenUp === undefined ? false : await giveUp();
    if (typeof stuck !== 'boolean') return stuck;
    await commit(async (t, nowMs) => {
      await givenUp?.(t, await contextFor('overtaken'), stuck, nowMs);
      const details = by === null ? 'The server was deleted.' : `Overtaken by '${by.action}' (${by.requestId}).`;
      const first = saga.steps[0];
      // one that nobody began says why all the same
      const open =
        events.length > 0 || first === undefined
          ? events.findLast((event) => event.result === null)?.id
          : await startEvent(t, taken.id, eventName(saga, first), nowMs);
      if (open !== undefined) await finishEvent(t, open, { result: 'Error', details }, nowMs);
      await finishAction(t, taken.id, 'Error', kept(), nowMs);
      tell(t, 'overtaken', nowMs);
    });
    return { kind: 'done' };
  }

  async function work(): Promise<Outcome> {
    if (taken.cancel) return cancelled();
    for (;;) {
      const outcome: Outcome | null = state === 'undoing' ? await backward() : await forward();
      if (outcome !== null) return outcome;
    }
  }

  /** What becomes of an action that was told to stop. */
  async function stopped(reason: StopReason): Promise<Outcome> {
    if (reason === 'lost') {
      log.warn('the lease was lost: another worker goes on');
      return { kind: 'lost' };
    }
    if (reason === 'cancel') {
      // between its first and its last breath an action may be told twice; only the owner ends it
      const now = await findActionById(database.read, taken.id);
      if (now === null || now.state === 'done') return { kind: 'lost' };
      // those of the step that was overtaken are over
      attempts = 1;
      return cancelled();
    }
    // a process that ends is no attempt that failed
    await tx(database, (t) => releaseLease(t, taken.id, owner, clock.now(), Math.max(0, attempts - 1)));
    return { kind: 'again', atMs: clock.now() };
  }

  const toldToStop = (error: unknown): Promise<Outcome> => {
    if (!(error instanceof Stopped)) throw error;
    return stopped(error.reason);
  };

  // one that was overtaken may be told to stop as it ends
  return work().catch(toldToStop).catch(toldToStop);
}
