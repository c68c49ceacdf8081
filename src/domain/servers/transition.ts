// Why: from which states an action may start, and where it leads, is data beside the action; the checks, the words of the 409s, the
// docs and the tests read it. The values are those of the `check_instance_state` decorators in Nova's compute API.

import type { OptionalVerb } from '../placement/hosts.ts';
import type { Server, TaskState, VmState } from './servers.ts';

/** From which states of a server something may be asked, and what state it leads to. */
export interface Transition {
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
  /** For people: what it does, in one sentence. */
  readonly summary: string;
}

/** By the name under which the action knows it. */
export type Transitions = Readonly<Record<string, Transition>>;

/** A transition of idle, launched and unlocked servers in these states; what differs stands in `more`. */
export const defineTransition = (
  word: string,
  summary: string,
  from: Transition['from'],
  more: Partial<Transition> = {},
): Transition => ({
  word,
  from,
  tasks: [null],
  task: null,
  to: null,
  launched: true,
  placed: false,
  lockable: true,
  namesLock: true,
  verb: null,
  placing: false,
  summary,
  ...more,
});

/** What may be asked in any state. */
export const anytime: Partial<Transition> = { tasks: null, launched: false, lockable: false };

/** States of a server whose disks exist and are at rest or in use, so that they can be copied. */
export const copyable: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended'];

/** States of a server whose metadata and tags may be changed. */
export const changeable: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];

/** What of a server decides whether a transition is legal. */
export type TransitionSubject = Pick<Server, 'uuid' | 'vmState' | 'taskState' | 'launchedAt' | 'host' | 'lockedBy'>;

/**
 * Why a transition may not start, as the text of Nova's 409; null when it may. Checks in Nova's order: lock, host, vm_state,
 * task_state, launched. `mayOverrideLock` is what policy says of the caller (Nova: administrators).
 */
export function refusal(server: TransitionSubject, transition: Transition, mayOverrideLock: boolean): string | null {
  const invalid = `Instance ${server.uuid} is in an invalid state for '${transition.word}'`;
  if (transition.lockable && server.lockedBy !== null && !mayOverrideLock) {
    return transition.namesLock ? `Instance ${server.uuid} is locked` : invalid;
  }
  if (transition.placed && server.host === null) return `Instance ${server.uuid} is not ready`;
  if (transition.from !== null && !transition.from.includes(server.vmState)) {
    return `Cannot '${transition.word}' instance ${server.uuid} while it is in vm_state ${server.vmState}`;
  }
  if (transition.tasks !== null && !transition.tasks.includes(server.taskState)) {
    // null is no state to name: where a task is needed and none runs, Nova says it in general words
    if (server.taskState === null) return invalid;
    return `Cannot '${transition.word}' instance ${server.uuid} while it is in task_state ${server.taskState}`;
  }
  return transition.launched && server.launchedAt === null ? invalid : null;
}
