// Why: a mistake of ours, not of the world, must not leave an action that nobody ends: it ends, and the server says so.

import { asFault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import {
  findActionById,
  finishAction,
  finishEvent,
  guardLease,
  listEvents,
  markUndo,
  releaseLease,
} from '../../db/instance-actions.ts';
import { findServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { failureOf } from './failure.ts';
import type { Taken } from './saga.ts';
import { settleFailed } from './settle.ts';

/** A step, or its undo, is given up first: to write that may break off as often as the step did. */
const ATTEMPTS = 2 * limits.stepAttempts;

/** Lets go of an action that broke off, or ends it where it did so too often: then what it did stands, as its log says. */
export async function giveUp(
  { database, clock }: OpsDeps,
  owner: string,
  { action }: Taken,
  error: unknown,
): Promise<void> {
  const fault = asFault(error);
  const server = await findServer(database.read, action.serverUuid);
  await tx(database, async (t) => {
    const nowMs = clock.now();
    // whoever lost the lease ends nothing: the action is another's now
    const lease = await guardLease(t, action.id, owner, nowMs);
    if (lease === 'lost') return;
    // of what it does now, not of what it did when it was taken
    const attempts = (await findActionById(t, action.id))?.attempts ?? 0;
    if (attempts < ATTEMPTS) {
      await releaseLease(t, action.id, owner, nowMs + limits.stepPauseMs);
      return;
    }
    const events = await listEvents(t, [action.id]);
    const open = events.findLast(({ result }) => result === null);
    if (open !== undefined) await finishEvent(t, open, { result: 'Error', details: fault.message }, nowMs);
    await finishAction(t, action.id, 'Error', {}, nowMs);
    // the server of one that was overtaken belongs to what overtook it
    if (server === null || lease === 'cancelled') return;
    const standing = events.findLast(({ undo }) => undo === null);
    if (standing !== undefined) await markUndo(t, standing.id, 'failed');
    await settleFailed(t, server, failureOf('', fault), nowMs, { vmState: 'error' });
  });
}
