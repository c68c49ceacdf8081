// What OVN is told of follows from what the network service's tables have: nothing that a client does is forgotten, and what goes wrong is
// made good. OVN's database is one of memory here; test/ovn has the real one.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { difference } from '../../src/cloud/ovn/difference.ts';
import { markOf, rankOf } from '../../src/cloud/ovn/northbound.ts';
import type { Ovsdb } from '../../src/cloud/ovn/ovsdb/client.ts';
import { OvsdbError } from '../../src/cloud/ovn/ovsdb/failure.ts';
import type { Operation } from '../../src/cloud/ovn/ovsdb/operations.ts';
import type { RowChange } from '../../src/cloud/ovn/ovsdb/replica.ts';
import { makeReconciler, type Reconciler } from '../../src/cloud/ovn/reconciler.ts';
import { fakeInventory } from '../../src/virt/fake/inventory.ts';
import { basicEngine } from '../../src/standalone/network/engine.ts';
import { makeUnitSource } from '../../src/standalone/network/units.ts';
import { type Answer, type Cloud, startCloud, type Who } from '../support/cloud.ts';
import { makeMemoryNorthbound, type MemoryNorthbound } from '../support/memory-northbound.ts';
import { reportHost } from '../support/rows.ts';
import { eventually } from '../support/serve.ts';

const SITE = { wire: 'external', gateways: ['chassis-1'], metadata: true };

