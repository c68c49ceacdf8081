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
import {
  type ActionState,
  type EventLog,
  findActionById,
  finishAction,
  finishEvent,
  finishHeld,
  guardLease,
  type InstanceAction,
  listEvents,
  markUndo,
  noteDetails,
  overtakersOf,
  releaseLease,
  startEvent,
  updateAction,
  writeInput,
} from '../../db/instance-actions.ts';
import type { Claim } from '../../db/claims.ts';
import { databaseFault } from '../../db/errors.ts';
import { findServerToBuild } from '../../db/servers.ts';
import { afterCommit, type Tx, tx } from '../../db/tx.ts';
import type { AgentArgs, AgentMethod, AgentReply } from '../../domain/servers/agent-methods.ts';
import type { Server } from '../../domain/servers/instance.ts';
import type { ActionEnd, OpsDeps } from '../deps.ts';
import { keepingTask } from './keep-task.ts';
import { noteAction, type SagaFacts } from '../notifications/notify.ts';
import type { BuildRequest } from '../servers/build.ts';
import { type Failure, failureOf } from './failure.ts';
import { Waits } from './waits.ts';

export type { Failure } from './failure.ts';

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
  /** What it claimed then; null: nothing. */
  readonly claim: Claim | null;
  /** What was asked for at its creation. */
  readonly build: () => BuildRequest;
  /** Whether the step may have been begun before, by a process that died or when something was away. */
  readonly again: boolean;
  /** A transaction that happens only while the lease is held and nothing overtook the action. */
  readonly commit: <T>(work: (tx: Tx, nowMs: number) => Promise<T>) => Promise<T>;
  /**
   * Lets go of the action until `untilMs`, with these words in its log, and does not return; unless `still` says in the same
   * transaction that there is nothing to wait for any more.
   */
  readonly wait: (untilMs: number, words: string, still: (tx: Tx) => Promise<boolean>) => Promise<void>;
  /**
   * As `commit`, and the step is done with it: the log says so in the same transaction. What `work` gives is what `run` must
   * return then; null: the step is not done yet.
   */
  readonly finish: <O>(work: (tx: Tx, nowMs: number) => Promise<O | null>) => Promise<O | null>;
  /** Asks an agent; gives up waiting when the action shall end (the agent's mailbox keeps the order of what was asked). */
  readonly call: <M extends AgentMethod>(host: string, method: M, args: AgentArgs<M>) => Promise<AgentReply<M>>;
  /** Waits for something that takes long, and gives the worker's place to another action as long as that lasts. */
  readonly rest: <T>(work: Promise<T>) => Promise<T>;
  /** Marks a place where a test may end the process. */
  readonly point: (name: string) => void;
}

