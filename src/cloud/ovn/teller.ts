// Why: telling OVN of some units is tried until nothing changes meanwhile, and what it refuses of one is no hindrance to others.

import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { Actual } from './actual.ts';
import { difference } from './difference.ts';
import { rankOf, type Unit, unitOfKey } from './northbound.ts';
import type { Ovsdb } from './ovsdb/client.ts';
import { OvsdbError } from './ovsdb/failure.ts';
import type { ReconcilerCounts, UnitSource } from './source.ts';

export interface TellerParts {
  readonly source: Pick<UnitSource, 'read' | 'settled' | 'raise'>;
  readonly northbound: Pick<Ovsdb, 'transact'>;
  readonly actual: Actual;
  readonly counts: ReconcilerCounts;
  readonly log: Log;
  /** Told which unit is refused, and why. */
  readonly refused: (why: string) => void;
}

const failureOf = (error: unknown): OvsdbError['failure'] | null =>
  error instanceof OvsdbError ? error.failure : null;

/** What would be wrong again, however often it is tried. */
const isRefusal = (error: unknown): boolean =>
  error instanceof TypeError || failureOf(error) === 'refused' || failureOf(error) === 'taken';

/** Somebody else told of it, or of something else there; what he made is seen in a moment. */
const isOvertaken = (error: unknown, attempt: number): boolean =>
  failureOf(error) === 'stale' || (failureOf(error) === 'taken' && attempt < limits.ovnAttempts);

/** @returns what makes OVN have what units should come to; rejects where OVN or the tables are away */
export function makeTeller({ source, northbound, actual, counts, log, refused }: TellerParts) {
  /** What is to be done for units, and for those that they refer to and that OVN does not have yet. */
  async function plan(units: readonly Unit[]) {
    const asked = new Set(units);
    for (;;) {
      const wanted = (await source.read([...asked])).toSorted((a, b) => rankOf(a.unit) - rankOf(b.unit));
      const found = difference(actual, wanted);
      const more = found.missing.map(unitOfKey).filter((unit) => !asked.has(unit));
      if (more.length === 0 && found.missing.length > 0)
        throw new TypeError(`nothing makes ${found.missing.join(', ')}`);
      if (more.length === 0) return { wanted, ...found };
      for (const unit of more) asked.add(unit);
    }
  }

  /** Tries it once; returns those that have to be looked at again. */
  async function tell(units: readonly Unit[], isLate: boolean): Promise<readonly Unit[]> {
    const { wanted, operations, behind } = await plan(units);
    if (operations.length > 0) await northbound.transact(operations);
    // with a later state than was read, somebody else told it
    const later = new Set(behind.map(({ unit }) => unit));
    const told = wanted.filter(({ unit }) => !later.has(unit));
    counts.told(told.length);
    const again = await source.settled(told.filter(({ dirty }) => dirty || operations.length > 0));
    if (isLate && behind.length > 0) await source.raise(behind);
    return [...again, ...later];
  }

  return async function tellAll(units: readonly Unit[]): Promise<void> {
    let left = units;
    for (let attempt = 1; left.length > 0 && attempt <= limits.ovnAttempts; attempt += 1) {
      try {
        left = await tell(left, attempt >= limits.ovnAttempts / 2);
        continue;
      } catch (error) {
        if (isOvertaken(error, attempt)) continue;
        if (!isRefusal(error)) throw error;
        if (left.length === 1) {
          counts.refused();
          refused(`${left[0]}: ${messageOf(error)}`);
          log.error({ err: error, unit: left[0] }, 'the network database refuses what a unit should come to');
          return;
        }
      }
      for (const unit of left) await tellAll([unit]);
      return;
    }
  };
}
