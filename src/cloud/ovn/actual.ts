// Why: what the Northbound database has of ours is looked up by unit, by key and by who lists a row; these are kept as the replica
// changes, so that no change of one port walks through all of them.

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
  /** Takes what is other in the replica; `anew`: all of it came again. */
  follow(changes: readonly RowChange[], anew: boolean): void;
  /** The row of a key; several with one key are a mistake of somebody's, of which all but one go. */
  rowOf(key: string): ActualRow | null;
  rowsOf(unit: Unit): readonly ActualRow[];
  listersOf(uuid: string): readonly Lister[];
  /** The unit of a row; null: it is not ours. */
  unitOf(table: Table, uuid: string): Unit | null;
  units(): Iterable<Unit>;
}

/** A set for each name; one that is empty is not kept. */
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

/** @param tables of the replica, as it is now */
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
