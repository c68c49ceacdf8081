// Why: plan and apply iterate over the same steps, so that what is shown is what is done.

import { type Line, type MovingDeps, reasonOf, type Step } from './deps.ts';
import { nounSteps } from './nouns.ts';
import { serverSteps } from './servers.ts';

async function* steps(deps: MovingDeps): AsyncGenerator<Step> {
  yield* nounSteps(deps);
  yield* serverSteps(deps);
}

/** What would become of each object. Writes nothing. */
export async function* planImport(deps: MovingDeps): AsyncGenerator<Line> {
  for await (const { line } of steps(deps)) yield line;
}

/** Takes over what can be taken over, one object after another. A failure is reported, and the others continue. */
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
