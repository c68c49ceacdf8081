// Why: operations are computed from the difference between actual and wanted rows; no caller says "add" or "remove". Applying them is
// idempotent, and rows that are not ours stay as they are.

import type { Actual, ActualRow } from './actual.ts';
import { KEY, markOf, markWords, rootTables, type Unit, uniqueTables, type WantedRow } from './northbound.ts';
import type { Operation } from './ovsdb/operations.ts';
import { inOrder, named, type Row, sameValue, type Value } from './ovsdb/values.ts';

/** The wanted rows of a unit, and their revision. */
export interface Wanted {
  readonly unit: Unit;
  /** Empty: the unit is deleted. */
  readonly rows: readonly WantedRow[];
  /** Grows with every change of the unit. */
  readonly revision: number;
}

export interface Difference {
  readonly operations: readonly Operation[];
  /** Keys of referenced rows that neither exist nor are wanted here. */
  readonly missing: readonly string[];
  /** Units of which the database has a later revision than the given one. */
  readonly behind: readonly { readonly unit: Unit; readonly revision: number }[];
}

/** Resolves the rows of a transaction: existing ones to uuids, those that it inserts to names. */
class Placing {
  readonly operations: Operation[] = [];
  readonly missing = new Set<string>();
  private readonly required = new Set<string>();
  private readonly made = new Map<string, string>();
  private readonly actual: Actual;

  constructor(actual: Actual) {
    this.actual = actual;
  }

  /** A name for a row that is to be inserted. */
  name(key: string): string {
    const name = `row${this.made.size}`;
    this.made.set(key, named(name));
    return name;
  }

  /** Requires that the listing row still exists: otherwise OVSDB would delete the listed rows at once, without an error. */
  requireListing(key: string): void {
    const found = this.actual.rowOf(key);
    if (found === null || this.required.has(key)) return;
    this.required.add(key);
    const { table, uuid, row } = found;
    this.operations.push({ op: 'require', table, uuid, column: 'name', value: row['name'] ?? '' });
  }

  /** Null, and noted as missing, if there is none. */
  find(key: string): string | null {
    const found = this.made.get(key) ?? this.actual.rowOf(key)?.uuid ?? null;
    if (found === null) this.missing.add(key);
    return found;
  }
}

const isOurs = (word: string): boolean => word.startsWith('xloud:');

/** The wanted `external_ids`: our keys, and those of others. */
function idsOf(mark: Parameters<typeof markWords>[0], before: Row | null): Value {
  const others = Object.entries((before?.['external_ids'] ?? {}) as Record<string, string>);
  return { ...Object.fromEntries(others.filter(([word]) => !isOurs(word))), ...markWords(mark) };
}

/** The columns of a row, references among them. */
function columnsOf(placing: Placing, wanted: WantedRow): Row {
  const refs = Object.entries(wanted.refs ?? {}).map(([column, keys]): [string, Value] => [
    column,
    inOrder(keys.flatMap((key) => placing.find(key) ?? [])),
  ]);
  return { ...wanted.columns, ...Object.fromEntries(refs) };
}

/** Adds a row to another row's list. */
function list(placing: Placing, table: WantedRow['table'], key: string, column: string, member: string): void {
  const uuid = placing.find(key);
  if (uuid === null) return;
  placing.requireListing(key);
  placing.operations.push({ op: 'add', table, uuid, column, members: [member] });
}

const listingTable = (column: string, table: WantedRow['table']): WantedRow['table'] => {
  if (column === 'acls') return 'Port_Group';
  if (column === 'qos_rules') return 'Logical_Switch';
  if (column === 'gateway_chassis') return 'Logical_Router_Port';
  return table === 'Logical_Switch_Port' ? 'Logical_Switch' : 'Logical_Router';
};

function settleListing(placing: Placing, actual: Actual, wanted: WantedRow, uuid: string): void {
  const listers = uuid.startsWith('@') ? [] : actual.listersOf(uuid);
  if (wanted.within !== undefined) {
    const { key, column } = wanted.within;
    const parent = actual.rowOf(key)?.uuid ?? null;
    const table = listingTable(column, wanted.table);
    const parents = listers.filter((lister) => lister.table === table && lister.column === column);
    if (!parents.some((lister) => lister.uuid === parent)) list(placing, table, key, column, uuid);
    // an object may have moved to another parent
    for (const lister of parents) {
      if (lister.uuid !== parent)
        placing.operations.push({ op: 'remove', table, uuid: lister.uuid, column, members: [uuid] });
    }
  }
  if (wanted.groups === undefined) return;
  const inGroups = listers.filter(({ table, column }) => table === 'Port_Group' && column === 'ports');
  const groups = wanted.groups.map((key) => ({ key, uuid: placing.find(key) }));
  for (const group of groups) {
    if (!inGroups.some((lister) => lister.uuid === group.uuid)) list(placing, 'Port_Group', group.key, 'ports', uuid);
  }
  for (const { table, uuid: group, column } of inGroups) {
    // a group that is not ours keeps the port
    if (!groups.some((one) => one.uuid === group) && actual.unitOf('Port_Group', group) !== null)
      placing.operations.push({ op: 'remove', table, uuid: group, column, members: [uuid] });
  }
}

