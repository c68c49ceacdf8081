// Why: a flavor and an image together say which NUMA nodes, processors and pages a guest shall have, or contradict each other.
// Nova's rules and texts (`numa_get_constraints`), read here and nowhere else.

import { badRequest } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { cpuRequestOf, type EmulatorThreads, type ThreadPolicy } from './cpu-policy.ts';
import { type FlavorSnapshot, maximumOf, minimumOf } from '../machines/flavors.ts';
import { locksMemory, pagesOf, type PageRequest } from './memory-pages.ts';
import { sameSize } from '../adjustment/size.ts';
import {
  badImage,
  cpusOf,
  noNumber,
  said,
  type RequestedFlavor,
  type RequestedImage,
} from '../machines/request-words.ts';

export interface RequestedCell {
  /** vCPUs of the guest that each get a processor of their own. */
  readonly dedicated: readonly number[];
  /** The others. */
  readonly shared: readonly number[];
  readonly memoryMb: number;
}

/** The NUMA nodes that a guest shall have. */
export interface NumaRequest {
  readonly cells: readonly RequestedCell[];
  /** Whether it has dedicated vCPUs, so that nothing of it is overcommitted. */
  readonly pinned: boolean;
  /** Those of the dedicated vCPUs that run under a real-time scheduler; absent: none. */
  readonly realtime?: readonly number[];
  readonly threads: ThreadPolicy | null;
  readonly emulatorThreads: EmulatorThreads | null;
  /** Null: the host's choice. */
  readonly pages: PageRequest | null;
}

/** How many vCPUs get processors of their own. */
export const pinnedOf = (request: NumaRequest | null): number =>
  request === null ? 0 : request.cells.reduce((sum, { dedicated }) => sum + dedicated.length, 0);

const overrides = (name: string) =>
  badRequest(`Image property '${name}' is not permitted to override NUMA configuration set against the flavor`);

function nodesOf(flavor: RequestedFlavor, image: RequestedImage): number | null {
  const [own, wanted] = said(flavor, image, 'numa_nodes');
  if (wanted !== undefined && !/^[+-]?\d+$/.test(wanted.trim())) throw badImage(noNumber(wanted));
  if (own !== undefined && wanted !== undefined) throw overrides('hw_numa_nodes');
  const nodes = own ?? wanted;
  if (nodes === undefined) return null;
  if (!/^\d{1,9}$/.test(nodes) || Number(nodes) < 1) {
    throw badRequest(`The property 'numa_nodes' cannot be '${nodes}'. It must be a number greater than 0`);
  }
  return Number(nodes);
}

/** The values of `KEY.0`, `KEY.1` and so on; null: there are none. */
function numbered(values: Readonly<Record<string, string>>, key: string): string[] | null {
  const found: string[] = [];
  for (let cell = 0; cell < limits.numaNodes; cell += 1) {
    const value = values[`${key}.${cell}`];
    if (value === undefined) break;
    found.push(value);
  }
  return found.length === 0 ? null : found;
}

function listed(flavor: RequestedFlavor, image: RequestedImage, key: 'numa_cpus' | 'numa_mem'): string[] | null {
  const own = numbered(flavor.extraSpecs, `hw:${key}`);
  const wanted = numbered(image?.properties ?? {}, `hw_${key}`);
  if (own !== null && wanted !== null) throw overrides(`hw_${key}`);
  return own ?? wanted;
}

type CpusAndMemory = readonly { readonly cpus: readonly number[]; readonly memoryMb: number }[];

function evenCells({ vcpus, memoryMb }: RequestedFlavor, nodes: number): CpusAndMemory {
  if (vcpus % nodes > 0 || memoryMb % nodes > 0) {
    throw badRequest(
      'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of ' +
        'CPUs and memory to nodes is required',
    );
  }
  const each = vcpus / nodes;
  return Array.from({ length: nodes }, (_, node) => ({
    cpus: Array.from({ length: each }, (__, index) => node * each + index),
    memoryMb: memoryMb / nodes,
  }));
}

