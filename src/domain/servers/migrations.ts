// Why: a move of a server from host to host, as operators see it in os-migrations, and what its end needs to know of its beginning.

import type { FlavorSnapshot } from '../machines/flavors.ts';
import type { VmState } from './servers.ts';
import type { Size } from '../adjustment/size.ts';

export type MigrationType = 'migration' | 'resize' | 'live-migration' | 'evacuation';

/** Nova's words. */
export type MigrationStatus =
  | 'accepted'
  | 'pre-migrating'
  | 'migrating'
  | 'post-migrating'
  | 'finished'
  | 'confirming'
  | 'confirmed'
  | 'reverting'
  | 'reverted'
  | 'queued'
  | 'preparing'
  | 'running'
  | 'done'
  | 'completed'
  | 'cancelled'
  | 'failed'
  | 'error';

/** A live migration in these is under way. */
export const liveInProgress: readonly MigrationStatus[] = ['queued', 'preparing', 'running', 'post-migrating'];

/** A move in these is over: it holds nothing. */
export const overStatuses: readonly MigrationStatus[] = [
  'confirmed',
  'reverted',
  'done',
  'completed',
  'cancelled',
  'failed',
  'error',
];

/** Bytes of a live migration's memory or disks; null while unknown. */
export interface Transfer {
  readonly total: number | null;
  readonly processed: number | null;
  readonly remaining: number | null;
}

/** What a server was before a resize or cold migration. */
export interface Before {
  readonly flavor: FlavorSnapshot;
  readonly vmState: VmState;
  /** The size that its power cycles took. */
  readonly boot: Size;
  readonly availabilityZone: string | null;
}

export interface ServerMigration {
  readonly id: number;
  readonly uuid: string;
  readonly serverUuid: string;
  readonly type: MigrationType;
  readonly status: MigrationStatus;
  readonly sourceCompute: string;
  readonly sourceNode: string;
  /** Null until a host was found. */
  readonly destCompute: string | null;
  readonly destNode: string | null;
  /** Its address. */
  readonly destHost: string | null;
  /** The flavors' numbers; null where there is none any more, and for evacuations. */
  readonly oldFlavorId: number | null;
  readonly newFlavorId: number | null;
  /** Who asked for it. */
  readonly userId: string;
  readonly projectId: string;
  readonly memory: Transfer;
  readonly disk: Transfer;
  /** What was asked of a live migration under way. */
  readonly steering: 'abort' | 'force' | null;
  readonly before: Before | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Such a move is shown under its server. */
export const isLiveInProgress = ({ type, status }: Pick<ServerMigration, 'type' | 'status'>): boolean =>
  type === 'live-migration' && liveInProgress.includes(status);