export interface Step<I, O = unknown> {
  readonly name: string;
  /** What users know it by, of what Nova does too: Nova's name. A step that is ours alone bears the action's and its own. */
  readonly event?: string;
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

export interface Saga<I> {
  /** The action's, in the record of a server's actions. */
  readonly name: string;
  /** What it is called in notifications (`instance.pause.start`); null: nobody is told. */
  readonly notification: string | null;
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

/** An action whose lease is held. */
export interface Taken {
  readonly action: InstanceAction;
  /** Its envelope, as its saga wrote it. */
  readonly input: unknown;
  /** Its log; null: not read yet. */
  readonly events: readonly EventLog[] | null;
}

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

/** What a step is called in the events of its action; no two of a saga are called alike, since by it a step is found again. */
export const eventName = (saga: { readonly name: string }, step: Pick<Step<never>, 'name' | 'event'>): string =>
  step.event ?? `${saga.name}_${step.name}`;

const undoOf = ({ name }: { readonly name: string }): string => `${name}.undo`;

/** A fault of what a step threw; a database that is away or was locked comes back, as a neighbour does. */
const faultOf = (error: unknown): Fault => databaseFault(error) ?? asFault(error);

export const pauseMs = (attempt: number): number =>
  Math.min(limits.stepPauseMs * 2 ** Math.max(0, attempt - 1), limits.stepPauseMaxMs);

/**
 * Runs an action whose lease `owner` holds until it is over, must wait, or is stopped through `signal` (whose reason is a
 * StopReason).
 * @param closing aborted when the process ends: then one that was overtaken stops, too, and is ended by the next
 * @param rest see `StepContext`
 */
export async function runSaga<I>(
  deps: OpsDeps,
  named: Saga<I>,
  { action: taken, input, events: known }: Taken,
  owner: string,
  signal: AbortSignal,
  closing: AbortSignal = new AbortController().signal,
  rest: StepContext<I>['rest'] = (work) => work,
): Promise<Outcome> {
  const { database, clock, hooks } = deps;
  const log = deps.log.child({ request: taken.requestId, server: taken.serverUuid, action: named.name });
  let envelope = input as Envelope<I>;
  const saga = named.variant?.(envelope.args) ?? named;
  let events: readonly EventLog[] = known ?? (await listEvents(database.read, [taken.id]));
  /** What others left in the log. */
  const left: ReadonlySet<number> = new Set(known === null ? events.map(({ id }) => id) : []);
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

  /** @param attempts what they become; absent: they stay */
  async function guard(t: Tx, nowMs: number, attempts?: number): Promise<void> {
    const lease = await guardLease(t, taken.id, owner, nowMs, attempts);
    if (lease === 'lost') throw new Stopped('lost');
    if (lease === 'cancelled' && !ending) throw new Stopped('cancel');
  }

  /** @param fresh the attempts begin anew, as with each step */
  async function commit<T>(work: (tx: Tx, nowMs: number) => Promise<T>, fresh = false): Promise<T> {
    return tx(database, async (t) => {
      const nowMs = clock.now();
      await guard(t, nowMs, fresh ? 0 : undefined);
      return work(t, nowMs);
    });
  }

  const live = (step: Pick<Step<I>, 'name' | 'event'>): EventLog | undefined =>
    events.findLast((event) => event.event === eventName(saga, step) && event.undo === null);

  const liveNamed = (name: string): EventLog | undefined => {
    const found = saga.steps.find((one) => one.name === name);
    return found === undefined ? undefined : live(found);
  };

  /** The log keeps no types: an output is what the step of that name returned. */
  const outputsFrom = (read: (step: Step<I>) => unknown): Pick<StepContext<I>, 'output' | 'outputIfDone'> => ({
    output: <O>(one: Step<I, O>) => read(one) as O,
    outputIfDone: <O>(one: Step<I, O>) => (read(one) ?? null) as O | null,
  });

  const begunBefore = (stepName: string): boolean => {
    const event = liveNamed(stepName);
    return event !== undefined && left.has(event.id);
  };

  /** The log with an event as it is now. */
  const noted = (log: readonly EventLog[], event: EventLog): readonly EventLog[] =>
    log.some(({ id }) => id === event.id) ? log.map((one) => (one.id === event.id ? event : one)) : [...log, event];

  /** Writes that a step is done and that the next one begins; returns the log as it is then. */
  async function writeDone(t: Tx, step: Step<I>, output: unknown, server: Server, nowMs: number) {
    const event = live(step) as EventLog;
    const end = { result: 'Success', output: output ?? null, host: server.host } as const;
    const log = noted(events, await finishEvent(t, event, end, nowMs));
    const next = saga.steps[saga.steps.indexOf(step) + 1] as Step<I>;
    return live(next) === undefined ? noted(log, await startEvent(t, taken.id, eventName(saga, next), nowMs)) : log;
  }

  /** `finish` of a step that another one follows. */
  async function finishStep<O>(
    step: Step<I>,
    server: Server,
    work: (tx: Tx, nowMs: number) => Promise<O | null>,
  ): Promise<O | null> {
    const { made, log } = await commit(async (t, nowMs) => {
      const output = await work(t, nowMs);
      if (output !== null) return { made: output, log: await writeDone(t, step, output, server, nowMs) };
      await updateAction(t, taken.id, { attempts }, nowMs);
      return { made: output, log: null };
    }, true);
    if (log !== null) events = log;
    return made;
  }

  async function waitIn(
    name: string,
    untilMs: number,
    words: string,
    still: (tx: Tx) => Promise<boolean>,
  ): Promise<void> {
    const waits = await commit(async (t) => {
      if (!(await still(t))) return false;
      const event = liveNamed(name);
      if (event !== undefined) await noteDetails(t, event.id, words);
      // to wait is no attempt that failed
      await releaseLease(t, taken.id, owner, untilMs, 0);
      return true;
    });
    if (waits) throw new Waits(untilMs);
  }

  /** @param asking what agents are told that asks: an undo is no repetition of its step */
  async function contextFor(stepName: string, asking = stepName): Promise<StepContext<I>> {
    const found = await findServerToBuild(database.read, taken.serverUuid);
    if (found === null) throw internal(`The server ${taken.serverUuid} of this action has no row.`);
    const { server, claim, build } = found;
    if (server.deleted && !ending) throw new Stopped('cancel');
    // a step that is begun anew has another event
    const asker = { action: taken.id, step: asking, attempt: liveNamed(stepName)?.id ?? 0 };
    const step = saga.steps.slice(0, -1).find(({ name }) => name === stepName);
    return {
      ...{ deps, log, action: taken, input: envelope.args, server, claim },
      build: () => build() as BuildRequest,
      again: begunBefore(stepName),
      ...outputsFrom((one) => live(one)?.output),
      commit,
      wait: (untilMs, words, still) => waitIn(stepName, untilMs, words, still),
      // the last step is done when the action is settled
      finish: (work) => (step === undefined ? commit(work) : finishStep(step, server, work)),
      call: (host, method, args) => {
        stopIfTold();
        const answer = deps.bus.call(host, method, args, asker);
        hooks?.point?.(`${saga.name}.${stepName}.asked`);
        return orStopped(answer);
      },
      rest,
      point: (name) => hooks?.point?.(`${saga.name}.${stepName}.${name}`),
    };
  }

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
    events = await commit(async (t, nowMs) => {
      await writeInput(t, taken.id, envelope);
      await updateAction(t, taken.id, { state: 'undoing', attempts: 0 }, nowMs);
      const event = live(step);
      if (event === undefined) return events;
      const { host } = context.server;
      const end = { result: 'Error', details: failure.message, traceback: failure.detail, host } as const;
      return noted(events, await finishEvent(t, event, end, nowMs));
    });
    state = 'undoing';
    attempts = 0;
  }

