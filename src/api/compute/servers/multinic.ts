// Why: until 2.43 a server was given and taken addresses by an action; since then one asks the network service.

import { closed, ipAny, wrapped } from '../../parameters.ts';
import { resource, route } from '../../resource.ts';

interface AddBody {
  readonly addFixedIp: { readonly networkId: string | number };
}

interface RemoveBody {
  readonly removeFixedIp: { readonly address: string };
}

export default resource({
  'POST /servers/:server_id/action#addFixedIp': route<'server', AddBody>()({
    summary: 'Give a server one more address on one of its networks.',
    policy: 'os_compute_api:os-multinic:add',
    target: 'server',
    until: '2.43',
    body: wrapped(
      'addFixedIp',
      closed({ networkId: { type: ['string', 'number'], minLength: 1, maxLength: 36 } }, ['networkId']),
    ),
    status: 202,
    run: ({ op, services, target, body }) => services.ops.addFixedIp(op, target, String(body.addFixedIp.networkId)),
  }),
  'POST /servers/:server_id/action#removeFixedIp': route<'server', RemoveBody>()({
    summary: 'Take an address from a server.',
    policy: 'os_compute_api:os-multinic:remove',
    target: 'server',
    until: '2.43',
    body: wrapped('removeFixedIp', closed({ address: ipAny }, ['address'])),
    status: 202,
    run: ({ op, services, target, body }) => services.ops.removeFixedIp(op, target, body.removeFixedIp.address),
  }),
});
