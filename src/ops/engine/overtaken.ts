// Why: a deletion, an evacuation or an administrator's word overtakes what runs for a server; the action ends, and leaves nothing
// behind that what overtook it does not find.

import { finishAction, finishEvent, type InstanceAction, overtakersOf, startEvent } from '../../db/instance-actions.ts';
import type { Tx } from '../../db/tx.ts';
import { faultOf, type Outcome, type Run } from './run.ts';
import { eventName } from './saga.ts';
import { contextFor, undoOf } from './step-context.ts';
import { Stopped } from './stopped.ts';

/** Takes back what nothing that overtakes would find. Null: it is, or can't be; else when to come again. */
async function clearUp<I>(run: Run<I>): Promise<Outcome | null> {
  try {
    await run.saga.overtaken?.(await contextFor(run, 'overtaken'));
  } catch (error) {
    if (error instanceof Stopped) throw error;
    const fault = faultOf(error);
    if (run.isTriedAgain(fault)) return run.again(fault, { name: 'overtaken' });
    run.log.error({ err: error }, 'the action left something behind that no deletion finds');
  }
  return null;
}

/** Undoes what was begun; returns whether something could not be, or when to come again. */
async function giveUp<I>(run: Run<I>): Promise<boolean | Outcome> {
  for (const step of run.saga.steps.slice(run.afterFinal()).toReversed()) {
    if (run.live(step) === undefined || typeof step.undo === 'string') continue;
    try {
      run.stopIfTold();
      await step.undo(await contextFor(run, step.name, undoOf(step)));
    } catch (error) {
      if (error instanceof Stopped) throw error;
      const fault = faultOf(error);
      // a host or a neighbour that is away for a moment is no reason to leave a server in pieces
      if (run.isTriedAgain(fault)) return run.again(fault, step);
      run.log.error({ step: step.name, err: error }, 'a step of what was overtaken could not be undone');
      return true;
    }
  }
  return false;
}

/** Writes into the log why the action is over; of one that nobody began, too. */
async function writeOvertaken<I>(run: Run<I>, t: Tx, by: InstanceAction | null, nowMs: number): Promise<void> {
  const details = by === null ? 'The server was deleted.' : `Overtaken by '${by.action}' (${by.requestId}).`;
  const first = run.saga.steps[0];
  const open =
    run.events.length > 0 || first === undefined
      ? run.events.findLast((event) => event.result === null)
      : await startEvent(t, run.action.id, eventName(run.saga, first), nowMs);
  if (open !== undefined) await finishEvent(t, open, { result: 'Error', details }, nowMs);
  await finishAction(t, run.action.id, 'Error', run.kept(), nowMs);
  run.tell(t, 'overtaken', nowMs);
}

/** Something overtook the action, which ends here: a deletion that cleans up, or an administrator's word. */
export async function endOvertaken<I>(run: Run<I>): Promise<Outcome> {
  run.ending = true;
  const left = await clearUp(run);
  if (left !== null) return left;
  const overtakers = await overtakersOf(run.deps.database.read, run.action);
  const by = overtakers[0] ?? null;
  // what deletes or evacuates, be it later, clears up itself and waits for nobody, unless it was overtaken, too
  const isUndone = by !== null && overtakers.every(({ action, cancel }) => action === 'resetState' || cancel);
  const { givenUp } = isUndone ? run.saga : {};
  const stuck = givenUp === undefined ? false : await giveUp(run);
  if (typeof stuck !== 'boolean') return stuck;
  await run.commit(async (t, nowMs) => {
    await givenUp?.(t, await contextFor(run, 'overtaken'), stuck, nowMs);
    await writeOvertaken(run, t, by, nowMs);
  });
  return { kind: 'done' };
}
