// Why: a process meets its database through this. A transaction begins when its turn comes, may be refused, may be rolled back by the
// death of who asked for it, and may be committed without an answer.

import type { Knex } from 'knex';
import type { Database } from '../../src/db/engine.ts';
import type { Life } from './life.ts';
import type { Mishaps } from './mishaps.ts';

/** As mysql2 says it. */
const lost = (): Error =>
  Object.assign(new Error('Connection lost: The server closed the connection.'), { code: 'PROTOCOL_CONNECTION_LOST' });

type Work = (trx: Knex.Transaction) => Promise<unknown>;

export function databaseFor(real: Database, life: Life, mishaps: Mishaps, committed: () => void): Database {
  async function transaction(work: Work): Promise<unknown> {
    await life.sleep(mishaps.delayMs());
    if (mishaps.happens('databaseAway', life)) throw lost();
    const made = await life.heard(
      real.write.transaction((trx) => Promise.race([work(trx as Knex.Transaction), life.ended])),
    );
    committed();
    if (mishaps.dies(life)) await life.awake();
    if (mishaps.happens('commitUnheard', life)) throw lost();
    return made;
  }
  return { ...real, write: { transaction } as unknown as Knex };
}
