// Whatever the host, its load and the wish: a placement keeps every promise, and a refusal has a reason.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  dedicatedVcpus,
  type HostCell,
  type NumaTopology,
  type NumaUsage,
  pinnedCount,
  usageOf,
  withTopology,
} from '../../../../src/domain/numa/numa.ts';
import { fitNuma, type NumaHost } from '../../../../src/domain/numa/numa-fit.ts';
import type { NumaRequest } from '../../../../src/domain/numa/numa-request.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

/** Two nodes of four cores of two threads and 8 GiB: CPU 0 and 1 of each shared, the others dedicated; 2 GiB in huge pages. */
const cell = (id: number, more: Partial<HostCell> = {}): HostCell => ({
  id,
  cpus: range(id * 8, 8),
  shared: range(id * 8, 2),
  dedicated: range(id * 8 + 2, 6),
  cores: [0, 2, 4, 6].map((cpu) => [id * 8 + cpu, id * 8 + cpu + 1]),
  memoryMb: 8192,
  pages: [
    { sizeKib: 4, total: (6144 * 1024) / 4 },
    { sizeKib: 2048, total: 1024 },
  ],
  ...more,
});

const host = (more: Partial<NumaHost> = {}): NumaHost => ({
  cells: [cell(0), cell(1)],
  usage: null,
  ratios: { cpu: 2, ram: 1 },
  ...more,
});

const aRequest = (more: Partial<NumaRequest> = {}): NumaRequest => ({
  cells: [{ dedicated: [0, 1], shared: [], memoryMb: 1024 }],
  ...{ pinned: true, threads: null, emulatorThreads: null, pages: null },
  ...more,
});

const pins = (topology: NumaTopology | null) => topology?.cells.map(({ hostNode, pinning }) => [hostNode, pinning]);

