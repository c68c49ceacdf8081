// Why: neighbours work by themselves, as long as there is something to do: whoever needs what comes of it looks until it is there, or it is
// too late. Something that overtakes the action ends the looking.

import type { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { StepContext } from '../engine/saga.ts';

export interface Patience {
  readonly withinMs: number;
  /** Between two looks. */
  readonly everyMs: number;
}

/** With the volume service. */
export const volumePatience: Patience = { withinMs: limits.volumeMadeMs, everyMs: limits.volumeLookMs };

/**
 * What `look` finds in the end.
 * @param look null: it is not over yet; throws where it will not be
 * @throws `late`, where it is not over in time
 */
export async function awaitOutcome<T>(
  { deps, rest }: Pick<StepContext<unknown>, 'deps' | 'rest'>,
  { withinMs, everyMs }: Patience,
  look: () => Promise<T | null>,
  late: () => Fault,
): Promise<T> {
  const endMs = deps.clock.now() + withinMs;
  while (deps.clock.now() < endMs) {
    const found = await look();
    if (found !== null) return found;
    await rest(deps.clock.sleep(everyMs));
  }
  throw late();
}
