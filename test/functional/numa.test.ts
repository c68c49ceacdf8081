// NUMA nodes, dedicated CPUs and pages: what users and operators wish is refused, or placed, kept through every move, shown and
// given back. No CPU is ever given to two.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkClaims } from '../../src/db/claims.ts';
import { listHosts } from '../../src/db/hosts.ts';
import type { NumaTopology, NumaUsage } from '../../src/domain/numa/numa.ts';
import { readDivision } from '../../src/virt/host-cells.ts';
import { engines } from '../support/database.ts';
import type { Answer } from '../support/http.ts';
import { testImage } from '../support/neighbours.ts';
import { ELASTIC, PLAIN, type Servers, startServers } from '../support/servers.ts';
import { uuidOf } from '../support/neighbours.ts';

/** Two nodes of eight CPUs and 16 GiB; two CPUs of each node are shared, the others dedicated. */
const machine = {
  ...{ numaNodes: 2, threads: 2, hugePages: { 2048: 2048 } },
  division: readDivision({ cpu_dedicated_set: '2-7,10-15', cpu_shared_set: '0-1,8-9', reserved_huge_pages: '' }),
};
const inventory = { vcpus: 16, memoryMb: 32_768, diskGb: 400 };
const HOSTS = [
  ...['numa-1', 'numa-2'].map((name) => ({ name, inventory, machine })),
  { name: 'plain', inventory: { vcpus: 16, memoryMb: 32_768, diskGb: 400 } },
];

const PINNED = 'pinned';
const WIDE = 'wide';
const HUGE = 'huge';
const MIXED = 'mixed';

const bad = (answer: Answer, message: string) => {
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.body.badRequest.message, message);
};

