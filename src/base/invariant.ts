// Why: what must hold at a point of the code is said there, and checked. A broken invariant is a mistake of ours: what goes on from it
// would only be wrong elsewhere, so the work ends there, and a transaction that it was in is rolled back.

import { internal } from './errors.ts';

/**
 * Says what must hold. Throws an `internal` fault of the code `invariant` where it does not.
 * @param what as a sentence, for the log and for administrators: no secrets in it
 */
export function invariant(holds: boolean, what: string | (() => string)): asserts holds {
  if (holds) return;
  throw internal(`This must hold, and does not: ${typeof what === 'string' ? what : what()}.`, { code: 'invariant' });
}

/** Whether these are whole numbers from 0: what can be counted, claimed, or had. */
export const areAmounts = (...numbers: readonly (number | undefined)[]): boolean =>
  numbers.every((number) => number === undefined || (Number.isSafeInteger(number) && number >= 0));
