// Why: one run of an action by who holds its lease. What it knows of the action, what it commits, and when it stops is here; what
// it does are forward.ts, backward.ts and overtaken.ts.

import { invariant } from '../../base/invariant.ts';
import { secondsBetween } from '../../base/clock.ts';
import { asFault, type Fault, type FaultCode, internal } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import {
  type ActionState,
  type EventLog,
  finishEvent,
  guardLease,
  type InstanceAction,
  releaseLease,
  startEvent,
} from '../../db/instance-actions.ts';
import { databaseFault } from '../../db/errors.ts';
import { afterCommit, type Tx, tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { ActionEnd, OpsDeps } from '../deps.ts';
import { noteAction } from '../notifications/notify.ts';
import { type Envelope, eventName, type Saga, type Step, type StepContext } from './saga.ts';
import { Stopped, type StopReason } from './stopped.ts';

/** `again`: not over, due at `atMs`. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly atMs: number }
  | { readonly kind: 'lost' };

/** A fault of what a step threw; a database that is away or was locked comes back, as a neighbour does. */
export const faultOf = (error: unknown): Fault => databaseFault(error) ?? asFault(error);

/** Nobody heard it, or could have answered: that is no attempt of the step. */
const isUnheard = ({ code }: Fault): boolean => code === 'bus.away' || code === 'bus.closed';

const pauseMs = (attempt: number): number =>
  Math.min(limits.stepPauseMs * 2 ** Math.max(0, attempt - 1), limits.stepPauseMaxMs);

/** The log with an event as it is now. */
const noted = (log: readonly EventLog[], event: EventLog): readonly EventLog[] =>
  log.some(({ id }) => id === event.id) ? log.map((one) => (one.id === event.id ? event : one)) : [...log, event];

export interface RunParts<I> {
  readonly deps: OpsDeps;
  readonly saga: Saga<I>;
  readonly action: InstanceAction;
  readonly envelope: Envelope<I>;
  readonly events: readonly EventLog[];
  /** The events that others left in the log. */
  readonly left: ReadonlySet<number>;
  /** Who holds the lease. */
  readonly owner: string;
  /** Aborted with a `StopReason` when the run must stop. */
  readonly signal: AbortSignal;
  /** Aborted when the process ends: then one that was overtaken stops, too, and is ended by the next. */
  readonly closing: AbortSignal;
  readonly rest: StepContext<I>['rest'];
}

export class Run<I> {
  readonly deps: OpsDeps;
  readonly saga: Saga<I>;
  readonly action: InstanceAction;
  readonly owner: string;
  readonly log: Log;
  readonly rest: StepContext<I>['rest'];
  readonly #left: ReadonlySet<number>;
  readonly #signal: AbortSignal;
  readonly #closing: AbortSignal;
  envelope: Envelope<I>;
  events: readonly EventLog[];
  state: ActionState;
  /** Times the present step was begun. */
  attempts: number;
  /** Once overtaken, an action commits nothing but its own end. */
  ending = false;

  constructor({ deps, saga, action, envelope, events, left, owner, signal, closing, rest }: RunParts<I>) {
    invariant(action.leaseOwner === owner, `who runs action ${action.id} holds its lease`);
    this.deps = deps;
    this.saga = saga;
    this.action = action;
    this.owner = owner;
    const { migrationUuid: migration } = envelope.args as { readonly migrationUuid?: string };
    const bindings = { request: action.requestId, server: action.serverUuid, action: saga.name };
    this.log = deps.log.child(migration === undefined ? bindings : { ...bindings, migration });
    this.rest = rest;
    this.#left = left;
    this.#signal = signal;
    this.#closing = closing;
    this.envelope = envelope;
    this.events = events;
    this.state = action.state;
    this.attempts = action.attempts;
  }

  /** What stops it now: one that ends hears of nothing but the end of the process. */
  #stopper(): { readonly by: AbortSignal; readonly reason: () => StopReason } {
    return this.ending
      ? { by: this.#closing, reason: () => 'shutdown' }
      : { by: this.#signal, reason: () => this.#signal.reason as StopReason };
  }

  stopIfTold(): void {
    const { by, reason } = this.#stopper();
    if (by.aborted) throw new Stopped(reason());
  }

  /** The answer, unless the action is told to stop before it comes. A step may ask thousands of times: nothing is left of it. */
  orStopped<T>(answer: Promise<T>): Promise<T> {
    const { by, reason } = this.#stopper();
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(new Stopped(reason()));
      by.addEventListener('abort', stop, { once: true });
      void answer.then(resolve, reject).finally(() => by.removeEventListener('abort', stop));
    });
  }

  /** @param attempts what they become; absent: they stay */
  async guard(t: Tx, nowMs: number, attempts?: number): Promise<void> {
    const lease = await guardLease(t, this.action.id, this.owner, nowMs, attempts);
    if (lease === 'lost') throw new Stopped('lost');
    if (lease === 'cancelled' && !this.ending) throw new Stopped('cancel');
  }

  /**
   * A transaction that happens only while the lease is held and nothing overtook the action.
   * @param fresh the attempts begin anew, as with each step
   */
  commit<T>(work: (tx: Tx, nowMs: number) => Promise<T>, fresh = false): Promise<T> {
    return tx(this.deps.database, async (t) => {
      const nowMs = this.deps.clock.now();
      await this.guard(t, nowMs, fresh ? 0 : undefined);
      return work(t, nowMs);
    });
  }

  /** The event of a step that was begun and not undone. */
  live(step: Pick<Step<I>, 'name' | 'event'>): EventLog | undefined {
    const name = eventName(this.saga, step);
    return this.events.findLast((event) => event.event === name && event.undo === null);
  }

  liveNamed(name: string): EventLog | undefined {
    const found = this.saga.steps.find((one) => one.name === name);
    return found === undefined ? undefined : this.live(found);
  }

  isDone(step: Step<I>): boolean {
    return this.live(step)?.result === 'Success';
  }

  /** Whether a step may have been begun before, by a process that died. */
  begunBefore(stepName: string): boolean {
    const event = this.liveNamed(stepName);
    return event !== undefined && this.#left.has(event.id);
  }

  /** The log with an event as it is now. */
  noted(event: EventLog): readonly EventLog[] {
    return noted(this.events, event);
  }

  /** Writes that a step is done and that the next one begins; returns the log as it is then. */
  async writeDone(t: Tx, step: Step<I>, output: unknown, server: Server, nowMs: number): Promise<readonly EventLog[]> {
    const event = this.live(step);
    if (event === undefined) throw internal(`The step '${step.name}' is done and was never begun.`);
    const end = { result: 'Success', output: output ?? null, host: server.host } as const;
    const log = this.noted(await finishEvent(t, event, end, nowMs));
    const next = this.saga.steps[this.saga.steps.indexOf(step) + 1];
    if (next === undefined || this.live(next) !== undefined) return log;
    return noted(log, await startEvent(t, this.action.id, eventName(this.saga, next), nowMs));
  }

  /** Lets go of the action until a step is tried again. */
  async again(fault: Fault, step: Pick<Step<I>, 'name'>): Promise<Outcome> {
    const { clock, database } = this.deps;
    const unheard = isUnheard(fault);
    const attempts = unheard ? Math.max(0, this.attempts - 1) : this.attempts;
    const atMs = clock.now() + (unheard ? limits.busAwayMs : pauseMs(attempts));
    this.log.warn(
      { step: step.name, attempts, code: fault.code, reason: fault.message },
      'a step waits for its next attempt',
    );
    await tx(database, (t) => releaseLease(t, this.action.id, this.owner, atMs, attempts));
    return { kind: 'again', atMs };
  }

  /** Whether what failed so is tried again. */
  isTriedAgain(fault: Fault): boolean {
    return fault.kind === 'unavailable' && (isUnheard(fault) || this.attempts < limits.stepAttempts);
  }

  /** The first step that may be undone. */
  afterFinal(): number {
    return this.saga.steps.findLastIndex((step) => step.final && this.isDone(step)) + 1;
  }

  /** What stays of the input when the action is over. */
  kept(): Envelope<Partial<I>> {
    const args: Partial<I> = { ...this.envelope.args };
    for (const key of this.saga.secrets) delete args[key];
    const { failure } = this.envelope;
    return { args, ...(failure === undefined ? {} : { failure }) };
  }

  /** Tells how the action ended, once that is so. */
  tell(t: Tx, outcome: ActionEnd['outcome'], nowMs: number): void {
    afterCommit(t, () => {
      const seconds = secondsBetween(this.action.startTime, nowMs);
      this.deps.observer?.acted({ action: this.saga.name, outcome, seconds });
      this.log.info({ outcome, seconds }, 'an action has ended');
    });
  }

  /** Tells listeners of the end. */
  async note(
    t: Tx,
    server: Server,
    failure: { readonly code: FaultCode; readonly message: string; readonly where: string } | null,
    nowMs: number,
  ): Promise<void> {
    const { deps, action, saga, envelope } = this;
    const facts = { ...saga.facts?.(envelope.args), failure };
    await noteAction(t, deps, action, saga.notification, failure === null ? 'end' : 'error', server, nowMs, facts);
  }
}
