// Why: a server that adjusts itself grows when it is short of something and gives back what it does not need. What is decided, and why, is
// pure: measures in, a size and its reasons out.
//
// Growth is at once and as far as the need goes, since whoever waits is slow. Shrinking waits until several looks in a row say so, and goes no
// further than the most that any of them needed, since what was given back may be gone. Between the two lies a gap, so that no decision undoes
// the one before it.

import type { Size } from './size.ts';

/** What one amount (vCPUs, or MiB) may be and how far it moves at once. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

export interface PressureRules {
  readonly vcpus: Range | null;
  readonly memoryMb: Range | null;
  /** Shares of its vCPUs that the guest uses or waits for. */
  readonly cpu: { readonly growAbove: number; readonly shrinkBelow: number };
  /** Shares of its memory that the guest could still give a program. */
  readonly memory: { readonly growBelow: number; readonly shrinkAbove: number };
  /** How many looks in a row must say the same before it shrinks; it grows at the first. */
  readonly looks: number;
  /** How long after a change it stays as it is; growth does not wait for a shrinking. */
  readonly cooldownSeconds: { readonly grow: number; readonly shrink: number };
}

/** What a guest took and has, between two looks. */
export interface Pressure {
  readonly vcpus: number;
  /** Processors of the host that it used, and that it would have used had they been free; null: nobody counts that. */
  readonly cpu: number;
  readonly steal: number | null;
  /** MiB; null where the guest does not say. */
  readonly totalMb: number | null;
  readonly availableMb: number | null;
}

/** What is remembered of a server between two looks. */
export interface AutoscaleState {
  /** Looks in a row after which it could have less; and the most that was needed in them: processors, MiB. */
  readonly idleVcpus: number;
  readonly idleMemory: number;
  readonly peakCpu: number;
  readonly peakMb: number;
  /** Milliseconds; 0: never. */
  readonly grewAt: number;
  readonly shrankAt: number;
}

export const firstState: AutoscaleState = {
  idleVcpus: 0,
  idleMemory: 0,
  peakCpu: 0,
  peakMb: 0,
  grewAt: 0,
  shrankAt: 0,
};

export interface Decision {
  readonly state: AutoscaleState;
  /** Null: it stays as it is. */
  readonly want: Size | null;
  readonly kind: 'grow' | 'shrink' | 'stay';
  /** With the numbers, for people. */
  readonly reasons: readonly string[];
}

/** One amount: what it should be, and why; with the most that it needed since it could have less. */
interface Wish {
  readonly to: number;
  readonly reason: string;
  readonly isIdle: boolean;
  readonly peak: number;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));

/** The bounds of a policy within those of the server; null: nothing can move. */
function rangeWithin(range: Range | null, least: number, most: number): Range | null {
  if (range === null) return null;
  const [min, max] = [clamp(range.min, least, most), clamp(range.max, least, most)];
  return min > max ? null : { min, max, step: range.step };
}

/** Whole steps from the smallest, so that sizes are the same few again and again. */
const upwards = (value: number, { min, step }: Range): number =>
  min + Math.ceil(Math.max(0, value - min) / step) * step;

function wishVcpus(current: number, range: Range, { cpu }: PressureRules, pressure: Pressure, before: number): Wish {
  const busy = pressure.cpu + (pressure.steal ?? 0);
  const share = busy / Math.max(1, pressure.vcpus);
  const seen = `${percent(share)} of ${pressure.vcpus} vCPUs used or waited for`;
  const peak = Math.max(before, busy);
  if (current < range.min)
    return { to: range.min, reason: `below its minimum of ${range.min} vCPUs`, isIdle: false, peak };
  // so many that it is in the middle between the two bounds
  const middle = (cpu.growAbove + cpu.shrinkBelow) / 2;
  if (share > cpu.growAbove && current < range.max) {
    // what is used up wholly may want any number: the double at most
    const need = upwards(Math.min(busy / middle, current * 2), range);
    const to = clamp(Math.max(need, current + range.step), range.min, range.max);
    return { to, reason: `${seen}, more than ${percent(cpu.growAbove)}`, isIdle: false, peak };
  }
  const to = Math.min(current, clamp(upwards(peak / middle, range), range.min, range.max));
  const isIdle = share < cpu.shrinkBelow && to < current && peak / to < cpu.growAbove;
  return { to, reason: `${seen}, less than ${percent(cpu.shrinkBelow)}`, isIdle, peak };
}

