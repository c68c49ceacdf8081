// Why: what a server is for may change while it is there, and a resize is much to ask for two knobs. An administrator gives it another
// profile; its guest has it from its next start on, since devices and shares are part of what a guest is started with.

import { badRequest, conflict } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { lockCandidate } from '../../db/candidates.ts';
import { updateServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { FlavorSnapshot } from '../../domain/machines/flavors.ts';
import { checkHardware } from '../../domain/machines/hardware.ts';
import { findProfile, profileNames, underProfile } from '../../domain/machines/profiles.ts';
import { numaRequestOf } from '../../domain/numa/numa-request.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { imageRefusal } from '../../scheduler/select.ts';
import { judgedImage } from '../../scheduler/spec.ts';
import type { OpsDeps } from '../deps.ts';
import { defineInstantAction } from '../engine/action.ts';
import { lockServerFor, recordDone } from '../engine/begin.ts';
import { optionsOf } from '../placement/place.ts';

export const applyProfileAction = defineInstantAction({
  name: 'profile',
  transitions: {
    profile: defineTransition('profile', 'Give the server another profile, from its next start on.', [
      'active',
      'paused',
      'suspended',
      'stopped',
    ]),
  },
  event: 'apply_profile',
  notification: null,
});

/** What of its host a server was given when it was placed does not follow a profile. */
function checkClaimed(server: Server, flavor: FlavorSnapshot, name: string | null): void {
  const [before, after] = [server.flavor, flavor].map((one) => JSON.stringify(numaRequestOf(one, server.image)));
  if (before === after) return;
  throw conflict(
    `With ${name === null ? 'no profile' : `the profile ${name}`} the server would have other processors or memory pages of its ` +
      'host, which it is given when it is placed: resize it to a flavor with that profile.',
  );
}

/**
 * Gives a server another profile, or none (null), and returns it.
 * @throws 400 for a profile that there is not, or that contradicts flavor or image; 409 where its host cannot give it, or in a state
 * that does not allow it
 */
export async function applyProfile(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  name: string | null,
): Promise<Server> {
  if (name !== null && findProfile(name) === null) {
    throw badRequest(`There is no profile '${name}'; there are: ${profileNames.join(', ')}.`);
  }
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, applyProfileAction.transitions.profile);
    const flavor: FlavorSnapshot = underProfile(server.flavor, name);
    checkHardware(flavor, server.image);
    checkClaimed(server, flavor, name);
    const host = server.host === null ? null : await lockCandidate(t, server.host);
    const spec = { ...judgedImage(server.image, server.imageRef), flavor };
    const refusal = host === null ? null : imageRefusal(host, spec, optionsOf(deps));
    if (refusal !== null) {
      throw conflict(
        `The host ${refusal.host} of the server does not take it so: ${refusal.filter}: ${refusal.reason}.`,
      );
    }
    const nowMs = deps.clock.now();
    await updateServer(t, server.id, { flavor }, nowMs);
    await recordDone(t, op, server, applyProfileAction, nowMs);
    return { ...server, flavor, updatedAt: nowMs };
  });
}
