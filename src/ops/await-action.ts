// Why: a few calls of Nova's answer with what was made. They are actions like all others, carried out by whatever worker takes
// them, and their caller waits for the end.

import { Fault, internal, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { findActionById, listEvents, readInput } from '../db/instance-actions.ts';
import type { OpsDeps } from './deps.ts';
import { type Envelope, eventName, type Saga } from './saga.ts';

export interface ActionEnd {
  /** What a step returned. */
  readonly output: <T>(step: string) => T;
  /** Null: everything went well. */
  readonly failure: { readonly step: string; readonly fault: Fault } | null;
}

/** Waits until an action is over, at most `timeoutMs`; throws `unavailable` when it goes on for longer, which it then does. */
export async function awaitAction<I>(deps: OpsDeps, id: number, saga: Saga<I>, timeoutMs: number): Promise<ActionEnd> {
  const { database, clock } = deps;
  const endMs = clock.now() + timeoutMs;
  let pauseMs: number = limits.actionLookMs;
  for (;;) {
    const action = await findActionById(database.read, id);
    if (action?.state === 'done') {
      const events = await listEvents(database.read, [id]);
      return {
        output: <T>(step: string) =>
          events.findLast(({ event }) => event === eventName(saga, { name: step }))?.output as T,
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

async function failureOf(deps: OpsDeps, id: number): Promise<ActionEnd['failure']> {
  const { failure } = await readInput<Envelope<unknown>>(deps.database.read, id);
  if (failure === undefined) return { step: '', fault: internal('The action was given up.') };
  const { step, kind, code, message, detail } = failure;
  return { step, fault: new Fault(kind, message, { code, detail }) };
}
