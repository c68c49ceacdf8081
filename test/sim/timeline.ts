// Why: in a simulation nobody waits. Time is the time of the next event, events are taken one after another, and each has all its
// consequences before the next one comes. Two that are due at once come in an order that the seed chose.

import type { Dice } from './dice.ts';

/** Whose an event may be: nothing happens to somebody who died, or to somebody who is halted before he goes on. */
export interface Owner {
  readonly alive: boolean;
  readonly haltedUntilMs: number;
}

interface Event {
  atMs: number;
  readonly order: number;
  /** Null: the world's. */
  readonly life: Owner | null;
  readonly happen: () => void;
  cancelled: boolean;
}

/** 2026-01-01, in milliseconds. */
const BEGINNING = 1_767_225_600_000;

const ORDERS = 2 ** 30;

const isBefore = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);

/** What follows by itself, and not in this turn: immediates, and answers of the file system, which take as long as the machine is busy. */
const FOLLOWS = /^(Immediate|FSReq)/;

/** Everything that follows by itself has happened; promises are kept in this turn. */
async function drained(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (process.getActiveResourcesInfo().some((resource) => FOLLOWS.test(resource)));
}

export class Timeline {
  readonly #dice: Dice;
  /** The next one last. */
  readonly #events: Event[] = [];
  #nowMs = BEGINNING;
  steps = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  now(): number {
    return this.#nowMs;
  }

  /** Milliseconds since the beginning. */
  elapsed(): number {
    return this.#nowMs - BEGINNING;
  }

  #insert(event: Event): void {
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(event, this.#events[middle] as Event)) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  /** Has something happen after so many milliseconds; returns what takes it back. */
  after(ms: number, life: Owner | null, happen: () => void): () => void {
    const atMs = this.#nowMs + Math.max(0, ms);
    const event: Event = { atMs, order: this.#dice.below(ORDERS), life, happen, cancelled: false };
    this.#insert(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** As a clock's `sleep`. */
  sleep(ms: number, life: Owner | null, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(ms, life, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The next event with all that follows from it; false: none is due before `untilMs`. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const event = this.#events.at(-1);
      if (event === undefined || event.atMs > untilMs) return false;
      this.#events.pop();
      const { life } = event;
      if (event.cancelled || life?.alive === false) continue;
      if (life !== null && life.haltedUntilMs > event.atMs) {
        event.atMs = life.haltedUntilMs;
        this.#insert(event);
        continue;
      }
      this.#nowMs = event.atMs;
      this.steps += 1;
      event.happen();
      await drained();
      return true;
    }
  }

  /** Lets what follows from something outside of any event happen. */
  settle(): Promise<void> {
    return drained();
  }
}
