// Why: suspending writes a server's memory to its host's disk and resuming reads it back.

import { resource } from '../../resource.ts';
import { plainAction } from './plain-action.ts';

export default resource({
  'POST /servers/:server_id/action#suspend': plainAction(
    'suspend',
    'os_compute_api:os-suspend-server:suspend',
    'Store the memory of a server on disk and switch it off.',
    'suspendServer',
  ),
  'POST /servers/:server_id/action#resume': plainAction(
    'resume',
    'os_compute_api:os-suspend-server:resume',
    'Let a suspended server go on where it was.',
    'resumeServer',
  ),
});
