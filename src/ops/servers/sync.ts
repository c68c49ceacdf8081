// Why: a guest that was suspended, paused, restored or moved wakes up in the past. Its clock is set to its host's, and what its agent
// says of it is asked anew. Nova has no such action: whoever needs it there must reach into the guest.

import { updateServer } from '../../db/servers.ts';
import { defineTransition } from '../../domain/servers/transition.ts';
import { definePlainAction } from '../engine/action.ts';
import { step } from '../engine/saga.ts';
import { recordFailure } from '../engine/settle.ts';
import { hostOf } from './host-of.ts';

const guest = step({
  name: 'guest',
  run: ({ server, call }) => call(hostOf(server), 'syncGuest', { uuid: server.uuid }),
  undo: 'what the clock was before is known to nobody',
});

export const syncAction = definePlainAction({
  name: 'sync',
  transition: defineTransition(
    'sync',
    "Set a guest's clock to its host's, and ask its agent anew what the guest has.",
    ['active'],
    { placed: true, verb: 'syncGuest' },
  ),
  notification: 'sync',
  request: { key: 'os-xloud-sync', policy: 'os_compute_api:xloud:sync' },
  secrets: [],
  steps: [guest],
  async settle(t, { server, output }, nowMs) {
    const { onlineVcpus, availableMb } = output(guest);
    await updateServer(t, server.id, { guestOnlineVcpus: onlineVcpus, guestAvailableMb: availableMb }, nowMs);
    return null;
  },
  failed: (t, { server }, failure, nowMs) => recordFailure(t, server, failure, nowMs),
});