function wishMemory(
  current: number,
  range: Range,
  { memory }: PressureRules,
  pressure: Pressure,
  before: number,
): Wish | null {
  const { totalMb, availableMb } = pressure;
  const below = { to: range.min, reason: `below its minimum of ${range.min} MiB`, isIdle: false };
  if (current < range.min) return { ...below, peak: before };
  // whoever does not know what the guest uses takes nothing from it and gives it nothing
  if (totalMb === null || availableMb === null || totalMb <= 0) return null;
  const share = availableMb / totalMb;
  const seen = `${availableMb} of ${totalMb} MiB available (${percent(share)})`;
  const used = Math.max(0, totalMb - availableMb);
  const peak = Math.max(before, used);
  const middle = (memory.growBelow + memory.shrinkAbove) / 2;
  // what the kernel keeps for itself is not in what the guest counts
  const hidden = Math.max(0, current - totalMb);
  if (share < memory.growBelow && current < range.max) {
    const need = upwards(Math.min(used / (1 - middle) + hidden, current * 2), range);
    const to = clamp(Math.max(need, current + range.step), range.min, range.max);
    return { to, reason: `${seen}, less than ${percent(memory.growBelow)}`, isIdle: false, peak };
  }
  const to = Math.min(current, clamp(upwards(peak / (1 - middle) + hidden, range), range.min, range.max));
  // what the guest uses stays, and so much more that it would not grow again at once
  const then = (to - hidden - peak) / Math.max(1, to - hidden);
  const isIdle = share > memory.shrinkAbove && to < current && then > memory.growBelow;
  return { to, reason: `${seen}, more than ${percent(memory.shrinkAbove)}`, isIdle, peak };
}

const isOver = (sinceMs: number, seconds: number, nowMs: number): boolean => nowMs - sinceMs >= seconds * 1000;

/**
 * What a server should be after a look at it.
 * @param current what it has; @param least its flavor's floor; @param most its flavor's size
 */
export function decide(
  rules: PressureRules,
  { current, least, most }: { readonly current: Size; readonly least: Size; readonly most: Size },
  pressure: Pressure,
  state: AutoscaleState,
  nowMs: number,
): Decision {
  const vcpuRange = rangeWithin(rules.vcpus, least.vcpus, most.vcpus);
  const memoryRange = rangeWithin(rules.memoryMb, least.memoryMb, most.memoryMb);
  const vcpus =
    vcpuRange === null
      ? null
      : wishVcpus(current.vcpus, vcpuRange, rules, pressure, state.idleVcpus > 0 ? state.peakCpu : 0);
  const memory =
    memoryRange === null
      ? null
      : wishMemory(current.memoryMb, memoryRange, rules, pressure, state.idleMemory > 0 ? state.peakMb : 0);

  const grow = {
    vcpus: vcpus !== null && vcpus.to > current.vcpus ? vcpus : null,
    memory: memory !== null && memory.to > current.memoryMb ? memory : null,
  };
  const idle = {
    idleVcpus: vcpus?.isIdle === true ? state.idleVcpus + 1 : 0,
    idleMemory: memory?.isIdle === true ? state.idleMemory + 1 : 0,
    peakCpu: vcpus?.isIdle === true ? vcpus.peak : 0,
    peakMb: memory?.isIdle === true ? memory.peak : 0,
  };
  const stay = (more: Partial<AutoscaleState> = {}, reasons: readonly string[] = []): Decision => ({
    state: { ...state, ...idle, ...more },
    want: null,
    kind: 'stay',
    reasons,
  });
  const { grow: growSeconds, shrink: shrinkSeconds } = rules.cooldownSeconds;

  if (grow.vcpus !== null || grow.memory !== null) {
    const reasons = [grow.vcpus, grow.memory].flatMap((wish) => (wish === null ? [] : [wish.reason]));
    if (!isOver(state.grewAt, growSeconds, nowMs)) return stay({}, reasons);
    return {
      state: { ...state, ...idle, grewAt: nowMs },
      want: { vcpus: grow.vcpus?.to ?? current.vcpus, memoryMb: grow.memory?.to ?? current.memoryMb },
      kind: 'grow',
      reasons,
    };
  }
  const [lessVcpus, lessMemory] = [idle.idleVcpus >= rules.looks, idle.idleMemory >= rules.looks];
  if (!lessVcpus && !lessMemory) return stay();
  const reasons = [...(lessVcpus ? [vcpus?.reason ?? ''] : []), ...(lessMemory ? [memory?.reason ?? ''] : [])];
  if (!isOver(Math.max(state.grewAt, state.shrankAt), shrinkSeconds, nowMs)) return stay({}, reasons);
  return {
    state: { ...state, idleVcpus: 0, idleMemory: 0, peakCpu: 0, peakMb: 0, shrankAt: nowMs },
    want: {
      vcpus: lessVcpus ? (vcpus?.to ?? current.vcpus) : current.vcpus,
      memoryMb: lessMemory ? (memory?.to ?? current.memoryMb) : current.memoryMb,
    },
    kind: 'shrink',
    reasons,
  };
}
