// Why: actions that nobody began are taken and begun in one transaction: whoever holds a lease finds the first step in the log.

import { type DueAction, startEvent, takeAction } from '../../db/instance-actions.ts';
import { findServer } from '../../db/servers.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { noteAction } from '../notifications/notify.ts';
import { type Envelope, eventName, type Saga, type Taken } from './saga.ts';
import { sagaOf } from '../actions.ts';

/** Begins the first step of an action, and tells of the action where anybody is to be told. Returns its log. */
async function begin(
  t: Tx,
  deps: OpsDeps,
  named: Saga<unknown>,
  due: DueAction,
  nowMs: number,
): Promise<Taken['events']> {
  const { args } = due.input as Envelope<unknown>;
  const saga = named.variant?.(args) ?? named;
  const [first] = saga.steps;
  if (first === undefined) return [];
  const event = await startEvent(t, due.id, eventName(saga, first), nowMs);
  if (deps.config.notifications) {
    const server = await findServer(t, due.serverUuid, { deleted: true });
    const facts = saga.facts?.(args) ?? {};
    const before = server === null ? null : { ...server, taskState: null };
    if (before !== null) await noteAction(t, deps, due, saga.notification, 'start', before, nowMs, facts);
  }
  return [event];
}

/** Takes the leases of actions for so many milliseconds; those are left out that are no longer as they were seen. */
export const takeDue = (
  deps: OpsDeps,
  found: readonly DueAction[],
  owner: string,
  leaseMs: number,
): Promise<readonly Taken[]> =>
  tx(deps.database, async (t) => {
    const nowMs = deps.clock.now();
    const taken: Taken[] = [];
    // always in the same order, so that no two workers wait for each other
    for (const due of found.toSorted((a, b) => a.id - b.id)) {
      const action = await takeAction(t, due, owner, nowMs + leaseMs);
      if (action === null) continue;
      const saga = sagaOf(due.action);
      // one that shall end begins nothing any more
      const begins = due.state === 'queued' && !due.cancel && saga !== null;
      const events = begins ? await begin(t, deps, saga, due, nowMs) : null;
      taken.push({ action, input: due.input, events });
    }
    return taken;
  });
