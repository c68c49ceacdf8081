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

import type { Log } from '../../base/log.ts';
import type { Claim } from '../../db/claims.ts';
import type { EventLog, InstanceAction } from '../../db/instance-actions.ts';
import type { Tx } from '../../db/tx.ts';
import type { AgentArgs, AgentMethod, AgentReply } from '../../domain/servers/agent-methods.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';
import type { SagaFacts } from '../notifications/notify.ts';
import type { BuildRequest } from '../servers/build.ts';
import type { Failure } from './failure.ts';

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

/** What a step is called in the events of its action; no two of a saga are called alike, since by it a step is found again. */
export const eventName = (saga: { readonly name: string }, step: Pick<Step<never>, 'name' | 'event'>): string =>
  step.event ?? `${saga.name}_${step.name}`;
