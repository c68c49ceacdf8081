// Why: what administrators do to a server whose state went astray.

import { closed, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';
import { plainAction } from './plain-action.ts';

interface ResetBody {
  readonly 'os-resetState': { readonly state: 'active' | 'error' };
}

export default resource({
  'POST /servers/:server_id/action#os-resetState': route<'server', ResetBody>()({
    summary: 'Set the state of a server by hand; what is under way for it is given up.',
    policy: 'os_compute_api:os-admin-actions:reset_state',
    target: 'server',
    body: wrapped('os-resetState', closed({ state: { type: 'string', enum: ['active', 'error'] } }, ['state'])),
    status: 202,
    run: (call) => call.services.ops.resetState(call.op, call.target, call.body['os-resetState'].state),
  }),
  'POST /servers/:server_id/action#injectNetworkInfo': plainAction(
    'injectNetworkInfo',
    'os_compute_api:os-admin-actions:inject_network_info',
    'Tell a guest its networks. Guests learn them from DHCP and their config drive, so that there is nothing to do.',
    'injectNetworkInfo',
  ),
});
