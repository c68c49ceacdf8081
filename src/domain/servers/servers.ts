// Why: the server's row as a value, and the one table that turns Nova's three states into the status a client sees.

import type { ServerVolume } from './server-volumes.ts';
import type { FlavorSnapshot } from '../machines/flavors.ts';
import type { ImageFacts } from '../machines/images.ts';
import type { NicSpec } from '../networks/server-nics.ts';

export type VmState =
  | 'building'
  | 'active'
  | 'paused'
  | 'suspended'
  | 'stopped'
  | 'rescued'
  | 'resized'
  | 'soft-delete'
  | 'deleted'
  | 'error'
  | 'shelved'
  | 'shelved_offloaded';

/** Nova's task states, and `adjusting`. */
export const taskStates = [
  'scheduling',
  'block_device_mapping',
  'networking',
  'spawning',
  'image_snapshot',
  'image_snapshot_pending',
  'image_pending_upload',
  'image_uploading',
  'image_backup',
  'updating_password',
  'resize_prep',
  'resize_migrating',
  'resize_migrated',
  'resize_finish',
  'resize_reverting',
  'resize_confirming',
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'reboot_pending_hard',
  'reboot_started_hard',
  'pausing',
  'unpausing',
  'suspending',
  'resuming',
  'powering-off',
  'powering-on',
  'rescuing',
  'unrescuing',
  'rebuilding',
  'rebuild_block_device_mapping',
  'rebuild_spawning',
  'migrating',
  'deleting',
  'soft-deleting',
  'restoring',
  'shelving',
  'shelving_image_pending_upload',
  'shelving_image_uploading',
  'shelving_offloading',
  'unshelving',
  'adjusting',
] as const;
export type TaskState = (typeof taskStates)[number];

/** Nova's power states. */
export const power = { noState: 0, running: 1, paused: 3, shutdown: 4, crashed: 6, suspended: 7 } as const;
export type PowerState = (typeof power)[keyof typeof power];

/** Nova's words for them. */
export const powerNames: Readonly<Record<PowerState, string>> = {
  [power.noState]: 'pending',
  [power.running]: 'running',
  [power.paused]: 'paused',
  [power.shutdown]: 'shutdown',
  [power.crashed]: 'crashed',
  [power.suspended]: 'suspended',
};

/** Nova's words for the power states. */
const powerWords: Readonly<Record<PowerState, string>> = {
  [power.noState]: 'pending',
  [power.running]: 'running',
  [power.paused]: 'paused',
  [power.shutdown]: 'shutdown',
  [power.crashed]: 'crashed',
  [power.suspended]: 'suspended',
};

export const powerWord = (state: PowerState): string => powerWords[state];

/**
 * How far the last adjustment got; see `GET /os-xloud-adjust/{server_id}`. `unseen`: it failed, and nobody could look what the guest
 * has: it may have all that was asked. It becomes `error` with the next look, and is told as that.
 */
export type AdjustStatus = 'idle' | 'adjusting' | 'partial' | 'error' | 'unseen' | 'pending_reboot';

/** As it is told: that a guest was not looked at yet is nobody's but ours. */
export const toldStatus = (status: AdjustStatus): Exclude<AdjustStatus, 'unseen'> =>
  status === 'unseen' ? 'error' : status;

export interface Server {
  readonly id: number;
  readonly uuid: string;
  readonly projectId: string;
  readonly userId: string;
  readonly displayName: string;
  readonly description: string | null;
  readonly hostname: string;
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly vmState: VmState;
  readonly taskState: TaskState | null;
  readonly powerState: PowerState;
  readonly progress: number;
  readonly imageRef: string;
  readonly image: ImageFacts | null;
  readonly flavor: FlavorSnapshot;
  readonly host: string | null;
  readonly node: string | null;
  readonly availabilityZone: string | null;
  readonly requestedZone: string | null;
  /** As the caller gave them; kept in the build request, shown from 2.100. */
  readonly schedulerHints: Readonly<Record<string, unknown>>;
  readonly keyName: string | null;
  readonly keyData: string | null;
  readonly userData: string | null;
  readonly configDrive: boolean;
  readonly autoDiskConfig: boolean;
  readonly accessIpV4: string | null;
  readonly accessIpV6: string | null;
  readonly rootDeviceName: string | null;
  readonly lockedBy: 'owner' | 'admin' | null;
  readonly lockedReason: string | null;
  readonly currentVcpus: number;
  readonly currentMemoryMb: number;
  readonly targetVcpus: number;
  readonly targetMemoryMb: number;
  readonly bootVcpus: number;
  readonly bootMemoryMb: number;
  readonly guestOnlineVcpus: number | null;
  readonly guestAvailableMb: number | null;
  readonly adjustStatus: AdjustStatus;
  readonly adjustPersist: boolean;
  readonly adjustRequestId: string | null;
  readonly adjustMessage: string | null;
  readonly adjustUpdatedAt: number | null;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  readonly updatedAt: number | null;
  readonly launchedAt: number | null;
  readonly terminatedAt: number | null;
  readonly deletedAt: number | null;
  readonly deleted: boolean;
}

