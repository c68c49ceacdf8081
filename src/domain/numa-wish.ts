// Why: a flavor and an image together say which NUMA nodes, processors and pages a guest shall have, or contradict each other.
// Nova's rules and texts (`numa_get_constraints`), read here and nowhere else.

import { badRequest } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { readCpuSet } from './cpu-set.ts';
import { type FlavorSnapshot, maximumOf, minimumOf } from './flavor.ts';
import type { ImageFacts } from './image.ts';
import { sameSize } from './size.ts';

export type ThreadPolicy = 'prefer' | 'isolate' | 'require';
/** A number: exactly that size, in KiB. */
export type PageWish = 'small' | 'large' | 'any' | number;

export interface WishedCell {
  /** vCPUs of the guest that each get a processor of their own. */
  readonly dedicated: readonly number[];
  /** The others. */
  readonly shared: readonly number[];
  readonly memoryMb: number;
}

/** The NUMA nodes that a guest shall have. */
export interface NumaWish {
  readonly cells: readonly WishedCell[];
  /** Whether it has dedicated vCPUs, so that nothing of it is overcommitted. */
  readonly pinned: boolean;
  readonly threads: ThreadPolicy | null;
  readonly emulatorThreads: 'share' | 'isolate' | null;
  /** Null: the host's choice. */
  readonly pages: PageWish | null;
}

/** How many vCPUs get processors of their own. */
export const pinnedOf = (wish: NumaWish | null): number =>
  wish === null ? 0 : wish.cells.reduce((sum, { dedicated }) => sum + dedicated.length, 0);

type WishedFlavor = Pick<FlavorSnapshot, 'name' | 'vcpus' | 'memoryMb' | 'extraSpecs'>;
type WishedImage = Pick<ImageFacts, 'properties'> | null;

/** What the flavor and the image say of one thing; undefined: nothing. */
function said(flavor: WishedFlavor, image: WishedImage, key: string): [string | undefined, string | undefined] {
  return [flavor.extraSpecs[`hw:${key}`] || undefined, image?.properties[`hw_${key}`] || undefined];
}

const TRUE = /^\s*(?:1|t|true|on|y|yes)\s*$/i;
const isYes = (text: string | undefined): boolean => text !== undefined && TRUE.test(text);

const tuple = (words: readonly string[]): string => `(${words.map((word) => `'${word}'`).join(', ')})`;

export const badImage = (why: string) => badRequest(`Invalid image metadata. Error: ${why}`);
export const noNumber = (value: string): string => `invalid literal for int() with base 10: '${value}'`;

/** A word that both may say; throws where one is not known. */
function words<W extends string>(
  flavor: WishedFlavor,
  image: WishedImage,
  key: string,
  what: string,
  known: readonly W[],
): [W | undefined, W | undefined] {
  const [own, wanted] = said(flavor, image, key);
  if (wanted !== undefined && !known.includes(wanted as W)) throw badImage(`Field value ${wanted} is invalid`);
  if (own !== undefined && !known.includes(own as W)) {
    throw badRequest(
      `${what} requested from 'flavor extra specs' is invalid, given: '${own}', available: '${tuple(known)}'.`,
    );
  }
  return [own as W | undefined, wanted as W | undefined];
}

const policies = ['dedicated', 'shared', 'mixed'] as const;
type CpuPolicy = (typeof policies)[number];

function cpuPolicy(flavor: WishedFlavor, image: WishedImage): CpuPolicy | null {
  const [own, wanted] = words(flavor, image, 'cpu_policy', 'CPU policy', policies);
  const forbidden =
    (own === 'mixed' && wanted === 'dedicated') || (own === 'shared' && (wanted === 'mixed' || wanted === 'dedicated'));
  if (forbidden) {
    throw badRequest(
      "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor",
    );
  }
  return own ?? wanted ?? null;
}

function threadPolicy(flavor: WishedFlavor, image: WishedImage): ThreadPolicy | null {
  const known = ['prefer', 'isolate', 'require'] as const;
  const [own, wanted] = words(flavor, image, 'cpu_thread_policy', 'CPU thread policy', known);
  if (own === undefined || own === 'prefer') return own ?? wanted ?? null;
  if (wanted !== undefined && wanted !== own) {
    throw badRequest(
      "Image property 'hw_cpu_thread_policy' is not permitted to override CPU thread pinning policy set against the flavor",
    );
  }
  return own;
}

function emulatorPolicy(flavor: WishedFlavor): 'share' | 'isolate' | null {
  const asked = flavor.extraSpecs['hw:emulator_threads_policy'];
  if (asked === undefined || asked === '') return null;
  if (asked === 'share' || asked === 'isolate') return asked;
  throw badRequest(
    `CPU emulator threads option requested is invalid, given: '${asked}', available: '${tuple(['share', 'isolate'])}'.`,
  );
}

