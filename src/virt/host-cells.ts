// Why: the operator says which CPUs of a host are dedicated to single vCPUs, which are shared, and which huge pages are not for
// guests. What a driver reads of its machine is divided by that in one way. Nova's options, syntax and rules.

import { Fault } from '../base/errors.ts';
import { readCpuSet } from '../domain/numa/cpu-set.ts';
import type { HostFacts } from '../domain/placement/hosts.ts';
import type { HostCell } from '../domain/numa/numa.ts';

/** What is not for everybody on a host. */
export interface CpuDivision {
  /** CPUs that are each given to one vCPU; null: none. */
  readonly dedicated: ReadonlySet<number> | null;
  /** CPUs that the others share; null: all where none is dedicated, else none. */
  readonly shared: ReadonlySet<number> | null;
  readonly reservedPages: readonly ReservedPages[];
}

export interface ReservedPages {
  readonly node: number;
  readonly sizeKib: number;
  readonly count: number;
}

export const undivided: CpuDivision = { dedicated: null, shared: null, reservedPages: [] };

const bad = (option: string, why: string): Fault =>
  new Fault('internal', `configuration: compute.${option}: ${why}`, { code: 'config' });

function cpusOf(option: string, text: string): ReadonlySet<number> | null {
  if (text.trim() === '') return null;
  const { cpus, problem } = readCpuSet(text);
  if (problem !== null) throw bad(option, problem);
  if (cpus.length === 0) throw bad(option, `no CPUs are in ${text}`);
  return new Set(cpus);
}

const PAGES = /^node:(\d{1,5}),size:(\d{1,9}),count:(\d{1,9})$/;

function pagesOf(text: string): ReservedPages[] {
  return text
    .split(/\s+/)
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [, node, size, count] = PAGES.exec(entry) ?? [];
      if (count === undefined) throw bad('reserved_huge_pages', `node:N,size:KiB,count:N is wanted, not ${entry}`);
      return { node: Number(node), sizeKib: Number(size), count: Number(count) };
    });
}

/** The options as their values. Throws a fault that names the one that is wrong. */
export function readDivision(options: {
  readonly cpu_dedicated_set: string;
  readonly cpu_shared_set: string;
  readonly reserved_huge_pages: string;
}): CpuDivision {
  const dedicated = cpusOf('cpu_dedicated_set', options.cpu_dedicated_set);
  const shared = cpusOf('cpu_shared_set', options.cpu_shared_set);
  if (dedicated !== null && shared !== null && [...dedicated].some((cpu) => shared.has(cpu))) {
    throw bad('cpu_dedicated_set', 'it and cpu_shared_set must have no CPU in common');
  }
  return { dedicated, shared, reservedPages: pagesOf(options.reserved_huge_pages) };
}

/** The processors on which guests' vCPUs may float. */
const sharedOf = ({ dedicated, shared }: CpuDivision, cpus: readonly number[]): readonly number[] =>
  shared === null && dedicated === null ? cpus : cpus.filter((cpu) => shared?.has(cpu) ?? false);

function dividedCell(cell: HostCell, division: CpuDivision): HostCell {
  const { dedicated, shared, reservedPages } = division;
  const pages = cell.pages?.map(({ sizeKib, total }) => {
    const reserved = reservedPages.find((entry) => entry.node === cell.id && entry.sizeKib === sizeKib)?.count ?? 0;
    return { sizeKib, total: Math.max(0, total - reserved) };
  });
  const own = dedicated === null ? [] : cell.cpus.filter((cpu) => dedicated.has(cpu));
  return {
    ...cell,
    ...(dedicated === null && shared === null ? {} : { shared: sharedOf(division, cell.cpus) }),
    ...(own.length === 0 ? {} : { dedicated: own }),
    ...(pages === undefined ? {} : { pages }),
  };
}

/** A machine's nodes as guests may use them, and how many CPUs these have; a machine without nodes is left as it is. */
export function divideCells(
  cells: readonly HostCell[],
  vcpus: number,
  division: CpuDivision,
): Pick<HostFacts, 'numaCells' | 'dedicatedCpus'> & { readonly vcpus: number } {
  const numaCells = cells.map((cell) => dividedCell(cell, division));
  if (division.dedicated === null && division.shared === null) return { numaCells, vcpus };
  const count = (part: (cell: HostCell) => readonly number[] | undefined): number =>
    numaCells.reduce((sum, cell) => sum + (part(cell)?.length ?? 0), 0);
  const dedicatedCpus = count(({ dedicated }) => dedicated);
  return { numaCells, dedicatedCpus, vcpus: dedicatedCpus + count(({ shared }) => shared) };
}
