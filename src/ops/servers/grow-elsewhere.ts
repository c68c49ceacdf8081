// Why: a host that is full is no reason to refuse growth while another has room: the server goes there as it runs, and is adjusted
// there. Both are actions of the one request; the place on the other host is claimed at the size that the server shall have.

import { Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { AdjustRequest } from '../../domain/adjustment/adjust-request.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { OpsDeps } from '../deps.ts';
import { checkMore, lockQuota } from '../administration/quota-sets.ts';
import { enqueueAction, lockServerFor, wakeWorkers } from '../engine/begin.ts';
import { adjustAction, type Adjusted, adjustServer, askedBy, inputOf, movingTo, planFor } from './adjust.ts';
import { planAdjustment } from './adjust-plan.ts';
import { liveMigrateAction, liveProblem } from './live-migrate.ts';
import { acceptMove, currentPlacement } from './migrations.ts';

/** Begins the move of a server that has room elsewhere. */
async function enqueueMove(t: Tx, deps: OpsDeps, op: Op, { uuid, projectId }: Server, want: AdjustRequest) {
  await lockQuota(t, projectId);
  await lockServerFor(t, op, uuid, adjustAction.transitions.adjust);
  const server = await lockServerFor(t, op, uuid, liveMigrateAction.transitions.liveMigrate);
  const problem = liveProblem(server);
  if (problem !== null) throw problem;
  const { plan, claim } = await planFor(t, server, want);
  await checkMore(t, deps.config.quota, server, plan.grows, 0);
  const nowMs = deps.clock.now();
  const changes = {
    ...askedBy(op, plan, nowMs),
    ...movingTo(plan.target),
    promised: plan.claim,
    taskState: 'migrating' as const,
  };
  await updateServer(t, server.id, changes, nowMs);
  const actionId = await enqueueAction(
    t,
    op,
    server,
    liveMigrateAction,
    {
      ...(await acceptMove(t, op, server, 'live-migration', server.flavor, null, nowMs)),
      ...{ host: null, forced: false, blockMigration: null, old: currentPlacement(server) },
      growth: { claim: plan.claim, adjust: inputOf(deps, server, plan, nowMs) },
    },
    nowMs,
  );
  return { actionId, server: { ...server, ...changes, updatedAt: nowMs }, claimed: claim };
}

/** Moves the server to where it has room; null where it has none, or cannot go there. */
async function growElsewhere(deps: OpsDeps, op: Op, uuid: string, want: AdjustRequest): Promise<Adjusted | null> {
  const seen = await findServer(deps.database.read, uuid);
  if (seen === null || (await planAdjustment(deps, op, seen, want)).afterMigration.reasons.length > 0) return null;
  const { actionId, server, claimed } = await tx(deps.database, (t) => enqueueMove(t, deps, op, seen, want));
  wakeWorkers(deps, liveMigrateAction, [actionId]);
  return { server, claimed };
}

/**
 * As `adjustServer`. Where it may migrate, growth that the server's host has no room for is no 409 where another host has it: the server
 * moves there as it runs, and is adjusted then.
 */
export async function adjustServerAnywhere(
  deps: OpsDeps,
  op: Op,
  server: Pick<Server, 'uuid' | 'projectId'>,
  want: AdjustRequest,
): Promise<Adjusted> {
  try {
    return await adjustServer(deps, op, server, want);
  } catch (error) {
    const mayMigrate = want.mayMigrate ?? deps.config.adjustMayMigrate;
    if (!mayMigrate || !(error instanceof Fault) || error.code !== 'adjust.noRoom') throw error;
    const moved = await growElsewhere(deps, op, server.uuid, want);
    if (moved === null) throw error;
    return moved;
  }
}
