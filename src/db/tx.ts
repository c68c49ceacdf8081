// Why: writing needs a `Tx`, and only this function makes one. Reading code cannot write by accident, and every change of
// state is one transaction.

import type { Knex } from 'knex';
import type { Database } from './engine.ts';
import { isRetryable } from './errors.ts';

declare const brand: unique symbol;

/** A transaction; every function that writes takes one as its first argument. */
export type Tx = Knex.Transaction & { readonly [brand]: true };

const ATTEMPTS = 5;

/**
 * Runs `work` in one transaction: commits what it did, or rolls back and rethrows what it threw. A deadlock or a lock wait is
 * tried again from the start (so `work` must have no other effects).
 */
export async function tx<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.write.transaction((trx) => work(trx as Tx));
    } catch (error) {
      if (attempt >= ATTEMPTS || !isRetryable(error)) throw error;
    }
  }
}
