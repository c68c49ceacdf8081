// Why: a host tells what it has, the rows tell what it should have. Where the two differ and nothing is under way, the host is
// asked once more (in the guest's own turn, so that an old report decides nothing) and the row follows it.

import { newRequestId } from '../../base/ids.ts';
import { systemCaller } from '../../base/op.ts';
import { insertClosedAction } from '../../db/instance-actions.ts';
import { insertFault } from '../../db/server-details.ts';
import { findServer, findServers, lockServer, serversOnHost, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { isSettling, settleSeen, settlingLeftMs } from '../../domain/adjust.ts';
import type { GuestEvent, GuestView } from '../../domain/guest.ts';
import { type PowerState, power, type Server, type VmState } from '../../domain/instance.ts';
import type { OpsDeps } from '../deps.ts';
import { resizeClaim, settleFromView, vmStateOf } from '../settle.ts';

/** States of a server in which its host must have its guest. */
const withGuest: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped', 'resized', 'rescued'];

const follows = (server: Server): boolean => server.taskState === null && withGuest.includes(server.vmState);

/** Free memory changes all the time; only a tenth more or less is news. */
function isNews(before: number | null, now: number | null): boolean {
  if (before === null || now === null) return before !== now;
  return Math.abs(now - before) > before / 10;
}

/** These wait for their owner's word, running or off. */
const awaitWord: readonly VmState[] = ['resized', 'rescued'];

/** The vm_state that a guest's power state makes. */
const stateFor = ({ vmState }: Server, { powerState }: GuestView): VmState =>
  awaitWord.includes(vmState) ? vmState : (vmStateOf(powerState) ?? vmState);

/** How the row and the guest differ; null when they do not. `overdue`: a start took too long to settle. */
export function driftOf(server: Server, view: GuestView | null, overdue: boolean): 'missing' | 'power' | 'size' | null {
  if (view === null) return server.powerState === power.noState ? null : 'missing';
  const state = stateFor(server, view);
  if (state !== server.vmState) return 'power';
  if (view.powerState !== server.powerState) return 'power';
  if (view.powerState !== power.running) return null;
  const { server: row } = settleSeen(server, view, overdue);
  const moved = row.currentVcpus !== server.currentVcpus || row.currentMemoryMb !== server.currentMemoryMb;
  const told = view.onlineVcpus !== server.guestOnlineVcpus || isNews(server.guestAvailableMb, view.availableMb);
  return moved || told || row.adjustStatus !== server.adjustStatus ? 'size' : null;
}

const isOverdue = (deps: OpsDeps, server: Server): boolean =>
  isSettling(server) && settlingLeftMs(server, deps.clock.now(), deps.config.startSettleMs) === 0;

/** A guest that comes out of these has just begun to run. */
const notRunning: readonly PowerState[] = [power.noState, power.shutdown, power.crashed];

const records: Partial<Record<PowerState, string>> = {
  [power.running]: 'start',
  [power.shutdown]: 'stop',
  [power.crashed]: 'stop',
  [power.paused]: 'pause',
  [power.suspended]: 'suspend',
};

/** The row takes the sizes that a running guest has. One that `restarted` by itself loads its balloon driver anew. */
async function followSize(
  deps: OpsDeps,
  t: Tx,
  server: Server,
  view: GuestView,
  restarted: boolean,
  overdue: boolean,
  nowMs: number,
): Promise<void> {
  const settling = isSettling(server);
  const begins = restarted && !settling && view.size.memoryMb > server.targetMemoryMb;
  const subject = begins ? { ...server, adjustStatus: 'adjusting' as const } : server;
  const { server: row, claimed, success } = settleSeen(subject, view, overdue);
  const changes = begins || row.adjustStatus !== server.adjustStatus;
  await updateServer(t, server.id, { ...row, ...(changes ? { adjustUpdatedAt: nowMs } : {}) }, nowMs);
  await resizeClaim(t, server.id, claimed);
  if (success) return;
  const { memoryMb } = claimed;
  deps.log.warn(
    { host: server.host, server: server.uuid, claimedMb: memoryMb, reason: row.adjustMessage },
    'a guest holds more than its size: its claim is raised to that, whether its host has room or not',
  );
}

/** The row of one server follows its guest. `event`: what the host told of it; null: nothing, it was compared. */
export async function followGuest(deps: OpsDeps, host: string, uuid: string, event: GuestEvent | null): Promise<void> {
  const reason = event !== null && 'reason' in event ? event.reason : null;
  const before = await findServer(deps.database.read, uuid);
  if (before === null || before.host !== host || !follows(before)) return;
  const view = await deps.bus.call(host, 'inspect', { uuid });
  await tx(deps.database, async (t) => {
    const server = await lockServer(t, uuid);
    // something began, or ended, while the host was asked: what we heard may be old
    if (server === null || server.deleted || server.host !== host || !follows(server)) return;
    if (server.updatedAt !== before.updatedAt) return;
    const overdue = isOverdue(deps, server);
    const rebooted = event?.kind === 'rebooted' && view?.powerState === power.running;
    const drift = driftOf(server, view, overdue) ?? (rebooted ? 'size' : null);
    if (drift === null) return;
    const nowMs = deps.clock.now();
    if (view === null) {
      deps.log.error({ host, server: uuid }, 'the host does not know a server that it should have');
      await updateServer(t, server.id, { powerState: power.noState }, nowMs);
      return;
    }
    if (drift === 'size') {
      await followSize(deps, t, server, view, rebooted, overdue, nowMs);
      return;
    }
    deps.log.info(
      { host, server: uuid, was: server.powerState, is: view.powerState, reason },
      'a guest changed by itself',
    );
    const vmState = stateFor(server, view);
    await settleFromView(t, server, view, nowMs, notRunning.includes(server.powerState), { vmState });
    const crashed = view.powerState === power.crashed;
    const record = {
      serverUuid: uuid,
      action: records[view.powerState] ?? 'stop',
      requestId: newRequestId(),
      projectId: server.projectId,
      userId: systemCaller.userId,
      nowMs,
    };
    const why = reason ?? 'the guest changed its state by itself';
    await insertClosedAction(t, record, { name: 'guest_changed', error: crashed ? `The guest crashed: ${why}` : null });
    if (crashed) {
      const fault = { code: 500, message: 'The guest crashed.', details: why, createdAt: nowMs };
      await insertFault(t, server.id, fault);
    }
  });
}

/**
 * Removes guests that the host has and whose servers were deleted (without it, while it was down). Guests of nobody are left
 * alone and named in the log: they may be another program's.
 */
export async function removeOrphans(deps: OpsDeps, host: string, guests: readonly GuestView[]): Promise<void> {
  const rows = new Map(
    (
      await findServers(
        deps.database.read,
        guests.map((guest) => guest.uuid),
      )
    ).map((s) => [s.uuid, s]),
  );
  for (const { uuid } of guests) {
    const server = rows.get(uuid);
    if (server === undefined) deps.log.warn({ host, guest: uuid }, 'the host has a guest that belongs to no server');
    else if (server.deleted) {
      deps.log.warn({ host, server: uuid }, 'removing the guest of a deleted server');
      await deps.bus.call(host, 'destroy', { uuid });
    } else if (server.host !== null && server.host !== host && server.taskState === null) {
      deps.log.error({ host, server: uuid, shouldBe: server.host }, 'the host has a guest whose server is elsewhere');
    }
  }
}

/** Compares everything that a host has with its rows. */
export async function reconcileHost(deps: OpsDeps, host: string, guests: readonly GuestView[]): Promise<void> {
  const views = new Map(guests.map((guest) => [guest.uuid, guest]));
  for (const server of await serversOnHost(deps.database.read, host)) {
    const view = views.get(server.uuid) ?? null;
    if (!follows(server) || driftOf(server, view, isOverdue(deps, server)) === null) continue;
    await followGuest(deps, host, server.uuid, null);
  }
  await removeOrphans(deps, host, guests);
}