describe('where NUMA nodes lie', () => {
  it('threads of one core go together, unless there are too few', () => {
    const placed = fitNuma(host(), aRequest());
    assert.deepEqual(pins(placed.topology), [[0, { 0: 2, 1: 3 }]]);
    const three = aRequest({ cells: [{ dedicated: [0, 1, 2], shared: [], memoryMb: 1024 }] });
    const usage = withTopology(null, placed.topology, 1);
    // the node with more left, with a whole core and a half
    assert.deepEqual(pins(fitNuma(host({ usage }), three).topology), [[1, { 0: 10, 1: 11, 2: 12 }]]);
  });

  it('cores without threads take what asks for them, and the other way round', () => {
    const plain = [cell(0, { cores: range(0, 8).map((cpu) => [cpu]) })];
    const isolate = aRequest({ threads: 'isolate' });
    const require = aRequest({ threads: 'require' });
    assert.deepEqual(pins(fitNuma(host({ cells: plain }), isolate).topology), [[0, { 0: 2, 1: 3 }]]);
    assert.match(fitNuma(host(), isolate).reason ?? '', /node 0: its cores have threads, which isolate forbids/);
    assert.match(
      fitNuma(host({ cells: plain }), require).reason ?? '',
      /its cores have no threads, which require asks/,
    );
    const [half] = [withTopology(null, { ...topologyOf([2, 4, 6]), emulatorThreads: null, emulatorCpus: [] }, 1)];
    assert.match(
      fitNuma(host({ cells: [cell(0)], usage: half }), require).reason ?? '',
      /too few of them threads of one core/,
    );
  });

  it('a mixed server’s other vCPUs float on the shared CPUs', () => {
    const mixed = aRequest({ cells: [{ dedicated: [1], shared: [0, 2], memoryMb: 1024 }] });
    const { topology } = fitNuma(host(), mixed);
    assert.deepEqual(topology?.cells, [
      {
        ...{ hostNode: 0, vcpus: [0, 1, 2], memoryMb: 1024, pinning: { 1: 2 }, floating: [0, 1], pageSizeKib: null },
        huge: false,
      },
    ]);
    const many = aRequest({ cells: [{ dedicated: [0], shared: [1, 2, 3], memoryMb: 1024 }] });
    assert.match(fitNuma(host(), many).reason ?? '', /node 0: it has 2 shared CPUs, not 3/);
  });

  it('the emulator has a CPU of its own where it is isolated', () => {
    const { topology } = fitNuma(host(), aRequest({ emulatorThreads: 'isolate' }));
    assert.deepEqual(topology?.emulatorCpus, [4]);
    const all = aRequest({ emulatorThreads: 'isolate', cells: [{ dedicated: range(0, 6), shared: [], memoryMb: 64 }] });
    assert.match(fitNuma(host(), all).reason ?? '', /no dedicated CPU is left for the emulator/);
  });

  it('real-time vCPUs stay what they are, and leave the emulator a CPU where it shall share', () => {
    const wish = aRequest({ realtime: [0, 1], emulatorThreads: 'share' });
    assert.deepEqual(fitNuma(host(), wish).topology?.realtime, [0, 1]);
    const unnamed = host({ cells: [cell(0, { shared: [] })] });
    assert.match(fitNuma(unnamed, wish).reason ?? '', /^has no shared CPUs \(cpu_shared_set\) for the emulator/);
    assert.equal(fitNuma(unnamed, { ...wish, emulatorThreads: 'isolate' }).reason, null);
    assert.equal(fitNuma(host(), aRequest()).topology?.realtime, undefined);
  });

  it('pages are of the size that is asked for, the largest first', () => {
    const sized = (pages: NumaRequest['pages'], memoryMb = 1024) => {
      const { topology, reason } = fitNuma(
        host(),
        aRequest({ pages, cells: [{ dedicated: [], shared: [0], memoryMb }], pinned: false }),
      );
      return reason ?? topology?.cells.map(({ pageSizeKib, huge }) => [pageSizeKib, huge]);
    };
    assert.deepEqual(sized('any'), [[2048, true]]);
    assert.deepEqual(sized('any', 4096), [[4, false]]);
    assert.deepEqual(sized('small'), [[4, false]]);
    assert.deepEqual(sized('large'), [[2048, true]]);
    assert.deepEqual(sized(2048), [[2048, true]]);
    assert.match(String(sized('large', 2050)), /node 0: 2050 MiB are not free in pages of the size large/);
    assert.match(String(sized(1_048_576)), /1024 MiB are not free in pages of the size 1048576/);
    assert.match(String(sized(2048, 1025)), /1025 MiB are not free/);
  });

  it('each node of the server has a node of the host to itself', () => {
    const two = (first: number, second: number) =>
      aRequest({
        cells: [
          { dedicated: [0], shared: [], memoryMb: first },
          { dedicated: [1], shared: [], memoryMb: second },
        ],
      });
    const cells = [cell(0), cell(1, { memoryMb: 2048, pages: [] })];
    // the first one must give way to the second
    assert.deepEqual(
      fitNuma(host({ cells }), two(1024, 4096)).topology?.cells.map(({ hostNode }) => hostNode),
      [1, 0],
    );
    assert.equal(
      fitNuma(host({ cells }), two(4096, 4096)).reason,
      'takes each of the NUMA nodes, but not all of them at once',
    );
    assert.equal(fitNuma(host({ cells: [cell(0)] }), two(1, 1)).reason, 'has 1 NUMA nodes, not 2');
    const { dedicated: _none, ...undivided } = cell(0);
    assert.equal(fitNuma(host({ cells: [undivided] }), aRequest()).reason, 'has no dedicated CPUs (cpu_dedicated_set)');
  });
});

/** One node with these CPUs of the host's first. */
function topologyOf(cpus: readonly number[]): Pick<NumaTopology, 'cells'> {
  const pinning = Object.fromEntries(cpus.map((cpu, index) => [index, cpu]));
  const vcpus = cpus.map((_, index) => index);
  return { cells: [{ hostNode: 0, vcpus, memoryMb: 64, pinning, floating: [], pageSizeKib: null, huge: false }] };
}

