// Why: whether a host can take a guest's NUMA nodes, and on which of its own they lie then, with which processors and pages. A
// pure decision: the filter asks it for a reason, the claim for the placement.

import type { ThreadPolicy } from './cpu-policy.ts';
import { matching } from '../placement/matching.ts';
import type { PageRequest } from './memory-pages.ts';
import type { HostCell, NumaCell, NumaTopology, NumaUsage } from './numa.ts';
import { type CellUsage, usageOf } from './numa.ts';
import type { NumaRequest, RequestedCell } from './numa-request.ts';

/** What of a host the decision reads. */
export interface NumaHost {
  readonly cells: readonly HostCell[];
  /** What the servers there have. */
  readonly usage: NumaUsage | null;
  readonly ratios: { readonly cpu: number; readonly ram: number };
}

export type NumaFit =
  | { readonly topology: NumaTopology; readonly reason: null }
  /** A clause for people. */
  | { readonly topology: null; readonly reason: string };

/** One of the guest's nodes on one of the host's, or why it cannot be there. */
type CellFit = { readonly cell: NumaCell; readonly emulatorCpus: readonly number[] } | string;

const MIB_KIB = 1024;

// --- processors -----------------------------------------------------------------------------------------------------

const coresOf = ({ cores, cpus }: HostCell): readonly (readonly number[])[] => cores ?? cpus.map((cpu) => [cpu]);

/** The dedicated processors of a node that nobody has, by core. */
function freeCores(host: HostCell, { pinned, emulator }: CellUsage): number[][] {
  const free = new Set(host.dedicated);
  for (const cpu of pinned) free.delete(cpu);
  for (const cpu of emulator) free.delete(cpu);
  return coresOf(host)
    .map((core) => core.filter((cpu) => free.has(cpu)))
    .filter((core) => core.length > 0);
}

/** As many processors: as many threads of each core as `threads`, so that whole cores are shared by nobody else. */
function taken(cores: readonly (readonly number[])[], threads: number, count: number): number[] | null {
  const usable = cores.filter((core) => core.length >= threads).map((core) => core.slice(0, threads));
  return usable.length * threads >= count ? usable.flat().slice(0, count) : null;
}

/** `count` free processors under a policy for threads, or why there are none. */
function pick(host: HostCell, cores: number[][], count: number, policy: ThreadPolicy | null): number[] | string {
  const perCore = Math.max(1, ...coresOf(host).map((core) => core.length));
  if (policy === 'isolate' && perCore > 1) return 'its cores have threads, which isolate forbids';
  if (policy === 'require' && perCore < 2) return 'its cores have no threads, which require asks for';
  const fewest = policy === 'require' ? 2 : 1;
  for (let threads = perCore; threads >= fewest; threads -= 1) {
    const cpus = taken(cores, threads, count);
    if (cpus !== null) return cpus;
  }
  const all = cores.flat();
  if (policy !== 'require' && all.length >= count) return all.slice(0, count);
  return `${all.length} dedicated CPUs are free${policy === 'require' ? ', too few of them threads of one core' : ''}, not ${count}`;
}

// --- memory ---------------------------------------------------------------------------------------------------------

/** The sizes of pages that a wish allows, the largest first. */
function sizesOf(pages: PageRequest, known: readonly number[]): readonly number[] {
  const sizes = known.toSorted((a, b) => b - a);
  if (pages === 'any') return sizes;
  if (pages === 'small') return sizes.slice(-1);
  if (pages === 'large') return sizes.slice(0, -1);
  return sizes.includes(pages) ? [pages] : [];
}

/** MiB of the pages of one size that guests have; the smallest pages are also those of guests that asked for no size. */
function usedMb({ memoryMb }: CellUsage, sizeKib: number, smallest: boolean): number {
  return (memoryMb[sizeKib] ?? 0) + (smallest ? (memoryMb['0'] ?? 0) : 0);
}

const smallestOf = ({ pages = [] }: HostCell): number => Math.min(...pages.map(({ sizeKib }) => sizeKib));

const sumMb = ({ memoryMb }: CellUsage): number => Object.values(memoryMb).reduce((sum, mb) => sum + mb, 0);

/** The size of the pages for a node's memory (null: the host's choice), or why it has none. */
function memoryFit(
  host: HostCell,
  used: CellUsage,
  request: NumaRequest,
  memoryMb: number,
  ratio: number,
): number | null | string {
  const pools = host.pages ?? [];
  const smallest = smallestOf(host);
  const freeMb = (sizeKib: number, total: number): number =>
    Math.floor((total * sizeKib) / MIB_KIB) - usedMb(used, sizeKib, sizeKib === smallest);
  if (request.pages !== null) {
    for (const size of sizesOf(
      request.pages,
      pools.map(({ sizeKib }) => sizeKib),
    )) {
      const { total } = pools.find(({ sizeKib }) => sizeKib === size) as { total: number };
      if ((memoryMb * MIB_KIB) % size === 0 && freeMb(size, total) >= memoryMb) return size;
    }
    return `${memoryMb} MiB are not free in pages of the size ${request.pages}`;
  }
  const pool = pools.find(({ sizeKib }) => sizeKib === smallest);
  const [wholeMb, leftMb] =
    pool === undefined
      ? [host.memoryMb, host.memoryMb - sumMb(used)]
      : [Math.floor((pool.total * pool.sizeKib) / MIB_KIB), freeMb(pool.sizeKib, pool.total)];
  // a guest with dedicated processors is promised its memory too; others may share theirs, but not with themselves
  if (request.pinned)
    return leftMb >= memoryMb ? null : `${Math.max(0, leftMb)} MiB of memory are free, not ${memoryMb}`;
  if (memoryMb > wholeMb) return `it has ${wholeMb} MiB of memory, not ${memoryMb}`;
  const promisedMb = Math.floor(host.memoryMb * ratio) - sumMb(used);
  return promisedMb >= memoryMb ? null : `${Math.max(0, promisedMb)} MiB of memory can be promised, not ${memoryMb}`;
}

