// Why: what becomes of a guest after an NMI is the guest's own affair, so that neither task nor state of the server change.

import { defineTransition } from '../../domain/servers/transition.ts';
import { definePlainAction } from '../engine/action.ts';
import { recordFailure } from '../engine/settle.ts';
import { hostOf } from './host-of.ts';

export const crashDumpAction = definePlainAction({
  name: 'trigger_crash_dump',
  transition: defineTransition(
    'trigger_crash_dump',
    'Interrupt a guest with an NMI, upon which it dumps its memory if it is set up for that.',
    ['active', 'paused', 'rescued', 'resized', 'error'],
    { placed: true, verb: 'injectNmi' },
  ),
  notification: 'trigger_crash_dump',
  request: {
    key: 'trigger_crash_dump',
    policy: 'os_compute_api:servers:trigger_crash_dump',
    since: '2.17',
    bare: true,
  },
  secrets: [],
  steps: [
    {
      name: 'guest',
      event: 'compute_trigger_crash_dump',
      run: ({ server, call }) => call(hostOf(server), 'injectNmi', { uuid: server.uuid }),
      undo: 'an interrupt cannot be taken back',
    },
  ],
  settle: async () => null,
  failed: (t, { server }, failure, nowMs) => recordFailure(t, server, failure, nowMs),
});
