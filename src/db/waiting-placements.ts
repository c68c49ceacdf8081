// Why: who gives room of a host back wakes servers that wait for room, in the same transaction, so that no wake-up is lost; who waits
// looks at nothing meanwhile.
//
// A server that waits is noted first, then looks once more, and only then lets go of its lease: what appears in between finds the
// note and says so in it.

import { limits } from '../base/limits.ts';
import type { Tx } from './tx.ts';
import { noteForEnding } from './tx.ts';

const TABLE = 'waiting_placements';

interface Waiter {
  readonly action_id: number;
  readonly state: string | null;
}

const isOver = ({ state }: Waiter): boolean => state === null || state === 'done';

const waiters = async (tx: Tx, woken: 0 | 1): Promise<Waiter[]> =>
  tx(`${TABLE} as w`)
    .leftJoin('instance_actions as a', 'a.id', 'w.action_id')
    .select('w.action_id', 'a.state')
    .where({ 'w.woken': woken })
    .orderBy('w.since')
    .limit(limits.wokenAtOnce);

/** They may look again; `since` becomes the wave they belong to: all that were tried last until then. */
async function wake(tx: Tx, who: readonly Waiter[], wave: number): Promise<void> {
  const over = who.filter(isOver).map(({ action_id }) => action_id);
  const ids = who.filter((one) => !isOver(one)).map(({ action_id }) => action_id);
  if (over.length > 0) await tx(TABLE).whereIn('action_id', over).delete();
  if (ids.length === 0) return;
  await tx(TABLE).whereIn('action_id', ids).update({ woken: 1, since: wave });
  await tx('instance_actions').whereIn('id', ids).whereNull('lease_owner').update({ lease_until: null });
}

/**
 * Those who wait longest may look again, so many at a time: each that looked has the next one look (`passOn`), until everybody did who
 * waited when room appeared. Who is not under way any more is forgotten.
 */
async function wakeWaiting(tx: Tx): Promise<void> {
  const asleep = await waiters(tx, 0);
  if (asleep.length === 0) return;
  const [{ wave }] = (await tx(TABLE).where({ woken: 0 }).max('since as wave')) as [{ wave: unknown }];
  const looking = await waiters(tx, 1);
  const open = asleep.filter((one) => !isOver(one));
  const free = Math.max(0, limits.wokenAtOnce - looking.filter((one) => !isOver(one)).length);
  // who looks already passes on to those of this wave, too
  await wake(tx, [...looking, ...asleep.filter(isOver), ...open.slice(0, free)], Number(wave));
}

/** Called by whatever may make room; who waits is woken when the transaction ends. */
export const noteRoom = (tx: Tx): void => noteForEnding(tx, wakeWaiting, 0);

/** The wave that an action was woken with; null: it was not. */
async function waveOf(tx: Tx, actionId: number): Promise<number | null> {
  const row: { since: unknown; woken: unknown } | undefined = await tx(TABLE)
    .where({ action_id: actionId })
    .forUpdate()
    .first('since', 'woken');
  return row !== undefined && Number(row.woken) === 1 ? Number(row.since) : null;
}

/** The next of a wave looks. */
async function passOn(tx: Tx, wave: number | null): Promise<void> {
  if (wave === null) return;
  const next = await tx(`${TABLE} as w`)
    .join('instance_actions as a', 'a.id', 'w.action_id')
    .select('w.action_id', 'a.state')
    .where({ 'w.woken': 0 })
    .where('w.since', '<=', wave)
    .whereNot('a.state', 'done')
    .orderBy('w.since')
    .limit(1);
  await wake(tx, next, wave);
}

/** Notes that an action waits from now on; of one that waits already, that it was tried again. */
export async function startWaiting(tx: Tx, actionId: number, nowMs: number): Promise<void> {
  const wave = await waveOf(tx, actionId);
  // later than its wave, whatever the clocks say: nobody looks twice in one
  const since = wave === null ? nowMs : Math.max(nowMs, wave + 1);
  await tx(TABLE).insert({ action_id: actionId, since, woken: 0 }).onConflict('action_id').merge();
  await passOn(tx, wave);
}

/** Whether nothing appeared since the action was noted; its note is locked until the transaction ends. */
export async function isStillWaiting(tx: Tx, actionId: number): Promise<boolean> {
  const row: { woken: unknown } | undefined = await tx(TABLE).where({ action_id: actionId }).forUpdate().first('woken');
  return row !== undefined && Number(row.woken) === 0;
}

export async function stopWaiting(tx: Tx, actionId: number): Promise<void> {
  const wave = await waveOf(tx, actionId);
  await tx(TABLE).where({ action_id: actionId }).delete();
  await passOn(tx, wave);
}
