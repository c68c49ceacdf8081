// Why: one seed has calm weather, another loses every tenth message. Each kind of mishap is there or not, often or rarely, by the
// seed: where all of them always happened, none would ever be the only one, and little would ever succeed.

import type { Dice } from './dice.ts';

/** How often what goes wrong; shares of 0 to 1. */
export interface Weather {
  /** A transaction: refused before it began; committed, and nobody was told. */
  readonly databaseAway: number;
  readonly commitUnheard: number;
  /** A call to an agent: lost on its way, done and not answered, delivered twice. */
  readonly callLost: number;
  readonly answerLost: number;
  readonly callTwice: number;
  /** A report of an agent or a nudge: lost, delivered twice. */
  readonly newsLost: number;
  readonly newsTwice: number;
  /** A call to a neighbour: refused before anything was done; done and not answered. */
  readonly neighbourAway: number;
  readonly neighbourUnheard: number;
  /** A process dies as it passes a point where it might. */
  readonly death: number;
  /** Guests that are odd from their birth. */
  readonly oddGuests: number;
  /** More want room than there is. */
  readonly crowded: boolean;
  /** Milliseconds that a message, a transaction or a call to a neighbour may take. */
  readonly slownessMs: number;
  /** Milliseconds that clocks of machines may be off, before or after. */
  readonly skewMs: number;
  /** Milliseconds between two disasters (a process or a machine that dies, a halt, a guest that changes its mind); 0: none. */
  readonly disasterMs: number;
}

/** Nothing goes wrong. */
export const calm: Weather = {
  databaseAway: 0,
  commitUnheard: 0,
  callLost: 0,
  answerLost: 0,
  callTwice: 0,
  newsLost: 0,
  newsTwice: 0,
  neighbourAway: 0,
  neighbourUnheard: 0,
  death: 0,
  oddGuests: 0,
  crowded: false,
  slownessMs: 5,
  skewMs: 0,
  disasterMs: 0,
};

export function weatherOf(dice: Dice): Weather {
  const sometimes = (...shares: readonly number[]): number => (dice.hits(0.45) ? dice.pick(shares) : 0);
  return {
    databaseAway: sometimes(0.01, 0.05),
    commitUnheard: sometimes(0.01, 0.04),
    callLost: sometimes(0.02, 0.1),
    answerLost: sometimes(0.02, 0.1),
    callTwice: sometimes(0.05, 0.3),
    newsLost: sometimes(0.1, 0.5),
    newsTwice: sometimes(0.1, 0.5),
    neighbourAway: sometimes(0.02, 0.1),
    neighbourUnheard: sometimes(0.02, 0.1),
    death: sometimes(0.01, 0.04),
    oddGuests: sometimes(0.2, 0.6),
    crowded: dice.hits(0.3),
    slownessMs: dice.pick([5, 50, 400]),
    skewMs: sometimes(200, 1_500),
    disasterMs: dice.hits(0.7) ? dice.pick([4_000, 12_000]) : 0,
  };
}
