// Why: writing units to OVN is retried until nothing changes meanwhile, and one refused unit does not block others.

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
  /** Called with the refused unit and the reason. */
  readonly refused: (why: string) => void;
}

const failureOf = (error: unknown): OvsdbError['failure'] | null =>
  error instanceof OvsdbError ? error.failure : null;

/** Errors that a retry would only repeat. */
const isRefusal = (error: unknown): boolean =>
  error instanceof TypeError || failureOf(error) === 'refused' || failureOf(error) === 'taken';

/** Another process wrote meanwhile; its rows arrive in the replica in a moment. */
const isOvertaken = (error: unknown, attempt: number): boolean =>
  failureOf(error) === 'stale' || (failureOf(error) === 'taken' && attempt < limits.ovnAttempts);

/** @returns a function that writes units to OVN; rejects if OVN or the database is unreachable */
export function makeTeller({ source, northbound, actual, counts, log, refused }: TellerParts) {
  /** The operations for units, and for units that they reference and that OVN does not have yet. */
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

  /** One attempt; returns the units that have to be read again. */
  async function tell(units: readonly Unit[], isLate: boolean): Promise<readonly Unit[]> {
    const { wanted, operations, behind } = await plan(units);
    if (operations.length > 0) await northbound.transact(operations);
    // OVN has a later revision than was read: another process wrote it
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
          log.error({ err: error, unit: left[0] }, 'the network database refuses the rows of a unit');
          return;
        }
      }
      for (const unit of left) await tellAll([unit]);
      return;
    }
  };
}
