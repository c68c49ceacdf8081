// NUMA nodes and dedicated CPUs in a real guest: placed on what the real host says of itself, and seen in libvirt, by the host's kernel
// and by the guest's. Needs root and a hypervisor's packages.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { power } from '../../src/domain/servers/servers.ts';
import type { HostCell, NumaTopology } from '../../src/domain/numa/numa.ts';
import { fitNuma } from '../../src/domain/numa/numa-fit.ts';
import { readDivision } from '../../src/virt/host-cells.ts';
import { runInside } from '../support/inside.ts';
import { type LibvirtHost, startHost } from '../support/libvirt-host.ts';
import { eventually } from '../support/serve.ts';
import { type GuestService, startElastic, startGuestService } from '../support/serve-guest.ts';

const INSIDE_MS = 180_000;
const MEMORY_MB = 256;
/** More than the guest's memory needs. */
const HUGE_PAGES = 140;
const HUGE_KIB = 2048;
const NOTICE_MS = 180_000;
const NR_HUGEPAGES = '/proc/sys/vm/nr_hugepages';
const hugePages = async (): Promise<string> => (await readFile(NR_HUGEPAGES, 'utf8').catch(() => '0')).trim();

const division = readDivision({ cpu_dedicated_set: '1', cpu_shared_set: '0', reserved_huge_pages: '' });

