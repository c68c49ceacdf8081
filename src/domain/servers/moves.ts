// Why: what may be done to a server in which state is one table. The checks, the words of the 409s, the record in the action
// log and the tests read it; nothing else knows a state.

import type { OptionalVerb } from '../placement/host.ts';
import { type Server, type TaskState, taskStates, type VmState } from './instance.ts';

export interface Move {
  /** The word that Nova puts into its 409. */
  readonly word: string;
  /** The vm_states it may start from; null: any. */
  readonly from: readonly VmState[] | null;
  /** The task_states it may start from, null among them for "nothing under way"; null: any. */
  readonly tasks: readonly (TaskState | null)[] | null;
  /** The task_state it sets; null: it leaves the task_state alone. */
  readonly task: TaskState | null;
  /** The vm_state after success; null: the one before. */
  readonly to: VmState | null;
  /** Needs a server that ran once (Nova's `must_have_launched`). */
  readonly launched: boolean;
  /** Needs a server that has a host (Nova's `check_instance_host`). */
  readonly placed: boolean;
  /** Refused on a locked server, but to those who may override the lock. */
  readonly lockable: boolean;
  /** Whether the 409 on a locked server names the lock; where Nova forgot to, it calls the state invalid. */
  readonly namesLock: boolean;
  /** What the host's driver must be able to do, beyond what every driver can; null: nothing. */
  readonly verb: OptionalVerb | null;
  /** Takes the server to a host: where the verb is missing Nova finds no valid host (400); elsewhere it does not do this (501). */
  readonly placing: boolean;
  /** The name in the instance actions; null: leaves no record. */
  readonly record: string | null;
  /** For people: documents and messages. */
  readonly label: string;
}

const idle: readonly (TaskState | null)[] = [null];

/** A row: idle, launched and unlocked servers in these states; what differs stands in `more`. The word is also the record. */
const row = (word: string, label: string, from: Move['from'], more: Partial<Move> = {}): Move => ({
  word,
  from,
  tasks: idle,
  task: null,
  to: null,
  launched: true,
  placed: false,
  lockable: true,
  namesLock: true,
  verb: null,
  placing: false,
  record: word,
  label,
  ...more,
});

/** What may be asked in any state, and leaves no record. */
const anytime: Partial<Move> = { tasks: null, launched: false, lockable: false, record: null };

/** A server whose disks exist and are at rest or in use, so that they can be copied. */
const copyable: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended'];
const attachable: readonly VmState[] = ['active', 'paused', 'stopped'];
const volumes: readonly VmState[] = [
  'active',
  'paused',
  'stopped',
  'resized',
  'soft-delete',
  'shelved',
  'shelved_offloaded',
];
const restartable: readonly (TaskState | null)[] = [
  null,
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'resuming',
  'rebooting_hard',
  'unpausing',
  'pausing',
  'suspending',
];
const METADATA: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];

const leaving: ReadonlySet<TaskState> = new Set(['deleting', 'migrating']);
/** A console of a server that stays where it is. */
const consoleRow = (word: string): Move =>
  row(word, 'Open a console', null, {
    ...anytime,
    tasks: [null, ...taskStates.filter((task) => !leaving.has(task))],
    placed: true,
  });

