// Why: what a request costs on MariaDB is the number of its statements, which the server itself counts, whoever asks.

import type { Database } from '../../src/db/engine.ts';

/** Statements that MariaDB was asked since its start. */
export async function statementsAsked(database: Database): Promise<number> {
  const [[row]] = (await database.read.raw("show global status like 'Questions'")) as [[{ Value: string }]];
  return Number(row.Value);
}