describe('NUMA on libvirt', { concurrency: 1 }, () => {
  let host: LibvirtHost;
  let node: HostCell;

  before(async () => {
    host = await startHost({ driver: { division } });
    node = (await host.driver.inventory()).facts.numaCells.find(({ cpus }) => cpus.includes(1)) as HostCell;
  });
  after(() => host?.close());

  const size = { vcpus: 2, memoryMb: MEMORY_MB };
  const specWith = (numa: NumaTopology) =>
    host.spec({
      ...{ maximum: size, minimum: size, boot: size, numa },
      cpuTopology: { sockets: 1, cores: 2, threads: 1 },
    });
  const inside = (uuid: string, script: string) =>
    runInside((command) => host.askAgent(uuid, command), script, INSIDE_MS);
  /** What the host's kernel says of each vCPU's thread: the daemon's processes are in a namespace of its own. */
  const threads = async (uuid: string, look: string): Promise<[vcpu: string, said: string][]> => {
    const script =
      'cd "/proc/$(cat "/run/libvirt/qemu/xloud-$0.pid")/task" && for task in *; do ' +
      `echo "$(cat "$task/comm"): $(${look})"; done`;
    const { stdout } = await host.libvirtd.exec('sh', '-c', script, uuid);
    const lines = stdout.matchAll(/^CPU (\d+)\/TCG: (.*)$/gm);
    return Array.from(lines, ([, vcpu = '', said = '']): [string, string] => [vcpu, said]).toSorted(([a], [b]) =>
      a.localeCompare(b),
    );
  };
  /** The CPUs on which the host's kernel may run each vCPU of a guest. */
  const affinity = async (uuid: string): Promise<string[]> =>
    (await threads(uuid, 'grep Cpus_allowed_list "$task/status"')).map(
      ([vcpu, said]) => `${vcpu} on ${said.replace(/^Cpus_allowed_list:\s*/, '')}`,
    );

  it('the host tells of its nodes, divided as the operator says', async () => {
    const { vcpus, facts } = await host.driver.inventory();
    assert.deepEqual([vcpus, facts.dedicatedCpus], [2, 1]);
    assert.deepEqual([node.shared, node.dedicated], [node.cpus.includes(0) ? [0] : [], [1]]);
    assert.ok(node.pages?.some(({ sizeKib, total }) => sizeKib === 4 && total > 0));
  });

  it('a mixed guest has one vCPU on its own CPU and the other on the shared one, and sees its topology', async () => {
    const { topology, reason } = fitNuma(
      { cells: [node], usage: null, ratios: { cpu: 4, ram: 1 } },
      {
        ...{ cells: [{ dedicated: [1], shared: [0], memoryMb: MEMORY_MB }], pinned: true, threads: null },
        ...{ emulatorThreads: 'share', pages: 'small' },
      },
    );
    assert.equal(reason, null);
    const spec = specWith(topology as NumaTopology);
    const { uuid } = spec;
    assert.equal((await host.driver.spawn({ spec })).powerState, power.running);
    await host.ready(uuid);
    assert.deepEqual(await affinity(uuid), ['0 on 0', '1 on 1']);
    assert.match(await host.virsh('vcpupin', uuid), /^\s*0\s+0\s+1\s+1$/);
    assert.equal(await host.virsh('emulatorpin', uuid), '0');
    assert.match(await host.virsh('numatune', uuid), /numa_nodeset\s+: 0$/m);
    assert.deepEqual(
      (await inside(uuid, 'cat /sys/devices/system/cpu/cpu*/topology/physical_package_id')).split(/\s+/),
      ['0', '0', ''],
    );
    await host.driver.destroy({ uuid });
  });

  it('a real-time vCPU is scheduled before all others, and the guest’s memory stays where it is', async (t) => {
    const { topology } = fitNuma(
      { cells: [node], usage: null, ratios: { cpu: 4, ram: 1 } },
      {
        ...{ cells: [{ dedicated: [1], shared: [0], memoryMb: MEMORY_MB }], pinned: true, threads: null },
        ...{ realtime: [1], emulatorThreads: null, pages: null },
      },
    );
    const spec = specWith(topology as NumaTopology);
    const { uuid } = spec;
    const { realtime: _, ...usual } = topology as NumaTopology;
    await host.driver.spawn({ spec: { ...spec, numa: usual } });
    await host.driver.powerOff({ uuid, timeoutMs: 0 });
    const locks = await host.driver.powerOn({ spec }).then(
      () => true,
      (error: Error) => {
        assert.match(error.message, /cannot limit locked memory/);
        return false;
      },
    );
    if (!locks) {
      // the domain as it is, but for what this machine's root may not do
      t.diagnostic('this machine lets nobody lock memory (CAP_SYS_RESOURCE)');
      const script =
        'virsh dumpxml "$0" | grep -v "<locked/>" >/run/less.xml && virsh define /run/less.xml && virsh start "$0"';
      await host.libvirtd.exec('sh', '-c', script, uuid);
    }
    await host.ready(uuid);
    // policy 1 is SCHED_FIFO, 0 the usual one; both fields of proc_pid_stat(5)
    assert.deepEqual(await threads(uuid, `awk '{ print $(NF - 12), $(NF - 11) }' "$task/stat"`), [
      ['0', '0 0'],
      ['1', '1 1'],
    ]);
    assert.equal(await host.virsh('emulatorpin', uuid), '0');
    assert.equal(await inside(uuid, 'nproc'), '2\n');
    if (locks) {
      const script = 'grep VmLck "/proc/$(cat "/run/libvirt/qemu/xloud-$0.pid")/status"';
      const { stdout } = await host.libvirtd.exec('sh', '-c', script, uuid);
      assert.ok(Number(/(\d+) kB/.exec(stdout)?.[1]) >= MEMORY_MB * 1024, stdout);
    }
    await host.driver.destroy({ uuid });
  });

  it('a guest of two nodes sees both, with its vCPUs and memory in them', async () => {
    const cell = { memoryMb: MEMORY_MB / 2, floating: [], pageSizeKib: null, huge: false, hostNode: node.id };
    // the machine has one node, so the scheduler would find no place for two: both are put on it
    const spec = specWith({
      cells: [
        { ...cell, vcpus: [0], pinning: { 0: 1 } },
        { ...cell, vcpus: [1], pinning: { 1: 0 } },
      ],
      ...{ emulatorThreads: null, emulatorCpus: [] },
    });
    const { uuid } = spec;
    await host.driver.spawn({ spec });
    await host.ready(uuid);
    assert.deepEqual(await affinity(uuid), ['0 on 1', '1 on 0']);
    assert.match(await host.virsh('vcpupin', uuid), /^\s*0\s+1\s+1\s+0$/);
    const nodes = await inside(uuid, 'cd /sys/devices/system/node; for n in node*; do echo $n $(cat $n/cpulist); done');
    assert.equal(nodes, 'node0 0\nnode1 1\n');
    const memory = await inside(uuid, 'grep -h MemTotal /sys/devices/system/node/node*/meminfo');
    const totalsKib = [...memory.matchAll(/MemTotal:\s+(\d+) kB/g)].map(([, kib]) => Number(kib));
    assert.equal(totalsKib.length, 2);
    // the kernel keeps something of each for itself
    for (const kib of totalsKib) assert.ok(kib > (MEMORY_MB / 2 - 64) * 1024 && kib <= (MEMORY_MB / 2) * 1024, memory);
    await host.driver.destroy({ uuid });
  });

  it('a guest has its memory in huge pages, where the machine lets some be set aside', async (t) => {
    const before = await hugePages();
    // some for the guest's memory, and for what QEMU keeps beside it
    await writeFile(NR_HUGEPAGES, String(Number(before) + HUGE_PAGES)).catch(() => undefined);
    try {
      if (Number(await hugePages()) < Number(before) + HUGE_PAGES)
        return t.skip('this machine sets no huge pages aside');
      await host.libvirtd.exec('sh', '-c', 'mkdir /run/huge && mount -t hugetlbfs -o pagesize=2M none /run/huge');
      // it looks for them when it begins
      await host.libvirtd.restart();
      await eventually('the host to tell of them', NOTICE_MS, async () => {
        const { facts } = await host.driver.inventory().catch(() => ({ facts: { numaCells: [] } }));
        const cell = facts.numaCells.find(({ id }) => id === node.id);
        const pages = cell?.pages?.find(({ sizeKib }) => sizeKib === HUGE_KIB)?.total ?? 0;
        return pages >= HUGE_PAGES ? (node = cell as HostCell) : null;
      });
      const wish = { cells: [{ dedicated: [], shared: [0], memoryMb: MEMORY_MB }], pinned: false, threads: null };
      const where = { cells: [node], usage: null, ratios: { cpu: 4, ram: 1 } };
      const { topology } = fitNuma(where, { ...wish, emulatorThreads: null, pages: 'large' });
      assert.deepEqual(
        topology?.cells.map(({ pageSizeKib }) => pageSizeKib),
        [HUGE_KIB],
      );
      const one = { vcpus: 1, memoryMb: MEMORY_MB };
      const spec = host.spec({ ...{ maximum: one, minimum: one, boot: one }, numa: topology });
      await host.driver.spawn({ spec });
      await host.ready(spec.uuid);
      const free = /^HugePages_Free:\s+(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
      // all of the guest's memory is theirs, not only what it has touched
      assert.ok(Number(free) <= HUGE_PAGES + Number(before) - MEMORY_MB / 2, `${free} are free`);
      await host.driver.destroy({ uuid: spec.uuid });
    } finally {
      await writeFile(NR_HUGEPAGES, before).catch(() => undefined);
    }
  });
});

describe('a pinned server on libvirt', { concurrency: 1 }, () => {
  let world: GuestService;
  before(async () => {
    world = await startGuestService({
      flavor: { vcpus: 1, ram: MEMORY_MB },
      specs: { 'hw:cpu_policy': 'dedicated' },
      env: {
        ...{ XLOUD_COMPUTE__CPU_DEDICATED_SET: '1', XLOUD_COMPUTE__CPU_SHARED_SET: '0' },
        XLOUD_COMPUTE__RESERVED_MEMORY_MB: '0',
      },
    });
  });
  after(() => world?.close());

  it('has the only dedicated CPU, through a power cycle, and nobody else has it until it is gone', async () => {
    const server = await startElastic(world);
    const [node] = (await world.compute('GET', `/servers/${server.id}/topology`)).body.nodes;
    assert.deepEqual(node.cpu_pinning, { 0: 1 });
    const pinned = async () => assert.match(await world.virsh('vcpupin', server.id), /^\s*0\s+1$/);
    await pinned();
    assert.equal(await server.act({ reboot: { type: 'HARD' } }), 'ACTIVE');
    await pinned();

    const explained = await world.compute('POST', '/os-xloud-scheduler/explain', { flavor_id: world.flavorRef });
    assert.deepEqual(explained.body.hosts[0].refusals, [
      {
        filter: 'NUMATopologyFilter',
        reason: 'takes NUMA node 0 of the server nowhere (node 0: 0 dedicated CPUs are free, not 1)',
      },
    ]);
    await world.compute('DELETE', `/servers/${server.id}`);
    await eventually('the CPU to be free', NOTICE_MS, async () => {
      const { body } = await world.compute('POST', '/os-xloud-scheduler/explain', { flavor_id: world.flavorRef });
      return body.hosts[0].accepted === true ? true : null;
    });
  });
});
