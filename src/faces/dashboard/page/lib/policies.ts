// Why: policies by which servers adjust themselves, as the page reads and writes them.

export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface AdjustPolicy {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly server_id?: string;
  readonly server_group_id?: string;
  readonly flavor_id?: string;
  readonly enabled: boolean;
  readonly dry_run: boolean;
  readonly pressure: { readonly vcpus?: Range; readonly memory_mb?: Range } | null;
  readonly schedules: readonly {
    readonly cron: string;
    readonly timezone: string;
    readonly vcpus?: number;
    readonly memory_mb?: number;
  }[];
  readonly next_scheduled_at: string | null;
}

export interface Decision {
  readonly server_id: string;
  readonly decided_at: string;
  readonly kind: string;
  readonly outcome: 'done' | 'dry_run' | 'refused';
  readonly from: { readonly vcpus: number; readonly memory_mb: number };
  readonly to: { readonly vcpus: number; readonly memory_mb: number };
  readonly reason: string;
}

export interface PolicyDraft {
  readonly name: string;
  readonly serverId: string;
  readonly vcpus: Range;
  readonly memoryMb: Range;
  readonly dryRun: boolean;
  readonly cron: string;
  readonly timezone: string;
  readonly scheduledVcpus: number;
}

/** The body of `POST /os-xloud-adjust-policies`. */
export const policyBody = ({
  name,
  serverId,
  vcpus,
  memoryMb,
  dryRun,
  cron,
  timezone,
  scheduledVcpus,
}: PolicyDraft): unknown => ({
  policy: {
    name,
    server_id: serverId,
    dry_run: dryRun,
    pressure: { vcpus, memory_mb: memoryMb },
    ...(cron === '' ? {} : { schedules: [{ cron, timezone, vcpus: scheduledVcpus }] }),
  },
});
