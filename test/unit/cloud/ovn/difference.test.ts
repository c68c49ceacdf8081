import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { difference, type Wanted } from '../../../../src/cloud/ovn/difference.ts';
import { networkRows } from '../../../../src/cloud/ovn/network-rows.ts';
import { routerRows } from '../../../../src/cloud/ovn/router-rows.ts';
import { KEY, markOf, rankOf, unitOfKey } from '../../../../src/cloud/ovn/northbound.ts';
import { sameValue, type Value } from '../../../../src/cloud/ovn/ovsdb/values.ts';
import { makeMemoryNorthbound, type MemoryNorthbound } from '../../../support/memory-northbound.ts';
import { rowsOf, topologies, type Topology } from '../../../support/topologies.ts';

const SITE = { wire: '', gateways: [], metadata: false };

/** All units that are wanted, and those that are there and should not be. */
function wholeOf(topology: Topology, northbound: MemoryNorthbound, revision: number): readonly Wanted[] {
  const rows = new Map(rowsOf(topology));
  const all = new Set([...rows.keys(), ...northbound.actual.units()]);
  return [...all]
    .map((unit) => ({ unit, rows: rows.get(unit) ?? [], revision }))
    .toSorted((a, b) => rankOf(a.unit) - rankOf(b.unit));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Of a column: sets and maps in an order of their own. */
const plain = (value: Value, keys: ReadonlyMap<string, string>): unknown =>
  Array.isArray(value)
    ? value.map((one) => keys.get(String(one)) ?? String(one)).toSorted(compare)
    : typeof value === 'object'
      ? Object.entries(value).toSorted(([a], [b]) => compare(a, b))
      : value;

/** What is there of ours, with references as keys: the whole of what a topology comes to. */
function told(northbound: MemoryNorthbound) {
  const keys = new Map<string, string>();
  for (const of of northbound.rows().values())
    for (const [uuid, row] of of) keys.set(uuid, (row['external_ids'] as Record<string, string>)[KEY] ?? uuid);
  return [...northbound.rows()].flatMap(([table, of]) =>
    [...of].flatMap(([uuid, row]) =>
      markOf(row) === null
        ? []
        : [
            JSON.stringify([
              table,
              keys.get(uuid),
              ...Object.entries(row)
                .filter(([column]) => column !== 'external_ids')
                .toSorted(([a], [b]) => (a < b ? -1 : 1))
                .map(([column, value]) => [column, plain(value, keys)]),
            ]),
          ],
    ),
  );
}

const apply = (northbound: MemoryNorthbound, wanted: readonly Wanted[]) => {
  const { operations, missing, behind } = difference(northbound.actual, wanted);
  assert.deepEqual(missing, []);
  assert.deepEqual(behind, []);
  northbound.transact(operations);
};

const foreign = (northbound: MemoryNorthbound) => {
  const ids: Value = { 'somebody:else': 'yes' };
  northbound.transact([
    { op: 'insert', table: 'Logical_Switch_Port', name: 'p', row: { name: 'theirs', external_ids: ids } },
    { op: 'insert', table: 'Logical_Switch', name: 's', row: { name: 'theirs', ports: ['@p'], external_ids: ids } },
    { op: 'insert', table: 'Port_Group', row: { name: 'theirs', ports: ['@p'], external_ids: ids } },
  ]);
};
const foreignRows = (northbound: MemoryNorthbound) =>
  [...northbound.rows()].flatMap(([table, of]) =>
    [...of].filter(([, row]) => markOf(row) === null).map(([uuid, row]) => [table, uuid, row]),
  );

describe('the difference between what is and what should be', () => {
  it('reaches what should be from whatever is, and is nothing then', () => {
    fc.assert(
      fc.property(fc.array(topologies, { minLength: 1, maxLength: 3 }), (steps) => {
        const northbound = makeMemoryNorthbound();
        foreign(northbound);
        const theirs = foreignRows(northbound);
        steps.forEach((topology, at) => {
          apply(northbound, wholeOf(topology, northbound, at + 1));
          const { operations } = difference(northbound.actual, wholeOf(topology, northbound, at + 1));
          assert.deepEqual(operations, []);
          const fresh = makeMemoryNorthbound();
          apply(fresh, wholeOf(topology, fresh, 1));
          assert.deepEqual(told(northbound).sort(), told(fresh).sort());
        });
        assert.deepEqual(foreignRows(northbound), theirs);
      }),
      { numRuns: 150 },
    );
  });

  it('of one unit after another reaches the same as of all at once', () => {
    fc.assert(
      fc.property(topologies, topologies, (from, to) => {
        const whole = makeMemoryNorthbound();
        const parts = makeMemoryNorthbound();
        for (const topology of [from, to]) {
          const revision = topology === from ? 1 : 2;
          apply(whole, wholeOf(topology, whole, revision));
          const waiting = [...wholeOf(topology, parts, revision)];
          for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
            const { operations, missing } = difference(parts.actual, [one]);
            if (missing.length === 0) parts.transact(operations);
            else {
              // what it refers to comes first: a group whose rules speak of another, for one
              const needs = missing.map(unitOfKey);
              assert.ok(
                waiting.some(({ unit }) => needs.includes(unit)),
                `nothing makes ${missing.join()}`,
              );
              waiting.push(one);
            }
          }
        }
        assert.deepEqual(told(parts).sort(), told(whole).sort());
      }),
      { numRuns: 100 },
    );
  });

  it('follows a floating address from one router to another, whichever is settled first', () => {
    const [here, there] = ['r1', 'r2'];
    const network = { id: 'n', external: true, mtu: 1500 };
    const unitOf = (id: string, has: boolean, revision: number): Wanted => {
      const gateway = { port: { id: `gw-${id}`, macAddress: 'fa:16:3e:00:00:01' }, network, addresses: [] };
      const floatingIps = has ? [{ id: 'f', address: '203.0.113.9', fixedIp: '10.0.0.9' }] : [];
      const router = {
        ...{ id, adminStateUp: true, enableSnat: false, routes: [], gateway, interfaces: [], forwardings: [] },
        floatingIps,
      };
      return { unit: `router/${id}`, revision, rows: routerRows(router, SITE) };
    };
    for (const order of [
      [here, there],
      [there, here],
    ]) {
      const northbound = makeMemoryNorthbound();
      const external: Wanted = { unit: 'network/n', revision: 1, rows: networkRows(network, [], SITE) };
      apply(northbound, [external, unitOf(here, true, 1), unitOf(there, false, 1)]);
      for (const id of order) apply(northbound, [unitOf(id, id === there, 2)]);
      // whatever changes of the one that had it
      apply(northbound, [unitOf(here, false, 3)]);
      const natOf = (id: string) => ((northbound.actual.rowOf(`router/${id}`)?.row['nat'] ?? []) as string[]).length;
      assert.deepEqual([natOf(here), natOf(there)], [0, 1], order.join(' then '));
    }
  });

  it('is not written over a later state, nor over one that changed meanwhile', () => {
    const northbound = makeMemoryNorthbound();
    const network = (mtu: number, revision: number): Wanted => ({
      ...{ unit: 'network/a', revision },
      rows: [{ table: 'Logical_Switch', key: 'network/a', columns: { name: String(mtu), other_config: {} } }],
    });
    apply(northbound, [network(1, 5)]);
    assert.deepEqual(difference(northbound.actual, [network(2, 4)]), {
      ...{ operations: [], missing: [], behind: [{ unit: 'network/a', revision: 5 }] },
    });
    const late = difference(northbound.actual, [network(3, 6)]).operations;
    apply(northbound, [network(4, 7)]);
    assert.throws(() => northbound.transact(late), /stale/);
    // two that make one at once make one
    const first = difference(northbound.actual, [{ ...network(1, 1), unit: 'network/b', rows: [] }]);
    assert.deepEqual(first.operations, []);
    const made: Wanted = {
      ...{ unit: 'network/c', revision: 1 },
      rows: [{ table: 'Logical_Switch', key: 'network/c', columns: { name: 'c' } }],
    };
    const twice = difference(northbound.actual, [made]).operations;
    northbound.transact(twice);
    assert.throws(() => northbound.transact(twice), /stale/);
  });

  it('keeps what others wrote beside our words, and mends what they wrote into our columns', () => {
    const northbound = makeMemoryNorthbound();
    const wanted: Wanted = {
      ...{ unit: 'network/a', revision: 1 },
      rows: [{ table: 'Logical_Switch', key: 'network/a', columns: { name: 'a', other_config: {} } }],
    };
    apply(northbound, [wanted]);
    const found = northbound.actual.rowOf('network/a');
    assert.ok(found !== null);
    const ids = { ...(found.row['external_ids'] as object), note: 'theirs' };
    northbound.transact([
      { op: 'update', table: 'Logical_Switch', uuid: found.uuid, row: { name: 'b', external_ids: ids } },
    ]);
    apply(northbound, [{ ...wanted, revision: 2 }]);
    const row = northbound.actual.rowOf('network/a')?.row ?? {};
    assert.equal(row['name'], 'a');
    assert.ok(sameValue(row['external_ids'], { ...ids, 'xloud:revision': '2' }));
  });
});
