// Why: what must not grow with the cloud is tested by the rows that the engine reads, not by the time that it takes.

import type { Database } from '../../src/db/engine.ts';
import { tx, type Tx } from '../../src/db/tx.ts';

async function soFar(t: Tx): Promise<number> {
  const [rows] = (await t.raw("show session status like 'Handler_read%'")) as [{ Value: string }[]];
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
}

/** How many rows MariaDB reads for some work, and what that gives. */
export const rowsRead = <T>(database: Database, work: (t: Tx) => Promise<T>): Promise<{ rows: number; given: T }> =>
  tx(database, async (t) => {
    const before = await soFar(t);
    const given = await work(t);
    return { rows: (await soFar(t)) - before, given };
  });
