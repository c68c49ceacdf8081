// Why: DELETE must always come to an end. It overtakes whatever runs for the server, and a host that cannot be asked does not
// hold it up: what is left there is removed when the host speaks again (reconcile/guests.ts, reconcile/remnants.ts).

import type { Op } from '../base/op.ts';
import { releaseClaim } from '../db/claims.ts';
import { cancelActions, openActions } from '../db/instance-actions.ts';
import { removeMember } from '../db/server-groups.ts';
import { replaceNics } from '../db/server-nics.ts';
import { updateServer } from '../db/servers.ts';
import { tx } from '../db/tx.ts';
import { power, type Server } from '../domain/instance.ts';
import { announce, leaveAction, lockForMove } from './begin.ts';
import { clearHost } from './clear-host.ts';
import type { OpsDeps } from './deps.ts';
import { abandonMoves } from './migrations.ts';
import type { Saga, StepContext } from './saga.ts';
import { settleFailed } from './settle.ts';

/** Begins the deletion; of a server that is being deleted already nothing more is asked. Throws 404 and 409 (locked). */
export async function deleteServer(deps: OpsDeps, op: Op, { uuid }: Pick<Server, 'uuid'>): Promise<void> {
  const ids = await tx(deps.database, async (t) => {
    const server = await lockForMove(t, op, uuid, 'delete');
    const open = await openActions(t, uuid);
    if (open.some((action) => action.action === 'delete')) return [];
    const nowMs = deps.clock.now();
    await cancelActions(t, uuid);
    await updateServer(t, server.id, { taskState: 'deleting', progress: 0 }, nowMs);
    // the overtaken actions come first: a worker must end them
    return [...open.map((action) => action.id), await leaveAction(t, op, server, 'delete', {}, nowMs)];
  });
  announce(deps, 'delete', ids);
}

type Input = Record<string, never>;

async function removeGuest(context: StepContext<Input>): Promise<{ left: string | null }> {
  await abandonMoves(context);
  const { host } = context.server;
  return { left: host === null ? null : await clearHost(context, host, ['guest']) };
}

const FORWARD_ONLY = 'a deletion is only ever carried on, never taken back';

export const deleteSaga: Saga<Input> = {
  name: 'delete',
  secrets: [],
  steps: [
    { name: 'guest', run: removeGuest, undo: FORWARD_ONLY },
    {
      name: 'ports',
      async run({ deps, server, commit, point }) {
        await deps.network.release(server.uuid);
        point('released');
        await commit((t) => replaceNics(t, server.id, []));
      },
      undo: FORWARD_ONLY,
    },
    {
      name: 'claim',
      run: ({ server, commit }) => commit((t) => releaseClaim(t, server.id)),
      undo: FORWARD_ONLY,
    },
  ],
  async settle(t, { server }, nowMs) {
    const gone = {
      vmState: 'deleted' as const,
      taskState: null,
      powerState: power.noState,
      terminatedAt: nowMs,
      deletedAt: nowMs,
      deleted: true,
    };
    await removeMember(t, server.id);
    await updateServer(t, server.id, gone, nowMs);
    return null;
  },
  async failed(t, { server }, failure, nowMs) {
    await settleFailed(t, server, failure, nowMs, { vmState: 'error' });
  },
};
