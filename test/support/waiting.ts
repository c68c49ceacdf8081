// Why: that somebody waits for a lock is seen, not hoped for after a while: on a busy machine he may not even have come that far.

import { type Database, readRows } from '../../src/db/engine.ts';
import { eventually } from './serve.ts';

/** InnoDB makes this table anew only where nobody has read it for 100 ms: whoever looks more often sees the same for ever. */
const EVERY_MS = 250;

/**
 * Until a transaction of this database waits for one that is open: for a row, or on SQLite, where one writes after the other, for the
 * connection that writes.
 */
export async function writerAwaited(database: Database): Promise<void> {
  const { engine, read } = database;
  const isAwaited = async (): Promise<boolean> => {
    if (engine === 'sqlite') return database.pool().waiting > 0;
    const [row] = await readRows(
      read,
      `select count(*) as count from information_schema.innodb_trx join information_schema.processlist on id = trx_mysql_thread_id
       where db = database() and trx_state = 'LOCK WAIT'`,
    );
    return Number(row?.['count']) > 0;
  };
  const everyMs = engine === 'sqlite' ? 5 : EVERY_MS;
  await eventually('a transaction that waits', 60_000, async () => ((await isAwaited()) ? true : null), everyMs);
}
