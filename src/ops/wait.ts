// Why: some requests are answered only when their action is over, so that the answer can say how it went. The action is as
// safe as any: when the caller's patience or this process ends first, it goes on.

import { limits } from '../base/limits.ts';
import { findActionById, readInput } from '../db/instance-actions.ts';
import type { OpsDeps } from './deps.ts';
import type { Envelope, Failure } from './saga.ts';

/** Why an action failed; null when it went well, or is not over after `limits.awaitedActionMs`. */
export async function failureOfAction(deps: OpsDeps, id: number): Promise<Failure | null> {
  const { database, clock } = deps;
  const untilMs = clock.now() + limits.awaitedActionMs;
  while (clock.now() < untilMs) {
    const action = await findActionById(database.read, id);
    if (action === null) return null;
    if (action.state === 'done')
      return (await readInput<Partial<Envelope<unknown>>>(database.read, id)).failure ?? null;
    await clock.sleep(limits.awaitedActionPollMs);
  }
  return null;
}
