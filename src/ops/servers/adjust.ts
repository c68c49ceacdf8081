// Why: a server grows and shrinks while it runs. Growth is claimed before the guest gets it; what is given back is free only
// when the guest let go of it; the row says what the guest has.

import { badRequest, conflict, internal, outwardMessage } from '../../base/errors.ts';
import { secondsBetween } from '../../base/clock.ts';
import type { Op } from '../../base/op.ts';
import { type Claim, findClaim, moveClaim } from '../../db/claims.ts';
import { lockRoom } from '../../db/hosts.ts';
import { updateServer } from '../../db/servers.ts';
import { afterCommit, type Tx, tx } from '../../db/tx.ts';
import {
  type AdjustPlan,
  type AdjustSettlement,
  planAdjust,
  settleAdjust,
  settleStored,
  settlingLeftMs,
} from '../../domain/adjustment/adjust.ts';
import type { AdjustRequest } from '../../domain/adjustment/adjust-request.ts';
import { claimOf, fits } from '../../domain/placement/claims.ts';
import { minimumOf, elasticProblem } from '../../domain/machines/flavors.ts';
import { type GuestView, heldOf } from '../../domain/servers/guests.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { wakeWorkers, enqueueAction, lockServerFor, recordDone } from '../engine/begin.ts';
import type { AdjustEnd, OpsDeps } from '../deps.ts';
import { checkMore, lockQuota } from '../administration/quota-sets.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { recordFailure, resizeClaim, settleAdjustment } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction, defineInstantAction } from '../engine/action.ts';

/** Of what may be. */
export type Plan = AdjustPlan & { readonly ok: true };

/** All absolute, so that asking twice is asking once. */
export interface AdjustInput {
  readonly target: Size;
  /** The size of the next power cycle if the target is reached. */
  readonly boot: Size;
  readonly persist: boolean;
  /** How long the guest may take, in milliseconds. */
  readonly waitMs: number;
}

const notReady = ({ uuid }: Pick<Server, 'uuid'>) => conflict(`Instance ${uuid} is not ready`);

/** Whether what a plan needs is there, on the server's host, which is locked, and in the quota; throws 409 with the free amounts, 403. */
async function checkGrowth(t: Tx, deps: OpsDeps, server: Server, { hostId }: Claim, { grows }: Plan): Promise<void> {
  if (grows.vcpus === 0 && grows.memoryMb === 0) return;
  await checkMore(t, deps.config.quota, server, grows, 0);
  const room = await lockRoom(t, hostId);
  if (room === null) throw notReady(server);
  const noRoom = fits(room, grows);
  if (noRoom !== null) throw conflict(`${noRoom.text}.`, { code: 'adjust.noRoom', detail: noRoom.free });
}

/** Tells the metrics, once it is true. */
const tell = ({ observer }: OpsDeps, t: Tx, end: AdjustEnd): void => afterCommit(t, () => observer?.adjusted(end));

const movedTo = (server: Server, { vcpus, memoryMb }: Size): Size => ({
  vcpus: vcpus - server.currentVcpus,
  memoryMb: memoryMb - server.currentMemoryMb,
});

/** What the metrics hear of a settlement. */
function endOf(server: Server, { server: row, success }: AdjustSettlement, nowMs: number): AdjustEnd {
  const moved = movedTo(server, { vcpus: row.currentVcpus, memoryMb: row.currentMemoryMb });
  if (!success) return { outcome: row.adjustStatus === 'partial' ? 'partial' : 'error', seconds: null, moved };
  if (row.adjustStatus === 'pending_reboot') return { outcome: 'stored', seconds: null, moved };
  return { outcome: 'success', seconds: secondsBetween(server.adjustUpdatedAt ?? nowMs, nowMs), moved };
}

/** A server that was asked to have another size, and what is claimed for it. */
export interface Adjusted {
  readonly server: Server;
  readonly claimed: Size;
}

/** What of the row says that an adjustment is under way. */
export const movingTo = ({ vcpus, memoryMb }: Size) => ({
  taskState: 'adjusting' as const,
  adjustStatus: 'adjusting' as const,
  adjustMessage: null,
  targetVcpus: vcpus,
  targetMemoryMb: memoryMb,
});

/** Who asked for an adjustment, and how, as the row keeps it. */
export const askedBy = ({ requestId }: Op, { persist }: Plan, nowMs: number) => ({
  adjustRequestId: requestId,
  adjustPersist: persist,
  adjustUpdatedAt: nowMs,
});

/** What is asked of a server that is locked, and what it claims now. Throws 400 and 409. */
export async function planFor(
  t: Tx,
  server: Server,
  want: AdjustRequest,
): Promise<{ readonly plan: Plan; readonly claim: Claim }> {
  const problem = elasticProblem(server.flavor);
  if (problem !== null) throw badRequest(problem);
  const claim = await findClaim(t, server.id);
  const plan = planAdjust(server, want, claim ?? minimumOf(server.flavor));
  if (!plan.ok) throw (plan.kind === 'badRequest' ? badRequest : conflict)(plan.message);
  if (claim === null) throw notReady(server);
  return { plan, claim };
}

