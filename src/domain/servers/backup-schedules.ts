// Why: what a server's backups by the clock are.

export interface BackupSchedule {
  readonly serverUuid: string;
  readonly projectId: string;
  readonly userId: string;
  /** Five fields, in UTC. */
  readonly cron: string;
  /** Whole backups that are kept, each with its incrementals. */
  readonly keep: number;
  /** After how many incrementals the next one is whole. */
  readonly incrementals: number;
  readonly quiesce: boolean;
  readonly enabled: boolean;
  /** When the next one is due; null: never. */
  readonly nextAt: number | null;
  readonly lastAt: number | null;
  /** Why the last one was not begun. */
  readonly lastProblem: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
