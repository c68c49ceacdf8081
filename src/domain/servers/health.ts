// Why: whoever looks after servers wants one word for each, not five fields: does it run as it should, and if not, why not.

import type { Server, VmState } from './servers.ts';

export const healthStatuses = ['healthy', 'degraded', 'unhealthy', 'unknown', 'off'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

/** What is known of a server beside its row. */
export interface Sighting {
  /** Whether its host reports; null: it has no host. */
  readonly hostUp: boolean | null;
  /** When its host last told what it takes, in milliseconds; null: not within the last two times of asking. */
  readonly seenAtMs: number | null;
  /** Of the guest itself, in MiB, as it last told; null: it tells nothing. */
  readonly memory: { readonly totalMb: number | null; readonly availableMb: number | null } | null;
}

export interface Health {
  readonly status: HealthStatus;
  /** For people; null where there is nothing to say. */
  readonly reason: string | null;
}

/** Of a guest's memory: with less than this share left it is short of it. */
const SHORT_OF_MEMORY = 0.05;

const OFF: ReadonlySet<VmState> = new Set([
  ...(['stopped', 'paused', 'suspended', 'shelved', 'shelved_offloaded', 'soft-delete'] as const),
]);

const say = (status: HealthStatus, reason: string | null = null): Health => ({ status, reason });

/** How a guest that was seen is. */
function guestHealth(memory: Sighting['memory']): Health {
  const { totalMb = null, availableMb = null } = memory ?? {};
  if (totalMb === null || availableMb === null || availableMb >= totalMb * SHORT_OF_MEMORY) return say('healthy');
  return say('degraded', `The guest has ${availableMb} MiB of ${totalMb} MiB of memory left.`);
}

/**
 * How a server is.
 * @param freshMs servers that were launched or changed since this moment (milliseconds) cannot have been looked at yet
 */
export function healthOf(
  server: Pick<Server, 'vmState' | 'taskState' | 'updatedAt' | 'createdAt'>,
  { hostUp, seenAtMs, memory }: Sighting,
  freshMs: number,
): Health {
  const { vmState, taskState } = server;
  if (vmState === 'error') return say('unhealthy', 'The server is in ERROR; its fault says why.');
  if (OFF.has(vmState)) return say('off');
  if (taskState !== null) return say('unknown', `The server is at a task: ${taskState}.`);
  if (hostUp === null) return say('unknown', 'The server has no host yet.');
  if (!hostUp) return say('unknown', 'Its host does not report.');
  if (seenAtMs !== null) return guestHealth(memory);
  if ((server.updatedAt ?? server.createdAt) > freshMs) return say('unknown', 'Nobody has looked at it yet.');
  return say('unhealthy', 'Its host reports, and has not seen it run.');
}
