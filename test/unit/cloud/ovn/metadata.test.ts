// What a host has for metadata follows from what OVN says of it; the host and its databases are of memory here, test/ovn has real ones.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { senderOf } from '../../../../src/api/metadata/handler.ts';
import type { Clock } from '../../../../src/base/clock.ts';
import { newUuid } from '../../../../src/base/ids.ts';
import { silentLog } from '../../../../src/base/log.ts';
import { linkOf, makeMetadataHost, namespaceOf } from '../../../../src/cloud/ovn/metadata/host.ts';
import { indexOfLink, indexToShare } from '../../../../src/cloud/ovn/metadata/interface-index.ts';
import { makeMetadataKeeper, type MetadataKeeper } from '../../../../src/cloud/ovn/metadata/keeper.ts';
import { chassisOf, networksOf, pluggedNetworks } from '../../../../src/cloud/ovn/metadata/wanted.ts';
import type { Ovsdb } from '../../../../src/cloud/ovn/ovsdb/client.ts';
import type { Row } from '../../../../src/cloud/ovn/ovsdb/values.ts';
import { eventually } from '../../../support/serve.ts';

/** A clock that goes on when it is told. */
function makeHandClock(): Clock & { advance(ms: number): void } {
  let nowMs = 1_000_000;
  const sleepers = new Set<() => void>();
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const untilMs = nowMs + ms;
        const look = (): void => {
          if (signal?.aborted !== true && nowMs < untilMs) return;
          sleepers.delete(look);
          if (signal?.aborted === true) reject(signal.reason as Error);
          else resolve();
        };
        sleepers.add(look);
        signal?.addEventListener('abort', look, { once: true });
        look();
      }),
    advance(ms) {
      nowMs += ms;
      for (const look of sleepers) look();
    },
  };
}

type Rows = Record<string, Record<string, Row>>;
const tables = (rows: Rows) => new Map(Object.entries(rows).map(([table, of]) => [table, new Map(Object.entries(of))]));

/** What the Southbound database has of a host with these networks, and of those that have guests on another one. */
function southbound(here: readonly string[], elsewhere: readonly string[] = [], without: readonly string[] = []): Rows {
  const all = [...here, ...elsewhere, ...without];
  const guest = (id: string, chassis: string): [string, Row] => [
    `guest-${id}`,
    { logical_port: newUuid(), type: '', chassis: [chassis], datapath: `dp-${id}` },
  ];
  const port = (id: string): [string, Row] => [
    `port-${id}`,
    { logical_port: `metadata-${id}`, type: 'localport', chassis: [], datapath: `dp-${id}` },
  ];
  return {
    Chassis: { c1: { name: 'here' }, c2: { name: 'there' } },
    Datapath_Binding: {
      ...Object.fromEntries(all.map((id) => [`dp-${id}`, { external_ids: { name: `network-${id}` } }])),
      router: { external_ids: { name: 'router-x' } },
    },
    Port_Binding: Object.fromEntries([
      ...[...here, ...without].map((id) => guest(id, 'c1')),
      ...elsewhere.map((id) => guest(id, 'c2')),
      ...[...here, ...elsewhere].map(port),
    ]),
  };
}

