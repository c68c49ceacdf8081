// Why: a host tells what it has, the rows tell what it should have. Where the two differ and nothing is under way, the host is
// asked once more (in the guest's own turn, so that an old report decides nothing) and the row follows it.

import { newRequestId } from '../../base/ids.ts';
import { systemCaller } from '../../base/op.ts';
import { insertClosedAction } from '../../db/instance-actions.ts';
import { insertFault } from '../../db/server-details.ts';
import { findServer, findServers, lockServer, serversOnHost, updateServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import { claimOf } from '../../domain/claim.ts';
import { minimumOf } from '../../domain/flavor.ts';
import type { GuestView } from '../../domain/guest.ts';
import { type PowerState, power, type Server, type VmState } from '../../domain/instance.ts';
import type { OpsDeps } from '../deps.ts';
import { resizeClaim, settleFromView, vmStateOf } from '../settle.ts';

/** States of a server in which its host must have its guest. */
const withGuest: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped'];

const follows = (server: Server): boolean => server.taskState === null && withGuest.includes(server.vmState);

/** vCPUs that the guest uses: what it says itself, else what is plugged if that is fewer than we thought. */
function usedVcpus(server: Server, view: GuestView): number {
  return view.onlineVcpus ?? Math.min(server.currentVcpus, view.size.vcpus);
}

/** Free memory changes all the time; only a tenth more or less is news. */
function isNews(before: number | null, now: number | null): boolean {
  if (before === null || now === null) return before !== now;
  return Math.abs(now - before) > before / 10;
}

/** How the row and the guest differ; null when they do not. */
export function driftOf(server: Server, view: GuestView | null): 'missing' | 'power' | 'size' | null {
  if (view === null) return server.powerState === power.noState ? null : 'missing';
  const state = vmStateOf(view.powerState);
  if (state !== null && state !== server.vmState) return 'power';
  if (view.powerState !== server.powerState) return 'power';
  if (view.powerState !== power.running) return null;
  const moved = usedVcpus(server, view) !== server.currentVcpus || view.size.memoryMb !== server.currentMemoryMb;
  const told = view.onlineVcpus !== server.guestOnlineVcpus || isNews(server.guestAvailableMb, view.availableMb);
  return moved || told ? 'size' : null;
}

const records: Partial<Record<PowerState, string>> = {
  [power.running]: 'start',
  [power.shutdown]: 'stop',
  [power.crashed]: 'stop',
  [power.paused]: 'pause',
  [power.suspended]: 'suspend',
};

/** The row of one server follows its guest. `reason`: the host's words, for the record. */
export async function followGuest(deps: OpsDeps, host: string, uuid: string, reason: string | null): Promise<void> {
  const before = await findServer(deps.database.read, uuid);
  if (before === null || before.host !== host || !follows(before)) return;
  const view = await deps.bus.call(host, 'inspect', { uuid });
  await tx(deps.database, async (t) => {
    const server = await lockServer(t, uuid);
    // something began, or ended, while the host was asked: what we heard may be old
    if (server === null || server.deleted || server.host !== host || !follows(server)) return;
    if (server.updatedAt !== before.updatedAt) return;
    const drift = driftOf(server, view);
    if (drift === null) return;
    const nowMs = deps.clock.now();
    if (view === null) {
      deps.log.error({ host, server: uuid }, 'the host does not know a server that it should have');
      await updateServer(t, server.id, { powerState: power.noState }, nowMs);
      return;
    }
    if (drift === 'size') {
      const sizes = {
        currentVcpus: usedVcpus(server, view),
        currentMemoryMb: view.size.memoryMb,
        guestOnlineVcpus: view.onlineVcpus,
        guestAvailableMb: view.availableMb,
      };
      await updateServer(t, server.id, sizes, nowMs);
      const boot = { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb };
      await resizeClaim(t, server.id, claimOf(minimumOf(server.flavor), view.size, boot));
      return;
    }
    deps.log.info(
      { host, server: uuid, was: server.powerState, is: view.powerState, reason },
      'a guest changed by itself',
    );
    await settleFromView(t, server, view, nowMs);
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
    if (!follows(server) || driftOf(server, views.get(server.uuid) ?? null) === null) continue;
    await followGuest(deps, host, server.uuid, null);
  }
  await removeOrphans(deps, host, guests);
}
