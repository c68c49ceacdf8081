// Why: how a server adjusts itself is written down once, for one server, for the servers of a group or for those of a flavor.

import type { PressureRules, Pressure } from './autoscale.ts';
import type { Size } from './size.ts';

/** From the most specific to the most general: the first that a server has is the one that decides. */
export const subjectKinds = ['server', 'server_group', 'flavor'] as const;
export type SubjectKind = (typeof subjectKinds)[number];

/** At these moments the server gets this size; null: what it has. */
export interface SizeSchedule {
  /** Five fields. */
  readonly cron: string;
  /** Of IANA: Europe/Berlin. */
  readonly timezone: string;
  readonly vcpus: number | null;
  readonly memoryMb: number | null;
}

/** Times are milliseconds since the epoch. */
export interface AdjustPolicy {
  readonly id: number;
  readonly uuid: string;
  readonly projectId: string;
  readonly userId: string;
  readonly name: string;
  readonly subjectKind: SubjectKind;
  readonly subjectId: string;
  readonly enabled: boolean;
  /** Decides and records, and changes nothing. */
  readonly dryRun: boolean;
  readonly pressure: PressureRules | null;
  readonly schedules: readonly SizeSchedule[];
  readonly nextAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface AdjustDecision {
  readonly serverUuid: string;
  readonly decidedAt: number;
  readonly kind: 'grow' | 'shrink' | 'schedule';
  readonly outcome: 'done' | 'dry_run' | 'refused';
  readonly from: Size;
  readonly to: Size;
  readonly reason: string;
  readonly measures: Pressure | null;
  readonly requestId: string | null;
}

/** What is not said of the rules. */
export const pressureDefaults = {
  cpu: { growAbove: 0.9, shrinkBelow: 0.65 },
  memory: { growBelow: 0.2, shrinkAbove: 0.45 },
  looks: 8,
  cooldownSeconds: { grow: 30, shrink: 60 },
} as const satisfies Partial<PressureRules>;

/** Between growing and shrinking there must be room, or one decision is the reason of the next. */
const GAP = 0.1;

/** What of rules cannot be meant, in words for a 400; null: nothing. */
export function pressureProblem({ vcpus, memoryMb, cpu, memory }: PressureRules): string | null {
  if (vcpus === null && memoryMb === null) return 'pressure must move vcpus, memory_mb or both';
  for (const [name, range] of [
    ['vcpus', vcpus],
    ['memory_mb', memoryMb],
  ] as const) {
    if (range !== null && range.min > range.max) return `${name}: min ${range.min} is more than max ${range.max}`;
  }
  if (cpu.growAbove - cpu.shrinkBelow < GAP) return `cpu: shrink_below must be ${GAP} below grow_above`;
  if (memory.shrinkAbove - memory.growBelow < GAP) return `memory: shrink_above must be ${GAP} above grow_below`;
  return null;
}
