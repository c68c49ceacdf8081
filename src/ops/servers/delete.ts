// Why: DELETE must always come to an end. It overtakes whatever runs for the server, and a host that cannot be asked does not
// hold it up: what is left there is removed when the host speaks again (reconcile/guests.ts, reconcile/remnants.ts).

import type { Op } from '../../base/op.ts';
import { releaseClaim } from '../../db/claims.ts';
import { cancelActions, type InstanceAction, openActions, readInput } from '../../db/instance-actions.ts';
import { removeMember } from '../../db/server-groups.ts';
import { replaceNics } from '../../db/server-nics.ts';
import { removeServerVolume } from '../../db/server-volumes.ts';
import { updateServer } from '../../db/servers.ts';
import { findHost } from '../../db/hosts.ts';
import { unfinishedMoves } from '../../db/migrations.ts';
import { removeSchedule } from '../../db/backup-schedules.ts';
import { removeSnapshotsOf } from '../../db/server-copies.ts';
import { removeShelved } from '../../db/shelved.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { power, type Server } from '../../domain/servers/servers.ts';
import { defineTransition, refusal } from '../../domain/servers/transition.ts';
import { wakeWorkers, enqueueAction, lockServerFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import { leaveUnsure, removeGuestEverywhere } from './migrations.ts';
import type { Envelope } from '../engine/saga.ts';
import { settleFailed } from '../engine/settle.ts';
import { letVolumesGo } from './attach-volume.ts';
import { withMadePorts } from './own-ports.ts';
import { removeShelvedImage } from './shelved-image.ts';
import { softDeleteSaga } from './soft-delete.ts';
import { defineAction } from '../engine/action.ts';

/** `soft`: the guest is switched off and everything else stays, for a while. */
export interface DeleteInput {
  readonly soft: boolean;
}

/** As Nova: a server that never ran, or whose host cannot be asked, is deleted at once. */
async function deletesSoftly(t: Tx, deps: OpsDeps, server: Server): Promise<boolean> {
  if (
    deps.config.reclaimMs <= 0 ||
    server.host === null ||
    refusal(server, deleteAction.transitions.softDelete, true) !== null
  )
    return false;
  return isUp(deps, await findHost(t, { host: server.host }));
}

/** The deletions under way among a server's actions. */
const deletionsIn = (open: readonly InstanceAction[]): readonly InstanceAction[] =>
  open.filter(({ action, cancel }) => action === 'delete' && !cancel);

/** Whether one of these actions goes on until nothing is left of the server. */
export const endsServer = (t: Tx, open: readonly InstanceAction[]): Promise<boolean> =>
  deletesForGood(t, deletionsIn(open));

/** Whether one of these deletions leaves nothing of the server. */
async function deletesForGood(t: Tx, deletions: readonly InstanceAction[]): Promise<boolean> {
  for (const { id } of deletions) if (!(await readInput<Envelope<DeleteInput>>(t, id)).args.soft) return true;
  return false;
}

/**
 * Begins a deletion in the caller's transaction. Of a server that is being deleted already nothing more is asked, unless that is
 * only a soft deletion and this one is for good.
 */
async function beginDelete(t: Tx, op: Op, server: Server, soft: boolean, nowMs: number): Promise<readonly number[]> {
  const open = await openActions(t, server.uuid);
  const deletions = deletionsIn(open);
  if (deletions.length > 0 && (soft || (await deletesForGood(t, deletions)))) return [];
  if (open.length > 0) await cancelActions(t, server.uuid);
  const { task: taskState } = deleteAction.transitions[soft ? 'softDelete' : 'delete'];
  await updateServer(t, server.id, { taskState, progress: 0, ...(soft ? { deletedAt: nowMs } : {}) }, nowMs);
  const input: DeleteInput = { soft };
  // the overtaken actions come first: a worker must end them
  return [...open.map((action) => action.id), await enqueueAction(t, op, server, deleteAction, input, nowMs)];
}

type Named = Pick<Server, 'uuid'>;

/** Begins the deletion, softly where deletions are deferred. Throws 404 and 409 (locked). */
export async function deleteServer(deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> {
  const ids = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, deleteAction.transitions.delete);
    return beginDelete(t, op, server, await deletesSoftly(t, deps, server), deps.clock.now());
  });
  wakeWorkers(deps, deleteAction, ids);
}