  /** Begins a step that the log does not have yet. */
  async function begin(step: Step<I>): Promise<void> {
    events = await commit(async (t, nowMs) =>
      noted(events, await startEvent(t, taken.id, eventName(saga, step), nowMs)),
    );
  }

  /** Runs a step and writes what it returned; of the last one with the end of the action. */
  async function runStep(step: Step<I>): Promise<void> {
    if (attempts > limits.stepAttempts) {
      throw internal(`Given up: the step '${step.name}' was begun ${attempts - 1} times and never ended.`);
    }
    const context = await contextFor(step.name);
    context.point('before');
    const output = await step.run(context);
    context.point('after');
    stopIfTold();
    if (step === saga.steps.at(-1)) {
      await tx(database, (t) => finishLast(t, step, output, context));
      context.point('settled');
    } else if (live(step)?.result !== 'Success') {
      events = await commit((t, nowMs) => writeDone(t, step, output, context.server, nowMs), true);
    }
    attempts = 1;
  }

  /** The steps that are not done, one after another. Null: one failed for good; else the end, or when to come again. */
  async function forward(): Promise<Outcome | null> {
    for (const step of saga.steps) {
      if (live(step)?.result === 'Success') continue;
      stopIfTold();
      if (live(step) === undefined) await begin(step);
      try {
        await runStep(step);
      } catch (error) {
        if (error instanceof Stopped) throw error;
        if (error instanceof Waits) return { kind: 'again', atMs: error.untilMs };
        const fault = faultOf(error);
        if (fault.kind === 'unavailable' && attempts < limits.stepAttempts) return again(fault, step);
        await fail(step, fault);
        return null;
      }
    }
    return { kind: 'done' };
  }

  async function finishLast(t: Tx, last: Step<I>, output: unknown, context: StepContext<I>): Promise<void> {
    const nowMs = clock.now();
    // in one statement what `guardLease` says and that the action is over: whatever is wrong then, this is rolled back
    if (!(await finishHeld(t, taken.id, owner, kept(), nowMs))) await guard(t, nowMs);
    const end = { result: 'Success', output: output ?? null, host: context.server.host } as const;
    const complete: StepContext<I> = {
      ...context,
      // as it will read back: the same whether this process ran the step or found its output
      ...outputsFrom((one) =>
        one.name === last.name ? JSON.parse(JSON.stringify(output ?? null)) : live(one)?.output,
      ),
    };
    const problem = await keepingTask(t, taken, nowMs, () => saga.settle(t, complete, nowMs));
    const event = live(last) as EventLog;
    await finishEvent(t, event, problem === null ? end : { ...end, result: 'Error', details: problem }, nowMs);
    if (problem !== null) await finishAction(t, taken.id, 'Error', kept(), nowMs);
    tell(t, problem === null ? 'success' : 'error', nowMs);
    const failure = problem === null ? null : { code: 'partial', message: problem, where: last.name };
    await noteAction(t, deps, taken, saga.notification, failure === null ? 'end' : 'error', context.server, nowMs, {
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
          const context = await contextFor(step.name, undoOf(step));
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
      await commit(async (t) => {
        await markUndo(t, event.id, mark);
        await writeInput(t, taken.id, envelope);
      }, true);
      events = noted(events, { ...event, undo: mark });
      attempts = 1;
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
        await step.undo(await contextFor(step.name, undoOf(step)));
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
      await noteAction(t, deps, taken, saga.notification, 'error', context.server, nowMs, {
        ...facts(),
        failure: told,
      });
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
          ? events.findLast((event) => event.result === null)
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