/** The values are those of the `check_instance_state` decorators in Nova's compute API; `adjust` is ours. */
const table = {
  create: row('create', 'Create the server', [], {
    task: 'scheduling',
    to: 'active',
    launched: false,
    lockable: false,
  }),
  delete: row('delete', 'Delete the server', null, { tasks: null, task: 'deleting', to: 'deleted', launched: false }),
  softDelete: row('delete', 'Delete the server, to be restored or reclaimed', null, {
    tasks: null,
    task: 'soft-deleting',
    to: 'soft-delete',
  }),
  forceDelete: row('forceDelete', 'Delete the server at once', null, {
    tasks: null,
    task: 'deleting',
    to: 'deleted',
    launched: false,
    record: 'delete',
  }),
  restore: row('restore', 'Restore the deleted server', ['soft-delete'], {
    task: 'restoring',
    to: 'active',
    namesLock: false,
  }),

  start: row('start', 'Start the server', ['stopped'], { task: 'powering-on', to: 'active', placed: true }),
  stop: row('stop', 'Stop the server', ['active', 'error'], { task: 'powering-off', to: 'stopped', placed: true }),
  rebootSoft: row('reboot', 'Reboot through the guest', ['active'], { task: 'rebooting', to: 'active' }),
  rebootHard: row('reboot', 'Power-cycle the server', ['active', 'stopped', 'paused', 'suspended', 'error'], {
    tasks: restartable,
    task: 'rebooting_hard',
    to: 'active',
  }),
  adjust: row('adjust', 'Change vCPUs or memory', ['active', 'paused', 'stopped'], {
    task: 'adjusting',
    placed: true,
  }),

  pause: row('pause', 'Freeze the server in memory', ['active'], { task: 'pausing', to: 'paused', verb: 'pause' }),
  unpause: row('unpause', 'Let the frozen server run', ['paused'], {
    task: 'unpausing',
    to: 'active',
    verb: 'unpause',
  }),
  suspend: row('suspend', 'Store the server’s memory on disk', ['active'], {
    task: 'suspending',
    to: 'suspended',
    verb: 'suspend',
  }),
  resume: row('resume', 'Resume the suspended server', ['suspended'], {
    task: 'resuming',
    to: 'active',
    verb: 'resume',
  }),
  rescue: row('rescue', 'Boot the server from a rescue image', ['active', 'stopped', 'error'], {
    task: 'rescuing',
    to: 'rescued',
    verb: 'rescue',
  }),
  unrescue: row('unrescue', 'Boot the server from its own disk again', ['rescued'], {
    task: 'unrescuing',
    to: 'active',
    verb: 'unrescue',
  }),
  rebuild: row('rebuild', 'Build the server anew from an image', ['active', 'stopped', 'error'], {
    task: 'rebuilding',
    to: 'active',
    verb: 'rebuild',
  }),
  changePassword: row('changePassword', 'Set the administrator’s password', ['active'], {
    task: 'updating_password',
    namesLock: false,
    verb: 'setAdminPassword',
  }),
  triggerCrashDump: row(
    'trigger_crash_dump',
    'Make the guest dump its memory',
    ['active', 'paused', 'rescued', 'resized', 'error'],
    { placed: true, verb: 'injectNmi' },
  ),

  createImage: row('createImage', 'Make an image of the server', copyable, {
    task: 'image_snapshot_pending',
    lockable: false,
    verb: 'snapshot',
  }),
  createBackup: row('createBackup', 'Make a backup image of the server', copyable, {
    task: 'image_backup',
    lockable: false,
    verb: 'snapshot',
  }),
  shelve: row('shelve', 'Store the server as an image', copyable, {
    task: 'shelving',
    to: 'shelved',
    verb: 'snapshot',
  }),
  shelveOffload: row('shelveOffload', 'Free the host of the shelved server', ['shelved'], {
    task: 'shelving_offloading',
    to: 'shelved_offloaded',
  }),
  unshelve: row('unshelve', 'Bring the shelved server back', ['shelved', 'shelved_offloaded'], {
    task: 'unshelving',
    to: 'active',
  }),

  resize: row('resize', 'Move the server to another flavor', ['active', 'stopped'], {
    task: 'resize_prep',
    to: 'resized',
    placed: true,
    verb: 'migrateDisk',
    placing: true,
  }),
  migrate: row('migrate', 'Move the server to another host', ['active', 'stopped'], {
    task: 'resize_prep',
    to: 'resized',
    placed: true,
    verb: 'migrateDisk',
    placing: true,
  }),
  confirmResize: row('confirmResize', 'Keep the new flavor or host', ['resized'], { to: 'active' }),
  revertResize: row('revertResize', 'Go back to the old flavor or host', ['resized'], {
    task: 'resize_reverting',
    to: 'active',
  }),
  liveMigrate: row('os-migrateLive', 'Move the running server to another host', ['active', 'paused'], {
    task: 'migrating',
    verb: 'liveMigrate',
    placing: true,
    record: 'live-migration',
  }),
  forceComplete: row('force_complete', 'Let the live migration end at any price', ['active'], {
    tasks: ['migrating'],
    record: 'live_migration_force_complete',
  }),
  abortMigration: row('abort live migration', 'Give the live migration up', null, {
    tasks: ['migrating'],
    record: 'live_migration_cancel',
  }),
  evacuate: row('evacuate', 'Rebuild the server away from its dead host', ['active', 'stopped', 'error'], {
    tasks: null,
    task: 'rebuilding',
    placed: true,
    lockable: false,
  }),

  attachInterface: row('attach_interface', 'Add a network interface', attachable, { verb: 'attachNic' }),
  detachInterface: row('detach_interface', 'Take a network interface away', attachable, { verb: 'detachNic' }),
  attachVolume: row('attach_volume', 'Attach a volume', volumes),
  detachVolume: row('detach_volume', 'Detach a volume', volumes),
  swapVolume: row('swap_volume', 'Put another volume in place of one', ['active', 'paused', 'resized']),
  addFixedIp: row('addFixedIp', 'Add a fixed address', null, { ...anytime, lockable: true }),
  removeFixedIp: row('removeFixedIp', 'Take a fixed address away', null, { ...anytime, lockable: true }),
  injectNetworkInfo: row('injectNetworkInfo', 'Tell the guest its networks', null, { ...anytime, lockable: true }),
  updateMetadata: row('update metadata', 'Change the metadata', METADATA, { tasks: null, record: null }),
  deleteMetadata: row('delete metadata', 'Delete metadata', METADATA, { tasks: null, record: null }),
  updateTag: row('update tag', 'Add a tag', METADATA, anytime),
  updateTags: row('update tags', 'Replace the tags', METADATA, anytime),
  deleteTag: row('delete tag', 'Remove a tag', METADATA, anytime),
  deleteTags: row('delete tags', 'Remove all tags', METADATA, anytime),

  attachShare: row('create share', 'Attach a share', ['stopped'], anytime),
  detachShare: row('delete share', 'Detach a share', ['stopped', 'error'], anytime),

  lock: row('lock', 'Lock the server', null, { ...anytime, record: 'lock' }),
  unlock: row('unlock', 'Unlock the server', null, { ...anytime, record: 'unlock' }),
  resetState: row('os-resetState', 'Set the state by hand', null, { ...anytime, record: 'resetState' }),
  consoleOutput: row('get_console_output', 'Read the console log', null, { ...anytime, placed: true }),
  vncConsole: consoleRow('get_vnc_console'),
  spiceConsole: consoleRow('get_spice_console'),
  serialConsole: consoleRow('get_serial_console'),
  mksConsole: consoleRow('get_mks_console'),
  diagnostics: row('get_diagnostics', 'Read the diagnostics', null, {
    ...anytime,
    placed: true,
    verb: 'diagnostics',
  }),
  update: row('update', 'Change name, description or addresses', null, anytime),
} as const satisfies Record<string, Move>;

