// Why: a few calls of Nova's answer with what was made. They are actions like all others, carried out by whatever worker takes
// them, and their caller waits for the end.

import { conflict, Fault, internal, notFound, unavailable } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { findActionById, type InstanceAction, listEvents, readInput } from '../../db/instance-actions.ts';
import { findServer } from '../../db/servers.ts';
import type { OpsDeps } from '../deps.ts';
import { type Envelope, eventName, type Saga, type Step } from './saga.ts';

export interface ActionEnd<I> {
  /** What a step returned, which is done. */
  readonly output: <O>(step: Step<I, O>) => O;
  /** Null: everything went well. */
  readonly failure: { readonly step: string; readonly fault: Fault } | null;
}

/**
 * Waits until an action is over, at most `timeoutMs`; throws `unavailable` when it goes on for longer, which it then does, and
 * Nova's 404 or 409 when something overtook it.
 */
export async function awaitAction<I>(
  deps: OpsDeps,
  id: number,
  saga: Saga<I>,
  timeoutMs: number,
): Promise<ActionEnd<I>> {
  const { database, clock } = deps;
  const endMs = clock.now() + timeoutMs;
  let pauseMs: number = limits.actionLookMs;
  for (;;) {
    const action = await findActionById(database.read, id);
    if (action?.state === 'done') {
      if (action.cancel) throw await overtaken(deps, action);
      const events = await listEvents(database.read, [id]);
      return {
        output: <O>(step: Step<I, O>) => events.findLast(({ event }) => event === eventName(saga, step))?.output as O,
        failure: action.message === null ? null : await failureOf(deps, id),
      };
    }
    if (clock.now() >= endMs) {
      throw unavailable('The request takes longer than it is waited for; it goes on.', { code: 'action.slow' });
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, limits.actionLookMaxMs);
  }
}

/** What was asked of a server that something else took over meanwhile, in the words that a later request would have met. */
async function overtaken(deps: OpsDeps, { action, serverUuid: uuid }: InstanceAction): Promise<Fault> {
  const server = await findServer(deps.database.read, uuid);
  if (server === null) return notFound(`Instance ${uuid} could not be found.`, { code: 'server' });
  const state = server.taskState === null ? `vm_state ${server.vmState}` : `task_state ${server.taskState}`;
  return conflict(`Cannot '${action}' instance ${uuid} while it is in ${state}`, { code: 'action.overtaken' });
}

async function failureOf(deps: OpsDeps, id: number): Promise<ActionEnd<unknown>['failure']> {
  const { failure } = await readInput<Envelope<unknown>>(deps.database.read, id);
  if (failure === undefined) return { step: '', fault: internal('The action was given up.') };
  const { step, kind, code, message, detail } = failure;
  return { step, fault: new Fault(kind, message, { code, detail }) };
}
