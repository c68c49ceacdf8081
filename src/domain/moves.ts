// Why: what may be done to a server in which state is one table. The checks, the words of the 409s, the record in the action
// log and the tests read it; nothing else knows a state.

import type { Server, TaskState, VmState } from './instance.ts';

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
  /** The name in the instance actions; null: leaves no record. */
  readonly record: string | null;
  /** For people: documents and messages. */
  readonly label: string;
}

export type MoveName =
  | 'create'
  | 'delete'
  | 'start'
  | 'stop'
  | 'rebootSoft'
  | 'rebootHard'
  | 'adjust'
  | 'consoleOutput'
  | 'update';

const idle: readonly (TaskState | null)[] = [null];

/** The values are those of the `check_instance_state` decorators in Nova's compute API; `adjust` is ours. */
export const moves: Readonly<Record<MoveName, Move>> = {
  create: {
    word: 'create',
    from: [],
    tasks: idle,
    task: 'scheduling',
    to: 'active',
    launched: false,
    placed: false,
    lockable: false,
    record: 'create',
    label: 'Create the server',
  },
  delete: {
    word: 'delete',
    from: null,
    tasks: null,
    task: 'deleting',
    to: 'deleted',
    launched: false,
    placed: false,
    lockable: true,
    record: 'delete',
    label: 'Delete the server',
  },
  start: {
    word: 'start',
    from: ['stopped'],
    tasks: idle,
    task: 'powering-on',
    to: 'active',
    launched: true,
    placed: true,
    lockable: true,
    record: 'start',
    label: 'Start the server',
  },
  stop: {
    word: 'stop',
    from: ['active', 'error'],
    tasks: idle,
    task: 'powering-off',
    to: 'stopped',
    launched: true,
    placed: true,
    lockable: true,
    record: 'stop',
    label: 'Stop the server',
  },
  rebootSoft: {
    word: 'reboot',
    from: ['active'],
    tasks: idle,
    task: 'rebooting',
    to: 'active',
    launched: true,
    placed: false,
    lockable: true,
    record: 'reboot',
    label: 'Reboot through the guest',
  },
  rebootHard: {
    word: 'reboot',
    from: ['active', 'stopped', 'paused', 'suspended', 'error'],
    tasks: [null, 'rebooting', 'reboot_pending', 'reboot_started', 'rebooting_hard'],
    task: 'rebooting_hard',
    to: 'active',
    launched: true,
    placed: false,
    lockable: true,
    record: 'reboot',
    label: 'Power-cycle the server',
  },
  adjust: {
    word: 'adjust',
    from: ['active', 'paused', 'stopped'],
    tasks: idle,
    task: 'adjusting',
    to: null,
    launched: true,
    placed: true,
    lockable: true,
    record: 'adjust',
    label: 'Change vCPUs or memory',
  },
  consoleOutput: {
    word: 'get_console_output',
    from: null,
    tasks: null,
    task: null,
    to: null,
    launched: false,
    placed: true,
    lockable: false,
    record: null,
    label: 'Read the console log',
  },
  update: {
    word: 'update',
    from: null,
    tasks: null,
    task: null,
    to: null,
    launched: false,
    placed: false,
    lockable: false,
    record: null,
    label: 'Change name, description or addresses',
  },
};

/** What of a server decides whether a move is legal. */
export type MoveSubject = Pick<Server, 'uuid' | 'vmState' | 'taskState' | 'launchedAt' | 'host' | 'lockedBy'>;

/**
 * Why a move may not start, as the text of Nova's 409; null when it may. Checks in Nova's order: lock, host, vm_state,
 * task_state, launched. `mayOverrideLock` is what policy says of the caller (Nova: administrators).
 */
export function refusal(server: MoveSubject, name: MoveName, mayOverrideLock: boolean): string | null {
  const move = moves[name];
  if (move.lockable && server.lockedBy !== null && !mayOverrideLock) return `Instance ${server.uuid} is locked`;
  if (move.placed && server.host === null) return `Instance ${server.uuid} is not ready`;
  if (move.from !== null && !move.from.includes(server.vmState)) {
    return `Cannot '${move.word}' instance ${server.uuid} while it is in vm_state ${server.vmState}`;
  }
  if (move.tasks !== null && !move.tasks.includes(server.taskState)) {
    // null is no state to name: where a task is needed and none runs, Nova says it in general words
    if (server.taskState === null) return `Instance ${server.uuid} is in an invalid state for '${move.word}'`;
    return `Cannot '${move.word}' instance ${server.uuid} while it is in task_state ${server.taskState}`;
  }
  if (move.launched && server.launchedAt === null) {
    return `Instance ${server.uuid} is in an invalid state for '${move.word}'`;
  }
  return null;
}
