// Why: a server grows and shrinks while it runs. Growth is claimed before the guest gets it; what is given back is free only
// when the guest let go of it; the row says what the guest has.

import { badRequest, conflict, internal, outwardMessage } from '../../base/errors.ts';
import { secondsBetween } from '../../base/clock.ts';
import type { Op } from '../../base/op.ts';
import { findClaim, setClaim } from '../../db/claims.ts';
import { lockHost } from '../../db/hosts.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { afterCommit, type Tx, tx } from '../../db/tx.ts';
import {
  type AdjustPlan,
  type AdjustSettlement,
  type AdjustWish,
  planAdjust,
  settleAdjust,
  settleStored,
  settlingLeftMs,
} from '../../domain/adjustment/adjust.ts';
import { claimOf, fits } from '../../domain/placement/claim.ts';
import { minimumOf, elasticProblem } from '../../domain/machines/flavor.ts';
import { type GuestView, heldOf } from '../../domain/servers/guest.ts';
import type { Server } from '../../domain/servers/instance.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { wakeWorkers, enqueueAction, lockServerFor, recordDone } from '../engine/begin.ts';
import type { AdjustEnd, OpsDeps } from '../deps.ts';
import { checkMore, lockQuota } from '../administration/quota-sets.ts';
import { step, type StepContext } from '../engine/saga.ts';
import { recordFailure, resizeClaim, settleAdjustment } from '../engine/settle.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { defineAction, defineInstantAction } from '../engine/action.ts';

type Plan = AdjustPlan & { readonly ok: true };

/** All absolute, so that asking twice is asking once. */
export interface AdjustInput {
  readonly target: Size;
  /** The size of the next power cycle if the target is reached. */
  readonly boot: Size;
  readonly persist: boolean;
  /** How long the guest may take, in milliseconds. */
  readonly waitMs: number;
}

/** Claims what the plan needs on the server's host; throws 409 with the free amounts, 403 for the quota. */
async function claimGrowth(t: Tx, deps: OpsDeps, server: Server, plan: Plan): Promise<void> {
  const claim = await findClaim(t, server.id);
  if (claim === null) throw conflict(`Instance ${server.uuid} is not ready`);
  if (plan.grows.vcpus > 0 || plan.grows.memoryMb > 0) {
    await checkMore(t, deps.config.quota, server, plan.grows, 0);
    const host = await lockHost(t, server.host as string);
    if (host === null) throw conflict(`Instance ${server.uuid} is not ready`);
    const noRoom = fits(host, plan.grows);
    if (noRoom !== null) throw conflict(`${noRoom.text}.`, { code: 'adjust.noRoom', detail: noRoom.free });
  }
  await setClaim(t, { ...claim, ...plan.claim });
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

/**
 * Moves a server to other sizes and returns its row as it is then. Throws 400 (bounds), 403 (quota), 404, 409 (state, lock,
 * no room). A server that is off or paused keeps the sizes for its next power cycle, and the action is over at once. While a
 * start still settles it is taken too and stands in for the start's own size: targets are absolute, so both are one change of
 * the same balloon, and whoever asks right after ACTIVE need not know of balloons. It then waits as long as the start would.
 */
export async function adjustServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  want: AdjustWish,
): Promise<Server> {
  const actionId = await tx(deps.database, async (t) => {
    const seen = await findServer(t, uuid);
    if (seen !== null) await lockQuota(t, seen.projectId);
    const server = await lockServerFor(t, op, uuid, adjustAction.transitions.adjust);
    const problem = elasticProblem(server.flavor);
    if (problem !== null) throw badRequest(problem);
    const claimed = (await findClaim(t, server.id)) ?? minimumOf(server.flavor);
    const plan = planAdjust(server, want, claimed);
    if (!plan.ok) throw (plan.kind === 'badRequest' ? badRequest : conflict)(plan.message);
    await claimGrowth(t, deps, server, plan);
    const nowMs = deps.clock.now();
    const asked = { adjustRequestId: op.requestId, adjustPersist: plan.persist, adjustUpdatedAt: nowMs };
    if (plan.when === 'nextBoot') {
      await settleAdjustment(t, server, settleStored(server, plan), nowMs, asked);
      await recordDone(t, op, server, storedAdjust, nowMs);
      tell(deps, t, { outcome: 'stored', seconds: null, moved: { vcpus: 0, memoryMb: 0 } });
      return null;
    }
    const moving = {
      ...asked,
      taskState: 'adjusting' as const,
      adjustStatus: 'adjusting' as const,
      adjustMessage: null,
      targetVcpus: plan.target.vcpus,
      targetMemoryMb: plan.target.memoryMb,
    };
    await updateServer(t, server.id, moving, nowMs);
    const waitMs = Math.max(deps.config.adjustConfirmMs, settlingLeftMs(server, nowMs, deps.config.startSettleMs));
    const input: AdjustInput = { target: plan.target, boot: plan.boot, persist: plan.persist, waitMs };
    return enqueueAction(t, op, server, adjustAction, input, nowMs);
  });
  // read before the workers hear of it: the answer shows the adjustment under way
  const changed = await findServer(deps.database.read, uuid, { deleted: true });
  if (actionId !== null) wakeWorkers(deps, adjustAction, [actionId]);
  if (changed === null) throw internal(`Instance ${uuid} has no row.`);
  return changed;
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
    await settleAdjustment(t, server, settlement, nowMs, { taskState: null });
    tell(deps, t, endOf(server, settlement, nowMs));
    return settlement.success ? null : settlement.server.adjustMessage;
  },
  observe: ({ server, call }) => call(server.host as string, 'inspect', { uuid: server.uuid }),
  /** The outcome is unknown: with a look at the guest the claim follows it, without one everything claimed stays so. */
  async failed(t, { deps, server }, failure, nowMs, seen) {
    const view = seen as GuestView | null;
    const boot = { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb };
    const size = view === null ? {} : { currentVcpus: view.size.vcpus, currentMemoryMb: view.size.memoryMb };
    const end = {
      ...size,
      taskState: null,
      adjustStatus: 'error' as const,
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