function writtenCells(flavor: RequestedFlavor, cpuTexts: readonly string[], memoryTexts: readonly string[]) {
  const free = new Set(Array.from({ length: flavor.vcpus }, (_, cpu) => cpu));
  const cells = cpuTexts.map((text, node) => {
    const cpus = cpusOf(text);
    for (const cpu of cpus) {
      if (cpu >= flavor.vcpus) throw badRequest(`CPU number ${cpu} is larger than max ${flavor.vcpus - 1}`);
      if (!free.delete(cpu)) throw badRequest(`CPU number ${cpu} is assigned to two nodes`);
    }
    const memory = memoryTexts[node] as string;
    if (!/^\s*\d{1,9}\s*$/.test(memory)) throw badRequest(`Invalid flavor extra spec. Error: ${noNumber(memory)}`);
    return { cpus, memoryMb: Number(memory) };
  });
  if (free.size > 0) throw badRequest(`CPU number {${[...free].join(', ')}} is not assigned to any node`);
  const sum = cells.reduce((total, { memoryMb }) => total + memoryMb, 0);
  if (sum !== flavor.memoryMb) throw badRequest(`${sum} MB of memory assigned, but expected ${flavor.memoryMb} MB`);
  return cells;
}

function cellsOf(flavor: RequestedFlavor, image: RequestedImage, nodes: number): CpusAndMemory {
  const [cpus, memory] = [listed(flavor, image, 'numa_cpus'), listed(flavor, image, 'numa_mem')];
  if (cpus === null && memory === null) return evenCells(flavor, nodes);
  if (cpus?.length !== nodes || memory?.length !== nodes) {
    throw badRequest('CPU and memory allocation must be provided for all NUMA nodes');
  }
  return writtenCells(flavor, cpus, memory);
}

/**
 * Why an elastic flavor cannot have NUMA nodes of its own; null when it can, or has none. Says so when extra specs are set,
 * before an image is known.
 */
export function fixedSizeProblem(flavor: FlavorSnapshot, wanted = wantsNuma(flavor)): string | null {
  if (!wanted || sameSize(minimumOf(flavor), maximumOf(flavor))) return null;
  return (
    'A server with NUMA nodes, dedicated CPUs or memory pages of its own has a fixed size: the extra specs ' +
    "'minimum_cpu' and 'minimum_memory' must equal the flavor's vcpus and ram, or be absent."
  );
}

function wantsNuma({ extraSpecs }: RequestedFlavor): boolean {
  const policy = extraSpecs['hw:cpu_policy'];
  if (policy === 'dedicated' || policy === 'mixed' || extraSpecs['hw:numa_nodes'] || extraSpecs['hw:mem_page_size']) {
    return true;
  }
  return Object.keys(extraSpecs).some((key) => /^resources(?:[1-9][0-9]*)?:PCPU$/.test(key));
}

/**
 * The NUMA nodes that a server of the flavor and image shall have; null: it leaves them to its host. Throws Nova's 400s.
 * Source of rules, order and texts: nova.virt.hardware.numa_get_constraints.
 */
export function numaRequestOf(flavor: FlavorSnapshot, image: RequestedImage): NumaRequest | null {
  const { dedicated, realtime, threads, emulatorThreads } = cpuRequestOf(flavor, image);
  const nodes = nodesOf(flavor, image);
  const pages = pagesOf(flavor, image);
  locksMemory(flavor, image);
  const pinned = dedicated.size > 0;
  if (nodes === null && pages === null && !pinned) return null;
  const cells = cellsOf(flavor, image, nodes ?? 1).map(({ cpus, memoryMb }) => ({
    dedicated: cpus.filter((cpu) => dedicated.has(cpu)),
    shared: cpus.filter((cpu) => !dedicated.has(cpu)),
    memoryMb,
  }));
  const problem = fixedSizeProblem(flavor, true);
  if (problem !== null) throw badRequest(problem);
  return { cells, pinned, ...(realtime.length > 0 ? { realtime } : {}), threads, emulatorThreads, pages };
}
