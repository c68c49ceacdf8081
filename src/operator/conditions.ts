// Why: a condition's time is when its status last changed, not when somebody last looked; and a status that says the same is not written again.

import { isDeepStrictEqual } from 'node:util';
import type { Condition, ConditionType, VirtualMachineStatus } from './types.ts';

export type Told = readonly [status: Condition['status'], reason: string, message?: string];

/** The conditions with those that are told now; what is not told stays as it was. */
export function withConditions(
  before: readonly Condition[],
  told: Readonly<Partial<Record<ConditionType, Told | null>>>,
  generation: number | undefined,
  nowMs: number,
): readonly Condition[] {
  const kept = before.filter(({ type }) => !Object.hasOwn(told, type));
  const now = (Object.entries(told) as [ConditionType, Told | null][]).flatMap(([type, one]) => {
    if (one === null) return [];
    const [status, reason, message = ''] = one;
    const last = before.find((condition) => condition.type === type);
    const lastTransitionTime =
      last?.status === status ? last.lastTransitionTime : `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
    const seen = generation === undefined ? {} : { observedGeneration: generation };
    return [{ type, status, reason, message, lastTransitionTime, ...seen }];
  });
  return [...kept, ...now].toSorted((a, b) => a.type.localeCompare(b.type));
}

/** Whether two statuses say the same. */
export const sameStatus = (a: VirtualMachineStatus | undefined, b: VirtualMachineStatus): boolean =>
  isDeepStrictEqual(structuredClone(a ?? {}), structuredClone(b));
