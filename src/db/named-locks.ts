// Why: what concerns many rows at once has no row of its own to lock; here it has one.

import type { Tx } from './tx.ts';

/** The locks that there are; each is a row that a migration made. */
export type LockName = 'subnet_ranges';

/** Whoever else takes this lock waits until the transaction ends. (SQLite has one writer at a time anyway.) */
export async function takeLock(tx: Tx, name: LockName): Promise<void> {
  await tx('named_locks').where({ name }).forUpdate().first('name');
}
