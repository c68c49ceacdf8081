// Why: where deletions are deferred, a deleted server is only switched off and hidden. It comes back when it is restored, and
// goes for good when it is deleted by force or its time is over (reconcile/reclaim.ts).

import { Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { findClaim } from '../../db/claims.ts';
import { openMigrations, unfinishedMoves } from '../../db/migrations.ts';
import { findServer, updateServer } from '../../db/servers.ts';
import { removeShelved } from '../../db/shelved.ts';
import { tx } from '../../db/tx.ts';
import { minimumOf } from '../../domain/machines/flavors.ts';
import type { GuestView } from '../../domain/servers/guests.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import { wakeWorkers, enqueueAction, lockServerFor } from '../engine/begin.ts';
import { guestSpec } from './build.ts';
import type { OpsDeps } from '../deps.ts';
import { abandonMoves, bindTo, hostNamed, leaveUncarried } from './migrations.ts';
import { hostOf } from './host-of.ts';
import { checkMore, lockQuota } from '../administration/quota-sets.ts';
import { type Saga, step, type StepContext } from '../engine/saga.ts';
import { removeShelvedImage } from './shelved-image.ts';
import { settleFailed, settleFromView, vmStateOf } from '../engine/settle.ts';
import { endElsewhere, findGuest } from './whereabouts.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { definePlainAction } from '../engine/action.ts';

/** Switches the guest off at once. Null: it was gone already. */
async function switchOff<I>({ server, call }: StepContext<I>): Promise<GuestView | null> {
  try {
    return await call(hostOf(server), 'powerOff', { uuid: server.uuid, timeoutMs: 0 });
  } catch (error) {
    if (error instanceof Fault && error.kind === 'notFound') return null;
    throw error;
  }
}

/**
 * As Nova: what a resized or shelved server could have gone back to is gone. What a move that was overtaken, or could not be taken
 * back, made of its guest is looked for before: it may be restored.
 */
async function endMoves(context: StepContext<{ readonly soft: boolean }>): Promise<void> {
  const moves = await unfinishedMoves(context.deps.database.read, context.server);
  const server = (await findGuest(context)) ?? context.server;
  const there = { ...context, server };
  // a move that did not come to its turn may have taken the ports with it
  if (moves.some(({ status }) => status !== 'finished')) await bindTo(there, await hostNamed(there, server.host));
  await abandonMoves(there);
}

const off = step({
  name: 'switch_off',
  event: 'compute_soft_delete_instance',
  run: switchOff,
  undo: 'a guest that is off is noticed, and its server is then stopped',
});

export const softDeleteSaga: Saga<{ readonly soft: boolean }> = {
  name: 'delete',
  notification: 'soft_delete',
  secrets: [],
  steps: [
    { name: 'moves', run: endMoves, undo: 'a resize that is confirmed stays so' },
    off,
    { name: 'image', run: removeShelvedImage, undo: 'the guest has its own disk' },
  ],
  async settle(t, { server, output }, nowMs) {
    const view = output(off);
    const hidden = { vmState: 'soft-delete', taskState: null } as const;
    if (view === null) await updateServer(t, server.id, { ...hidden, powerState: power.noState }, nowMs);
    else await settleFromView(t, server, view, nowMs, false, hidden);
    await removeShelved(t, server.id);
    return null;
  },
  async failed(t, context, failure, nowMs) {
    const { server } = context;
    const confirmed = server.vmState === 'resized' && (await openMigrations(t, server.uuid)).length === 0;
    const state = confirmed ? { vmState: vmStateOf(server.powerState) ?? ('active' as const) } : {};
    const patch = { deletedAt: null, ...state };
    await leaveUncarried(t, context, nowMs, 'finished');
    await settleFailed(t, server, failure, nowMs, patch);
  },
  givenUp: (t, context, _stuck, nowMs) => leaveUncarried(t, context, nowMs),
};

/**
 * Begins to bring a server back from a soft deletion. It counts for the quota again: throws Nova's 403 beside 404 and 409.
 */
async function restoreServer(deps: OpsDeps, op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  const id = await tx(deps.database, async (t) => {
    const seen = await findServer(t, uuid);
    if (seen !== null) await lockQuota(t, seen.projectId);
    const server = await lockServerFor(t, op, uuid, restoreAction.transitions.plain);
    const claim = (await findClaim(t, server.id)) ?? minimumOf(server.flavor);
    await checkMore(t, deps.config.quota, server, claim, 1);
    const nowMs = deps.clock.now();
    await updateServer(t, server.id, { taskState: 'restoring', deletedAt: null }, nowMs);
    return enqueueAction(t, op, server, restoreAction, {}, nowMs);
  });
  wakeWorkers(deps, restoreAction, [id]);
}

const on = step({
  name: 'guest',
  event: 'compute_restore_instance',
  async run(context: StepContext<unknown>) {
    const server = await endElsewhere(context);
    const { deps, call } = context;
    return call(hostOf(server), 'powerOn', { spec: await guestSpec(deps.database.read, server, null) });
  },
  async undo(context) {
    await switchOff(context);
  },
});

export const restoreAction = definePlainAction({
  name: 'restore',
  transition: defineTransition('restore', 'Restore a server that was deleted softly.', ['soft-delete'], {
    task: 'restoring',
    to: 'active',
    namesLock: false,
  }),
  notification: 'restore',
  request: { key: 'restore', policy: 'os_compute_api:os-deferred-delete:restore', begin: restoreServer },
  secrets: [],
  steps: [on],
  async settle(t, { server, output }, nowMs) {
    await settleFromView(t, server, output(on), nowMs, true);
    return null;
  },
  // deleted again from now on, with the whole time to try once more
  failed: (t, { server }, failure, nowMs) => settleFailed(t, server, failure, nowMs, { deletedAt: nowMs }),
});