export interface ServerFault {
  readonly code: number;
  readonly message: string;
  readonly details: string | null;
  readonly createdAt: number;
}

/** A server with what its views show beside the row. */
export interface ServerDetail {
  readonly server: Server;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly nics: readonly NicSpec[];
  /** The last fault, shown only in ERROR and DELETED. */
  readonly fault: ServerFault | null;
  /** The uuids of its server groups: one or none. */
  readonly groups: readonly string[];
  readonly volumes: readonly ServerVolume[];
}

type StatusRow = Readonly<{ default: string } & Partial<Record<TaskState, string>>>;

const restarting: Partial<Record<TaskState, string>> = {
  rebooting_hard: 'HARD_REBOOT',
  reboot_pending_hard: 'HARD_REBOOT',
  reboot_started_hard: 'HARD_REBOOT',
};
const rebuilding: Partial<Record<TaskState, string>> = {
  rebuilding: 'REBUILD',
  rebuild_block_device_mapping: 'REBUILD',
  rebuild_spawning: 'REBUILD',
};
const resizing: Partial<Record<TaskState, string>> = {
  resize_prep: 'RESIZE',
  resize_migrating: 'RESIZE',
  resize_migrated: 'RESIZE',
  resize_finish: 'RESIZE',
};

/** vm_state and task_state to the API's status (Nova's `_STATE_MAP`). A new task state never makes a new status. */
const statusTable: Readonly<Record<VmState, StatusRow>> = {
  building: { default: 'BUILD' },
  active: {
    default: 'ACTIVE',
    rebooting: 'REBOOT',
    reboot_pending: 'REBOOT',
    reboot_started: 'REBOOT',
    ...restarting,
    updating_password: 'PASSWORD',
    ...rebuilding,
    migrating: 'MIGRATING',
    ...resizing,
  },
  paused: { default: 'PAUSED', migrating: 'MIGRATING' },
  suspended: { default: 'SUSPENDED' },
  stopped: { default: 'SHUTOFF', ...resizing, ...rebuilding },
  rescued: { default: 'RESCUE' },
  resized: { default: 'VERIFY_RESIZE', resize_reverting: 'REVERT_RESIZE' },
  'soft-delete': { default: 'SOFT_DELETED' },
  deleted: { default: 'DELETED' },
  error: { default: 'ERROR', ...rebuilding },
  shelved: { default: 'SHELVED' },
  shelved_offloaded: { default: 'SHELVED_OFFLOADED' },
};

/** The status a client sees. */
export function statusOf(vmState: VmState, taskState: TaskState | null): string {
  const row = statusTable[vmState];
  return (taskState === null ? undefined : row[taskState]) ?? row.default;
}

/** The states that show as a status, for the list filter `status=`; empty for a word that is no status. */
export function statesOfStatus(status: string): { vmStates: VmState[]; taskStates: (TaskState | null)[] } {
  const wanted = status.toUpperCase();
  const vmStates = new Set<VmState>();
  const taskStates = new Set<TaskState | null>();
  for (const [vmState, row] of Object.entries(statusTable) as [VmState, StatusRow][]) {
    for (const [task, name] of Object.entries(row)) {
      if (name !== wanted) continue;
      vmStates.add(vmState);
      taskStates.add(task === 'default' ? null : (task as TaskState));
    }
  }
  return { vmStates: [...vmStates], taskStates: [...taskStates] };
}