describe('the networks of a host', () => {
  it('are those with a guest here and a port for metadata', () => {
    const [one, two, three] = [newUuid(), newUuid(), newUuid()];
    const found = networksOf(tables(southbound([one], [two], [three])), 'here');
    assert.deepEqual([...found.wanted], [one]);
    assert.deepEqual([...found.known].toSorted(), [one, two].toSorted());
    assert.deepEqual([...networksOf(tables(southbound([one])), 'nobody').wanted], []);
  });

  it('are found by what the switch says', () => {
    const id = newUuid();
    const local = tables({
      Open_vSwitch: {
        o: {
          external_ids: {
            ...{ 'system-id': 'here', 'ovn-remote': 'tcp:192.0.2.1:6642, tcp:192.0.2.2:6642' },
            'ovn-bridge-mappings': 'external:br-ex, campus:br-c,external:br-ex',
          },
        },
      },
      Interface: {
        a: { name: 'x', external_ids: { 'xloud-metadata': id } },
        b: { name: 'y', external_ids: { 'iface-id': id } },
        c: { name: 'z', external_ids: { 'xloud-metadata': '../../x' } },
      },
    });
    assert.deepEqual(chassisOf(local), {
      name: 'here',
      remotes: ['tcp:192.0.2.1:6642', 'tcp:192.0.2.2:6642'],
      wires: ['campus', 'external'],
    });
    assert.deepEqual([...pluggedNetworks(local)], [id]);
    assert.equal(chassisOf(tables({ Open_vSwitch: { o: { external_ids: {} } } })), null);
  });

  it('have names that a kernel takes, and nothing else has', () => {
    const id = '12345678-9abc-4def-8123-456789abcdef';
    assert.equal(namespaceOf(id), `xloud-md-${id}`);
    assert.equal(linkOf(id), 'xmd123456789abc');
    assert.throws(() => namespaceOf('../etc'));
    assert.throws(() => linkOf('x; reboot'));
  });
});

describe('the number of an interface', () => {
  it('is one that this process has too, and the other end’s is nobody’s', () => {
    const dir = mkdtempSync(join(tmpdir(), 'xloud-index-'));
    const table = join(dir, 'dev_mcast');
    writeFileSync(
      table,
      '1    lo   1 0 00\n11   eth0            1     0     333300000001\n7    br-ex  1     0     3333\n',
    );
    assert.equal(indexToShare(table), 7);
    writeFileSync(table, '1    lo   1 0 00\n');
    assert.equal(indexToShare(table), null);
    rmSync(dir, { recursive: true });
    assert.equal(indexToShare(table), null);
    assert.equal(indexOfLink('ffffffff-0000-4000-8000-000000000000'), 0x4fff_ffff);
  });

  it('may be missing: then nobody is known, and nothing breaks', () => {
    const socket = {
      get remoteAddress(): string {
        throw new Error('ENXIO: no such device or address, uv_if_indextoiid');
      },
    };
    assert.equal(senderOf(socket), null);
    assert.equal(senderOf({ remoteAddress: '::ffff:10.0.0.1' }), '10.0.0.1');
    assert.equal(senderOf({ remoteAddress: 'fe80::1%eth0' }), 'fe80::1');
  });
});

describe('what is made on a host', () => {
  const id = newUuid();
  let there: Set<string>;
  let asked: string[];
  const run = (file: string, args: readonly string[]): Promise<string> => {
    const words = [file, ...args].join(' ');
    asked.push(words);
    if (/ show dev /.test(words) && !there.has('links')) return Promise.reject(new Error('no such device'));
    if (words.endsWith('netns list'))
      return Promise.resolve(there.has('namespace') ? `other\n${namespaceOf(id)} (id: 1)\n` : '');
    return Promise.resolve('');
  };
  const host = (offloads = true) =>
    makeMetadataHost({ run, enter: ['nsenter', '--'], switchRemote: 'unix:/x', offloads });
  beforeEach(() => {
    asked = [];
    there = new Set();
  });
  const has = (pattern: RegExp): boolean => asked.some((words) => pattern.test(words));

  it('is made anew where half of it is there, and else only put right', async () => {
    there.add('namespace');
    await host().make(id, true);
    assert.ok(has(/^nsenter -- ip netns del /) && has(/^nsenter -- ip netns add /) && has(/ip link add name xmd/));
    asked = [];
    there.add('links');
    await host().make(id, true);
    assert.ok(asked.every((words) => words.includes(' show ')));
    await host().make(id, false);
    assert.ok(!has(/ip netns (add|del)/) && !has(/ip link add/));
    assert.ok(has(/ovs-vsctl --db=unix:\/x .*--may-exist add-port br-int xmd.* external_ids:iface-id=metadata-/));
    assert.ok(!has(/ethtool/));
    await host(false).make(id, false);
    assert.ok(has(/netns exec xloud-md-\S+ ethtool -K eth0 tx off/));
  });

  it('is found, and removed as often as one likes', async () => {
    assert.deepEqual([...(await host().namespaces())], []);
    await host().remove(id);
    assert.ok(has(/--if-exists del-port br-int xmd/) && !has(/netns del/) && !has(/link del/));
    there.add('namespace').add('links');
    assert.deepEqual([...(await host().namespaces())], [id]);
    await host().remove(id);
    assert.ok(has(/netns del/) && has(/link del/));
  });
});

