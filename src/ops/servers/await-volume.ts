// Why: the volume service works by itself, as long as the bytes are many: whoever needs what comes of it looks until it is there, or it is
// too late.

import type { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { StepContext } from '../engine/saga.ts';

/**
 * What `look` finds in the end.
 * @param look null: it is not over yet; throws where it will not be
 * @throws `late`, where it is not over within `limits.volumeMadeMs`
 */
export async function awaitVolume<T>(
  { deps, rest }: Pick<StepContext<unknown>, 'deps' | 'rest'>,
  look: () => Promise<T | null>,
  late: () => Fault,
): Promise<T> {
  const endMs = deps.clock.now() + limits.volumeMadeMs;
  while (deps.clock.now() < endMs) {
    const found = await look();
    if (found !== null) return found;
    await rest(deps.clock.sleep(limits.volumeLookMs));
  }
  throw late();
}
