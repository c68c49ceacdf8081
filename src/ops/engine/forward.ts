// Why: the steps of an action that are not done are done, one after another; the last one with the end of the action.

import { invariant } from '../../base/invariant.ts';
import { type Fault, internal } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import {
  finishAction,
  finishEvent,
  finishHeld,
  startEvent,
  updateAction,
  writeInput,
} from '../../db/instance-actions.ts';
import { type Tx, tx } from '../../db/tx.ts';
import { failureOf } from './failure.ts';
import { keepingTask } from './keep-task.ts';
import { faultOf, type Outcome, type Run } from './run.ts';
import { eventName, type Step, type StepContext } from './saga.ts';
import { contextFor, outputsFrom } from './step-context.ts';
import { Stopped } from './stopped.ts';
import { Waits } from './waits.ts';

/** Notes a failure and turns to undoing. */
async function fail<I>(run: Run<I>, step: Step<I>, fault: Fault): Promise<void> {
  const failure = failureOf(step.name, fault);
  const context = await contextFor(run, step.name);
  const retry = run.saga.retry?.(failure, context) ?? null;
  run.log.warn({ step: step.name, code: fault.code, retry: retry?.from, err: fault }, 'a step failed');
  const { args } = run.envelope;
  run.envelope = { args, failure, ...(retry === null ? {} : { retry: { from: retry.from, args: retry.input } }) };
  run.events = await run.commit(async (t, nowMs) => {
    await writeInput(t, run.action.id, run.envelope);
    await updateAction(t, run.action.id, { state: 'undoing', attempts: 0 }, nowMs);
    const event = run.live(step);
    if (event === undefined) return run.events;
    const { host } = context.server;
    const end = { result: 'Error', details: failure.message, traceback: failure.detail, host } as const;
    return run.noted(await finishEvent(t, event, end, nowMs));
  });
  run.state = 'undoing';
  run.attempts = 0;
}

/** Begins a step that the log does not have yet. */
async function begin<I>(run: Run<I>, step: Step<I>): Promise<void> {
  run.events = await run.commit(async (t, nowMs) =>
    run.noted(await startEvent(t, run.action.id, eventName(run.saga, step), nowMs)),
  );
}

async function finishLast<I>(
  run: Run<I>,
  t: Tx,
  last: Step<I>,
  output: unknown,
  context: StepContext<I>,
): Promise<void> {
  const { action, saga } = run;
  const earlier = saga.steps.slice(0, -1);
  invariant(
    earlier.every((one) => run.isDone(one)),
    `action ${action.id} ends when each of its steps is done`,
  );
  const nowMs = run.deps.clock.now();
  // in one statement what `guardLease` says and that the action is over: whatever is wrong then, this is rolled back
  if (!(await finishHeld(t, action.id, run.owner, run.kept(), nowMs))) await run.guard(t, nowMs);
  const complete: StepContext<I> = {
    ...context,
    // as it will read back: the same whether this process ran the step or found its output
    ...outputsFrom<I>((one) =>
      one.name === last.name ? JSON.parse(JSON.stringify(output ?? null)) : run.live(one)?.output,
    ),
  };
  const problem = await keepingTask(t, action, nowMs, () => saga.settle(t, complete, nowMs));
  const event = run.live(last);
  if (event === undefined) throw internal(`The step '${last.name}' is done and was never begun.`);
  const end = { result: 'Success', output: output ?? null, host: context.server.host } as const;
  await finishEvent(t, event, problem === null ? end : { ...end, result: 'Error', details: problem }, nowMs);
  if (problem !== null) await finishAction(t, action.id, 'Error', run.kept(), nowMs);
  run.tell(t, problem === null ? 'success' : 'error', nowMs);
  const failure = problem === null ? null : ({ code: 'partial', message: problem, where: last.name } as const);
  await run.note(t, context.server, failure, nowMs);
}

/** Runs a step and writes what it returned; of the last one with the end of the action. */
async function runStep<I>(run: Run<I>, step: Step<I>): Promise<void> {
  if (run.attempts > limits.stepAttempts) {
    throw internal(`Given up: the step '${step.name}' was begun ${run.attempts - 1} times and never ended.`);
  }
  const context = await contextFor(run, step.name);
  context.point('before');
  const output = await step.run(context);
  context.point('after');
  run.stopIfTold();
  if (step === run.saga.steps.at(-1)) {
    await tx(run.deps.database, (t) => finishLast(run, t, step, output, context));
    context.point('settled');
  } else if (!run.isDone(step)) {
    run.events = await run.commit((t, nowMs) => run.writeDone(t, step, output, context.server, nowMs), true);
  }
  run.attempts = 1;
}

/** The steps that are not done, one after another. Null: one failed for good; else the end, or when to come again. */
export async function goForward<I>(run: Run<I>): Promise<Outcome | null> {
  for (const step of run.saga.steps) {
    if (run.isDone(step)) continue;
    run.stopIfTold();
    if (run.live(step) === undefined) await begin(run, step);
    try {
      await runStep(run, step);
    } catch (error) {
      if (error instanceof Stopped) throw error;
      if (error instanceof Waits) return { kind: 'again', atMs: error.untilMs };
      const fault = faultOf(error);
      if (run.isTriedAgain(fault)) return run.again(fault, step);
      await fail(run, step, fault);
      return null;
    }
  }
  return { kind: 'done' };
}
