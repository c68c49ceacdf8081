// Why: whoever holds an action's lease carries it on from where its log says that it is, until it is over or must wait.

import { findActionById, listEvents, releaseLease } from '../../db/instance-actions.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { goBackward } from './backward.ts';
import { goForward } from './forward.ts';
import { endOvertaken } from './overtaken.ts';
import { type Outcome, Run } from './run.ts';
import type { Envelope, Saga, StepContext, Taken } from './saga.ts';
import { Stopped, type StopReason } from './stopped.ts';

async function work<I>(run: Run<I>): Promise<Outcome> {
  if (run.action.cancel) return endOvertaken(run);
  for (;;) {
    const outcome: Outcome | null = run.state === 'undoing' ? await goBackward(run) : await goForward(run);
    if (outcome !== null) return outcome;
  }
}

/** What becomes of an action that was told to stop. */
async function stopped<I>(run: Run<I>, reason: StopReason): Promise<Outcome> {
  const { database, clock } = run.deps;
  if (reason === 'lost') {
    run.log.warn('the lease was lost: another worker goes on');
    return { kind: 'lost' };
  }
  if (reason === 'cancel') {
    // between its first and its last breath an action may be told twice; only the owner ends it
    const now = await findActionById(database.read, run.action.id);
    if (now === null || now.state === 'done') return { kind: 'lost' };
    // those of the step that was overtaken are over
    run.attempts = 1;
    return endOvertaken(run);
  }
  // a process that ends is no attempt that failed
  const attempts = Math.max(0, run.attempts - 1);
  await tx(database, (t) => releaseLease(t, run.action.id, run.owner, clock.now(), attempts));
  return { kind: 'again', atMs: clock.now() };
}

/**
 * Runs an action whose lease `owner` holds until it is over, must wait, or is stopped through `signal` (whose reason is a
 * StopReason).
 * @param closing aborted when the process ends: then one that was overtaken stops, too, and is ended by the next
 * @param rest see `StepContext`
 */
export async function runSaga<I>(
  deps: OpsDeps,
  named: Saga<I>,
  { action, input, events: known }: Taken,
  owner: string,
  signal: AbortSignal,
  closing: AbortSignal = new AbortController().signal,
  rest: StepContext<I>['rest'] = (resting) => resting,
): Promise<Outcome> {
  const envelope = input as Envelope<I>;
  const saga = named.variant?.(envelope.args) ?? named;
  const events = known ?? (await listEvents(deps.database.read, [action.id]));
  const left = new Set(known === null ? events.map(({ id }) => id) : []);
  const run = new Run<I>({ deps, saga, action, envelope, events, left, owner, signal, closing, rest });
  const toldToStop = (error: unknown): Promise<Outcome> => {
    if (!(error instanceof Stopped)) throw error;
    return stopped(run, error.reason);
  };
  // one that was overtaken may be told to stop as it ends
  return work(run).catch(toldToStop).catch(toldToStop);
}
