// Why: SQLite's statements run in this thread and answer at once, so a transaction of a thousand would keep every other request
// waiting until its end. Between statements the others have their turn, and while another process writes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js';
import { fairTurn } from '../base/fair-turn.ts';
import { limits } from '../base/limits.ts';
import { isBusy } from './errors.ts';

/** knex's client for better-sqlite3; its own transactions are objects of this class too. */
class FairSqliteClient extends BetterSqlite {
  override async _query(connection: unknown, query: unknown): Promise<unknown> {
    const turn = fairTurn();
    if (turn !== null) await turn;
    const giveUpAt = performance.now() + limits.sqliteWaitMs;
    for (;;) {
      try {
        return await super._query(connection, query);
      } catch (error) {
        // SQLite would wait in this thread, and everybody with it
        if (!isBusy(error) || performance.now() > giveUpAt) throw error;
        await sleep(limits.sqliteRetryMs);
      }
    }
  }

  /**
   * A transaction is there to write. Begun by a read it could not go on to write once another process has (SQLITE_BUSY_SNAPSHOT),
   * however long it waits; so it is the writer from its beginning.
   */
  override transaction(...words: unknown[]) {
    const made = super.transaction(...words);
    made.begin = (connection) => made.query(connection, 'BEGIN IMMEDIATE;');
    return made;
  }
}

export const FairSqlite = FairSqliteClient as unknown as typeof Knex.Client;
