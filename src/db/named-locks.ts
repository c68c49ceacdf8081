// Why: what concerns many rows at once has no row of its own to lock; here it has one.

import type { Tx } from './tx.ts';

/** The locks that there are; each is a row that a migration made. */
export type LockName = 'subnet_ranges' | 'segments' | 'purge' | 'notifications' | 'sshPorts' | `reconcile.${string}`;

/** Whoever else takes this lock waits until the transaction ends. (SQLite has one writer at a time anyway.) */
export async function takeLock(tx: Tx, name: LockName): Promise<void> {
  await tx('named_locks').where({ name }).forUpdate().first('name');
}

/**
 * Takes the turn at work that one process at a time does; false: another one has it, or it is not due. Should this process end
 * without `endTurn`, the next turn comes at `untilMs`.
 */
export async function takeTurn(tx: Tx, name: LockName, nowMs: number, untilMs: number): Promise<boolean> {
  const due = tx('named_locks').where({ name }).where('not_before', '<=', nowMs);
  return (await due.update({ not_before: untilMs })) === 1;
}

/** Gives back a turn that was taken until `untilMs`, unless that is over and somebody else has it; the next one is due at `nextMs`. */
export async function endTurn(tx: Tx, name: LockName, untilMs: number, nextMs: number): Promise<void> {
  await tx('named_locks').where({ name, not_before: untilMs }).update({ not_before: nextMs });
}
