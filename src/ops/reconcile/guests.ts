// Why: a host tells what it has, the rows tell what it should have. Where the two differ and nothing is under way, the host is
// asked once more (in the guest's own turn, so that an old report decides nothing) and the row follows it.

import { Fault, messageOf } from '../../base/errors.ts';
import { type Claim, findClaim, findClaims, moveClaim } from '../../db/claims.ts';
import { remnantHosts } from '../../db/remnants.ts';
import { insertFault } from '../../db/server-details.ts';
import { findServer, findServers, lockServer, serversOnHost, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { isSettling, settleSeen, settlingLeftMs } from '../../domain/adjustment/adjust.ts';
import { hasReason, powerText, sizeDrift } from '../../domain/adjustment/drift.ts';
import type { GuestEvent, GuestView } from '../../domain/servers/guests.ts';
import { type PowerState, power, powerNames, type Server, type VmState } from '../../domain/servers/servers.ts';
import { isOnItsWay, memoryMethodOf } from '../../domain/adjustment/memory-method.ts';
import { type Size, sameSize } from '../../domain/adjustment/size.ts';
import type { OpsDeps } from '../deps.ts';
import { atRest, settleFromView, vmStateOf } from '../engine/settle.ts';
import { recordChange, recordSize } from './drift.ts';

/** States of a server in which its host must have its guest. */
const withGuest: readonly VmState[] = ['active', 'paused', 'suspended', 'stopped', 'resized', 'rescued', 'error'];

const follows = (server: Server): boolean => server.taskState === null && withGuest.includes(server.vmState);

/** Free memory changes all the time; only a tenth more or less is news. */
function isNews(before: number | null, now: number | null): boolean {
  if (before === null || now === null) return before !== now;
  return Math.abs(now - before) > before / 10;
}

/** These wait for somebody's word, running or off. */
const awaitWord: readonly VmState[] = ['resized', 'rescued', 'error'];

/** The vm_state that a guest's power state makes. */
const stateFor = ({ vmState }: Server, { powerState }: GuestView): VmState =>
  awaitWord.includes(vmState) ? vmState : (vmStateOf(powerState) ?? vmState);

/** How the row, with its claim, and the guest differ; null when they do not. `overdue`: a start took too long to settle. */
function driftOf(
  server: Server,
  claim: Size | null,
  view: GuestView | null,
  overdue: boolean,
): 'missing' | 'power' | 'size' | null {
  if (view === null) return server.powerState === power.noState ? null : 'missing';
  const state = stateFor(server, view);
  if (state !== server.vmState) return 'power';
  if (view.powerState !== server.powerState) return 'power';
  if (view.powerState !== power.running && view.powerState !== power.paused) return null;
  const { server: row, claimed } = settleSeen(server, view, overdue);
  // vCPUs that nobody in the guest speaks of are seen here only
  if (claim !== null && !sameSize(claim, claimed)) return 'size';
  const moved = row.currentVcpus !== server.currentVcpus || row.currentMemoryMb !== server.currentMemoryMb;
  const told = view.onlineVcpus !== server.guestOnlineVcpus || isNews(server.guestAvailableMb, view.availableMb);
  return moved || told || row.adjustStatus !== server.adjustStatus ? 'size' : null;
}

const isOverdue = (deps: OpsDeps, server: Server): boolean =>
  isSettling(server) && settlingLeftMs(server, deps.clock.now(), deps.config.startSettleMs) === 0;

const records: Partial<Record<PowerState, string>> = {
  [power.running]: 'start',
  [power.shutdown]: 'stop',
  [power.crashed]: 'stop',
  [power.paused]: 'pause',
  [power.suspended]: 'suspend',
};

/** What is known of a change beside the guest itself. */
interface Told {
  /** It restarted by itself and loads its memory's driver anew. */
  readonly rebooted: boolean;
  /** Its start took too long to settle. */
  readonly overdue: boolean;
  /** In the host's words. */
  readonly reason: string | null;
}

/** The row takes what a guest has that went on, and the history tells what nobody asked for. */
async function followSize(
  deps: OpsDeps,
  t: Tx,
  server: Server,
  claim: Claim | null,
  view: GuestView,
  told: Told,
): Promise<void> {
  const nowMs = deps.clock.now();
  const settling = isSettling(server);
  const method = memoryMethodOf(server.flavor);
  const begins = told.rebooted && !settling && isOnItsWay(method, view.size.memoryMb, server.targetMemoryMb);
  const subject = begins ? { ...server, adjustStatus: 'adjusting' as const } : server;
  const { server: seen, claimed, success } = settleSeen(subject, view, told.overdue);
  const raised = claim !== null && claimed.vcpus > claim.vcpus;
  // where nobody inside tells of them, those that are plugged count
  const row = raised && view.onlineVcpus === null ? { ...seen, currentVcpus: view.size.vcpus } : seen;
  const current = { vcpus: row.currentVcpus, memoryMb: row.currentMemoryMb };
  // memory on its way is the start's
  const drift = begins || settling ? null : sizeDrift(server, view, current, raised);
  const text = drift === null ? null : await recordSize(t, server, drift, nowMs);
  const asAsked = row.currentVcpus === row.targetVcpus && row.currentMemoryMb === row.targetMemoryMb;
  const settled = row.adjustStatus === 'idle' || row.adjustStatus === 'pending_reboot';
  // why an adjustment was not reached is told until the next one
  const reason = hasReason(row) || asAsked ? row.adjustMessage : (text ?? row.adjustMessage);
  const message = asAsked && settled ? null : reason;
  const changes = begins || text !== null || row.adjustStatus !== server.adjustStatus;
  const state = { powerState: view.powerState, vmState: stateFor(server, view) };
  const times = changes ? { adjustUpdatedAt: nowMs } : {};
  await updateServer(t, server.id, { ...row, ...state, adjustMessage: message, ...times }, nowMs);
  if (claim !== null) await moveClaim(t, claim, claimed);
  if (success && text === null) return;
  deps.log.warn(
    { host: server.host, server: server.uuid, claimed, reason: text ?? row.adjustMessage },
    'a guest has another size than was asked: its claim follows it, whether its host has room or not',
  );
}

/** The row takes the state of a guest that began or ceased to run, was frozen or stored, or went on. */
async function followPower(
  deps: OpsDeps,
  t: Tx,
  server: Server,
  claim: Claim | null,
  view: GuestView,
  told: Told,
): Promise<void> {
  const nowMs = deps.clock.now();
  const { reason } = told;
  const details = powerText(server.powerState, view.powerState, reason);
  deps.log.info({ host: server.host, server: server.uuid, reason }, details);
  const started = atRest.includes(server.powerState);
  const vmState = stateFor(server, view);
  if (started || atRest.includes(view.powerState)) await settleFromView(t, server, view, nowMs, started, { vmState });
  // as long as its memory lies on disk its host can't tell what it has
  else if (view.powerState === power.suspended)
    await updateServer(t, server.id, { powerState: view.powerState, vmState }, nowMs);
  else await followSize(deps, t, server, claim, view, told);
  const crashed = view.powerState === power.crashed;
  const why = reason ?? 'the guest changed its state by itself';
  const end = { details: crashed ? `The guest crashed: ${why}` : details, error: crashed };
  await recordChange(t, server, records[view.powerState] ?? 'stop', end, nowMs);
  // the fault of a server in ERROR is what brought it there
  if (!crashed || server.vmState === 'error') return;
  const fault = { code: 500, message: 'The guest crashed.', details: why, createdAt: nowMs };
  await insertFault(t, server.id, fault);
}

/** The guest of a server is gone from its host. Its state and its claim stay, as Nova's do: it may come back. */
async function followMissing(deps: OpsDeps, t: Tx, server: Server): Promise<void> {
  const nowMs = deps.clock.now();
  deps.log.error({ host: server.host, server: server.uuid }, 'the host does not know a server that it should have');
  await updateServer(t, server.id, { powerState: power.noState }, nowMs);
  const details = `The guest is gone from its host without a request: ${powerNames[server.powerState]} before.`;
  await recordChange(t, server, 'stop', { details, error: true }, nowMs);
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
    const claim = await findClaim(t, server.id);
    const drift = driftOf(server, claim, view, overdue) ?? (rebooted ? 'size' : null);
    if (drift === null) return;
    const told: Told = { rebooted, overdue, reason };
    if (view === null) await followMissing(deps, t, server);
    else if (drift === 'size') await followSize(deps, t, server, claim, view, told);
    else await followPower(deps, t, server, claim, view, told);
  });
}

