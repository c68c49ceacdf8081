// Why: a shelved server that is deleted, softly or for good, needs the image that it was shelved as no longer.

import { findShelved } from '../../db/shelved.ts';
import type { StepContext } from '../engine/saga.ts';
import { removeImage, tolerate } from './snapshot.ts';

/** Removes the image of a shelved server; nothing for any other. One that cannot be removed stays, and the log says so. */
export async function removeShelvedImage<I>(context: StepContext<I>): Promise<{ readonly left: string | null } | null> {
  const { deps, server } = context;
  const shelved = await findShelved(deps.database.read, server.id);
  if (shelved === null || shelved.imageId === '') return null;
  return tolerate(context, 'the image of a shelved server stays', () => removeImage(deps, shelved.imageId));
}