/** A set of vCPUs as Nova reads it; one that begins with `^` leaves out of all. */
function cpusOf(text: string, vcpus?: number): number[] {
  const whole = vcpus !== undefined && text.trim().startsWith('^') ? `0-${vcpus - 1},${text}` : text;
  const { cpus, problem } = readCpuSet(whole);
  if (problem !== null) throw badRequest(problem);
  return [...cpus];
}

/** `hw:cpu_dedicated_mask`; null: there is none. */
function dedicatedMask(flavor: WishedFlavor): number[] | null {
  const mask = flavor.extraSpecs['hw:cpu_dedicated_mask'];
  if (mask === undefined || mask === '') return null;
  const cpus = cpusOf(mask, flavor.vcpus);
  const inside = cpus.filter((cpu) => cpu < flavor.vcpus);
  if (cpus.length === 0 || inside.length === flavor.vcpus) {
    throw badRequest(
      "Mixed instance must have at least 1 pinned vCPU and 1 unpinned vCPU. See 'hw:cpu_dedicated_mask'.",
    );
  }
  if (inside.length < cpus.length) {
    throw badRequest(
      'Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor. See "hw:cpu_dedicated_mask"',
    );
  }
  return cpus;
}

/** Amounts that the flavor asks of a resource class by itself, all groups together. */
function resource(flavor: WishedFlavor, name: 'VCPU' | 'PCPU'): number {
  const key = new RegExp(`^resources(?:[1-9][0-9]*)?:${name}$`);
  return Object.entries(flavor.extraSpecs).reduce(
    (sum, [spec, value]) => sum + (key.test(spec) && /^\d{1,9}$/.test(value) ? Number(value) : 0),
    0,
  );
}

/** The policy, said in words or in resources. */
function policyOf(
  flavor: WishedFlavor,
  policy: CpuPolicy | null,
  emulator: NumaWish['emulatorThreads'],
): CpuPolicy | null {
  const [vcpus, pcpus] = [resource(flavor, 'VCPU'), resource(flavor, 'PCPU')];
  if (policy !== null && (vcpus > 0 || pcpus > 0)) {
    throw badRequest(
      "It is not possible to use the 'resources:VCPU' or 'resources:PCPU' extra specs in combination with the " +
        "'hw:cpu_policy' extra spec or 'hw_cpu_policy' image metadata property; use one or the other",
    );
  }
  if (vcpus > 0 && pcpus > 0) {
    throw badRequest(
      "It is not possible to specify both 'resources:VCPU' and 'resources:PCPU' extra specs; use one or the other",
    );
  }
  if (pcpus === 0) return vcpus > 0 ? 'shared' : policy;
  if (emulator === 'isolate' && flavor.vcpus + 1 !== pcpus) {
    throw badRequest(
      "You have requested 'hw:emulator_threads_policy=isolate' but have not requested sufficient PCPUs to handle this " +
        'policy; you must allocate exactly flavor.vcpus + 1 PCPUs.',
    );
  }
  if (emulator !== 'isolate' && flavor.vcpus !== pcpus) {
    throw badRequest(
      "There is a mismatch between the number of PCPUs requested via 'resourcesNN:PCPU' and the flavor); you must " +
        'allocate exactly flavor.vcpus PCPUs',
    );
  }
  return 'dedicated';
}

/** The thread policy, said in words or by a trait. */
function threadsOf(flavor: WishedFlavor, image: WishedImage, policy: ThreadPolicy | null): ThreadPolicy | null {
  const key = /^trait(?:[1-9][0-9]*)?:HW_CPU_HYPERTHREADING$/;
  const own = Object.entries(flavor.extraSpecs).find(([spec]) => key.test(spec))?.[1];
  const trait = own ?? (image?.properties['trait:HW_CPU_HYPERTHREADING'] === 'required' ? 'required' : undefined);
  if (trait === undefined) return policy;
  if (policy !== null) {
    throw badRequest(
      "It is not possible to use the 'trait:HW_CPU_HYPERTHREADING' extra spec in combination with the " +
        "'hw:cpu_thread_policy' extra spec or 'hw_cpu_thread_policy' image metadata property; use one or the other",
    );
  }
  return trait === 'forbidden' ? 'isolate' : trait === 'required' ? 'require' : null;
}

