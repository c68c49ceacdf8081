// Why: what goes wrong is thrown for, counted and told in one place, and ends when the weather turns.

import type { Dice } from './dice.ts';
import type { Life } from './life.ts';
import type { Trace } from './trace.ts';
import { calm, type Weather } from './weather.ts';

export type Mishap = {
  [K in keyof Weather]: K extends 'slownessMs' | 'skewMs' | 'disasterMs' | 'crowded' | 'oddGuests' | 'death'
    ? never
    : K;
}[keyof Weather];

export class Mishaps {
  readonly #dice: Dice;
  readonly #trace: Trace;
  readonly #now: () => number;
  weather: Weather = calm;
  /** Until then nobody reaches the database. */
  outageUntilMs = 0;

  constructor(dice: Dice, trace: Trace, now: () => number) {
    this.#now = now;
    this.#dice = dice;
    this.#trace = trace;
  }

  /** How long something takes: mostly little. */
  delayMs(): number {
    const { slownessMs } = this.weather;
    return this.#dice.hits(0.1) ? this.#dice.below(slownessMs * 10) : this.#dice.below(slownessMs);
  }

  /** Whether this goes wrong now. */
  happens(what: Mishap, life: Life, detail = ''): boolean {
    const isOut = what === 'databaseAway' && this.#now() < this.outageUntilMs;
    if (!isOut && !this.#dice.hits(this.weather[what])) return false;
    this.#trace.tell(life.name, `! ${what} ${detail}`);
    return true;
  }

  /** By how much the clock of a process is off. */
  skewMs(): number {
    const { skewMs } = this.weather;
    return skewMs === 0 ? 0 : this.#dice.between(-skewMs, skewMs);
  }

  /** Whether a process dies at this point of its work; then it is dead. */
  dies(life: Life, point = 'after a commit'): boolean {
    if (!life.alive) return true;
    if (!life.mortal || !this.#dice.hits(this.weather.death)) return false;
    this.#trace.tell(life.name, `! dies: ${point}`);
    life.kill();
    return true;
  }
}