const hosts: fc.Arbitrary<NumaHost> = fc
  .record({
    nodes: fc.integer({ min: 1, max: 4 }),
    cores: fc.integer({ min: 1, max: 4 }),
    threads: fc.constantFrom(1, 2, 4),
  })
  .chain(({ nodes, cores, threads }) => {
    const each = cores * threads;
    return fc.record({
      cells: fc.tuple(
        ...range(0, nodes).map((id) =>
          fc
            .record({
              dedicated: fc.subarray(range(id * each, each)),
              huge: fc.nat(512),
              memoryMb: fc.integer({ min: 512, max: 4096 }),
            })
            .map(
              ({ dedicated, huge, memoryMb }): HostCell => ({
                ...{ id, cpus: range(id * each, each), memoryMb, dedicated },
                shared: range(id * each, each).filter((cpu) => !dedicated.includes(cpu)),
                cores: range(0, cores).map((core) => range(id * each + core * threads, threads)),
                pages: [
                  { sizeKib: 4, total: memoryMb * 256 },
                  { sizeKib: 2048, total: huge },
                ],
              }),
            ),
        ),
      ),
      usage: fc.constant(null),
      ratios: fc.record({ cpu: fc.constantFrom(1, 2, 4), ram: fc.constantFrom(1, 1.5) }),
    });
  });

