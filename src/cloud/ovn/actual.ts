// Why: our rows in the Northbound database are looked up by unit, by key and by the rows that list them. These indexes are updated with the
// replica, so that a change of one port does not scan all rows.

import { listings, markOf, type Table, type Unit } from './northbound.ts';
import type { RowChange, Tables } from './ovsdb/replica.ts';
import type { Row } from './ovsdb/values.ts';

/** A row that lists others in a column. */
export interface Lister {
  readonly table: Table;
  readonly uuid: string;
  readonly column: string;
}

export interface ActualRow {
  readonly table: Table;
  readonly uuid: string;
  readonly row: Row;
}

export interface Actual {
  /** Updates the indexes with changes of the replica; `anew`: the replica was rebuilt, so the indexes are too. */
  follow(changes: readonly RowChange[], anew: boolean): void;
  /** The row of a key; if there are several by mistake, all but one are removed later. */
  rowOf(key: string): ActualRow | null;
  rowsOf(unit: Unit): readonly ActualRow[];
  listersOf(uuid: string): readonly Lister[];
  /** The unit of a row; null: it is not ours. */
  unitOf(table: Table, uuid: string): Unit | null;
  units(): Iterable<Unit>;
}

/** Sets by name; empty ones are removed. */
function makeSets() {
  const sets = new Map<string, Set<string>>();
  return {
    add(name: string, member: string): void {
      const set = sets.get(name);
      if (set === undefined) sets.set(name, new Set([member]));
      else set.add(member);
    },
    drop(name: string, member: string): void {
      const set = sets.get(name);
      if (set?.delete(member) && set.size === 0) sets.delete(name);
    },
    of: (name: string): Iterable<string> => sets.get(name) ?? [],
    names: () => sets.keys(),
  };
}

/** @param tables the replica's current tables */
export function makeActual(tables: () => Tables): Actual {
  let [byUnit, byKey, listers] = [makeSets(), makeSets(), makeSets()];

  const note = (verb: 'add' | 'drop', table: string, uuid: string, row: Row): void => {
    const mark = markOf(row);
    if (mark !== null) {
      byUnit[verb](mark.unit, `${table} ${uuid}`);
      byKey[verb](mark.key, `${table} ${uuid}`);
    }
    for (const column of listings[table as Table] ?? []) {
      for (const member of row[column] as readonly string[]) listers[verb](member, `${table} ${uuid} ${column}`);
    }
  };
  function rowsAt(places: Iterable<string>): ActualRow[] {
    return [...places].flatMap((place) => {
      const [table = '', uuid = ''] = place.split(' ');
      const row = tables().get(table)?.get(uuid);
      return row === undefined ? [] : [{ table: table as Table, uuid, row }];
    });
  }

  return {
    follow(changes, anew) {
      if (anew) [byUnit, byKey, listers] = [makeSets(), makeSets(), makeSets()];
      for (const { table, uuid, before, after } of changes) {
        if (before !== null) note('drop', table, uuid, before);
        if (after !== null) note('add', table, uuid, after);
      }
    },
    rowOf: (key) => rowsAt(byKey.of(key))[0] ?? null,
    rowsOf: (unit) => rowsAt(byUnit.of(unit)),
    listersOf: (uuid) =>
      [...listers.of(uuid)].map((place) => {
        const [table = '', of = '', column = ''] = place.split(' ');
        return { table: table as Table, uuid: of, column };
      }),
    unitOf(table, uuid) {
      const row = tables().get(table)?.get(uuid);
      return row === undefined ? null : (markOf(row)?.unit ?? null);
    },
    units: () => byUnit.names(),
  };
}
