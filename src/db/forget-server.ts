// Why: a server that was taken over and is given back leaves no trace here: what it counted for and claimed goes first.

import { releaseClaim } from './claims.ts';
import { removeServerRows } from './purge.ts';
import { uncountSize } from './server-sizes.ts';
import type { Tx } from './tx.ts';

/** Takes a server, whose row is locked, out of the books in one transaction: no report may find it there as deleted. */
export async function forgetServer(
  tx: Tx,
  server: { readonly id: number; readonly uuid: string },
  nowMs: number,
): Promise<void> {
  await uncountSize(tx, server.id);
  await releaseClaim(tx, server.id, nowMs);
  await removeServerRows(tx, [server]);
}
