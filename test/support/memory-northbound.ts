// Why: what differences come to is seen at once and by the thousand in a Northbound database of memory, which has of the real one what
// they rest on: all or nothing, rows that go when nobody lists them, names that are taken once.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Actual, makeActual } from '../../src/cloud/ovn/actual.ts';
import { listings, northboundTables, rootTables, type Table, uniqueTables } from '../../src/cloud/ovn/northbound.ts';
import type { Operation } from '../../src/cloud/ovn/ovsdb/operations.ts';
import type { RowChange } from '../../src/cloud/ovn/ovsdb/replica.ts';
import { type Atom, inOrder, type Row, sameValue, type Value } from '../../src/cloud/ovn/ovsdb/values.ts';

type Rows = Map<string, Map<string, Record<string, Value>>>;

const copied = (rows: Rows): Rows =>
  new Map([...rows].map(([table, of]) => [table, new Map([...of].map(([uuid, row]) => [uuid, { ...row }]))]));

export interface MemoryNorthbound {
  readonly actual: Actual;
  readonly rows: () => Rows;
  /** @throws Error `stale`, or what is wrong */
  transact(operations: readonly Operation[]): void;
}

/** Columns whose sets name rows of others without keeping them. */
const weak: readonly (readonly [Table, string])[] = [
  ['Port_Group', 'ports'],
  ['Logical_Router', 'load_balancer'],
  ['Logical_Switch_Port', 'dhcpv4_options'],
  ['Logical_Switch_Port', 'dhcpv6_options'],
];

export function makeMemoryNorthbound(): MemoryNorthbound {
  let rows: Rows = new Map(Object.keys(northboundTables).map((table) => [table, new Map()]));
  const actual = makeActual(() => rows);

  function collect(next: Rows): void {
    for (let gone = 1; gone > 0; ) {
      gone = 0;
      const listed = new Set<Atom>();
      for (const [table, columns] of Object.entries(listings)) {
        for (const column of columns ?? []) {
          if (weak.some(([of, name]) => of === table && name === column)) continue;
          for (const row of next.get(table)?.values() ?? []) for (const one of row[column] as Atom[]) listed.add(one);
        }
      }
      for (const [table, of] of next) {
        if (rootTables.has(table as Table)) continue;
        for (const uuid of of.keys()) if (!listed.has(uuid) && of.delete(uuid)) gone += 1;
      }
    }
    const all = new Set([...next.values()].flatMap((of) => [...of.keys()]));
    for (const [table, column] of weak) {
      for (const row of next.get(table)?.values() ?? [])
        row[column] = (row[column] as Atom[]).filter((uuid) => all.has(String(uuid)));
    }
    for (const [table, column] of Object.entries(listings).flatMap(([of, names]) =>
      (names ?? []).map((n) => [of, n]),
    )) {
      for (const row of next.get(table as string)?.values() ?? [])
        for (const uuid of row[column as string] as Atom[])
          assert.ok(all.has(String(uuid)), `${table} lists what is not there`);
    }
  }

  function check(next: Rows): void {
    for (const table of uniqueTables) {
      const names = [...(next.get(table)?.values() ?? [])].map((row) => row['name']);
      assert.equal(new Set(names).size, names.length, `a name is taken twice in ${table}`);
    }
  }

  return {
    actual,
    rows: () => rows,
    transact(operations) {
      const next = copied(rows);
      const names = new Map<string, string>();
      for (const operation of operations)
        if (operation.op === 'insert' && operation.name !== undefined) names.set(`@${operation.name}`, randomUUID());
      const real = (value: Value): Value =>
        Array.isArray(value) ? inOrder(value.map((one: Atom) => names.get(String(one)) ?? one)) : value;
      for (const operation of operations) {
        const of = next.get(operation.table);
        assert.ok(of !== undefined, operation.table);
        if (operation.op === 'insert') {
          const blank = Object.fromEntries(
            (northboundTables[operation.table as Table] ?? []).map((column): [string, Value] => {
              const isSet =
                /ports|acls|qos_rules|nat$|balancer|protocol|routes|dhcpv|addresses|security|enabled|up$|gateway_chassis|networks/.test(
                  column,
                );
              const isMap =
                /external_ids|vips|bandwidth|options$|other_config|ra_configs/.test(column) &&
                !column.startsWith('dhcpv');
              return [column, isSet ? [] : isMap ? {} : ''];
            }),
          );
          const given = Object.fromEntries(
            Object.entries(operation.row).map(([column, value]) => [column, real(value)]),
          );
          for (const column of Object.keys(given)) assert.ok(column in blank, `${operation.table} has no ${column}`);
          of.set(names.get(`@${operation.name}`) ?? randomUUID(), { ...blank, ...given });
          continue;
        }
        if (operation.op === 'absent') {
          const has = (row: Row) =>
            Object.entries(operation.holds).every(([k, v]) => (row[operation.column] as Record<string, Atom>)[k] === v);
          if ([...of.values()].some(has)) throw new Error('stale');
          continue;
        }
        const uuid = names.get(operation.uuid) ?? operation.uuid;
        const row = of.get(uuid);
        if (operation.op === 'require') {
          if (row === undefined || !sameValue(row[operation.column], operation.value)) throw new Error('stale');
        } else if (row === undefined) continue;
        else if (operation.op === 'delete') of.delete(uuid);
        else if (operation.op === 'update')
          for (const [column, value] of Object.entries(operation.row)) row[column] = real(value);
        else if (operation.op === 'add' || operation.op === 'remove') {
          const members = real([...operation.members]) as Atom[];
          const set = row[operation.column] as Atom[];
          row[operation.column] =
            operation.op === 'add' ? inOrder([...set, ...members]) : set.filter((one) => !members.includes(one));
        }
      }
      collect(next);
      check(next);
      const changes: RowChange[] = [];
      for (const [table, of] of next) {
        const was = rows.get(table);
        for (const [uuid, row] of of) changes.push({ table, uuid, before: was?.get(uuid) ?? null, after: row });
        for (const [uuid, row] of was ?? []) if (!of.has(uuid)) changes.push({ table, uuid, before: row, after: null });
      }
      rows = next;
      actual.follow(changes, false);
    },
  };
}
