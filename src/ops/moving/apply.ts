// Why: a plan and its carrying out are one walk over the same steps, so that what is shown is what is done.

import { type Line, type MovingDeps, reasonOf, type Step } from './deps.ts';
import { nounSteps } from './nouns.ts';
import { serverSteps } from './servers.ts';

async function* steps(deps: MovingDeps): AsyncGenerator<Step> {
  yield* nounSteps(deps);
  yield* serverSteps(deps);
}

/** What would become of each thing. Nothing is written anywhere. */
export async function* planImport(deps: MovingDeps): AsyncGenerator<Line> {
  for await (const { line } of steps(deps)) yield line;
}

/** Takes over what can be taken over, one after another. What cannot is told, and the others go on. */
export async function* applyImport(deps: MovingDeps): AsyncGenerator<Line> {
  for await (const { line, carry } of steps(deps)) {
    if (carry === null) {
      yield line;
      continue;
    }
    try {
      await carry();
      yield { ...line, verdict: 'adopted' };
    } catch (error) {
      yield { ...line, verdict: 'refuse', why: [reasonOf(error)] };
    }
  }
}
