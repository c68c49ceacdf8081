// Why: the NUMA nodes of hosts and of guests, what guests take of their host's nodes, and how it adds up.

import { invariant } from '../../base/invariant.ts';
import { ascending } from './cpu-set.ts';

/** A NUMA node of a host, as its agent reports it. */
export interface HostCell {
  readonly id: number;
  readonly cpus: readonly number[];
  readonly memoryMb: number;
  /** The socket in which all its processors are; absent: not known, or there are several. */
  readonly socket?: number;
  /** Those of its processors on which guests' vCPUs float; absent: all. */
  readonly shared?: readonly number[];
  /** Those that are given to single vCPUs (`cpu_dedicated_set`); absent: none. */
  readonly dedicated?: readonly number[];
  /** The threads of each core; absent: a core is one thread. */
  readonly cores?: readonly (readonly number[])[];
  /** Its memory in pages of each size, those that are reserved left out; absent: not known. */
  readonly pages?: readonly { readonly sizeKib: number; readonly total: number }[];
}

/** A NUMA node of a guest, and where it lies on its host. */
export interface NumaCell {
  /** The host's node on which it lies. */
  readonly hostNode: number;
  /** The guest's vCPUs in it. */
  readonly vcpus: readonly number[];
  readonly memoryMb: number;
  /** From vCPU to processor of the host; empty: none is pinned. */
  readonly pinning: Readonly<Record<string, number>>;
  /** The host's processors on which the other vCPUs float; empty: all are pinned. */
  readonly floating: readonly number[];
  /** KiB; null: the host's choice. */
  readonly pageSizeKib: number | null;
  /** Whether these are larger than the host's usual ones. */
  readonly huge: boolean;
}

export interface NumaTopology {
  readonly cells: readonly NumaCell[];
  /** `isolate`: what the hypervisor itself does for the guest has a processor of its own. */
  readonly emulatorThreads: 'share' | 'isolate' | null;
  /** That processor; empty: it has none. */
  readonly emulatorCpus: readonly number[];
  /** The vCPUs that run under a real-time scheduler; absent: none. */
  readonly realtime?: readonly number[];
}

/** What guests take of one node of their host. */
export interface CellUsage {
  /** Processors that are given to vCPUs. */
  readonly pinned: readonly number[];
  /** Processors that are given to the hypervisor's own threads. */
  readonly emulator: readonly number[];
  /** vCPUs that float on its shared processors. */
  readonly floating: number;
  /** MiB by the size of their pages in KiB; 0: the host's choice. */
  readonly memoryMb: Readonly<Record<string, number>>;
}

/** By the number of the host's node; nodes of which nothing is taken are left out. */
export type NumaUsage = Readonly<Record<string, CellUsage>>;

const unused: CellUsage = { pinned: [], emulator: [], floating: 0, memoryMb: {} };

export const usageOf = (usage: NumaUsage | null, cell: number): CellUsage => usage?.[cell] ?? unused;

/** The dedicated processors that are taken for vCPUs. */
export function pinnedCount(usage: NumaUsage | null): number {
  if (usage === null) return 0;
  return Object.values(usage).reduce((sum, { pinned }) => sum + pinned.length, 0);
}

/** vCPUs of a guest that are pinned. */
export const dedicatedVcpus = (topology: Pick<NumaTopology, 'cells'> | null): number =>
  (topology?.cells ?? []).reduce((sum, { pinning }) => sum + Object.keys(pinning).length, 0);

const isEmpty = ({ pinned, emulator, floating, memoryMb }: CellUsage): boolean =>
  pinned.length + emulator.length + floating + Object.keys(memoryMb).length === 0;

/** Once each: while the two claims of a move change places, one of them counts twice. */
function without(set: readonly number[], cpus: readonly number[]): number[] {
  const left = [...set];
  for (const cpu of cpus) {
    const at = left.indexOf(cpu);
    if (at !== -1) left.splice(at, 1);
  }
  return left;
}

/** A part of usage with a guest's share added (1) or taken away (-1). */
function changed(before: CellUsage, { cells, emulatorCpus }: NumaTopology, node: number, sign: 1 | -1): CellUsage {
  const move = (set: readonly number[], cpus: readonly number[]): number[] =>
    sign === 1 ? ascending([...set, ...cpus]) : without(set, cpus);
  const memoryMb: Record<string, number> = { ...before.memoryMb };
  let { pinned, floating, emulator } = before;
  for (const [index, cell] of cells.entries()) {
    if (cell.hostNode !== node) continue;
    const pins = Object.values(cell.pinning);
    pinned = move(pinned, pins);
    floating += sign * (cell.vcpus.length - pins.length);
    // the hypervisor's own processor is of the node on which the guest's first one lies
    if (index === 0) emulator = move(emulator, emulatorCpus);
    const size = String(cell.pageSizeKib ?? 0);
    const left = (memoryMb[size] ?? 0) + sign * cell.memoryMb;
    invariant(left >= 0 && floating >= 0, `of node ${node} no more is given back than was taken`);
    if (left === 0) delete memoryMb[size];
    else memoryMb[size] = left;
  }
  return { pinned, emulator, floating, memoryMb };
}

/** What is taken of a host with a guest's share added (1) or taken away (-1); null: nothing. */
export function withTopology(usage: NumaUsage | null, topology: NumaTopology | null, sign: 1 | -1): NumaUsage | null {
  if (topology === null) return usage;
  const next: Record<string, CellUsage> = { ...usage };
  for (const node of new Set(topology.cells.map(({ hostNode }) => hostNode))) {
    const cell = changed(usageOf(usage, node), topology, node, sign);
    if (isEmpty(cell)) delete next[node];
    else next[node] = cell;
  }
  return Object.keys(next).length === 0 ? null : next;
}
