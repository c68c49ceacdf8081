// Why: what an action did before it failed is undone in reverse; then its failure is written, or it begins anew from an earlier step.

import { invariant } from '../../base/invariant.ts';
import { internal, messageOf, outwardMessage } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { finishAction, markUndo, updateAction, writeInput } from '../../db/instance-actions.ts';
import { type Failure, failureOf } from './failure.ts';
import { keepingTask } from './keep-task.ts';
import { faultOf, type Outcome, type Run } from './run.ts';
import type { Step, StepContext } from './saga.ts';
import { contextFor, undoOf } from './step-context.ts';
import { Stopped } from './stopped.ts';

/** Undoes a step. True: it is; false: it could not be; else when to come again. */
async function undo<I>(run: Run<I>, step: Step<I>): Promise<boolean | Outcome> {
  if (typeof step.undo === 'string') return true;
  try {
    run.stopIfTold();
    if (run.attempts > limits.stepAttempts) throw internal(`Given up undoing '${step.name}'.`);
    const context = await contextFor(run, step.name, undoOf(step));
    context.point('undo');
    await step.undo(context);
    context.point('undone');
    return true;
  } catch (error) {
    if (error instanceof Stopped) throw error;
    const fault = faultOf(error);
    if (run.isTriedAgain(fault)) return run.again(fault, step);
    run.log.error({ step: step.name, err: fault }, 'a step could not be undone: what it used stays claimed');
    return false;
  }
}

/** Writes of a step that it is undone, or that it could not be and what lies before it still stands. */
async function markUndone<I>(run: Run<I>, step: Step<I>, isUndone: boolean): Promise<void> {
  const event = run.live(step);
  if (event === undefined) throw internal(`The step '${step.name}' is undone and was never begun.`);
  const { args, failure } = run.envelope;
  if (!isUndone && failure !== undefined) run.envelope = { args, failure: { ...failure, stuck: step.name } };
  const mark = isUndone ? 'done' : 'failed';
  await run.commit(async (t) => {
    await markUndo(t, event.id, mark);
    await writeInput(t, run.action.id, run.envelope);
  }, true);
  run.events = run.noted({ ...event, undo: mark });
  run.attempts = 1;
}

/** Goes forward again, with other input. */
async function beginAnew<I>(run: Run<I>, args: I): Promise<void> {
  run.envelope = { args };
  await run.commit(async (t, nowMs) => {
    await writeInput(t, run.action.id, run.envelope);
    await updateAction(t, run.action.id, { state: 'running', attempts: 0 }, nowMs);
  });
  run.state = 'running';
}

async function look<I>(run: Run<I>, context: StepContext<I>): Promise<unknown> {
  try {
    return (await run.saga.observe?.(context)) ?? null;
  } catch (error) {
    if (error instanceof Stopped) throw error;
    run.log.warn({ reason: messageOf(error) }, 'what is left could not be looked at');
    return null;
  }
}

async function writeFailure<I>(run: Run<I>, failure: Failure): Promise<void> {
  const { action, saga } = run;
  const context = await contextFor(run, 'failed');
  const seen = await look(run, context);
  context.point('before');
  await run.commit(async (t, nowMs) => {
    await keepingTask(t, action, nowMs, () => saga.failed(t, context, failure, nowMs, seen));
    await finishAction(t, action.id, 'Error', run.kept(), nowMs);
    run.tell(t, 'error', nowMs);
    const told = { code: failure.code, message: outwardMessage(failure), where: failure.step };
    await run.note(t, context.server, told, nowMs);
  });
}

/** Undoes in reverse. Null: go forward again; else the end or when to come again. */
export async function goBackward<I>(run: Run<I>): Promise<Outcome | null> {
  const { retry } = run.envelope;
  const from = retry === undefined ? 0 : run.saga.steps.findIndex(({ name }) => name === retry.from);
  invariant(from !== -1, `action ${run.action.id} begins anew at a step that it has`);
  for (const step of run.saga.steps.slice(Math.max(from, run.afterFinal())).toReversed()) {
    if ((run.envelope.failure?.stuck ?? null) !== null) break;
    if (run.live(step) === undefined) continue;
    const undone = await undo(run, step);
    if (typeof undone !== 'boolean') return undone;
    await markUndone(run, step, undone);
  }
  if (run.envelope.retry !== undefined) {
    await beginAnew(run, run.envelope.retry.args);
    return null;
  }
  await writeFailure(run, run.envelope.failure ?? failureOf('', internal('The action failed.')));
  return { kind: 'done' };
}
