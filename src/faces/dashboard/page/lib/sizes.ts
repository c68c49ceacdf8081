// Why: what a wished size would cost, and how far a change of size has come, follows from numbers: no view reckons for itself.

import type { Adjustment, Plan, ServerCost } from './types.ts';

export interface Wish {
  readonly vcpus: number;
  readonly memoryMb: number;
}

export const sameWish = (a: Wish, b: Wish): boolean => a.vcpus === b.vcpus && a.memoryMb === b.memoryMb;

/** Whether nothing was said of what it costs. */
export const isFree = ({ prices }: ServerCost): boolean =>
  Object.values(prices ?? {}).every((price) => Number(price) === 0);

/** What an hour would cost at a size, in the currency: the floor, and what is above it. */
export function costAt({ prices }: ServerCost, { vcpus, memory_mb }: Adjustment, wish: Wish): number {
  if (prices === null) return 0;
  const above = (value: number, floor: number): number => Math.max(0, value - floor);
  return (
    Number(prices.hour) +
    above(wish.vcpus, vcpus.minimum) * Number(prices.vcpu_hour) +
    (above(wish.memoryMb, memory_mb.minimum) / 1024) * Number(prices.memory_gb_hour)
  );
}

/** The body of an adjustment or of its plan. */
export const bodyOf = ({ vcpus, memoryMb }: Wish): { current_vcpus: number; current_memory_mb: number } => ({
  current_vcpus: vcpus,
  current_memory_mb: memoryMb,
});

export const targetOf = ({ vcpus, memory_mb }: Adjustment): Wish => ({
  vcpus: vcpus.target,
  memoryMb: memory_mb.target,
});

export type StepState = 'done' | 'now' | 'open' | 'failed';

/** How far a change has come: it was asked for, the host holds it, the guest has it. */
export function stepsOf({ status, vcpus, memory_mb }: Adjustment): {
  readonly requested: StepState;
  readonly claimed: StepState;
  readonly confirmed: StepState;
} {
  const isClaimed = vcpus.claimed >= vcpus.target && memory_mb.claimed >= memory_mb.target;
  if (status === 'error') return { requested: 'done', claimed: 'failed', confirmed: 'failed' };
  if (status === 'pending_reboot') return { requested: 'done', claimed: isClaimed ? 'done' : 'now', confirmed: 'open' };
  const hasIt = vcpus.current === vcpus.target && memory_mb.current === memory_mb.target;
  const confirmed = status === 'partial' ? 'failed' : status === 'idle' && hasIt ? 'done' : isClaimed ? 'now' : 'open';
  return { requested: 'done', claimed: isClaimed ? 'done' : 'now', confirmed };
}

/** Every reason against all ways, each once. */
export function reasonsOf({ ways }: Plan): readonly string[] {
  const all = [ways.live, ways.live_after_migration].flatMap(({ reasons }) => reasons.map(({ message }) => message));
  return [...new Set(all)];
}

/** How finely memory moves on a slider: whole 64 MiB where that fits, else what the method takes. */
export function memoryStep({ memory_mb: { minimum, maximum, block_mb: block } }: Adjustment): number {
  const range = maximum - minimum;
  for (const step of [256, 128, 64, 32, 16]) {
    if (range / step >= 8 && range % step === 0 && step % block === 0) return step;
  }
  return block;
}
