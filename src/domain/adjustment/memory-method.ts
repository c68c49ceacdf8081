// Why: memory reaches a running guest in one of two ways, as its flavor says. A balloon takes pages from a guest that was started
// with all of them; virtio-mem plugs memory into one that was started with its minimum. What follows from the way for sizes and
// for the wait after a start stands here, for the control plane and for every driver.

import type { Size } from './size.ts';

export const memoryMethods = ['balloon', 'virtio-mem'] as const;
export type MemoryMethod = (typeof memoryMethods)[number];

export const MEMORY_METHOD = 'xloud:memory_method';

/** By its extra spec; the balloon, which every host has, where there is none. */
export const memoryMethodOf = ({
  extraSpecs,
}: {
  readonly extraSpecs: Readonly<Record<string, string>>;
}): MemoryMethod => memoryMethods.find((method) => method === extraSpecs[MEMORY_METHOD]) ?? 'balloon';

export interface MemoryLaw {
  /** MiB; a guest has its minimum and a whole number of these. */
  readonly blockMb: number;
  /** MiB; between minimum and maximum lies a whole number of these. */
  readonly spanMb: number;
  /** What a guest has from its start until its driver is loaded. */
  readonly startsAt: 'minimum' | 'maximum';
  /** What the guest's driver drives, for people. */
  readonly device: string;
}

export const memoryLaws: Readonly<Record<MemoryMethod, MemoryLaw>> = {
  balloon: { blockMb: 1, spanMb: 1, startsAt: 'maximum', device: 'balloon' },
  // Blocks of the huge pages of x86, which is what QEMU gives the device. Linux takes memory in by 128 MiB and leaves a rest
  // that fills none of these unused, so the device has no rest; within them it plugs and unplugs single blocks.
  'virtio-mem': { blockMb: 2, spanMb: 128, startsAt: 'minimum', device: 'virtio-mem device' },
};

/** The minimum as far as the method can keep it: what is between it and the maximum goes into whole spans. */
export function spannedMinimum(method: MemoryMethod, minimumMb: number, maximumMb: number): number {
  const { spanMb } = memoryLaws[method];
  return maximumMb - Math.floor((maximumMb - minimumMb) / spanMb) * spanMb;
}

/** The size in whole blocks that is next to a wish from above or below. Never above a maximum that the wish does not exceed. */
export function inBlocks(method: MemoryMethod, wishedMb: number, maximumMb: number, next: 'above' | 'below'): number {
  const { blockMb } = memoryLaws[method];
  const blocks = (maximumMb - wishedMb) / blockMb;
  return maximumMb - (next === 'above' ? Math.floor(blocks) : Math.ceil(blocks)) * blockMb;
}

/** Whether a guest that just started is still on its way from what it started with to its size. */
export function isOnItsWay(method: MemoryMethod, hasMb: number, targetMb: number): boolean {
  return memoryLaws[method].startsAt === 'maximum' ? hasMb > targetMb : hasMb < targetMb;
}

/** MiB that a guest has before its driver is loaded. */
export const startMb = (method: MemoryMethod, bounds: { readonly minimum: Size; readonly maximum: Size }): number =>
  bounds[memoryLaws[method].startsAt].memoryMb;