const wishes: fc.Arbitrary<NumaRequest> = fc
  .record({
    cells: fc.array(fc.record({ dedicated: fc.nat(3), shared: fc.nat(2), memory: fc.integer({ min: 1, max: 12 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    threads: fc.constantFrom(null, 'prefer', 'isolate', 'require'),
    emulatorThreads: fc.constantFrom(null, 'share', 'isolate'),
    pages: fc.constantFrom<NumaRequest['pages'][]>(null, 'small', 'large', 'any', 2048, 4096),
  } as const)
  .map(({ cells, threads, emulatorThreads, pages }): NumaRequest => {
    let next = 0;
    const take = (count: number): number[] => range((next += count) - count, count);
    const wished = cells.map(({ dedicated, shared, memory }) => ({
      dedicated: take(dedicated),
      shared: take(shared),
      memoryMb: memory * 64,
    }));
    const pinned = wished.some(({ dedicated }) => dedicated.length > 0);
    return {
      cells: wished,
      pinned,
      threads: pinned ? threads : null,
      emulatorThreads: pinned ? emulatorThreads : null,
      pages,
    };
  });

/** What must be true of one server's placement beside what others have. */
function checkPlacement(at: NumaHost, wish: NumaRequest, topology: NumaTopology): void {
  const { cells, emulatorCpus } = topology;
  assert.equal(new Set(cells.map(({ hostNode }) => hostNode)).size, wish.cells.length);
  assert.equal(emulatorCpus.length, wish.emulatorThreads === 'isolate' ? 1 : 0);
  for (const [index, { hostNode, vcpus, memoryMb, pinning, floating, pageSizeKib, huge }] of cells.entries()) {
    const wished = wish.cells[index] as NumaRequest['cells'][number];
    const node = at.cells.find(({ id }) => id === hostNode) as HostCell;
    const cpus = Object.values(pinning);
    assert.deepEqual(
      vcpus,
      [...wished.dedicated, ...wished.shared].toSorted((a, b) => a - b),
    );
    assert.deepEqual(Object.keys(pinning).map(Number), wished.dedicated);
    assert.equal(memoryMb, wished.memoryMb);
    assert.ok(cpus.every((cpu) => node.dedicated?.includes(cpu)));
    assert.deepEqual(floating, wished.shared.length > 0 ? node.shared : []);
    const siblings = cpus.map((cpu) =>
      cpus.filter((other) => node.cores?.some((core) => core.includes(cpu) && core.includes(other))),
    );
    if (wish.threads === 'isolate') assert.ok(siblings.every((core) => core.length === 1));
    // an odd one may be left over
    if (wish.threads === 'require') assert.ok(siblings.filter((core) => core.length === 1).length <= 1);
    if (wish.pages === null) assert.equal(pageSizeKib, null);
    else {
      assert.ok(node.pages?.some(({ sizeKib }) => sizeKib === pageSizeKib));
      assert.equal((memoryMb * 1024) % (pageSizeKib as number), 0);
      assert.equal(huge, (pageSizeKib as number) > 4);
      if (typeof wish.pages === 'number') assert.equal(pageSizeKib, wish.pages);
      if (wish.pages === 'large') assert.ok(huge);
      if (wish.pages === 'small') assert.ok(!huge);
    }
  }
}

/** What must be true of a host however many servers are on it. */
function checkHost({ cells, ratios }: NumaHost, usage: NumaUsage | null, onlyPinned: boolean): void {
  for (const node of cells) {
    const { pinned, emulator, floating, memoryMb } = usageOf(usage, node.id);
    const taken = [...pinned, ...emulator];
    assert.equal(new Set(taken).size, taken.length, 'a processor is given away twice');
    assert.ok(taken.every((cpu) => node.dedicated?.includes(cpu)));
    assert.ok(floating <= (node.shared?.length ?? 0) * ratios.cpu);
    const hugeMb = memoryMb['2048'] ?? 0;
    assert.ok(hugeMb <= (node.pages?.[1]?.total ?? 0) * 2);
    const smallMb = (memoryMb['0'] ?? 0) + (memoryMb['4'] ?? 0);
    if (onlyPinned) assert.ok(smallMb <= node.memoryMb);
    assert.ok((memoryMb['4'] ?? 0) <= node.memoryMb);
    if ((memoryMb['0'] ?? 0) > 0) assert.ok(smallMb <= node.memoryMb * ratios.ram + (memoryMb['4'] ?? 0));
  }
}

describe('any placement', () => {
  it('keeps its promises, beside any others, or has a reason', () => {
    fc.assert(
      fc.property(hosts, fc.array(wishes, { maxLength: 8 }), (at, asked) => {
        let usage: NumaUsage | null = null;
        const placed: NumaTopology[] = [];
        for (const wish of asked) {
          const fit = fitNuma({ ...at, usage }, wish);
          if (fit.topology === null) {
            assert.ok(fit.reason.length > 0);
            continue;
          }
          checkPlacement(at, wish, fit.topology);
          usage = withTopology(usage, fit.topology, 1);
          placed.push(fit.topology);
          checkHost(
            at,
            usage,
            asked.every(({ pinned }) => pinned),
          );
          assert.equal(
            pinnedCount(usage),
            placed.reduce((sum, topology) => sum + dedicatedVcpus(topology), 0),
          );
        }
        for (const topology of placed.toReversed()) usage = withTopology(usage, topology, -1);
        assert.equal(usage, null);
      }),
    );
  });

  it('is found on an empty host whose nodes are each large enough', () => {
    fc.assert(
      fc.property(hosts, wishes, (at, asked) => {
        const least = (part: 'dedicated' | 'shared') => Math.min(...at.cells.map((node) => node[part]?.length ?? 0));
        const cells = asked.cells.slice(0, at.cells.length).map(({ dedicated, shared }) => ({
          // one is left for the emulator
          dedicated: dedicated.slice(0, Math.max(0, least('dedicated') - 1)),
          shared: shared.slice(0, least('shared')),
          memoryMb: 64,
        }));
        const pinned = cells.some(({ dedicated }) => dedicated.length > 0);
        const wish = { ...asked, cells, pinned, threads: null, pages: null };
        if (!pinned) wish.emulatorThreads = null;
        assert.equal(fitNuma(at, wish).reason, null);
      }),
    );
  });
});