/** Inserts a row, or updates its changed columns. */
function settleRow(placing: Placing, actual: Actual, wanted: WantedRow, given: Wanted, isMain: boolean): void {
  const { table, key } = wanted;
  const found = actual.rowOf(key);
  const mark = { key, unit: given.unit, revision: given.revision };
  if (found === null) {
    const name = placing.name(key);
    if (isMain && rootTables.has(table) && !uniqueTables.has(table))
      placing.operations.push({ op: 'absent', table, column: 'external_ids', holds: { [KEY]: key } });
    const row = { ...columnsOf(placing, wanted), external_ids: idsOf(mark, null) };
    placing.operations.push({ op: 'insert', table, name, row });
    settleListing(placing, actual, wanted, named(name));
    return;
  }
  const columns = columnsOf(placing, wanted);
  const other = Object.entries(columns).filter(([column, value]) => !sameValue(found.row[column], value));
  if (other.length > 0)
    placing.operations.push({ op: 'update', table, uuid: found.uuid, row: Object.fromEntries(other) });
  settleListing(placing, actual, wanted, found.uuid);
}

/** Removes a row; a row outside the root tables is deleted by OVSDB once no row lists it. */
function removeRow(placing: Placing, actual: Actual, { table, uuid }: ActualRow, going: ReadonlySet<string>): void {
  if (rootTables.has(table)) {
    placing.operations.push({ op: 'delete', table, uuid });
    return;
  }
  for (const lister of actual.listersOf(uuid)) {
    if (going.has(lister.uuid)) continue;
    placing.operations.push({
      op: 'remove',
      table: lister.table,
      uuid: lister.uuid,
      column: lister.column,
      members: [uuid],
    });
  }
}

/** The row that carries the unit's revision: the one whose key is the unit's name. */
const mainOf = (unit: Unit, rows: readonly ActualRow[]): ActualRow | null =>
  rows.find(({ row }) => markOf(row)?.key === unit) ?? rows[0] ?? null;

/** Adds the operations for one unit; returns the database's revision if that is later than the given one. */
function settleUnit(placing: Placing, actual: Actual, given: Wanted): number | null {
  const { unit, rows, revision } = given;
  const present = actual.rowsOf(unit);
  const main = mainOf(unit, present);
  const known = main === null ? 0 : (markOf(main.row)?.revision ?? 0);
  if (known > revision) return known;
  const first = placing.operations.length;
  const wantedUuids = new Set(rows.flatMap(({ key }) => actual.rowOf(key)?.uuid ?? []));
  rows.forEach((row, at) => settleRow(placing, actual, row, given, at === 0));
  const gone = present.filter(({ uuid }) => !wantedUuids.has(uuid));
  const going = new Set(gone.map(({ uuid }) => uuid));
  for (const row of gone) removeRow(placing, actual, row, going);
  if (placing.operations.length === first && (main === null || known === revision)) return null;
  if (main === null) return null;
  // the transaction is aborted if the unit changed since it was read
  const value = main.row['external_ids'] ?? {};
  placing.operations.splice(first, 0, {
    ...{ op: 'require', table: main.table, uuid: main.uuid, column: 'external_ids', value },
  });
  if (!going.has(main.uuid)) {
    const ids = idsOf({ key: markOf(main.row)?.key ?? unit, unit, revision }, main.row);
    if (!sameValue(value, ids))
      placing.operations.push({
        ...{ op: 'update', table: main.table, uuid: main.uuid },
        row: { external_ids: ids },
      });
  }
  return null;
}

/**
 * The operations that bring these units to their wanted state; others are left as they are.
 * @param wanted in the order of creation (`rankOf`)
 */
export function difference(actual: Actual, wanted: readonly Wanted[]): Difference {
  const placing = new Placing(actual);
  const behind: Difference['behind'][number][] = [];
  for (const given of wanted) {
    const revision = settleUnit(placing, actual, given);
    if (revision !== null) behind.push({ unit: given.unit, revision });
  }
  return { operations: placing.operations, missing: [...placing.missing], behind };
}
