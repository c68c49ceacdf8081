// A small Nova is planned, taken over, cut off between two steps, given back and handed back, on both engines.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Fault } from '../../src/base/errors.ts';
import { checkClaims, findClaims } from '../../src/db/claims.ts';
import { countImports } from '../../src/db/nova-imports.ts';
import { serverUsage } from '../../src/db/server-sizes.ts';
import { findServer, updateServer } from '../../src/db/servers.ts';
import { tx } from '../../src/db/tx.ts';
import type { ForeignGuest } from '../../src/domain/moving/foreign-guest.ts';
import { power } from '../../src/domain/servers/servers.ts';
import { applyImport, planImport } from '../../src/ops/moving/apply.ts';
import type { Line, MovingDeps } from '../../src/ops/moving/deps.ts';
import { confirmImport, exportServers, undoImport } from '../../src/ops/moving/give-back.ts';
import { engines, freshDatabase, type TestStore } from '../support/database.ts';
import { MAC, type NovaFixture, novaFixture, PORT } from '../support/nova-fixture.ts';
import { reportHost } from '../support/rows.ts';

/** A guest as its host shows one that can be taken over. */
const guestOf = (uuid: string, more: Partial<ForeignGuest> = {}): ForeignGuest => ({
  ...{ uuid, name: 'instance-00000001', powerState: power.running, dir: `/instances/${uuid}` },
  ...{ current: { vcpus: 2, memoryMb: 2048 }, maximum: { vcpus: 2, memoryMb: 2048 } },
  disks: [{ path: `/instances/${uuid}/disk`, device: 'disk', format: 'qcow2', source: 'file' }],
  interfaces: [{ mac: MAC, type: 'ethernet', portId: null, device: 'tap11111111-22' }],
  ...{ hostDevices: 0, hasTpm: false, ours: false },
  ...more,
});

