// Why: a guest of pure data has its memory as its flavor says: by a balloon or by virtio-mem, each with a driver that is loaded
// some time after the guest began to run, or never.

import { inBlocks, memoryMethodOf, startMb } from '../../domain/adjustment/memory-method.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import type { FakeGuest } from './store.ts';

export const memoryDriverLoaded = ({ memoryDriverAtMs }: FakeGuest, nowMs: number): boolean =>
  memoryDriverAtMs !== null && memoryDriverAtMs <= nowMs;

/** What a running guest uses now. */
export const usedBy = (guest: FakeGuest, nowMs: number): Size =>
  memoryDriverLoaded(guest, nowMs)
    ? guest.size
    : { ...guest.size, memoryMb: startMb(memoryMethodOf(guest.spec), guest.spec) };

/** MiB in whole blocks, as a real device has them. */
export const blocksOf = ({ spec }: FakeGuest, memoryMb: number): number =>
  inBlocks(memoryMethodOf(spec), memoryMb, spec.maximum.memoryMb, 'above');
