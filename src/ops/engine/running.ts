// Why: the actions that run in this process: it takes what is due as far as there is room, runs each, holds on to their leases, and tells
// those that shall end.

import { invariant } from '../../base/invariant.ts';
import { dueActions, finishAction, heldActions, renewLeases } from '../../db/instance-actions.ts';
import { tx } from '../../db/tx.ts';
import { sagaOf } from '../actions.ts';
import type { OpsDeps } from '../deps.ts';
import { giveUp } from './give-up.ts';
import type { Outcome } from './run.ts';
import { runSaga } from './run-saga.ts';
import type { Taken } from './saga.ts';
import type { StopReason } from './stopped.ts';
import { takeDue } from './take.ts';

const IDLE_CHECK_MS = 5;

export interface RunningOptions {
  /** Who holds the leases. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Actions at once. */
  readonly concurrency: number;
}

export class Running {
  readonly #deps: OpsDeps;
  readonly #options: RunningOptions;
  readonly #actions = new Map<number, { readonly stop: AbortController; readonly done: Promise<void> }>();
  readonly #closing = new AbortController();
  #resting = 0;
  /** Whether there was no place for all that was due, when it was looked last. */
  #waits = false;
  #wanted = false;
  #looking: Promise<void> | null = null;

  constructor(deps: OpsDeps, options: RunningOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get size(): number {
    return this.#actions.size;
  }

  /** Aborted when the process ends. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  has(id: number): boolean {
    return this.#actions.has(id);
  }

  /** What rests holds its lease, but no place: whoever waits for one has it meanwhile. */
  async #rest<T>(work: Promise<T>): Promise<T> {
    this.#resting += 1;
    if (this.#waits) this.look();
    try {
      return await work;
    } finally {
      this.#resting -= 1;
    }
  }

  async #run(taken: Taken, signal: AbortSignal): Promise<Outcome> {
    const { database, clock, log } = this.#deps;
    const { action } = taken;
    const saga = sagaOf(action.action);
    if (saga !== null) {
      const rest = <T>(work: Promise<T>): Promise<T> => this.#rest(work);
      return runSaga(this.#deps, saga, taken, this.#options.owner, signal, this.closing, rest);
    }
    log.error({ action: action.action, id: action.id }, 'an action that no saga of this program has: ended');
    await tx(database, (t) => finishAction(t, action.id, 'Error', {}, clock.now()));
    return { kind: 'done' };
  }

  async #runOrGiveUp(taken: Taken, signal: AbortSignal): Promise<Outcome> {
    const { log } = this.#deps;
    try {
      return await this.#run(taken, signal);
    } catch (error) {
      const { action, requestId: request } = taken.action;
      log.error({ err: error, action, request }, 'an action broke off');
      await giveUp(this.#deps, this.#options.owner, taken, error).catch((second: unknown) =>
        log.error({ err: second }, 'and could not be ended'),
      );
      return { kind: 'done' };
    }
  }

  #start(taken: Taken): void {
    const { id } = taken.action;
    invariant(!this.has(id), `action ${id} runs here once`);
    const stop = new AbortController();
    if (this.closing.aborted) stop.abort('shutdown' satisfies StopReason);
    const done = this.#runOrGiveUp(taken, stop.signal).then((outcome) => {
      this.#actions.delete(id);
      if (outcome.kind === 'again') this.#lookAt(outcome.atMs);
      this.look();
    });
    this.#actions.set(id, { stop, done });
  }

  #lookAt(atMs: number): void {
    const { clock } = this.#deps;
    clock.sleep(Math.max(0, atMs - clock.now()), this.closing).then(
      () => this.look(),
      () => undefined,
    );
  }

  async #startDue(): Promise<void> {
    const { database, clock } = this.#deps;
    const { owner, leaseMs, concurrency } = this.#options;
    const free = concurrency - this.size + this.#resting;
    this.#waits = free <= 0;
    if (this.#waits || this.closing.aborted) return;
    const found = await dueActions(database.read, clock.now(), free);
    this.#waits = found.length === free;
    const others = found.filter(({ id }) => !this.has(id));
    if (others.length === 0) return;
    for (const taken of await takeDue(this.#deps, others, owner, leaseMs)) this.#start(taken);
  }

  async #lookWhileWanted(): Promise<void> {
    while (this.#wanted && !this.closing.aborted) {
      this.#wanted = false;
      try {
        await this.#startDue();
      } catch (error) {
        this.#deps.log.error({ err: error }, 'looking for work failed; the next look comes');
      }
    }
  }

  /** Looks for work, once at a time; asked meanwhile, once more afterwards. */
  look(): void {
    this.#wanted = true;
    if (this.#looking !== null || this.closing.aborted) return;
    this.#looking = this.#lookWhileWanted().finally(() => {
      this.#looking = null;
      if (this.#wanted) this.look();
    });
  }

  /** Tells those that something overtook. */
  async endCancelled(): Promise<void> {
    const held = await heldActions(this.#deps.database.read, [...this.#actions.keys()], this.#options.owner);
    for (const { id, cancel } of held) {
      if (cancel) this.#stop(id, 'cancel');
    }
  }

  #stop(id: number, reason: StopReason): void {
    this.#actions.get(id)?.stop.abort(reason);
  }

  /** Holds on to the leases, and tells those whose lease is lost, or that something overtook. */
  async renew(): Promise<void> {
    const { database, clock } = this.#deps;
    const { owner, leaseMs } = this.#options;
    const ids = [...this.#actions.keys()];
    if (ids.length === 0) return;
    const held = await tx(database, (t) => renewLeases(t, ids, owner, clock.now() + leaseMs));
    const still = new Map(held.map(({ id, cancel }) => [id, cancel]));
    for (const id of ids) {
      const cancel = still.get(id);
      if (cancel === undefined) this.#stop(id, 'lost');
      else if (cancel) this.#stop(id, 'cancel');
    }
  }

  /** Resolves when nothing is under way here and nothing is due. */
  async idle(): Promise<void> {
    const { database, clock } = this.#deps;
    for (;;) {
      if (this.#looking !== null) await this.#looking;
      const due = await dueActions(database.read, clock.now(), 1);
      if (this.#looking === null && this.size === 0 && due.length === 0) return;
      await clock.sleep(IDLE_CHECK_MS);
    }
  }

  /** Takes no more. */
  close(): void {
    this.#closing.abort();
  }

  /** Lets go of all that runs; resolves when nothing does. */
  async end(): Promise<void> {
    if (this.#looking !== null) await this.#looking;
    const left = [...this.#actions.values()];
    for (const { stop } of left) stop.abort('shutdown' satisfies StopReason);
    await Promise.all(left.map(({ done }) => done));
  }
}