/** What an adjustment of a server that runs is told; one that still settles has as long as its start. */
export function inputOf({ config }: OpsDeps, server: Server, plan: Plan, nowMs: number): AdjustInput {
  const waitMs = Math.max(config.adjustConfirmMs, settlingLeftMs(server, nowMs, config.startSettleMs));
  return { target: plan.target, boot: plan.boot, persist: plan.persist, waitMs };
}

/**
 * Moves a server to other sizes and returns it as it is then. Throws 400 (bounds), 403 (quota), 404, 409 (state, lock,
 * no room). A server that is off or paused keeps the sizes for its next power cycle, and the action is over at once. While a
 * start still settles it is taken too and stands in for the start's own size: targets are absolute, so both are one change of
 * the same balloon, and whoever asks right after ACTIVE need not know of balloons. It then waits as long as the start would.
 */
export async function adjustServer(
  deps: OpsDeps,
  op: Op,
  { uuid, projectId }: Pick<Server, 'uuid' | 'projectId'>,
  want: AdjustRequest,
): Promise<Adjusted> {
  const { actionId, ...adjusted } = await tx(deps.database, async (t) => {
    await lockQuota(t, projectId);
    const server = await lockServerFor(t, op, uuid, adjustAction.transitions.adjust);
    const { plan, claim } = await planFor(t, server, want);
    await checkGrowth(t, deps, server, claim, plan);
    const nowMs = deps.clock.now();
    const asked = askedBy(op, plan, nowMs);
    const as = (changes: Partial<Server>, claimed: Size) => ({
      server: { ...server, ...changes, updatedAt: nowMs },
      claimed,
    });
    if (plan.when === 'nextBoot') {
      const settlement = settleStored(server, plan);
      await settleAdjustment(t, server, claim, settlement, nowMs, asked);
      await recordDone(t, op, server, storedAdjust, nowMs);
      tell(deps, t, { outcome: 'stored', seconds: null, moved: { vcpus: 0, memoryMb: 0 } });
      return { actionId: null, ...as({ ...settlement.server, ...asked }, settlement.claimed) };
    }
    const changes = { ...asked, ...movingTo(plan.target) };
    await moveClaim(t, claim, plan.claim);
    await updateServer(t, server.id, changes, nowMs);
    const input = inputOf(deps, server, plan, nowMs);
    return { actionId: await enqueueAction(t, op, server, adjustAction, input, nowMs), ...as(changes, plan.claim) };
  });
  if (actionId !== null) wakeWorkers(deps, adjustAction, [actionId]);
  return adjusted;
}

const guest = step({
  name: 'guest',
  event: 'adjust_guest',
  run({ server, input, action, call }: StepContext<AdjustInput>) {
    if (server.host === null) throw internal(`Instance ${server.uuid} has no host.`);
    const request = {
      actionId: String(action.id),
      target: input.target,
      persist: input.persist,
      timeoutMs: input.waitMs,
    };
    return call(server.host, 'adjust', { uuid: server.uuid, request });
  },
  undo: 'the host puts back what it must; what the guest has then is looked at when the failure is written',
});

export const adjustAction = defineAction<AdjustInput>()({
  name: 'adjust',
  transitions: {
    adjust: defineTransition('adjust', 'Change vCPUs or memory.', ['active', 'paused', 'stopped'], {
      task: 'adjusting',
      placed: true,
    }),
  },
  notification: 'adjust',
  secrets: [],
  steps: [guest],
  async settle(t, { deps, server, input, output }, nowMs) {
    const settlement = settleAdjust(server, input.boot, output(guest));
    await settleAdjustment(t, server, await findClaim(t, server.id), settlement, nowMs, { taskState: null });
    tell(deps, t, endOf(server, settlement, nowMs));
    return settlement.success ? null : settlement.server.adjustMessage;
  },
  observe: ({ server, call }) => call(server.host as string, 'inspect', { uuid: server.uuid }),
  /** The outcome is unknown: with a look at the guest the claim follows it, without one everything claimed stays so until the next. */
  async failed(t, { deps, server }, failure, nowMs, seen) {
    const view = seen as GuestView | null;
    const boot = { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb };
    const size = view === null ? {} : { currentVcpus: view.size.vcpus, currentMemoryMb: view.size.memoryMb };
    const end = {
      ...size,
      taskState: null,
      adjustStatus: view === null ? ('unseen' as const) : ('error' as const),
      adjustMessage: outwardMessage(failure),
      adjustUpdatedAt: nowMs,
    };
    await updateServer(t, server.id, end, nowMs);
    if (view !== null) await resizeClaim(t, server.id, claimOf(minimumOf(server.flavor), heldOf(view), boot));
    await recordFailure(t, server, failure, nowMs);
    const moved = view === null ? { vcpus: 0, memoryMb: 0 } : movedTo(server, view.size);
    tell(deps, t, { outcome: 'error', seconds: null, moved });
  },
});

/** Of a server that is off or paused: the sizes are for its next power cycle, and there is nothing more to do. */
export const storedAdjust = defineInstantAction({
  name: adjustAction.name,
  transitions: {},
  event: 'adjust_store',
  notification: null,
});
