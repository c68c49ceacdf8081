// Why: a process that is killed does nothing more, whatever it was doing. In a simulation its code can't be torn away, but all it
// ever does is done through its clock, its database, its bus and its neighbours: for a dead one none of them answers, ever.

import type { Clock } from '../../src/base/clock.ts';
import type { Timeline } from './timeline.ts';

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Thrown into what a dead process had under way in the database: it is rolled back. */
class Died extends Error {}

/** One life of a process, from its start to its end. */
export class Life implements Clock {
  readonly name: string;
  readonly #timeline: Timeline;
  readonly #skewMs: number;
  readonly #death = Promise.withResolvers<never>();
  readonly #farewells: (() => void)[] = [];
  #waking: Promise<void> | null = null;
  alive = true;
  /** Whether it may be killed as it works. */
  mortal = true;
  /** Until then the machine gives it no time, and it does not know. */
  haltedUntilMs = 0;

  constructor(name: string, timeline: Timeline, skewMs = 0) {
    this.#skewMs = skewMs;
    this.name = name;
    this.#timeline = timeline;
    this.#death.promise.catch(() => undefined);
  }

  /** By its machine's clock. */
  now(): number {
    return this.#timeline.now() + this.#skewMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.alive ? this.#timeline.sleep(ms, this, signal) : never();
  }

  /** Rejects when it dies. */
  get ended(): Promise<never> {
    return this.#death.promise;
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#death.reject(new Died(`${this.name} died`));
    for (const farewell of this.#farewells) farewell();
  }

  /** What the world does when it dies. */
  whenDead(work: () => void): void {
    this.#farewells.push(work);
  }

  /** Resolves once it may go on; never for a dead one. */
  async awake(): Promise<void> {
    if (!this.alive) return never();
    // those who waited go on in the order in which they came
    const haltedMs = (): number => this.haltedUntilMs - this.#timeline.now();
    while (haltedMs() > 0) {
      this.#waking ??= this.sleep(haltedMs()).finally(() => {
        this.#waking = null;
      });
      await this.#waking;
    }
    if (!this.alive) return never();
  }

  /** An answer, as far as there still is somebody to hear it. */
  async heard<T>(answer: Promise<T>): Promise<T> {
    const [ended] = await Promise.allSettled([answer]);
    await this.awake();
    if (ended.status === 'rejected') throw ended.reason;
    return ended.value;
  }
}
