// Why: who gives room of a host back wakes servers that wait for room, in the same transaction, so that no wake-up is lost; who waits
// looks at nothing meanwhile.
//
// A server that waits is noted first, then looks once more, and only then lets go of its lease: what appears in between finds the
// note and says so in it.

import { limits } from '../base/limits.ts';
import type { Tx } from './tx.ts';
import { noteForEnding } from './tx.ts';

const TABLE = 'waiting_placements';

/** Those who wait longest may look again; who is not under way any more is forgotten. */
async function wakeWaiting(tx: Tx): Promise<void> {
  const rows: { action_id: number; state: string | null }[] = await tx(`${TABLE} as w`)
    .leftJoin('instance_actions as a', 'a.id', 'w.action_id')
    .select('w.action_id', 'a.state')
    .where({ 'w.woken': 0 })
    .orderBy('w.since')
    .limit(limits.wokenAtOnce);
  if (rows.length === 0) return;
  const over = rows.filter(({ state }) => state === null || state === 'done').map(({ action_id }) => action_id);
  const ids = rows.map(({ action_id }) => action_id).filter((id) => !over.includes(id));
  if (over.length > 0) await tx(TABLE).whereIn('action_id', over).delete();
  if (ids.length === 0) return;
  await tx(TABLE).whereIn('action_id', ids).update({ woken: 1 });
  await tx('instance_actions').whereIn('id', ids).whereNull('lease_owner').update({ lease_until: null });
}

/** Called by whatever may make room; who waits is woken when the transaction ends. */
export const noteRoom = (tx: Tx): void => noteForEnding(tx, wakeWaiting, 0);

/** Notes that an action waits from now on; of one that waits already, that it was tried again. */
export async function startWaiting(tx: Tx, actionId: number, nowMs: number): Promise<void> {
  await tx(TABLE).insert({ action_id: actionId, since: nowMs, woken: 0 }).onConflict('action_id').merge();
}

/** Whether nothing appeared since the action was noted; its note is locked until the transaction ends. */
export async function isStillWaiting(tx: Tx, actionId: number): Promise<boolean> {
  const row: { woken: unknown } | undefined = await tx(TABLE).where({ action_id: actionId }).forUpdate().first('woken');
  return row !== undefined && Number(row.woken) === 0;
}

export async function stopWaiting(tx: Tx, actionId: number): Promise<void> {
  await tx(TABLE).where({ action_id: actionId }).delete();
}
