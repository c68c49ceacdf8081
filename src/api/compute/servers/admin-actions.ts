// Why: what administrators do to a server whose state went astray.

import { anyAction, closed, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

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
  'POST /servers/:server_id/action#injectNetworkInfo': route<'server'>()({
    summary:
      'Tell a guest its networks. Guests learn them from DHCP and their config drive, so that there is nothing to do.',
    policy: 'os_compute_api:os-admin-actions:inject_network_info',
    target: 'server',
    body: anyAction('injectNetworkInfo'),
    status: 202,
    run: (call) => call.services.ops.injectNetworkInfo(call.op, call.target),
  }),
});