describe('who keeps metadata on a host', () => {
  const [one, two] = [newUuid(), newUuid()];
  let clock: ReturnType<typeof makeHandClock>;
  let keeper: MetadataKeeper;
  let rows: Rows;
  let away: string | null;
  let failing: boolean;
  let made: Set<string>;
  let listening: Set<string>;
  let tell: () => void;

  const database = (of: () => Rows): Ovsdb => ({
    tables: () => tables(of()),
    problem: () => away,
    transact: () => Promise.reject(new Error('nothing is written')),
    ready: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  const local = (): Rows => ({
    Open_vSwitch: { o: { external_ids: { 'system-id': 'here', 'ovn-remote': 'unix:/sb' } } },
    Interface: Object.fromEntries([...made].map((id) => [id, { name: id, external_ids: { 'xloud-metadata': id } }])),
  });
  const start = (): void => {
    keeper = makeMetadataKeeper({
      host: {
        namespaces: async () => new Set(made),
        async make(id) {
          if (failing) throw new Error('no room');
          made.add(id);
        },
        remove: async (id) => void made.delete(id),
        open: async () => createServer(),
      },
      openSwitch: (changed) => {
        tell = changed;
        return database(local);
      },
      openSouthbound: () => database(() => rows),
      serve: (id) => {
        listening.add(id);
        return { close: async () => void listening.delete(id) };
      },
      clock,
      log: silentLog,
    });
  };
  const are = (what: string, ...ids: readonly string[]) =>
    eventually(what, 5_000, () => {
      const wanted = ids.toSorted().join();
      return [...made].toSorted().join() === wanted && [...listening].toSorted().join() === wanted ? true : null;
    });
  beforeEach(() => {
    clock = makeHandClock();
    [rows, away, failing, made, listening] = [southbound([one, two]), null, false, new Set(), new Set()];
  });
  afterEach(() => keeper.close());

  it('makes what lacks, and removes what is of no network any more', async () => {
    made.add(newUuid());
    start();
    await are('both', one, two);
    assert.equal(keeper.serving(), 2);
    assert.equal(keeper.problem(), null);
    rows = southbound([two]);
    tell();
    await are('one of them', two);
  });

  it('keeps for a while what has no guest any more', async () => {
    start();
    await are('both', one, two);
    rows = southbound([one], [two]);
    tell();
    clock.advance(30_000);
    await are('both still', one, two);
    clock.advance(61_000);
    tell();
    await are('one of them', one);
  });

  it('leaves everything as it is while it is told nothing', async () => {
    start();
    await are('both', one, two);
    [rows, away] = [{}, 'away'];
    tell();
    clock.advance(120_000);
    await are('both still', one, two);
    assert.equal(keeper.problem(), 'away');
  });

  it('tries again what failed, and says so meanwhile', async () => {
    failing = true;
    start();
    await eventually('the failure', 5_000, () => (keeper.problem()?.includes('no room') ? true : null));
    failing = false;
    clock.advance(2_000);
    await are('both', one, two);
    assert.equal(keeper.problem(), null);
  });

  it('plugs again what somebody unplugged', async () => {
    start();
    await are('both', one, two);
    clock.advance(5_000);
    made.delete(one);
    tell();
    await are('both again', one, two);
  });
});
