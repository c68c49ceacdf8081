// Why: SQLite's statements run in this thread and answer at once, so a transaction of a thousand would keep every other request
// waiting until its end. Between statements the others have their turn.

import type { Knex } from 'knex';
import BetterSqlite from 'knex/lib/dialects/better-sqlite3/index.js';
import { fairTurn } from '../base/fair-turn.ts';

/** knex's client for better-sqlite3; its own transactions are objects of this class too. */
class FairSqliteClient extends BetterSqlite {
  override async _query(connection: unknown, query: unknown): Promise<unknown> {
    const turn = fairTurn();
    if (turn !== null) await turn;
    return super._query(connection, query);
  }
}

export const FairSqlite = FairSqliteClient as unknown as typeof Knex.Client;
