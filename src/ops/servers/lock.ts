// Why: a lock is a word in the row that the checks of all other actions heed. Who put it on decides who may take it off.

import type { Op } from '../../base/op.ts';
import { updateServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { lockServerFor, recordDone } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { noteDone } from '../notifications/notify.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';
import { defineInstantAction } from '../engine/action.ts';

export const lockAction = defineInstantAction({
  name: 'lock',
  transitions: { lock: defineTransition('lock', 'Lock the server.', null, anytime) },
  event: 'api_lock',
  notification: 'lock',
});

export const unlockAction = defineInstantAction({
  name: 'unlock',
  transitions: { unlock: defineTransition('unlock', 'Unlock the server.', null, anytime) },
  event: 'api_unlock',
  notification: 'unlock',
});

type Named = Pick<Server, 'uuid'>;

/** Callers of the server's own project count as its owner, administrators among them. */
const sideOf = (op: Op, server: Server): 'owner' | 'admin' =>
  op.caller.projectId === server.projectId ? 'owner' : 'admin';

/** Locks a server. A lock that is there stays as it is for the owner; an administrator takes it over. Without a reason the old one stays. */
export async function lockServer(deps: OpsDeps, op: Op, { uuid }: Named, reason: string | null): Promise<void> {
  await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, lockAction.transitions.lock);
    const lockedBy = sideOf(op, server);
    if (server.lockedBy !== null && lockedBy === 'owner') return;
    const nowMs = deps.clock.now();
    await updateServer(t, server.id, { lockedBy, ...(reason === null ? {} : { lockedReason: reason }) }, nowMs);
    await recordDone(t, op, server, lockAction, nowMs);
    await noteDone(t, deps, op, server, lockAction.notification);
  });
}

/**
 * Unlocks a server.
 * @param mayOverride asked when the other side locked it; throws what refuses the caller
 */
export async function unlockServer(deps: OpsDeps, op: Op, { uuid }: Named, mayOverride: () => void): Promise<void> {
  await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, unlockAction.transitions.unlock);
    if (server.lockedBy !== null && server.lockedBy !== sideOf(op, server)) mayOverride();
    const nowMs = deps.clock.now();
    await updateServer(t, server.id, { lockedBy: null, lockedReason: null }, nowMs);
    await recordDone(t, op, server, unlockAction, nowMs);
    await noteDone(t, deps, op, server, unlockAction.notification);
  });
}
