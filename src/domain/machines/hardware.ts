// Why: what a flavor and an image say of a guest's processors, memory and devices must not contradict itself before anything is promised.

import { cpuTopologyWishOf } from '../numa/cpu-topology.ts';
import type { FlavorSnapshot } from './flavor.ts';
import type { ImageFacts } from './image.ts';
import { machineWishOf } from './machine-wish.ts';
import { numaWishOf } from '../numa/numa-wish.ts';

/** Throws Nova's 400s, in Nova's order. */
export function checkHardware(flavor: FlavorSnapshot, image: ImageFacts | null): void {
  machineWishOf(flavor, image);
  cpuTopologyWishOf(flavor, image);
  numaWishOf(flavor, image);
}

/** Whether two images leave a server of the flavor the same NUMA nodes, so that one can follow the other on its host. */
export const sameNuma = (flavor: FlavorSnapshot, first: ImageFacts | null, second: ImageFacts | null): boolean =>
  JSON.stringify(numaWishOf(flavor, first)) === JSON.stringify(numaWishOf(flavor, second));
