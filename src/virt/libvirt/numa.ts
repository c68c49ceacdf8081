// Why: where a guest's NUMA nodes lie on its host, in the words of libvirt's domain XML.

import { ascending, writeCpuSet } from '../../domain/numa/cpu-set.ts';
import type { GuestSpec } from '../../domain/servers/guests.ts';
import type { NumaCell, NumaTopology } from '../../domain/numa/numa.ts';
import { leaf, text, type XMLBuilder } from './xml.ts';

const MIB_KIB = 1024;
/** The lowest there is: above all that is not real-time, and below the kernel's own threads. */
const REALTIME_PRIORITY = 1;

/** `<numa>` of the guest's `<cpu>`: the nodes that it sees. */
export function writeGuestNodes(cpu: XMLBuilder, { cells }: NumaTopology): void {
  const numa = cpu.ele('numa');
  // whoever serves the guest's devices from another process maps its huge pages too
  const access = cells.some(({ huge }) => huge) ? { memAccess: 'shared' } : {};
  for (const [id, { vcpus, memoryMb }] of cells.entries()) {
    leaf(numa, 'cell', { id, cpus: writeCpuSet(vcpus), memory: memoryMb * MIB_KIB, unit: 'KiB', ...access });
  }
}

const cpusOf = ({ pinning, floating }: NumaCell, vcpu: number): readonly number[] => {
  const pin = pinning[vcpu];
  return pin === undefined ? floating : [pin];
};

/**
 * Where the hypervisor's own threads run: on a CPU of their own, on the host's shared ones, or beside the guest's vCPUs, but never where a
 * real-time one would keep them from running.
 */
function emulatorCpusOf(topology: NumaTopology, shared: readonly number[]): readonly number[] {
  const { cells, emulatorThreads, emulatorCpus, realtime = [] } = topology;
  if (emulatorThreads === 'isolate') return emulatorCpus;
  if (emulatorThreads === 'share' && shared.length > 0) return shared;
  return cells.flatMap((cell) =>
    cell.vcpus.filter((vcpu) => !realtime.includes(vcpu)).flatMap((vcpu) => cpusOf(cell, vcpu)),
  );
}

function writePins(tune: XMLBuilder, topology: NumaTopology, shared: readonly number[]): void {
  const pins = topology.cells.flatMap((cell) => cell.vcpus.map((vcpu) => ({ vcpu, cpus: cpusOf(cell, vcpu) })));
  for (const { vcpu, cpus } of pins.toSorted((a, b) => a.vcpu - b.vcpu)) {
    leaf(tune, 'vcpupin', { vcpu, cpuset: writeCpuSet(cpus) });
  }
  leaf(tune, 'emulatorpin', { cpuset: writeCpuSet([...new Set(emulatorCpusOf(topology, shared))]) });
  if (topology.realtime !== undefined) {
    leaf(tune, 'vcpusched', { vcpus: writeCpuSet(topology.realtime), scheduler: 'fifo', priority: REALTIME_PRIORITY });
  }
}

function writeNumaTune(domain: XMLBuilder, { cells }: NumaTopology): void {
  const tune = domain.ele('numatune');
  const nodes = ascending(new Set(cells.map(({ hostNode }) => hostNode)));
  leaf(tune, 'memory', { mode: 'strict', nodeset: writeCpuSet(nodes) });
  for (const [cellid, { hostNode }] of cells.entries()) {
    leaf(tune, 'memnode', { cellid, mode: 'strict', nodeset: hostNode });
  }
}

function writeHugePages(backing: XMLBuilder, cells: readonly NumaCell[]): void {
  const pages = backing.ele('hugepages');
  const bySize = Map.groupBy(
    cells.entries().filter(([, { huge }]) => huge),
    ([, { pageSizeKib }]) => pageSizeKib as number,
  );
  for (const [size, own] of bySize) {
    leaf(pages, 'page', { size, unit: 'KiB', nodeset: writeCpuSet(own.map(([id]) => id)) });
  }
}

/**
 * `<cputune>`, `<numatune>` and `<memoryBacking>`, each where there is something to say.
 * @param shared the host's CPUs that vCPUs share, where the operator named them; else empty
 * @param limits how much of the host's time it gets: `shares`, `period`, `quota`
 */
export function writePlacement(
  domain: XMLBuilder,
  { numa, lockedMemory }: GuestSpec,
  shared: readonly number[],
  limits: Readonly<Record<string, number>> = {},
): void {
  const huge = numa?.cells.some((cell) => cell.huge) ?? false;
  // a page that must be fetched, or told from another's, stops a vCPU for longer than its time is promised
  const realtime = numa?.realtime !== undefined;
  if (huge || lockedMemory || realtime) {
    const backing = domain.ele('memoryBacking');
    if (numa !== null && huge) writeHugePages(backing, numa.cells);
    if (realtime) leaf(backing, 'nosharepages');
    if (lockedMemory || realtime) leaf(backing, 'locked');
  }
  const bounds = Object.entries(limits);
  if (numa !== null || bounds.length > 0) {
    const tune = domain.ele('cputune');
    for (const [name, value] of bounds) text(tune, name, value);
    if (numa !== null) writePins(tune, numa, shared);
  }
  if (numa === null) return;
  writeNumaTune(domain, numa);
}
