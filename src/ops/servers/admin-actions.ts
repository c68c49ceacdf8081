// Why: administrators set right by hand what no action can: the row says what they say, and nothing that runs writes over it.

import type { Op } from '../../base/op.ts';
import { cancelActions, openActions } from '../../db/instance-actions.ts';
import { unfinishedMoves } from '../../db/migrations.ts';
import { updateServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { wakeWorkers, lockServerFor, recordDone } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { endsServer } from './delete.ts';
import { giveUpUnseen } from './migrations.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';
import { defineInstantAction } from '../engine/action.ts';

export const resetStateAction = defineInstantAction({
  name: 'resetState',
  transitions: { resetState: defineTransition('os-resetState', 'Set the state by hand.', null, anytime) },
  event: null,
  notification: null,
});

export const injectTransitions = {
  injectNetworkInfo: defineTransition('injectNetworkInfo', 'Tell the guest its networks.', null, {
    ...anytime,
    lockable: true,
  }),
};

type Named = Pick<Server, 'uuid'>;

/**
 * Sets vm_state and frees the server of its task. The actions under way end; a wrong state is followed up as any drift is. A deletion
 * for good goes on and keeps its task: half of what the server had may be gone, and no word brings it back.
 */
export async function resetState(deps: OpsDeps, op: Op, { uuid }: Named, vmState: 'active' | 'error'): Promise<void> {
  const overtaken = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, resetStateAction.transitions.resetState);
    const open = await openActions(t, uuid);
    const nowMs = deps.clock.now();
    if (await endsServer(t, open)) {
      await updateServer(t, server.id, { vmState }, nowMs);
      await recordDone(t, op, server, resetStateAction, nowMs);
      return [];
    }
    await cancelActions(t, uuid);
    // a move that an action carries ends with it; one that waits for a word gets none any more
    if (open.length === 0)
      for (const move of await unfinishedMoves(t, server)) await giveUpUnseen(t, server, move, nowMs);
    await updateServer(t, server.id, { vmState, taskState: null }, nowMs);
    await recordDone(t, op, server, resetStateAction, nowMs);
    return open.map((action) => action.id);
  });
  // done already: what it wakes are the actions that must end
  wakeWorkers(deps, resetStateAction, overtaken);
}

/** Guests learn of their networks from DHCP and their config drive; there is nothing to inject, but for the checks. */
export async function injectNetworkInfo(deps: OpsDeps, op: Op, { uuid }: Named): Promise<void> {
  await tx(deps.database, (t) => lockServerFor(t, op, uuid, injectTransitions.injectNetworkInfo));
}