for (const engine of engines) {
  describe(`moving in, ${engine}`, () => {
    let store: TestStore;
    let nova: NovaFixture;
    let deps: MovingDeps;
    /** What each host was asked to make its own, or to give back. */
    let asked: string[];
    let guests: Map<string, ForeignGuest>;
    /** What the next call to a host shall fail with. */
    let broken: Fault | null;

    beforeEach(async () => {
      store = await freshDatabase(engine);
      nova = await novaFixture(engine);
      [asked, guests, broken] = [[], new Map(), null];
      await reportHost(store.database, 'host-1');
      const fails = () => {
        if (broken !== null) throw broken;
      };
      deps = {
        ...{
          database: store.database,
          clock: systemClock,
          api: nova.api,
          cell0: null,
          hasNeutron: true,
          volumes: null,
        },
        cells: [{ name: 'cell1', nova: nova.cell }],
        hosts: {
          survey: async (_host, uuid) => guests.get(uuid) ?? null,
          async adopt(_host, uuid) {
            fails();
            asked.push(`adopt ${uuid}`);
          },
          async release(_host, uuid) {
            fails();
            asked.push(`release ${uuid}`);
          },
        },
      };
    });
    afterEach(async () => {
      await nova.close();
      await store.close();
    });

    const all = async (lines: AsyncIterable<Line>): Promise<readonly Line[]> => {
      const found: Line[] = [];
      for await (const line of lines) found.push(line);
      return found;
    };
    const ofServer = (lines: readonly Line[], uuid: string): Line | undefined =>
      lines.find(({ kind, name }) => kind === 'server' && name === uuid);
    async function addServer(...more: Parameters<NovaFixture['addServer']>): Promise<string> {
      const uuid = await nova.addServer(...more);
      guests.set(uuid, guestOf(uuid, more[0]?.vif === null ? { interfaces: [] } : {}));
      return uuid;
    }

    it('takes over what is beside servers once, with its ids, and takes it back', async () => {
      await nova.add('api', 'flavors', {
        ...{ id: 7, name: 'm1.small', flavorid: '2', memory_mb: 2048, vcpus: 2, root_gb: 20, ephemeral_gb: 0, swap: 0 },
        ...{ rxtx_factor: 1, vcpu_weight: 3, disabled: 0, is_public: 0, description: 'small' },
      });
      await nova.add('api', 'flavor_extra_specs', { flavor_id: 7, key: 'minimum_cpu', value: '1' });
      await nova.add('api', 'flavor_projects', { flavor_id: 7, project_id: 'p' });
      const key = { name: 'mine', user_id: 'u', fingerprint: 'aa:bb', public_key: 'ssh-rsa AAAA', type: 'ssh' };
      await nova.add('api', 'key_pairs', key, { ...key, name: 'odd', type: 'pgp' });
      await nova.add('api', 'quotas', { project_id: 'p', resource: 'cores', hard_limit: 40 });
      await nova.add('api', 'project_user_quotas', { project_id: 'p', user_id: 'u', resource: 'ram', hard_limit: 9 });
      const classes = { class_name: 'default', hard_limit: 5 };
      await nova.add('api', 'quota_classes', { ...classes, resource: 'instances' }, { ...classes, resource: 'odd' });
      await nova.add('api', 'aggregates', { id: 41, uuid: 'dddddddd-0000-4000-8000-000000000001', name: 'rack' });
      await nova.add('api', 'aggregate_hosts', { aggregate_id: 41, host: 'host-1' });
      await nova.add('api', 'aggregate_metadata', { aggregate_id: 41, key: 'shelf', value: '4' });

      const planned = await all(planImport(deps));
      const verdicts = planned.map(({ kind, verdict, title, name }) => `${kind} ${title ?? name} ${verdict}`);
      assert.deepEqual(verdicts, [
        'flavor m1.small change',
        'keypair u/mine adopt',
        'keypair u/odd refuse',
        'quota_class default instances adopt',
        'quota_class default odd refuse',
        'quota p cores adopt',
        'quota p u ram adopt',
        'aggregate rack adopt',
      ]);
      assert.match(planned[0]?.why[0] ?? '', /vcpu_weight/);
      const read = store.database.read;
      assert.deepEqual(await read('flavors').select('id'), []);

      await all(applyImport(deps));
      const again = await all(applyImport(deps));
      assert.deepEqual(
        again.filter(({ verdict }) => verdict !== 'refuse').map(({ verdict }) => verdict),
        Array(6).fill('adopted'),
      );
      const [flavor] = await read('flavors').select('flavorid', 'is_public', 'extra_specs');
      assert.deepEqual(flavor, { flavorid: '2', is_public: 0, extra_specs: '{"minimum_cpu":"1"}' });
      assert.deepEqual(await read('aggregates').select('id', 'name'), [{ id: 41, name: 'rack' }]);
      assert.deepEqual(await read('aggregate_hosts').pluck('host'), ['host-1']);
      assert.deepEqual(
        (await read('quota_limits').orderBy('resource')).map((row) => [
          row.scope,
          row.user_id,
          row.resource,
          row.hard_limit,
        ]),
        [
          ['project', '', 'cores', 40],
          ['class', '', 'instances', 5],
          ['user', 'u', 'ram', 9],
        ],
      );

      for (const { verdict } of await all(undoImport(deps))) assert.equal(verdict, 'adopt');
      for (const table of ['flavors', 'flavor_projects', 'key_pairs', 'quota_limits', 'aggregates', 'nova_imports'])
        assert.deepEqual(await read(table).select('*'), [], table);
    });

    it('refuses what is here under the same name and is another, and leaves what is the same', async () => {
      const key = { user_id: 'u', fingerprint: 'aa', type: 'ssh', created_at: 1 };
      const mine = (name: string, public_key: string) => ({ ...key, name, public_key });
      await store.database.write('key_pairs').insert([mine('same', 'A'), mine('other', 'B')]);
      const { created_at: _, ...theirs } = key;
      await nova.add(
        'api',
        'key_pairs',
        { ...theirs, name: 'same', public_key: 'A' },
        { ...theirs, name: 'other', public_key: 'A' },
      );
      const lines = await all(applyImport(deps));
      assert.deepEqual(
        lines.map(({ verdict }) => verdict),
        ['there', 'refuse'],
      );
      await all(undoImport(deps));
      assert.equal((await store.database.read('key_pairs').select('id')).length, 2);
    });

    it('takes keys for two where a slash is in the name of one and in the id of the other user', async () => {
      const key = (user_id: string, name: string) => ({
        user_id,
        name,
        fingerprint: 'aa',
        public_key: 'A',
        type: 'ssh',
      });
      const keys = [key('a', 'b/c'), key('a/b', 'c'), key('a%2Fb', 'c')];
      await nova.add('api', 'key_pairs', ...keys);
      const read = store.database.read;
      const there = async () => (await read('key_pairs').select('user_id', 'name').orderBy('id')) as object[];
      for (const { verdict } of await all(planImport(deps))) assert.equal(verdict, 'adopt');
      await all(applyImport(deps));
      const wanted = keys.map(({ user_id, name }) => ({ user_id, name }));
      assert.deepEqual(await there(), wanted);
      for (const { verdict } of await all(applyImport(deps))) assert.equal(verdict, 'adopted');
      // one that was deleted here is nobody else's
      await store.database.write('key_pairs').where({ user_id: 'a/b' }).delete();
      const undone = await all(undoImport(deps));
      assert.deepEqual(
        undone.map(({ verdict }) => verdict),
        ['adopt', 'ignore', 'adopt'],
      );
      assert.deepEqual(await there(), []);
    });

    it('takes any limit below 0 for none, as Nova does, and says so', async () => {
      const limit = (resource: string, hard_limit: number) => ({ project_id: 'p', resource, hard_limit });
      await nova.add('api', 'quotas', limit('cores', -1), limit('ram', -7));
      const lines = await all(planImport(deps));
      await all(applyImport(deps));
      assert.deepEqual(
        lines.map(({ verdict, why }) => [verdict, ...why]),
        [['adopt'], ['change', '-7 means unlimited, which is -1 here']],
      );
      const rows = await store.database.read('quota_limits').select('resource', 'hard_limit').orderBy('resource');
      assert.deepEqual(
        rows.map((row) => [row.resource, Number(row.hard_limit)]),
        [
          ['cores', -1],
          ['ram', -1],
        ],
      );
      for (const { verdict } of await all(applyImport(deps))) assert.equal(verdict, 'adopted');
    });

    it('takes over a server with all that it had, and counts it as it is', async () => {
      await nova.add('api', 'instance_groups', {
        id: 3,
        uuid: 'eeeeeeee-0000-4000-8000-000000000001',
        name: 'g',
        user_id: 'u',
        project_id: 'p',
      });
      await nova.add('api', 'instance_group_policy', {
        group_id: 3,
        policy: 'anti-affinity',
        rules: '{"max_server_per_host": 2}',
      });
      const uuid = await addServer({
        extraSpecs: { minimum_cpu: '1', minimum_memory: '512' },
        instance: { locked_by: 'admin', key_name: 'mine', key_data: 'ssh-rsa A' },
      });
      await nova.add('api', 'instance_group_member', { group_id: 3, instance_uuid: uuid });
      const spec = { 'nova_object.data': { scheduler_hints: { different_host: ['x'] }, availability_zone: 'east' } };
      await nova.add('api', 'request_specs', { instance_uuid: uuid, spec: JSON.stringify(spec) });
      await nova.add('cell', 'tags', { resource_id: uuid, tag: 'blue' });
      await nova.add(
        'cell',
        'instance_metadata',
        { instance_uuid: uuid, key: 'of', value: 'nova' },
        { instance_uuid: uuid, key: 'gone', value: 'x', deleted: 5 },
      );
      const act = {
        instance_uuid: uuid,
        request_id: 'req-1',
        user_id: 'u',
        project_id: 'p',
        start_time: '2026-01-02 03:04:05',
      };
      await nova.add('cell', 'instance_actions', { id: 9, action: 'create', ...act });
      await nova.add('cell', 'instance_actions_events', {
        action_id: 9,
        event: 'compute__do_build_and_run_instance',
        result: 'Success',
        start_time: '2026-01-02 03:04:06',
        finish_time: '2026-01-02 03:04:09',
        host: 'host-1',
      });

      const line = ofServer(await all(applyImport(deps)), uuid);
      assert.equal(line?.verdict, 'adopted', line?.why.join());
      assert.deepEqual(asked, [`adopt ${uuid}`]);
      const { read } = store.database;
      const server = await findServer(read, uuid);
      assert.ok(server !== null);
      assert.deepEqual(
        [server.vmState, server.host, server.lockedBy, server.keyName, server.requestedZone, server.createdAt],
        ['active', 'host-1', 'admin', 'mine', 'east', Date.parse('2026-01-02T03:04:05Z')],
      );
      assert.deepEqual([server.flavor.flavorid, server.flavor.startedElsewhere], ['2', true]);
      assert.equal(server.image?.properties['hw_machine_type'], 'pc');
      assert.equal(server.schedulerHints['different_host'], 'x');
      assert.deepEqual(await read('server_metadata').select('key', 'value'), [{ key: 'of', value: 'nova' }]);
      assert.deepEqual(await read('server_tags').pluck('tag'), ['blue']);
      const [nic] = await read('server_nics').select('port_id', 'preexisting', 'addresses_v4');
      assert.deepEqual(nic, { port_id: PORT, preexisting: 0, addresses_v4: ' 10.0.0.9 ' });
      assert.equal((await read('server_group_members').select('*')).length, 1);
      const [action] = await read('instance_actions').select('action', 'request_id', 'state', 'start_time');
      assert.deepEqual(
        { ...action, start_time: Number(action.start_time) },
        { action: 'create', request_id: 'req-1', state: 'done', start_time: Date.parse('2026-01-02T03:04:05Z') },
      );
      assert.deepEqual(await read('instance_action_events').pluck('event'), ['compute__do_build_and_run_instance']);
      // it runs with all of its flavor, whatever it may shrink to
      const claim = (await findClaims(read, [server.id])).get(server.id);
      assert.deepEqual([claim?.vcpus, claim?.memoryMb, claim?.diskGb], [2, 2048, 20]);
      assert.deepEqual(await checkClaims(read), []);
      assert.deepEqual(await serverUsage(read, 'p'), { instances: 1, cores: 2, ram: 2048 });

      const undone = await all(undoImport(deps));
      assert.deepEqual(
        undone.map(({ verdict }) => verdict),
        ['adopt', 'adopt'],
      );
      assert.deepEqual(asked.at(-1), `release ${uuid}`);
      for (const table of [
        'servers',
        'claims',
        'server_nics',
        'server_tags',
        'server_sizes',
        'instance_actions',
        'server_groups',
      ])
        assert.deepEqual(await read(table).select('*'), [], table);
      assert.deepEqual(await checkClaims(read), []);
      assert.deepEqual(await serverUsage(read, 'p'), { instances: 0, cores: 0, ram: 0 });
      // and may come again
      assert.equal(ofServer(await all(applyImport(deps)), uuid)?.verdict, 'adopted');
    });

    it('goes on where it was cut off', async () => {
      const [one, two] = [await addServer(), await addServer()];
      broken = new Fault('unavailable', 'no agent');
      const cut = await all(applyImport(deps));
      assert.deepEqual([ofServer(cut, one)?.verdict, ofServer(cut, one)?.why], ['refuse', ['no agent']]);
      assert.equal(await findServer(store.database.read, one), null);
      broken = null;
      for (const uuid of [one, two]) assert.equal(ofServer(await all(applyImport(deps)), uuid)?.verdict, 'adopted');
      assert.equal(asked.filter((word) => word.startsWith('adopt')).length, 2);
      // an undo whose host does not answer has left nothing here that could be deleted there
      broken = new Fault('unavailable', 'no agent');
      for (const { verdict } of await all(undoImport(deps))) assert.equal(verdict, 'refuse');
      assert.equal(await findServer(store.database.read, one), null);
      broken = null;
      for (const { verdict } of await all(undoImport(deps))) assert.equal(verdict, 'adopt');
      assert.deepEqual(await countImports(store.database.read), {});
    });

    it('leaves what was made anew here under the name of what it took over', async () => {
      const key = { name: 'mine', user_id: 'u', fingerprint: 'aa', public_key: 'A', type: 'ssh' };
      await nova.add('api', 'key_pairs', { ...key, created_at: '2026-01-02 03:04:05' }, { ...key, name: 'kept' });
      await all(applyImport(deps));
      const { read, write } = store.database;
      await write('key_pairs').where({ name: 'mine' }).delete();
      const created_at = systemClock.now() + 1;
      await write('key_pairs').insert({ ...key, public_key: 'B', created_at });
      const undone = await all(undoImport(deps));
      assert.deepEqual(
        undone.map(({ name, verdict }) => [name, verdict]),
        [
          ['u/mine', 'ignore'],
          ['u/kept', 'adopt'],
        ],
      );
      assert.deepEqual(await read('key_pairs').pluck('public_key'), ['B']);
      assert.deepEqual(await countImports(read), {});
    });

    it('gives back what was cut off on its way here, and goes on with it', async () => {
      const uuid = await addServer();
      const read = store.database.read;
      // the host made its notes, and then no more was done
      const cut = {
        ...deps,
        hosts: { ...deps.hosts, adopt: async () => Promise.reject(new Fault('unavailable', 'killed')) },
      };
      await all(applyImport(cut));
      assert.deepEqual(await read('nova_imports').pluck('state'), ['leaving']);
      for (const { verdict } of await all(undoImport(deps))) assert.equal(verdict, 'adopt');
      assert.deepEqual([asked, await countImports(read)], [[`release ${uuid}`], {}]);
      await all(applyImport(cut));
      assert.equal(ofServer(await all(applyImport(deps)), uuid)?.verdict, 'adopted');
      assert.deepEqual(await read('nova_imports').pluck('state'), ['adopted']);
      // what is on its way back with words for Nova is not fetched again before they were said
      broken = new Fault('unavailable', 'no agent');
      await all(exportServers(deps, true, null));
      broken = null;
      assert.match(ofServer(await all(applyImport(deps)), uuid)?.why.join() ?? '', /being returned to Nova/);
      await all(exportServers(deps, true, null));
      assert.deepEqual(await countImports(read), {});
    });

    it('tells what cannot be understood or stored, gives it back to its host, and goes on with the others', async () => {
      const odd = [
        await addServer({ instance: { project_id: null } }),
        await addServer({ flavor: { memory_mb: 0 } }),
        await addServer({ flavor: { vcpus: 1.5 } }),
        await addServer({ vif: { id: PORT } }),
      ];
      const deep = await addServer();
      const hints = `{"a": ${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
      const spec = `{"nova_object.data": {"scheduler_hints": ${hints}}}`;
      await nova.add('api', 'request_specs', { instance_uuid: deep, spec });
      await nova.add('api', 'aggregates', { id: 4, uuid: 'dddddddd-0000-4000-8000-000000000001', name: 'rack' });
      await nova.add('api', 'aggregate_hosts', { aggregate_id: 4, host: 'h' }, { aggregate_id: 4, host: 'h' });
      const [first, second] = [await addServer({ vif: { id: PORT } }), await addServer({ vif: { id: PORT } })];
      const good = await addServer();

      await all(planImport(deps));
      const lines = await all(applyImport(deps));
      assert.equal(lines.find(({ kind }) => kind === 'aggregate')?.verdict, 'refuse');
      const verdictOf = (uuid: string) => ofServer(lines, uuid)?.verdict;
      assert.deepEqual(odd.slice(0, 3).map(verdictOf), ['refuse', 'refuse', 'refuse']);
      // the first that has a port keeps it
      assert.deepEqual([odd[3] ?? '', first, second, good].map(verdictOf), ['adopted', 'refuse', 'refuse', 'adopted']);
      assert.match(ofServer(lines, first)?.why.join() ?? '', /another server here has its port/);
      assert.equal(verdictOf(deep), 'refuse');
      const { read } = store.database;
      assert.deepEqual(await read('nova_imports').orderBy('id').pluck('name'), [odd[3], good]);
      // whatever its host was told of it is taken back
      for (const word of asked.filter((one) => one === `adopt ${deep}`))
        assert.ok(asked.includes(word.replace('adopt', 'release')));
    });

    it('refuses a server as long as its nova-compute is heard', async () => {
      const uuid = await addServer();
      const now = new Date(systemClock.now()).toISOString().slice(0, 19).replace('T', ' ');
      await nova.add('cell', 'services', { host: 'host-1', binary: 'nova-compute', last_seen_up: now, forced_down: 0 });
      assert.equal(ofServer(await all(planImport(deps)), uuid)?.verdict, 'adopt');
      const line = ofServer(await all(applyImport(deps)), uuid);
      assert.deepEqual(line?.why, ['nova-compute of host-1 is up: stop it first']);
      assert.deepEqual(asked, []);
    });

    it('says of each server why it stays', async () => {
      const reasons: (readonly [string, RegExp])[] = [
        [await addServer({ instance: { task_state: 'spawning' } }), /task of Nova's is in progress \(spawning\)/],
        [await addServer({ instance: { vm_state: 'resized' } }), /confirmed or reverted/],
        [await addServer({ instance: { host: 'elsewhere' } }), /host elsewhere is not known here/],
        [await addServer({ vif: { type: 'bridge' } }), /vif_type "bridge"/],
        [await addServer({ vif: { details: { ovs_hybrid_plug: true } } }), /filtered by iptables/],
        [await addServer({ vif: { vnic_type: 'direct' } }), /vnic_type direct/],
        [await addServer({ flavor: { swap: 512 } }), /ephemeral or swap/],
        [await addServer({ extraSpecs: { 'hw:cpu_policy': 'dedicated' } }), /dedicated CPUs/],
        [await addServer({ extraSpecs: { 'pci_passthrough:alias': 'gpu:1' } }), /host devices/],
        [await addServer({ extra: { numa_topology: '{"nova_object.data": {}}' } }), /NUMA nodes/],
        [await addServer({ extra: { flavor: '{' } }), /flavor in Nova cannot be read/],
        [await addServer({ instance: { ephemeral_key_uuid: 'k' } }), /encrypted/],
      ];
      const volume = await addServer();
      await nova.add('cell', 'block_device_mapping', {
        instance_uuid: volume,
        source_type: 'volume',
        destination_type: 'volume',
        volume_id: 'dddddddd-0000-4000-8000-00000000000a',
        attachment_id: 'dddddddd-0000-4000-8000-00000000000b',
        device_name: '/dev/vdb',
        connection_info: '{"driver_volume_type": "rbd", "data": {}}',
      });
      const moving = await addServer();
      await nova.add(
        'cell',
        'migrations',
        { instance_uuid: moving, status: 'running' },
        { instance_uuid: moving, status: 'completed' },
      );
      const pci = await addServer();
      await nova.add('cell', 'pci_devices', { instance_uuid: pci, status: 'allocated' });
      const unseen = await nova.addServer();
      const elsewhere = await addServer();
      guests.set(
        elsewhere,
        guestOf(elsewhere, { disks: [{ path: '/mnt/x/disk', device: 'disk', format: 'qcow2', source: 'file' }] }),
      );
      const raw = await addServer();
      guests.set(
        raw,
        guestOf(raw, { disks: [{ path: `/instances/${raw}/disk`, device: 'disk', format: 'raw', source: 'file' }] }),
      );
      reasons.push(
        [volume, /volume\(s\) of Cinder: set volume\.service: cinder/],
        [moving, /a migration of it is in progress \(running\)/],
        [pci, /devices of its host/],
        [unseen, /has no guest with this id/],
        [elsewhere, /instances_path/],
        [raw, /its root disk is raw/],
      );
      const gone = await addServer({ instance: { deleted: 99 } });
      const lines = await all(applyImport(deps));
      for (const [uuid, why] of reasons) {
        const line = ofServer(lines, uuid);
        assert.equal(line?.verdict, 'refuse', String(why));
        assert.match(line?.why.join('; ') ?? '', why);
      }
      assert.equal(ofServer(lines, gone), undefined);
      assert.match(lines.find(({ kind }) => kind === 'deleted')?.why[0] ?? '', /^1 deleted/);
      assert.deepEqual(asked, []);
    });

    it('hands back what became of servers, and tells of those that are gone', async () => {
      const [stays, stopped, gone, resized] = [
        await addServer(),
        await addServer(),
        await addServer(),
        await addServer(),
      ];
      await nova.add('api', 'instance_group_member', { group_id: 1, instance_uuid: gone });
      await all(applyImport(deps));
      const { database } = deps;
      const change = async (uuid: string, patch: Parameters<typeof updateServer>[2]) => {
        const server = await findServer(database.read, uuid);
        await tx(database, (t) => updateServer(t, server?.id ?? 0, patch, systemClock.now()));
      };
      guests.set(stopped, guestOf(stopped, { powerState: power.shutdown }));
      await change(stopped, { vmState: 'stopped', powerState: power.shutdown, displayName: 'renamed' });
      await change(gone, { vmState: 'deleted', taskState: null, deleted: true, deletedAt: 1_790_000_000_000 });
      const server = await findServer(database.read, resized);
      assert.ok(server !== null);
      await change(resized, { flavor: { ...server.flavor, flavorid: '3' } });

      const planned = await all(exportServers(deps, false, null));
      assert.equal(ofServer(planned, resized)?.why[0], 'it was resized here');
      assert.equal(ofServer(planned, stays)?.verdict, 'adopt');
      assert.ok((await findServer(database.read, stays)) !== null);
      await all(exportServers(deps, true, null));
      const rows = new Map((await nova.rows('cell', 'instances')).map((row) => [row['uuid'], row]));
      assert.deepEqual([rows.get(stays)?.['vm_state'], rows.get(stays)?.['power_state']], ['active', 1]);
      assert.equal(rows.get(stays)?.['deleted'], 0);
      const [deleted, id] = [rows.get(gone)?.['deleted'], rows.get(gone)?.['id']];
      assert.deepEqual([deleted, rows.get(gone)?.['vm_state']], [id, 'deleted']);
      const mapping = (await nova.rows('api', 'instance_mappings')).find((row) => row['instance_uuid'] === gone);
      assert.equal(mapping?.['queued_for_delete'], 1);
      assert.deepEqual(await nova.rows('api', 'instance_group_member'), []);
      assert.equal(await findServer(database.read, stays), null);
      assert.ok((await findServer(database.read, resized)) !== null);
      assert.deepEqual(await checkClaims(database.read), []);
    });

    it('undoes the others, and says why, if one cannot be removed', async () => {
      for (const name of ['kept', 'other'])
        await nova.add('api', 'flavors', { flavorid: name, name, vcpus: 1, memory_mb: 64 });
      await all(applyImport(deps));
      const { database } = deps;
      const body =
        engine === 'sqlite'
          ? "when old.flavorid = 'kept' begin select raise(abort, 'not now'); end"
          : "for each row if old.flavorid = 'kept' then signal sqlstate '45000' set message_text = 'not now'; end if";
      await database.write.raw(`create trigger keep_flavor before delete on flavors ${body}`);
      const lines = await all(undoImport(deps));
      const refused = lines.filter(({ verdict }) => verdict === 'refuse');
      assert.deepEqual(
        refused.map(({ kind, name }) => [kind, name]),
        [['flavor', 'kept']],
      );
      assert.match(refused[0]?.why.join() ?? '', /not now/);
      assert.equal(lines.find(({ name }) => name === 'other')?.verdict, 'adopt');
      assert.deepEqual(await countImports(database.read), { flavor: 1 });
    });

    it('undoes nothing that was done with a server here', async () => {
      const [gone, resized] = [await addServer(), await addServer()];
      await all(applyImport(deps));
      const { database } = deps;
      const server = await findServer(database.read, resized);
      const other = await findServer(database.read, gone);
      assert.ok(server !== null && other !== null);
      const nowMs = systemClock.now();
      await tx(database, async (t) => {
        await updateServer(t, server.id, { flavor: { ...server.flavor, flavorid: '3' } }, nowMs);
        const end = { vmState: 'deleted', taskState: null, deleted: true, deletedAt: nowMs } as const;
        await updateServer(t, other.id, end, nowMs);
      });
      const lines = await all(undoImport(deps));
      assert.match(ofServer(lines, gone)?.why[0] ?? '', /it was deleted here: run `xloud export-nova`/);
      assert.equal(ofServer(lines, resized)?.why[0], 'it was resized here');
      assert.ok((await findServer(database.read, resized)) !== null);
      assert.deepEqual(
        asked.filter((word) => word.startsWith('release')),
        [],
      );
    });

    it('cannot be given back once it was confirmed', async () => {
      const uuid = await addServer();
      await all(applyImport(deps));
      assert.deepEqual(await confirmImport(deps), { server: 1 });
      assert.deepEqual(await all(undoImport(deps)), []);
      assert.deepEqual(await all(exportServers(deps, true, null)), []);
      assert.ok((await findServer(store.database.read, uuid)) !== null);
      assert.equal(ofServer(await all(applyImport(deps)), uuid)?.verdict, 'refuse');
    });
  });
}
