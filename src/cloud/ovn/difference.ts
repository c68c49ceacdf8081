// Why: what is to be done follows from what there is and what there should be, by itself: no caller says "add" or "remove". What is done
// reaches what is wanted, done again it is nothing, and whatever is not ours stays as it is.

import type { Actual, ActualRow } from './actual.ts';
import { KEY, markOf, markWords, rootTables, type Unit, uniqueTables, type WantedRow } from './northbound.ts';
import type { Operation } from './ovsdb/operations.ts';
import { inOrder, named, type Row, sameValue, type Value } from './ovsdb/values.ts';

/** What a unit should come to, and which state of it that is. */
export interface Wanted {
  readonly unit: Unit;
  /** None: the unit is gone. */
  readonly rows: readonly WantedRow[];
  /** Grows with every change of the unit. */
  readonly revision: number;
}

export interface Difference {
  readonly operations: readonly Operation[];
  /** Keys of rows that are referred to and are neither there nor wanted here. */
  readonly missing: readonly string[];
  /** Units of which the database has a later state than was given, and which. */
  readonly behind: readonly { readonly unit: Unit; readonly revision: number }[];
}

/** Where rows of a transaction are: by their uuids, or by names for those that it makes. */
class Placing {
  readonly operations: Operation[] = [];
  readonly missing = new Set<string>();
  private readonly required = new Set<string>();
  private readonly made = new Map<string, string>();
  private readonly actual: Actual;

  constructor(actual: Actual) {
    this.actual = actual;
  }

  /** A name for a row that is to be made. */
  name(key: string): string {
    const name = `row${this.made.size}`;
    this.made.set(key, named(name));
    return name;
  }

  /** A row that shall list others has to be there still: if not, what it lists would be gone at once and nobody told. */
  requireListing(key: string): void {
    const found = this.actual.rowOf(key);
    if (found === null || this.required.has(key)) return;
    this.required.add(key);
    const { table, uuid, row } = found;
    this.operations.push({ op: 'require', table, uuid, column: 'name', value: row['name'] ?? '' });
  }

  /** Null, and noted, where there is none. */
  find(key: string): string | null {
    const found = this.made.get(key) ?? this.actual.rowOf(key)?.uuid ?? null;
    if (found === null) this.missing.add(key);
    return found;
  }
}

const isOurs = (word: string): boolean => word.startsWith('xloud:');

/** What `external_ids` should be: our words, and what others put there. */
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

/** A row comes to those that another lists. */
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
    // an id may come again in another place
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
    // what somebody else put the port into is his
    if (!groups.some((one) => one.uuid === group) && actual.unitOf('Port_Group', group) !== null)
      placing.operations.push({ op: 'remove', table, uuid: group, column, members: [uuid] });
  }
}

/** Makes a row, or changes what is other in it. */
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

/** Removes a row; one that only others list goes when none does. */
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

/** The row whose state stands for the unit's: the one that bears its name. */
const mainOf = (unit: Unit, rows: readonly ActualRow[]): ActualRow | null =>
  rows.find(({ row }) => markOf(row)?.key === unit) ?? rows[0] ?? null;

/** Does what makes one unit what it should be; returns the revision that the database has, if that is a later one. */
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
  // nothing of it happens if the unit is not as it is known here
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
 * What is to be done so that these units are as they should be; others are left as they are.
 * @param wanted in the order in which they are to be made (`rankOf`)
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