/** Guests in one report for which a host may leave us without an answer: one may hang, but a host that is gone must not hold us up. */
const MOST_SILENT = 2;

type Alone = (uuid: string, work: () => Promise<unknown>) => Promise<void>;

/**
 * A guest that cannot be looked at or removed now does not keep the others of its host from their turn; once the host answered for
 * none of several, it is asked no more.
 */
function makeAlone(deps: OpsDeps, host: string): Alone {
  let silent = 0;
  return async (uuid, work) => {
    if (silent === MOST_SILENT) return;
    try {
      await work();
    } catch (error) {
      if (error instanceof Fault && error.code === 'bus.timeout') silent += 1;
      deps.log.warn({ host, guest: uuid, reason: messageOf(error) }, 'a guest was not followed; the next report comes');
    }
  };
}

/**
 * Removes guests that the host has and whose servers were deleted (without it, while it was down). Guests of nobody are left
 * alone and named in the log: they may be another program's.
 */
async function removeOrphans(deps: OpsDeps, host: string, guests: readonly GuestView[], alone: Alone): Promise<void> {
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
      await alone(uuid, () => deps.bus.call(host, 'destroy', { uuid }));
    } else if (server.host !== null && server.host !== host && server.taskState === null) {
      // what is on record as left there goes by itself (reconcile/remnants.ts)
      if ((await remnantHosts(deps.database.read, uuid)).includes(host)) continue;
      deps.log.error({ host, server: uuid, shouldBe: server.host }, 'the host has a guest whose server is elsewhere');
    }
  }
}

/** Compares everything that a host has with its rows. */
export async function reconcileHost(deps: OpsDeps, host: string, guests: readonly GuestView[]): Promise<void> {
  const views = new Map(guests.map((guest) => [guest.uuid, guest]));
  const servers = (await serversOnHost(deps.database.read, host)).filter(follows);
  const claims = await findClaims(
    deps.database.read,
    servers.map(({ id }) => id),
  );
  const alone = makeAlone(deps, host);
  for (const server of servers) {
    const view = views.get(server.uuid) ?? null;
    if (driftOf(server, claims.get(server.id) ?? null, view, isOverdue(deps, server)) === null) continue;
    await alone(server.uuid, () => followGuest(deps, host, server.uuid, null));
  }
  await removeOrphans(deps, host, guests, alone);
}