/**
 * Begins a deletion for good. Throws 404 and 409 (locked).
 * @param still asked of the row as it is then; false: nothing happens
 */
export async function forceDeleteServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Named,
  still: (server: Server) => boolean = () => true,
): Promise<void> {
  const ids = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, deleteAction.transitions.forceDelete);
    return still(server) ? beginDelete(t, op, server, false, deps.clock.now()) : [];
  });
  wakeWorkers(deps, deleteAction, ids);
}

const FORWARD_ONLY = 'a deletion is only ever carried on, never taken back';

export const deleteAction = defineAction<DeleteInput>()({
  name: 'delete',
  transitions: {
    delete: defineTransition('delete', 'Delete the server.', null, {
      tasks: null,
      task: 'deleting',
      to: 'deleted',
      launched: false,
    }),
    softDelete: defineTransition('delete', 'Delete the server, to be restored or reclaimed.', null, {
      tasks: null,
      task: 'soft-deleting',
      to: 'soft-delete',
    }),
    forceDelete: defineTransition('forceDelete', 'Delete a server at once, whatever its state.', null, {
      tasks: null,
      task: 'deleting',
      to: 'deleted',
      launched: false,
    }),
  },
  notification: 'delete',
  requests: {
    forceDelete: {
      key: 'forceDelete',
      policy: 'os_compute_api:os-deferred-delete:force',
      begin: forceDeleteServer,
    },
  },
  secrets: [],
  variant: ({ soft }) => (soft ? softDeleteSaga : null),
  steps: [
    {
      name: 'guest',
      event: 'compute_terminate_instance',
      run: async (context) => ({ left: await removeGuestEverywhere(context) }),
      undo: FORWARD_ONLY,
    },
    {
      name: 'ports',
      async run({ deps, server, action, finish, point }) {
        const volumes = await letVolumesGo(deps, server, action.requestId);
        await deps.network.release(await withMadePorts(deps.database.read, server));
        point('released');
        return finish(async (t) => {
          await replaceNics(t, server.id, []);
          for (const volumeId of volumes) await removeServerVolume(t, server.id, volumeId);
          return {};
        });
      },
      undo: FORWARD_ONLY,
    },
    { name: 'image', run: removeShelvedImage, undo: FORWARD_ONLY },
  ],
  async settle(t, { server, action }, nowMs) {
    const gone = {
      vmState: 'deleted' as const,
      taskState: null,
      powerState: power.noState,
      // the clock may have been set back since it was launched
      terminatedAt: Math.max(nowMs, server.launchedAt ?? nowMs),
      deletedAt: nowMs,
      deleted: true,
    };
    // with the server, not before: one that could not be deleted is where it was, and may be started there again. Billed until now
    await releaseClaim(t, server.id, nowMs);
    // nothing goes on for a server that is no more
    await cancelActions(t, server.uuid, action.id);
    if ('group' in server.schedulerHints) await removeMember(t, server.id);
    await removeShelved(t, server.id);
    await removeSnapshotsOf(t, server.uuid, nowMs);
    await removeSchedule(t, server.uuid);
    await updateServer(t, server.id, gone, nowMs);
    return null;
  },
  async failed(t, context, failure, nowMs) {
    // a move that the deletion overtook is nobody's now, and its guest may be on either host: whoever acts on the server next looks
    for (const move of await unfinishedMoves(t, context.server))
      if (move.status !== 'finished') await leaveUnsure(t, move.id, nowMs);
    await settleFailed(t, context.server, failure, nowMs, { vmState: 'error' });
  },
});
