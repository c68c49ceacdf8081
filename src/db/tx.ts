// Why: writing needs a `Tx`, and only this function makes one. Reading code cannot write by accident, and every change of
// state is one transaction.

import { invariant } from '../base/invariant.ts';
import type { Knex } from 'knex';
import type { Database } from './engine.ts';
import { isRetryable } from './errors.ts';

declare const brand: unique symbol;

/** A transaction; every function that writes takes one as its first argument. */
export type Tx = Knex.Transaction & { readonly [brand]: true };

const ATTEMPTS = 5;

/** What is written once at the end of a transaction, for all rows that were noted for it. */
export type Ending<I = number> = (tx: Tx, ids: readonly I[]) => Promise<void>;

const endings = new WeakMap<Tx, Map<Ending<never>, Set<unknown>>>();

/** Transactions whose work goes on: what is noted later, or for a statement alone, would never be done. */
const atWork = new WeakSet<Tx>();

/**
 * Has `ending` run for this row before the transaction commits, however often it is noted: for what follows from the rows as
 * they are in the end (sums, history), so that no verb can forget it.
 */
export function noteForEnding<I>(tx: Tx, ending: Ending<I>, id: I): void {
  invariant(atWork.has(tx), 'what follows from a row is noted while its transaction is at work');
  let noted = endings.get(tx);
  if (noted === undefined) endings.set(tx, (noted = new Map()));
  const ids = noted.get(ending);
  if (ids === undefined) noted.set(ending, new Set([id]));
  else ids.add(id);
}

const afterwards = new WeakMap<Tx, (() => void)[]>();

/** Has this done once the transaction is committed, and never if it is not: for what cannot be taken back. */
export function afterCommit(tx: Tx, work: () => void): void {
  invariant(atWork.has(tx), 'what is done after a transaction is noted while it is at work');
  const noted = afterwards.get(tx);
  if (noted === undefined) afterwards.set(tx, [work]);
  else noted.push(work);
}

/**
 * Runs `work` in one transaction: commits what it did, or rolls back and rethrows what it threw. A deadlock or a lock wait is
 * tried again from the start (so `work` must have no other effects).
 */
export async function tx<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    let thrown: { readonly error: unknown } | null = null;
    try {
      const [result, after] = await database.write.transaction(async (trx) => {
        const t = trx as Tx;
        atWork.add(t);
        try {
          const made = await work(t);
          atWork.delete(t);
          for (const [ending, ids] of endings.get(t) ?? []) await ending(t, [...ids] as never[]);
          return [made, afterwards.get(t) ?? []] as const;
        } catch (error) {
          thrown = { error };
          throw error;
        }
      });
      for (const one of after) one();
      return result;
    } catch (last) {
      // the rollback may fail too (a SQLite that is full has rolled back by itself): what counts is what the work threw
      const error = (thrown as { readonly error: unknown } | null)?.error ?? last;
      if (attempt >= ATTEMPTS || !isRetryable(error)) throw error;
    }
  }
}

/**
 * Runs one statement, which is a transaction by itself: for what is written often and has no consequences. `work` gives the statement;
 * it notes nothing for the end.
 */
export async function alone(database: Database, work: (tx: Tx) => PromiseLike<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work(database.write as unknown as Tx);
      return;
    } catch (error) {
      if (attempt >= ATTEMPTS || !isRetryable(error)) throw error;
    }
  }
}

/** Rows in one statement; SQLite takes 500 at most, and a bounded number of values. */
const ROWS_AT_ONCE = 100;

/** Rows in pieces, each for one statement. */
export function* inPieces<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) yield rows.slice(at, at + ROWS_AT_ONCE);
}

/** Adds any number of rows in few statements (knex's `batchInsert` would add a savepoint to each). */
export async function insertRows(tx: Tx, table: string, rows: readonly object[]): Promise<void> {
  for (const some of inPieces(rows)) await tx(table).insert(some);
}