export type MoveName = keyof typeof table;

export const moves: Readonly<Record<MoveName, Move>> = table;

/** What of a server decides whether a move is legal. */
export type MoveSubject = Pick<Server, 'uuid' | 'vmState' | 'taskState' | 'launchedAt' | 'host' | 'lockedBy'>;

/**
 * Why a move may not start, as the text of Nova's 409; null when it may. Checks in Nova's order: lock, host, vm_state,
 * task_state, launched. `mayOverrideLock` is what policy says of the caller (Nova: administrators).
 */
export function refusal(server: MoveSubject, name: MoveName, mayOverrideLock: boolean): string | null {
  const move = moves[name];
  const invalid = `Instance ${server.uuid} is in an invalid state for '${move.word}'`;
  if (move.lockable && server.lockedBy !== null && !mayOverrideLock) {
    return move.namesLock ? `Instance ${server.uuid} is locked` : invalid;
  }
  if (move.placed && server.host === null) return `Instance ${server.uuid} is not ready`;
  if (move.from !== null && !move.from.includes(server.vmState)) {
    return `Cannot '${move.word}' instance ${server.uuid} while it is in vm_state ${server.vmState}`;
  }
  if (move.tasks !== null && !move.tasks.includes(server.taskState)) {
    // null is no state to name: where a task is needed and none runs, Nova says it in general words
    if (server.taskState === null) return invalid;
    return `Cannot '${move.word}' instance ${server.uuid} while it is in task_state ${server.taskState}`;
  }
  return move.launched && server.launchedAt === null ? invalid : null;
}
