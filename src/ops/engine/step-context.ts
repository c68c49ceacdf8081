// Why: what a step is given; nothing that it does through this can outlive the lease of its action.

import { internal } from '../../base/errors.ts';
import { noteDetails, releaseLease, updateAction } from '../../db/instance-actions.ts';
import { findServerToBuild } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { BuildRequest } from '../servers/build.ts';
import type { Run } from './run.ts';
import type { Step, StepContext } from './saga.ts';
import { Stopped } from './stopped.ts';
import { Waits } from './waits.ts';

/** Undoing is no repetition of the step: agents are told another name. */
export const undoOf = ({ name }: { readonly name: string }): string => `${name}.undo`;

/** The log keeps no types: an output is what the step of that name returned. */
export const outputsFrom = <I>(read: (step: Step<I>) => unknown): Pick<StepContext<I>, 'output' | 'outputIfDone'> => ({
  output: <O>(one: Step<I, O>) => read(one) as O,
  outputIfDone: <O>(one: Step<I, O>) => (read(one) ?? null) as O | null,
});

/** `finish` of a step that another one follows. */
async function finishStep<I, O>(
  run: Run<I>,
  step: Step<I>,
  server: Server,
  work: (tx: Tx, nowMs: number) => Promise<O | null>,
): Promise<O | null> {
  const { made, log } = await run.commit(async (t, nowMs) => {
    const output = await work(t, nowMs);
    if (output !== null) return { made: output, log: await run.writeDone(t, step, output, server, nowMs) };
    await updateAction(t, run.action.id, { attempts: run.attempts }, nowMs);
    return { made: output, log: null };
  }, true);
  if (log !== null) run.events = log;
  return made;
}

async function waitIn<I>(
  run: Run<I>,
  name: string,
  untilMs: number,
  words: string,
  still: (tx: Tx) => Promise<boolean>,
): Promise<void> {
  const waits = await run.commit(async (t) => {
    if (!(await still(t))) return false;
    const event = run.liveNamed(name);
    if (event !== undefined) await noteDetails(t, event.id, words);
    // to wait is no attempt that failed
    await releaseLease(t, run.action.id, run.owner, untilMs, 0);
    return true;
  });
  if (waits) throw new Waits(untilMs);
}

/**
 * What a step of a run may use, with the server as it is now.
 * @param asking what agents are told that asks
 * @throws Stopped for a server that is gone
 */
export async function contextFor<I>(run: Run<I>, stepName: string, asking = stepName): Promise<StepContext<I>> {
  const { deps, log, action, saga, rest } = run;
  const found = await findServerToBuild(deps.database.read, action.serverUuid);
  if (found === null) throw internal(`The server ${action.serverUuid} of this action has no row.`);
  const { server, claim, build } = found;
  if (server.deleted && !run.ending) throw new Stopped('cancel');
  // a step that is begun anew has another event
  const asker = { action: action.id, step: asking, attempt: run.liveNamed(stepName)?.id ?? 0 };
  const step = saga.steps.slice(0, -1).find(({ name }) => name === stepName);
  const point = (name: string): void => deps.hooks?.point?.(`${saga.name}.${stepName}.${name}`);
  return {
    ...{ deps, log, action, input: run.envelope.args, server, claim, point },
    build: () => build() as BuildRequest,
    rest: async (work) => {
      const done = await rest(work);
      // it may have lasted long: whoever looks again and again looks no more
      run.stopIfTold();
      return done;
    },
    again: run.begunBefore(stepName),
    ...outputsFrom<I>((one) => run.live(one)?.output),
    commit: (work) => run.commit(work),
    wait: (untilMs, words, still) => waitIn(run, stepName, untilMs, words, still),
    // the last step is done when the action is settled
    finish: (work) => (step === undefined ? run.commit(work) : finishStep(run, step, server, work)),
    call: (host, method, args) => {
      run.stopIfTold();
      const answer = deps.bus.call(host, method, args, asker);
      point('asked');
      return run.orStopped(answer);
    },
  };
}
