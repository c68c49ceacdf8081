// Why: what a flavor and an image say of a guest's processors, memory and devices must not contradict itself before anything is promised.

import { cpuTopologyRequestOf } from '../numa/cpu-topology.ts';
import type { FlavorSnapshot } from './flavors.ts';
import type { ImageFacts } from './images.ts';
import { machineRequestOf } from './machine-request.ts';
import { numaRequestOf } from '../numa/numa-request.ts';

/** Throws Nova's 400s, in Nova's order. */
export function checkHardware(flavor: FlavorSnapshot, image: ImageFacts | null): void {
  machineRequestOf(flavor, image);
  cpuTopologyRequestOf(flavor, image);
  numaRequestOf(flavor, image);
}

/** Whether two images leave a server of the flavor the same NUMA nodes, so that one can follow the other on its host. */
export const sameNuma = (flavor: FlavorSnapshot, first: ImageFacts | null, second: ImageFacts | null): boolean =>
  JSON.stringify(numaRequestOf(flavor, first)) === JSON.stringify(numaRequestOf(flavor, second));
