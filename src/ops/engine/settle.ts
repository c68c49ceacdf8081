// Why: the ends of actions are written here: what the host says becomes the row, in the transaction that ends the action.

import { invariant } from '../../base/invariant.ts';
import { outwardMessage } from '../../base/errors.ts';
import { type Claim, findClaim, moveClaim } from '../../db/claims.ts';
import { insertFault } from '../../db/server-details.ts';
import { type ServerPatch, updateServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import { type AdjustSettlement, isSettling, settlePower, settleSeen } from '../../domain/adjustment/adjust.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { awaitsStart, startedHere } from '../../domain/machines/flavors.ts';
import { type PowerState, power, type Server, type VmState } from '../../domain/servers/servers.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import type { Failure } from './saga.ts';

/** The vm_state of a guest by its power state; null where the host cannot tell. */
export function vmStateOf(powerState: PowerState): VmState | null {
  if (powerState === power.running) return 'active';
  if (powerState === power.paused) return 'paused';
  if (powerState === power.shutdown || powerState === power.crashed) return 'stopped';
  if (powerState === power.suspended) return 'suspended';
  return null;
}

/** The server's claim becomes this much vCPUs and memory where it is; without a claim nothing happens. */
export async function resizeClaim(tx: Tx, serverId: number, size: Size): Promise<void> {
  const claim = await findClaim(tx, serverId);
  if (claim !== null) await moveClaim(tx, claim, size);
}

/** Whether a guest runs as its server says now. */
const isStart = ({ taskState }: Server, { powerState }: GuestView, started: boolean): boolean =>
  started && taskState !== null && powerState === power.running;

/**
 * The row after a power cycle: the state and sizes that the host tells, the task done, the claim trimmed to it. `started`: the
 * guest began to run just now, so that its balloon may still be on its way. Where we started it, its profile is in force.
 */
export async function settleFromView(
  tx: Tx,
  server: Server,
  view: GuestView,
  nowMs: number,
  started: boolean,
  more: ServerPatch = {},
): Promise<void> {
  const settlement = settlePower(server, view, started);
  // one that began by itself is as it was defined before
  const begun = awaitsStart(server.flavor) && isStart(server, view, started);
  const begins = settlement.server.adjustStatus === 'adjusting' && (started || !isSettling(server));
  await updateServer(
    tx,
    server.id,
    {
      ...settlement.server,
      adjustPersist: true,
      ...(begins ? { adjustUpdatedAt: nowMs } : {}),
      powerState: view.powerState,
      vmState: vmStateOf(view.powerState) ?? server.vmState,
      taskState: null,
      ...(begun && { flavor: startedHere(server.flavor) }),
      ...more,
    },
    nowMs,
  );
  await resizeClaim(tx, server.id, settlement.claimed);
}

/** A guest that comes out of these has just begun to run. */
export const atRest: readonly PowerState[] = [power.noState, power.shutdown, power.crashed];

/** The sizes of a guest that went on since its row was written, with its claim; null: it was switched off or on meanwhile. */
function goneOn(server: Server, view: GuestView): AdjustSettlement | 'stored' | null {
  if (atRest.includes(server.powerState) || atRest.includes(view.powerState)) return null;
  // as long as its memory lies on disk its host can't tell what it has
  if (view.powerState === power.suspended) return 'stored';
  const seen = settleSeen(server, view, false);
  const { currentVcpus, currentMemoryMb } = seen.server;
  return currentVcpus === server.currentVcpus && currentMemoryMb === server.currentMemoryMb ? seen : null;
}

/**
 * The row after an action that failed: the state and sizes that the host tells. A guest that went on has had no power cycle, so
 * its target, and a size that is not to persist, stay in force.
 */
async function settleObserved(
  tx: Tx,
  server: Server,
  view: GuestView,
  nowMs: number,
  more: ServerPatch = {},
): Promise<void> {
  const on = goneOn(server, view);
  if (on === null) return settleFromView(tx, server, view, nowMs, view.powerState === power.running, more);
  const sizes = on === 'stored' ? {} : on.server;
  const vmState = vmStateOf(view.powerState) ?? server.vmState;
  await updateServer(
    tx,
    server.id,
    { ...sizes, powerState: view.powerState, vmState, taskState: null, ...more },
    nowMs,
  );
  if (on !== 'stored') await resizeClaim(tx, server.id, on.claimed);
}

/** The row after an adjustment, live or stored, and the claim that was read for it. */
export async function settleAdjustment(
  tx: Tx,
  server: Server,
  claim: Claim | null,
  settlement: AdjustSettlement,
  nowMs: number,
  more: ServerPatch = {},
): Promise<void> {
  invariant(
    settlement.server.adjustStatus !== 'adjusting',
    `an adjustment of server ${server.uuid} that was answered is over`,
  );
  await updateServer(tx, server.id, { ...settlement.server, adjustUpdatedAt: nowMs, ...more }, nowMs);
  if (claim !== null) await moveClaim(tx, claim, settlement.claimed);
}

/** The codes of Nova's exceptions of these kinds; all others have 500. */
const codes: Partial<Record<Failure['kind'], number>> = {
  badRequest: 400,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  tooLarge: 413,
  overLimit: 413,
};

/** The failure as the server's fault; `details` are for administrators. */
export async function recordFailure(
  tx: Tx,
  server: Server,
  failure: Pick<Failure, 'kind' | 'code' | 'message' | 'detail'>,
  nowMs: number,
): Promise<void> {
  const message = outwardMessage(failure);
  const hidden = message === failure.message ? null : failure.message;
  await insertFault(tx, server.id, {
    // what a hypervisor or no host at all said is no exception with a code of its own
    code: hidden === null && failure.code !== 'noValidHost' ? (codes[failure.kind] ?? 500) : 500,
    message,
    details: [hidden, failure.detail].filter((part) => part !== null).join('\n') || null,
    createdAt: nowMs,
  });
}

/**
 * A server whose action failed, in the state that it had before, that its guest is `seen` in (null: nobody looked), or that
 * `patch` says.
 */
export async function settleFailed(
  tx: Tx,
  server: Server,
  failure: Failure,
  nowMs: number,
  patch: ServerPatch,
  seen: GuestView | null = null,
): Promise<void> {
  if (seen === null) await updateServer(tx, server.id, { taskState: null, ...patch }, nowMs);
  else await settleObserved(tx, server, seen, nowMs, patch);
  await recordFailure(tx, server, failure, nowMs);
}

/** A server whose action failed and cannot be taken back: in ERROR, with what is left of its guest. */
export const settleBroken = (
  tx: Tx,
  server: Server,
  failure: Failure,
  nowMs: number,
  seen: GuestView | null,
): Promise<void> => settleFailed(tx, server, failure, nowMs, { vmState: 'error' }, seen);
