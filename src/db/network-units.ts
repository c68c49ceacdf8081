// Why: what the network engine has to be told of is noted in the transaction that changes it. Whoever tells it reads the rows as they are
// then, so that many changes of one thing are told once, and the number says which of two tellings is the later one.

import type { Reader } from './engine.ts';
import { inPieces, type Tx } from './tx.ts';

/** A unit (`port/…`), and how often it was changed. */
export interface UnitRevision {
  readonly unit: string;
  readonly revision: number;
}

export interface UnitState extends UnitRevision {
  /** It was not told since its last change. */
  readonly dirty: boolean;
}

/** Notes that these are other than before. */
export async function touchUnits(tx: Tx, units: readonly string[], nowMs: number): Promise<void> {
  if (units.length === 0) return;
  // always in one order, so that two transactions never wait for each other
  const rows = [...new Set(units)].sort().map((unit) => ({ unit, revision: 1, dirty: 1, changed_at: nowMs }));
  for (const some of inPieces(rows)) {
    await tx('network_units')
      .insert(some)
      .onConflict('unit')
      .merge({ revision: tx.raw('?? + 1', ['network_units.revision']), dirty: 1, changed_at: nowMs });
  }
}

/** Some of those that are to be told. */
export async function dirtyUnits(reader: Reader, most: number): Promise<string[]> {
  const rows: { unit: string }[] = await reader('network_units').where({ dirty: 1 }).limit(most).select('unit');
  return rows.map(({ unit }) => unit);
}

export async function countDirtyUnits(reader: Reader): Promise<number> {
  const [row] = (await reader('network_units').where({ dirty: 1 }).count({ count: '*' })) as { count: number }[];
  return Number(row?.count ?? 0);
}

/** How these units stand; one that was never changed since changes are noted has revision 0. */
export async function unitStates(reader: Reader, units: readonly string[]): Promise<ReadonlyMap<string, UnitState>> {
  const rows: { unit: string; revision: number; dirty: number }[] = await reader('network_units')
    .whereIn('unit', [...units])
    .select('unit', 'revision', 'dirty');
  const found = new Map(
    rows.map(({ unit, revision, dirty }) => [unit, { unit, revision: Number(revision), dirty: Number(dirty) === 1 }]),
  );
  return new Map(units.map((unit) => [unit, found.get(unit) ?? { unit, revision: 0, dirty: false }]));
}

/** These were told. Returns those that were changed meanwhile, so that what was told of them may be old. */
export async function settleUnits(tx: Tx, told: readonly UnitRevision[]): Promise<string[]> {
  for (const { unit, revision } of told) await tx('network_units').where({ unit, revision }).update({ dirty: 0 });
  const now = await unitStates(
    tx,
    told.map(({ unit }) => unit),
  );
  return told.filter(({ unit, revision }) => now.get(unit)?.revision !== revision).map(({ unit }) => unit);
}

/** Counts on from these numbers where it has not come so far; they are to be told. */
export async function raiseUnits(tx: Tx, given: readonly UnitRevision[], nowMs: number): Promise<void> {
  const now = await unitStates(
    tx,
    given.map(({ unit }) => unit),
  );
  for (const { unit, revision } of given) {
    if ((now.get(unit)?.revision ?? 0) >= revision) continue;
    await touchUnits(tx, [unit], nowMs);
    await tx('network_units').where({ unit }).update({ revision });
  }
}

/** Forgets those of objects that went before a moment, once that was told. */
export async function forgetUnits(tx: Tx, existing: ReadonlySet<string>, beforeMs: number): Promise<void> {
  const rows: { unit: string }[] = await tx('network_units')
    .where({ dirty: 0 })
    .where('changed_at', '<', beforeMs)
    .select('unit');
  for (const { unit } of rows) if (!existing.has(unit)) await tx('network_units').where({ unit, dirty: 0 }).delete();
}

/** Every object that is told of, by the words of its unit. */
export async function everyUnit(reader: Reader): Promise<string[]> {
  const units: string[] = [];
  for (const [table, kind] of [
    ['networks', 'network'],
    ['security_groups', 'group'],
    ['routers', 'router'],
    ['ports', 'port'],
  ] as const) {
    const rows: { id: string }[] = await reader(table).select('id');
    for (const { id } of rows) units.push(`${kind}/${id}`);
  }
  return units;
}

/** These ports are up, or not; a port that is bound to no device stays down. */
export async function settlePortStatus(tx: Tx, portIds: readonly string[], status: 'ACTIVE' | 'DOWN'): Promise<void> {
  await tx('ports')
    .whereIn('id', [...portIds])
    .whereNot({ status })
    .whereNot({ device_id: '' })
    .update({ status });
}