describe('the network engine', () => {
  let cloud: Cloud;
  let northbound: MemoryNorthbound;
  let reconciler: Reconciler;
  let failing: OvsdbError | null;
  let away: string | null;
  let tell: (changes: readonly RowChange[], anew: boolean) => void;
  /** Asked before each transaction. */
  let meanwhile: (operations: readonly Operation[]) => Promise<void>;
  let nudge = (): void => {};

  const source = () => makeUnitSource(cloud.database, systemClock, SITE);
  const ask = (who: Who, method: string, path: string, body?: unknown): Promise<Answer> =>
    cloud.ask(who, method, `/network/v2.0/${path}`, body);
  const make = async (who: Who, noun: string, body: object = {}) => {
    const answer = await ask(who, 'POST', `${noun.replaceAll('_', '-')}s`, { [noun]: body });
    assert.equal(answer.status, 201, answer.text);
    return answer.json[noun];
  };

  /** A client of the database of memory. */
  function open(changed: typeof tell): Ovsdb {
    tell = changed;
    changed(changesOf(northbound), true);
    return {
      tables: () => northbound.rows(),
      problem: () => away,
      async transact(operations) {
        await meanwhile(operations);
        if (failing !== null) throw failing;
        const before = new Map([...northbound.rows()].map(([table, of]) => [table, new Map(of)]));
        try {
          northbound.transact(operations);
        } catch (error) {
          throw new OvsdbError((error as Error).message === 'stale' ? 'stale' : 'refused', (error as Error).message);
        }
        changed(changesOf(northbound, before), false);
        return [];
      },
      ready: async () => {},
      close: async () => {},
    };
  }

  let refusals = 0;
  beforeEach(async () => {
    const { gateways, wire } = SITE;
    const engine = { ...basicEngine, kind: 'ovn' as const, gateways, wire, nudge: () => nudge() };
    cloud = await startCloud({ floatingIps: true, network: { engine } });
    northbound = makeMemoryNorthbound();
    [failing, away, meanwhile] = [null, null, async () => {}];
    refusals = 0;
    const counts = { told() {}, refused: () => void (refusals += 1), compared() {} };
    reconciler = makeReconciler({ source: source(), open, clock: systemClock, log: silentLog, counts });
    nudge = () => reconciler.nudge();
  });
  afterEach(async () => {
    nudge = () => {};
    await reconciler.close();
    await cloud.close();
  });

  const settled = () =>
    eventually(
      'OVN told',
      20_000,
      async () => {
        const waiting = await source().dirty(1);
        return waiting.length === 0 && reconciler.problem() === null ? true : null;
      },
      10,
    );
  /** What would be to do if all were compared. */
  async function left() {
    const units = [...new Set([...(await source().all()), ...northbound.actual.units()])];
    const wanted = (await source().read(units)).toSorted((a, b) => rankOf(a.unit) - rankOf(b.unit));
    return difference(northbound.actual, wanted);
  }
  const nothingLeft = async () => {
    await settled();
    assert.deepEqual(await left(), { operations: [], missing: [], behind: [] });
  };
  const rowsOf = (table: string) => [...(northbound.rows().get(table)?.values() ?? [])];

  it('is told anew of ports whose host tells later what it is', async () => {
    const network = await make('demo', 'network', { name: 'n' });
    const port = { network_id: network.id, 'binding:host_id': 'late', device_id: 'd' };
    await make('admin', 'port', port);
    await nothingLeft();
    const optionsOf = () => rowsOf('Logical_Switch_Port').find(({ type }) => type === '')?.['options'];
    assert.deepEqual(optionsOf(), {});
    const { facts } = fakeInventory('late', {}, { memoryMb: 0, diskGb: 0 });
    await reportHost(cloud.database, 'late', { facts: { ...facts, chassis: { name: 'c', wires: [] } } });
    await eventually('its chassis', 30_000, () =>
      isDeepStrictEqual(optionsOf(), { 'requested-chassis': 'c' }) ? true : null,
    );
    await nothingLeft();
  });

  it('is looked at again where another process gave a name at the same moment', async () => {
    await settled();
    let times = 3;
    meanwhile = async () => {
      if ((times -= 1) >= 0) throw new OvsdbError('taken', 'the name is given');
    };
    await make('demo', 'network', { name: 'n' });
    await nothingLeft();
    assert.equal(refusals, 0);
    // a name that stays somebody else's is a refusal in the end
    times = 8;
    await make('demo', 'network', { name: 'm' });
    await nothingLeft();
    assert.equal(refusals, 1);
  });

  it('is told of whatever clients do', { timeout: 120_000 }, async () => {
    const external = await make('admin', 'network', { name: 'public', 'router:external': true });
    await make('admin', 'subnet', { network_id: external.id, cidr: '203.0.113.0/24', ip_version: 4 });
    const known: Record<string, string[]> = {
      network: [],
      subnet: [],
      port: [],
      security_group: [],
      router: [],
      floatingip: [],
    };
    const any = (kind: string, at: number): string | undefined => known[kind]?.[at % Math.max(1, known[kind].length)];
    let count = 0;
    /** A step, as whatever may be refused: what is done counts, and what is refused leaves nothing. */
    const steps: Record<string, (at: number) => Promise<Answer | undefined>> = {
      network: () => ask('demo', 'POST', 'networks', { network: { name: 'n' } }),
      subnet: async (at) =>
        ask('demo', 'POST', 'subnets', {
          subnet: { network_id: any('network', at), cidr: `10.${(count += 1) % 200}.0.0/24`, ip_version: 4 },
        }),
      subnet6: async (at) =>
        ask('demo', 'POST', 'subnets', {
          subnet: { network_id: any('network', at), cidr: `fd00:${(count += 1)}::/64`, ip_version: 6 },
        }),
      port: async (at) => ask('demo', 'POST', 'ports', { port: { network_id: any('network', at) } }),
      security_group: () => ask('demo', 'POST', 'security-groups', { security_group: { name: 'g' } }),
      rule: async (at) =>
        ask('demo', 'POST', 'security-group-rules', {
          security_group_rule: {
            security_group_id: any('security_group', at),
            direction: 'ingress',
            protocol: 'tcp',
            port_range_min: 1 + at,
            port_range_max: 1 + at,
            ...(at % 2 === 0 ? { remote_group_id: any('security_group', at + 1) } : {}),
          },
        }),
      router: () => ask('demo', 'POST', 'routers', { router: { external_gateway_info: { network_id: external.id } } }),
      join: async (at) =>
        ask('demo', 'PUT', `routers/${any('router', at)}/add_router_interface`, { subnet_id: any('subnet', at) }),
      leave: async (at) =>
        ask('demo', 'PUT', `routers/${any('router', at)}/remove_router_interface`, { subnet_id: any('subnet', at) }),
      floatingip: async (at) =>
        ask('demo', 'POST', 'floatingips', {
          floatingip: { floating_network_id: external.id, port_id: any('port', at) },
        }),
      point: async (at) =>
        ask('demo', 'PUT', `floatingips/${any('floatingip', at)}`, {
          floatingip: { port_id: at % 2 === 0 ? null : any('port', at) },
        }),
      groups: async (at) =>
        ask('demo', 'PUT', `ports/${any('port', at)}`, {
          port: { security_groups: [any('security_group', at), any('security_group', at + 1)] },
        }),
      pairs: async (at) =>
        ask('demo', 'PUT', `ports/${any('port', at)}`, {
          port: { allowed_address_pairs: [{ ip_address: `10.9.0.${at}` }], admin_state_up: at % 2 === 0 },
        }),
      move: async (at) =>
        ask('demo', 'PUT', `ports/${any('port', at)}`, { port: { fixed_ips: [{ subnet_id: any('subnet', at) }] } }),
      dhcp: async (at) =>
        ask('demo', 'PUT', `subnets/${any('subnet', at)}`, {
          subnet: { enable_dhcp: at % 2 === 0, dns_nameservers: [`9.9.9.${at}`] },
        }),
      mtu: async (at) => ask('demo', 'PUT', `networks/${any('network', at)}`, { network: { mtu: 1300 + at } }),
      stateful: async (at) =>
        ask('demo', 'PUT', `security-groups/${any('security_group', at)}`, {
          security_group: { stateful: at % 2 === 0 },
        }),
      drop: async (at) => {
        const kinds = ['port', 'security_group', 'floatingip', 'subnet', 'router', 'network'];
        const kind = kinds[at % kinds.length] ?? '';
        return ask('demo', 'DELETE', `${kind.replaceAll('_', '-')}s/${any(kind, at)}`);
      },
    };
    let done = 0;
    const names = Object.keys(steps);
    const plan = fc.sample(fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 40 })), {
      numRuns: 160,
      seed: 12,
    });
    for (const [index, [name, at]] of [
      ...['network', 'subnet', 'security_group', 'port', 'router', 'join'].map((one) => [one, 0] as const),
      ...plan,
    ].entries()) {
      const answer = await steps[name]?.(at);
      assert.ok(answer !== undefined && answer.status < 500, `${name}: ${answer?.text}`);
      if (answer.status < 300) done += 1;
      const kind = name === 'subnet6' ? 'subnet' : name;
      if (answer.status === 201 && answer.json[kind] !== undefined) known[kind]?.push(answer.json[kind].id);
      if (index % 8 === 7) await nothingLeft();
    }
    await nothingLeft();
    assert.ok(done > 60, `${done} steps were done`);
  });

  it('keeps what is to be told while OVN is away, or fails', async () => {
    await settled();
    away = 'nobody answers';
    const network = await make('demo', 'network', { name: 'n' });
    assert.equal(reconciler.problem(), 'nobody answers');
    assert.deepEqual(await source().dirty(9), [`network/${network.id}`]);
    away = null;
    failing = new OvsdbError('away', 'cut');
    nudge();
    await eventually('the failure', 10_000, () => (reconciler.problem() === 'cut' ? true : null));
    failing = null;
    nudge();
    await nothingLeft();
    assert.ok(northbound.actual.rowOf(`network/${network.id}`) !== null);
  });

  it('tells others of what is refused of one', async () => {
    await settled();
    const bad = await make('demo', 'network', { name: 'bad' });
    await settled();
    meanwhile = async (operations) => {
      if (JSON.stringify(operations).includes(bad.id)) throw new OvsdbError('refused', 'constraint violation');
    };
    const [, good] = await Promise.all([
      ask('demo', 'PUT', `networks/${bad.id}`, { network: { mtu: 1400 } }),
      make('demo', 'network', { name: 'good' }),
    ]);
    await make('demo', 'subnet', { network_id: bad.id, cidr: '10.1.0.0/24', ip_version: 4 });
    await eventually('the refusal', 10_000, () =>
      reconciler.problem()?.includes('constraint') === true ? true : null,
    );
    await eventually('the other one', 10_000, () => northbound.actual.rowOf(`network/${good.id}`));
    meanwhile = async () => {};
    await nothingLeft();
  });

  it('writes what is true in the end, however late an old state is written', async () => {
    const network = await make('demo', 'network', { name: 'n' });
    const port = await make('demo', 'port', { network_id: network.id });
    await settled();
    // while the port's state is on its way to OVN, the port goes
    let once = true;
    meanwhile = async (operations) => {
      if (!once || !JSON.stringify(operations).includes(port.id)) return;
      once = false;
      assert.equal((await ask('demo', 'DELETE', `ports/${port.id}`)).status, 204);
    };
    await ask('demo', 'PUT', `ports/${port.id}`, { port: { admin_state_up: false } });
    await nothingLeft();
    assert.equal(northbound.actual.rowOf(`port/${port.id}`), null);
  });

  it('makes good what others changed in OVN, and what of it is older than the tables or newer', async () => {
    const network = await make('demo', 'network', { name: 'n' });
    await make('demo', 'subnet', { network_id: network.id, cidr: '10.1.0.0/24', ip_version: 4 });
    await make('demo', 'port', { network_id: network.id });
    await settled();
    // another database, which is empty; then one whose revisions are ahead of ours, as after a restored backup
    northbound = makeMemoryNorthbound();
    tell(changesOf(northbound), true);
    await eventually('all of it', 20_000, () => (rowsOf('Logical_Switch_Port').length > 0 ? true : null));
    await nothingLeft();
    await cloud.database.write('network_units').update({ revision: 0, dirty: 0 });
    for (const row of rowsOf('DHCP_Options')) row['options'] = { router: 'tampered' };
    tell(changesOf(northbound), true);
    await eventually('the options', 20_000, () =>
      rowsOf('DHCP_Options').every((row) => (row['options'] as { router: string }).router !== 'tampered') ? true : null,
    );
    await nothingLeft();
  });

  it('says of ports whether they work', async () => {
    const network = await make('demo', 'network', { name: 'n' });
    const port = await make('demo', 'port', { network_id: network.id, device_id: 'somebody' });
    await make('admin', 'port', { network_id: network.id });
    await settled();
    const shown = async () => (await ask('demo', 'GET', `ports/${port.id}`)).json.port.status;
    for (const [up, status] of [
      [true, 'ACTIVE'],
      [false, 'DOWN'],
    ] as const) {
      const found = northbound.actual.rowOf(`port/${port.id}`);
      assert.ok(found !== null);
      const { uuid, row: before } = found;
      const row = { ...before, up: [up] };
      northbound.rows().get('Logical_Switch_Port')?.set(uuid, row);
      tell([{ table: 'Logical_Switch_Port', uuid, before, after: row }], false);
      await eventually(status, 10_000, async () => ((await shown()) === status ? true : null), 10);
    }
  });
});

/** All that a database has as new, or what is other than before. */
function changesOf(
  northbound: MemoryNorthbound,
  before?: ReadonlyMap<string, ReadonlyMap<string, object>>,
): RowChange[] {
  const changes: RowChange[] = [];
  for (const [table, of] of northbound.rows()) {
    const was = before?.get(table);
    for (const [uuid, row] of of) {
      const old = (was?.get(uuid) as RowChange['before'] | undefined) ?? null;
      if (old === null || JSON.stringify(old) !== JSON.stringify(row))
        changes.push({ table, uuid, before: old, after: row });
    }
    for (const [uuid, row] of was ?? []) {
      if (!of.has(uuid)) changes.push({ table, uuid, before: row as NonNullable<RowChange['before']>, after: null });
    }
  }
  return changes.filter(({ before: a, after: b }) => [a, b].some((row) => row === null || markOf(row) !== null));
}