// --- one node on one node -------------------------------------------------------------------------------------------

const sharedOf = ({ shared, cpus }: HostCell): readonly number[] => shared ?? cpus;

function cellFit(
  host: HostCell,
  { usage, ratios }: NumaHost,
  request: NumaRequest,
  cell: RequestedCell,
  first: boolean,
): CellFit {
  const used = usageOf(usage, host.id);
  const page = memoryFit(host, used, request, cell.memoryMb, ratios.ram);
  if (typeof page === 'string') return page;
  const shared = sharedOf(host);
  if (cell.shared.length > shared.length) return `it has ${shared.length} shared CPUs, not ${cell.shared.length}`;
  const room = Math.floor(shared.length * ratios.cpu) - used.floating;
  if (cell.shared.length > 0 && cell.shared.length > room) {
    return `${Math.max(0, room)} more vCPUs may share its CPUs, not ${cell.shared.length}`;
  }
  const emulators = first && request.emulatorThreads === 'isolate' ? 1 : 0;
  const cores = freeCores(host, used);
  const cpus = cell.dedicated.length === 0 ? [] : pick(host, cores, cell.dedicated.length, request.threads);
  if (typeof cpus === 'string') return cpus;
  const emulatorCpus = cores
    .flat()
    .filter((cpu) => !cpus.includes(cpu))
    .slice(0, emulators);
  if (emulatorCpus.length < emulators) return 'no dedicated CPU is left for the emulator’s threads';
  return {
    cell: {
      hostNode: host.id,
      vcpus: [...cell.dedicated, ...cell.shared].toSorted((a, b) => a - b),
      memoryMb: cell.memoryMb,
      pinning: Object.fromEntries(cell.dedicated.map((vcpu, index) => [vcpu, cpus[index] as number])),
      floating: cell.shared.length === 0 ? [] : shared,
      pageSizeKib: page,
      huge: page !== null && page > smallestOf(host),
    },
    emulatorCpus,
  };
}

// --- all nodes ------------------------------------------------------------------------------------------------------

const freeMemory = (host: HostCell, used: CellUsage): number => host.memoryMb - sumMb(used);

/** The host's nodes, after `first` those that have most left (Nova spreads servers over nodes). */
function inOrder({ cells, usage }: NumaHost, { pinned }: NumaRequest, first: number | null): HostCell[] {
  const used = (cell: HostCell): CellUsage => usageOf(usage, cell.id);
  const load = (cell: HostCell): number => (pinned ? -freeCores(cell, used(cell)).flat().length : used(cell).floating);
  return cells.toSorted(
    (a, b) =>
      Number(b.id === first) - Number(a.id === first) ||
      load(a) - load(b) ||
      freeMemory(b, used(b)) - freeMemory(a, used(a)),
  );
}

/** Whether the operator named the processors on which vCPUs, and the hypervisor's own threads, float. */
const namesShared = ({ cells }: NumaHost): boolean => cells.some(({ shared = [] }) => shared.length > 0);

function reasonOf(hosts: readonly HostCell[], fits: readonly (readonly CellFit[])[]): string {
  const guest = fits.findIndex((row) => row.every((fit) => typeof fit === 'string'));
  if (guest === -1) return 'takes each of the NUMA nodes, but not all of them at once';
  const why = (fits[guest] as readonly string[]).map((text, index) => `node ${hosts[index]?.id}: ${text}`);
  return `takes NUMA node ${guest} of the server nowhere (${why.join('; ')})`;
}

/**
 * Where a guest's NUMA nodes lie on a host, or why they do not fit. Each lies on a node of its own.
 * @param first the host's node that shall be one of them if any can lie there; null: none in particular
 */
export function fitNuma(host: NumaHost, request: NumaRequest, first: number | null = null): NumaFit {
  const refused = (reason: string): NumaFit => ({ topology: null, reason });
  if (host.cells.length < request.cells.length)
    return refused(`has ${host.cells.length} NUMA nodes, not ${request.cells.length}`);
  if (request.pinned && host.cells.every(({ dedicated }) => dedicated === undefined || dedicated.length === 0)) {
    return refused('has no dedicated CPUs (cpu_dedicated_set)');
  }
  if (request.realtime !== undefined && request.emulatorThreads === 'share' && !namesShared(host)) {
    return refused('has no shared CPUs (cpu_shared_set) for the emulator’s threads beside real-time vCPUs');
  }
  const hosts = host.cells.length > request.cells.length ? inOrder(host, request, first) : host.cells;
  const fits = request.cells.map((cell, index) => hosts.map((node) => cellFit(node, host, request, cell, index === 0)));
  const nodes = matching(fits.map((row) => [...row.keys()].filter((node) => typeof row[node] !== 'string')));
  if (nodes === null) return refused(reasonOf(hosts, fits));
  const chosen = nodes.map((node, guest) => fits[guest]?.[node] as Exclude<CellFit, string>);
  return {
    reason: null,
    topology: {
      cells: chosen.map(({ cell }) => cell),
      emulatorThreads: request.emulatorThreads,
      emulatorCpus: chosen.flatMap(({ emulatorCpus }) => emulatorCpus),
      ...(request.realtime === undefined ? {} : { realtime: request.realtime }),
    },
  };
}