/** The vCPUs that get processors of their own. */
function dedicatedOf(
  { vcpus }: WishedFlavor,
  mask: number[] | null,
  policy: CpuPolicy | null,
  threads: ThreadPolicy | null,
  emulator: NumaWish['emulatorThreads'],
): number[] {
  if (policy === null || policy === 'shared') {
    if (threads !== null) {
      throw badRequest('Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy');
    }
    if (emulator === 'isolate') {
      throw badRequest('An isolated CPU emulator threads option requires a dedicated CPU policy option.');
    }
  }
  if (policy === 'mixed') {
    if (mask !== null) return mask;
    throw badRequest(
      "Dedicated CPU set can be specified from either 'hw:cpu_dedicated_mask' or 'hw:cpu_realtime_mask' when using " +
        "'mixed' CPU policy. 'hw:cpu_dedicated_mask' and 'hw:cpu_realtime_mask' can not be specified at the same " +
        'time, or be specified with none of them.',
    );
  }
  if (mask !== null) throw badRequest("Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.");
  return policy === 'dedicated' ? Array.from({ length: vcpus }, (_, cpu) => cpu) : [];
}

const overrides = (name: string) =>
  badRequest(`Image property '${name}' is not permitted to override NUMA configuration set against the flavor`);

function nodesOf(flavor: WishedFlavor, image: WishedImage): number | null {
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

const SIZE = /^\d+(?:\.\d+)?([kKMGT]i?)?(b|bit|B)$/;
const PREFIXES = 'KMGT';

/** A page size in KiB, or one of the words. */
function pageSize(text: string): PageWish {
  if (text === 'small' || text === 'large' || text === 'any') return text;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const found = SIZE.exec(text);
  if (found === null) throw badRequest(`Invalid memory page size '${text}'`);
  const power = PREFIXES.indexOf((found[1]?.[0] ?? '').toUpperCase() || ' ') + 1;
  const units = Number.parseFloat(text) * 1024 ** power;
  return Math.ceil(found[2] === 'B' ? units : units / 8) / 1024;
}

function pagesOf(flavor: WishedFlavor, image: WishedImage): PageWish | null {
  const [own, wanted] = said(flavor, image, 'mem_page_size');
  const forbidden = (against: string) => badRequest(`Page size ${wanted} forbidden against '${against}'`);
  if (own === undefined) {
    if (wanted !== undefined) throw forbidden('<empty>');
    return null;
  }
  const size = pageSize(own);
  if (wanted === undefined) return size;
  if (size === 'any' || size === 'large') return pageSize(wanted);
  throw forbidden(own);
}

/** Whether the guest's memory stays in the host's (`hw:locked_memory`). Throws where nothing says in which pages. */
export function locksMemory(flavor: WishedFlavor, image: WishedImage): boolean {
  const [own, wanted] = said(flavor, image, 'locked_memory');
  const word = (text: string | undefined): string => (isYes(text) ? 'True' : 'False');
  if (own !== undefined && wanted !== undefined && isYes(own) !== isYes(wanted)) {
    throw badRequest(
      `locked_memory value in image (${word(wanted)}) and flavor (${word(own)}) conflict. A consistent value is ` +
        'expected if both specified.',
    );
  }
  const locked = isYes(own ?? wanted);
  if (locked && said(flavor, image, 'mem_page_size').every((size) => size === undefined)) {
    throw badRequest('locked_memory value in image or flavor is forbidden when mem_page_size is not set.');
  }
  return locked;
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

function listed(flavor: WishedFlavor, image: WishedImage, key: 'numa_cpus' | 'numa_mem'): string[] | null {
  const own = numbered(flavor.extraSpecs, `hw:${key}`);
  const wanted = numbered(image?.properties ?? {}, `hw_${key}`);
  if (own !== null && wanted !== null) throw overrides(`hw_${key}`);
  return own ?? wanted;
}

type CpusAndMemory = readonly { readonly cpus: readonly number[]; readonly memoryMb: number }[];

function evenCells({ vcpus, memoryMb }: WishedFlavor, nodes: number): CpusAndMemory {
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

function writtenCells(flavor: WishedFlavor, cpuTexts: readonly string[], memoryTexts: readonly string[]) {
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

function cellsOf(flavor: WishedFlavor, image: WishedImage, nodes: number): CpusAndMemory {
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

function wantsNuma({ extraSpecs }: WishedFlavor): boolean {
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
export function numaWishOf(flavor: FlavorSnapshot, image: WishedImage): NumaWish | null {
  if (isYes(flavor.extraSpecs['hw:cpu_realtime'])) {
    throw badRequest(
      "The extra spec 'hw:cpu_realtime' is not supported: no host runs vCPUs under a real-time scheduler.",
    );
  }
  const named = { policy: cpuPolicy(flavor, image), threads: threadPolicy(flavor, image) };
  const mask = dedicatedMask(flavor);
  const emulatorThreads = emulatorPolicy(flavor);
  const policy = policyOf(flavor, named.policy, emulatorThreads);
  const threads = threadsOf(flavor, image, named.threads);
  const dedicated = new Set(dedicatedOf(flavor, mask, policy, threads, emulatorThreads));
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
  return { cells, pinned, threads, emulatorThreads, pages };
}
