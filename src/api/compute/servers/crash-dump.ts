// Why: a guest that hangs can be made to write down why.

import { none, wrapped } from '../../parameters.ts';
import { resource } from '../../resource.ts';
import { plainAction } from './plain-action.ts';

export default resource({
  'POST /servers/:server_id/action#trigger_crash_dump': {
    ...plainAction(
      'trigger_crash_dump',
      'os_compute_api:servers:trigger_crash_dump',
      'Interrupt a guest with an NMI, upon which it dumps its memory if it is set up for that.',
      'triggerCrashDump',
    ),
    since: '2.17',
    body: wrapped('trigger_crash_dump', none),
  },
});
