// Why: a cloud that is full now may have room in a minute. Where the operator says so, a new server waits for it instead of ending in
// ERROR: nobody looks meanwhile, and whoever gives room back wakes those who wait (src/db/waiting-placements.ts).

import { isoSeconds } from '../../base/clock.ts';
import { Fault } from '../../base/errors.ts';
import { tx } from '../../db/tx.ts';
import { isStillWaiting, startWaiting, stopWaiting } from '../../db/waiting-placements.ts';
import type { StepContext } from '../engine/saga.ts';
import { isNoRoom } from './no-room.ts';
import type { Placed } from './place.ts';

/**
 * Runs `place`; where there is only no room, waits for some as long as the configuration says, from the moment that the action was asked
 * for. Then its error is thrown.
 */
export async function placeOrWait<I>(context: StepContext<I>, place: () => Promise<Placed>): Promise<Placed> {
  const { deps, action } = context;
  const { database, clock, config } = deps;
  if (config.placementWaitMs <= 0) return place();
  const untilMs = action.startTime + config.placementWaitMs;
  for (let isNoted = false; ; ) {
    try {
      const placed = await place();
      await tx(database, (t) => stopWaiting(t, action.id));
      return placed;
    } catch (error) {
      if (!isNoRoom(error) || clock.now() >= untilMs) {
        if (error instanceof Fault) await tx(database, (t) => stopWaiting(t, action.id));
        throw error;
      }
      const words = `Waits for room until ${isoSeconds(untilMs)}. ${(error as Fault).message}`;
      // what appeared since the note is looked at once more
      if (isNoted) await context.wait(untilMs, words, (t) => isStillWaiting(t, action.id));
      await tx(database, (t) => startWaiting(t, action.id, clock.now()));
      isNoted = true;
    }
  }
}