for (const engine of engines) {
  describe(`NUMA on ${engine}`, () => {
    let servers: Servers;
    const images = {
      pinned: testImage({ id: uuidOf('pinned'), properties: { hw_cpu_policy: 'dedicated' } }),
      threads: testImage({ id: uuidOf('threads'), properties: { hw_cpu_max_threads: '4' } }),
    };
    before(async () => {
      servers = await startServers({ engine, hosts: HOSTS, config: { allowResizeToSameHost: true } });
      const { world } = servers;
      const policy = { 'hw:cpu_policy': 'dedicated' };
      await world.flavor({ id: PINNED, vcpus: 2, memoryMb: 1024, specs: policy });
      const nodes = {
        'hw:numa_nodes': '2',
        'hw:cpu_thread_policy': 'require',
        'hw:emulator_threads_policy': 'isolate',
      };
      await world.flavor({ id: WIDE, vcpus: 4, memoryMb: 2048, specs: { ...policy, ...nodes } });
      await world.flavor({ id: HUGE, vcpus: 2, memoryMb: 1024, specs: { 'hw:mem_page_size': 'large' } });
      const mask = { 'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '1' };
      await world.flavor({ id: MIXED, vcpus: 2, memoryMb: 1024, specs: { ...mask, 'hw:cpu_max_sockets': '1' } });
      for (const image of Object.values(images)) await world.images.add(image);
    });
    after(() => servers.close());

    const topology = async (id: string, as: 'admin' | 'reader' = 'admin') =>
      (await servers.request('GET', `/servers/${id}/topology`, { as, version: '2.78' })).body;
    const hostOf = async (id: string) =>
      (await servers.show(id, { as: 'admin', version: '2.100' }))['OS-EXT-SRV-ATTR:host'] as string;
    const act = async (id: string, body: object, as: 'member' | 'admin' = 'member', version = '2.1') => {
      const answer = await servers.act(id, body, { as, version });
      assert.ok(answer.status < 300, answer.text);
      await servers.world.settled();
    };
    const usage = async (): Promise<Record<string, NumaUsage | null>> =>
      Object.fromEntries((await listHosts(servers.world.database.read)).map((host) => [host.host, host.numaUsed]));
    const remove = async (...ids: string[]) => {
      for (const id of ids) await servers.request('DELETE', `/servers/${id}`, { as: 'member' });
      await servers.world.settled();
      assert.deepEqual(await usage(), { 'numa-1': null, 'numa-2': null, plain: null });
    };
    /** What the guest itself was told, on the host where it is. */
    const told = async (id: string): Promise<NumaTopology | null | undefined> =>
      servers.world.drivers.get(await hostOf(id))?.store.get(id)?.spec.numa;
    /** The row, the host's sums, the guest and the API say the same. */
    const agree = async (id: string): Promise<NumaTopology> => {
      const numa = await told(id);
      assert.ok(numa != null);
      const shown = await topology(id);
      assert.deepEqual(
        shown.nodes.map((node: { host_node: number; cpu_pinning: object }) => [node.host_node, node.cpu_pinning]),
        numa.cells.map(({ hostNode, pinning }) => [hostNode, pinning]),
      );
      assert.deepEqual(await checkClaims(servers.world.database.read), []);
      return numa;
    };

    const forceDown = (host: string, down: boolean) =>
      servers.request('PUT', '/os-services/force-down', {
        version: '2.11',
        body: { host, binary: 'nova-compute', forced_down: down },
      });

    it('some of its own CPUs run vCPUs in real time, where its mask says so, also where it moves', async () => {
      const specs = { 'hw:cpu_policy': 'dedicated', 'hw:cpu_realtime': 'yes' };
      await servers.world.flavor({ id: 'all-realtime', vcpus: 2, memoryMb: 1024, specs });
      const refused = await servers.post({ flavorRef: 'all-realtime' });
      bad(
        refused,
        'Use of realtime CPUs requires either one or more non-realtime CPU(s) or offloaded emulator threads.',
      );
      await servers.world.flavor({
        id: 'realtime',
        vcpus: 2,
        memoryMb: 1024,
        specs: { ...specs, 'hw:cpu_realtime_mask': '^0' },
      });
      const id = await servers.create({ flavorRef: 'realtime' });
      assert.deepEqual((await agree(id)).realtime, [1]);
      await act(id, { migrate: null }, 'admin');
      await act(id, { confirmResize: null });
      assert.deepEqual((await agree(id)).realtime, [1]);
      await remove(id);
    });

    it('a server gets CPUs of its own, and nobody else gets them', async () => {
      const ids: string[] = [];
      for (let one = 0; one < 3; one += 1) ids.push(await servers.create({ flavorRef: PINNED }));
      const pins = new Map<string, number[]>();
      for (const id of ids) {
        const { cells } = await agree(id);
        const host = await hostOf(id);
        assert.match(host, /^numa-/);
        pins.set(host, [...(pins.get(host) ?? []), ...cells.flatMap(({ pinning }) => Object.values(pinning))]);
      }
      for (const cpus of pins.values()) assert.equal(new Set(cpus).size, cpus.length);
      assert.equal([...pins.values()].flat().length, 6);
      assert.deepEqual(await topology(ids[0] as string, 'reader'), {
        nodes: [{ vcpu_set: [0, 1], siblings: [], memory_mb: 1024 }],
        pagesize_kb: null,
      });
      await remove(...ids);
    });

    it('many at once share out what there is, and not more', async () => {
      const ask = async (count: number): Promise<Record<string, number>> => {
        const answer = await servers.post({ flavorRef: PINNED, min_count: count, max_count: count });
        assert.equal(answer.status, 202, answer.text);
        await servers.world.settled();
        const list: { status: string }[] = (await servers.request('GET', '/servers/detail', { as: 'member' })).body
          .servers;
        return Object.fromEntries(
          [...Map.groupBy(list, ({ status }) => status)].map(([of, some]) => [of, some.length]),
        );
      };
      // twelve times two of the 24 dedicated CPUs; those asked for together come all or none
      assert.deepEqual(await ask(14), { ERROR: 14 });
      assert.deepEqual(await usage(), { 'numa-1': null, 'numa-2': null, plain: null });
      assert.deepEqual(await ask(12), { ACTIVE: 12, ERROR: 14 });
      assert.deepEqual(await ask(1), { ACTIVE: 12, ERROR: 15 });
      const list = (await servers.request('GET', '/servers/detail', { as: 'member' })).body.servers;
      const used = Object.values(await usage()).flatMap((host) => Object.values(host ?? {}));
      assert.deepEqual(
        used.map(({ pinned }) => pinned.length),
        [6, 6, 6, 6],
      );
      for (const { pinned } of used) assert.equal(new Set(pinned).size, 6);
      const hypervisors = (await servers.request('GET', '/os-hypervisors/detail', { as: 'admin' })).body.hypervisors;
      assert.deepEqual(
        hypervisors.map(({ vcpus, vcpus_used }: { vcpus: number; vcpus_used: number }) => [vcpus, vcpus_used]),
        [
          [16, 12],
          [16, 12],
          [16, 0],
        ],
      );
      // the shared CPUs are all still there for those that share them
      const shared = await servers.create({ flavorRef: PLAIN });
      assert.equal((await servers.show(shared)).status, 'ACTIVE');
      await remove(...list.map(({ id }: { id: string }) => id), shared);
    });

    it('nodes, threads, the emulator and pages are as asked', async () => {
      const wide = await servers.create({ flavorRef: WIDE });
      const numa = await agree(wide);
      assert.deepEqual(new Set(numa.cells.map(({ hostNode }) => hostNode)), new Set([0, 1]));
      assert.equal(numa.emulatorCpus.length, 1);
      for (const { pinning } of numa.cells) {
        const [first, second] = Object.values(pinning) as [number, number];
        assert.deepEqual([first % 2, second], [0, first + 1]);
      }
      const huge = await servers.create({ flavorRef: HUGE });
      assert.deepEqual(
        (await agree(huge)).cells.map(({ pageSizeKib, huge: large }) => [pageSizeKib, large]),
        [[2048, true]],
      );
      assert.equal((await topology(huge)).pagesize_kb, 2048);
      const mixed = await servers.create({ flavorRef: MIXED });
      const [cell] = (await agree(mixed)).cells;
      assert.deepEqual([cell?.vcpus, Object.keys(cell?.pinning ?? {}), cell?.floating.length], [[0, 1], ['1'], 2]);
      const spec = servers.world.drivers.get(await hostOf(mixed))?.store.get(mixed)?.spec;
      assert.deepEqual(spec?.cpuTopology, { sockets: 1, cores: 2, threads: 1 });
      await remove(wide, huge, mixed);
    });

    it('moves take their CPUs along, and give back those of before', async () => {
      const id = await servers.create({ flavorRef: PINNED });
      const first = await hostOf(id);
      const other = first === 'numa-1' ? 'numa-2' : 'numa-1';
      await act(id, { migrate: null }, 'admin');
      assert.equal(await hostOf(id), other);
      await agree(id);
      // both hosts are held until somebody decides
      assert.notEqual((await usage())[first], null);
      await act(id, { revertResize: null });
      assert.equal(await hostOf(id), first);
      await agree(id);
      assert.equal((await usage())[other], null);

      await act(id, { 'os-migrateLive': { host: null, block_migration: 'auto' } }, 'admin', '2.30');
      assert.equal(await hostOf(id), other);
      await agree(id);
      assert.equal((await usage())[first], null);

      await forceDown(other, true);
      await act(id, { evacuate: {} }, 'admin', '2.100');
      assert.equal(await hostOf(id), first);
      await agree(id);
      assert.equal((await usage())[other], null);
      await forceDown(other, false);
      await servers.world.worker().reconcile();

      await act(id, { resize: { flavorRef: WIDE } });
      await agree(id);
      await act(id, { confirmResize: null });
      assert.equal((await agree(id)).cells.length, 2);
      await act(id, { resize: { flavorRef: PLAIN } });
      await act(id, { confirmResize: null });
      assert.equal(await told(id), null);
      assert.deepEqual((await topology(id)).nodes, []);
      await remove(id);
    });

    it('a server that is rebuilt, shelved or restarted has its CPUs again', async () => {
      const id = await servers.create({ flavorRef: PINNED });
      const before = await agree(id);
      await act(id, { rebuild: { imageRef: images.pinned.id } });
      assert.deepEqual(await agree(id), before);
      await act(id, { reboot: { type: 'HARD' } });
      assert.deepEqual(await agree(id), before);
      await act(id, { shelve: null });
      assert.equal((await servers.show(id)).status, 'SHELVED_OFFLOADED');
      assert.deepEqual(await usage(), { 'numa-1': null, 'numa-2': null, plain: null });
      await act(id, { unshelve: null });
      await agree(id);
      await remove(id);
    });

    it('contradictions are refused before anything is promised', async () => {
      const forbidden =
        "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor";
      const shared = await servers.world.flavor({ id: 'shared', specs: { 'hw:cpu_policy': 'shared' } });
      bad(await servers.post({ flavorRef: shared, imageRef: images.pinned.id }), forbidden);
      const few = await servers.world.flavor({ id: 'few', specs: { 'hw:cpu_max_threads': '2' } });
      bad(
        await servers.post({ flavorRef: few, imageRef: images.threads.id }),
        'Image vCPU topology limits (sockets=0, cores=0, threads=4) exceeds the limits of the flavor ' +
          '(sockets=0, cores=0, threads=2)',
      );
      const id = await servers.create({ flavorRef: PLAIN });
      const rebuilt = await servers.act(id, { rebuild: { imageRef: images.pinned.id } });
      bad(
        rebuilt,
        "An instance's NUMA topology cannot be changed as part of a rebuild. The image provided is invalid for this instance.",
      );
      const odd = await servers.world.flavor({ id: 'odd', vcpus: 3, specs: { 'hw:numa_nodes': '2' } });
      bad(
        await servers.act(id, { resize: { flavorRef: odd } }),
        'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of CPUs ' +
          'and memory to nodes is required',
      );
      await remove(id);
    });

    it('an elastic flavor has no CPUs of its own, whichever of its specs came first', async () => {
      const text =
        'A server with NUMA nodes, dedicated CPUs or memory pages of its own has a fixed size: the extra specs ' +
        "'minimum_cpu' and 'minimum_memory' must equal the flavor's vcpus and ram, or be absent.";
      const set = (flavor: string, specs: object) =>
        servers.request('POST', `/flavors/${flavor}/os-extra_specs`, { as: 'admin', body: { extra_specs: specs } });
      bad(await set(ELASTIC, { 'hw:cpu_policy': 'dedicated' }), text);
      bad(await set(PINNED, { minimum_cpu: '1' }), text);
      assert.equal((await set(PINNED, { minimum_cpu: '2' })).status, 200);
      bad(await servers.post({ flavorRef: ELASTIC, imageRef: images.pinned.id }), text);
    });

    it('an administrator is told why a host does not fit', async () => {
      const body = { flavor_id: WIDE, image_id: servers.imageId };
      const { hosts } = (await servers.request('POST', '/os-xloud-scheduler/explain', { as: 'admin', body })).body;
      const plain = hosts.find(({ host }: { host: string }) => host === 'plain');
      assert.deepEqual(plain.refusals, [{ filter: 'NUMATopologyFilter', reason: 'has 1 NUMA nodes, not 2' }]);
      const huge = await servers.world.flavor({ id: 'too-huge', specs: { 'hw:mem_page_size': '1GB' } });
      const asked = await servers.request('POST', '/os-xloud-scheduler/explain', {
        as: 'admin',
        body: { ...body, flavor_id: huge },
      });
      assert.match(asked.body.hosts[0].refusals[0].reason, /MiB are not free in pages of the size 1048576/);
    });
  });
}
