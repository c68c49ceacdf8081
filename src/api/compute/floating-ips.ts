// Why: until 2.35 floating addresses were had here, and until 2.43 pointed to servers; they are the network service's.

import { closed, ipAny, wrapped } from '../parameters.ts';
import { resource, route } from '../resource.ts';
import type { ShownFloatingIp } from '../../ops/index.ts';

const UNTIL = '2.35';
const ACTIONS_UNTIL = '2.43';

const shown = ({ id, address, fixedIp, serverUuid, pool }: ShownFloatingIp) => ({
  fixed_ip: fixedIp,
  id,
  instance_id: serverUuid,
  ip: address,
  pool,
});

type CreateBody = { readonly pool?: string | null } | null;

interface AddBody {
  readonly addFloatingIp: { readonly address: string; readonly fixed_address?: string };
}

interface RemoveBody {
  readonly removeFloatingIp: { readonly address: string };
}

export default resource({
  'GET /os-floating-ips': route()({
    summary: "List the project's floating addresses.",
    policy: 'os_compute_api:os-floating-ips:list',
    until: UNTIL,
    query: {},
    status: 200,
    run: ({ op, services }) => services.ops.listFloatingIps(op),
    view: (ips) => ({ floating_ips: ips.map(shown) }),
  }),
  'POST /os-floating-ips': route<'none', CreateBody>()({
    summary: 'Get a floating address from a pool.',
    policy: 'os_compute_api:os-floating-ips:create',
    until: UNTIL,
    body: { type: ['object', 'null'], properties: { pool: { type: ['string', 'null'] } } },
    status: 200,
    run: ({ op, services, body }) => services.ops.createFloatingIp(op, body?.pool || null),
    view: (ip) => ({ floating_ip: shown(ip) }),
  }),
  'GET /os-floating-ips/:id': route()({
    summary: 'Show a floating address.',
    policy: 'os_compute_api:os-floating-ips:show',
    until: UNTIL,
    query: {},
    status: 200,
    run: ({ op, services, params }) => services.ops.showFloatingIp(op, params['id'] as string),
    view: (ip) => ({ floating_ip: shown(ip) }),
  }),
  'DELETE /os-floating-ips/:id': route()({
    summary: 'Give a floating address back.',
    policy: 'os_compute_api:os-floating-ips:delete',
    until: UNTIL,
    status: 202,
    run: ({ op, services, params }) => services.ops.deleteFloatingIp(op, params['id'] as string),
  }),
  'POST /servers/:server_id/action#addFloatingIp': route<'server', AddBody>()({
    summary: 'Point a floating address to a server.',
    policy: 'os_compute_api:os-floating-ips:add',
    target: 'server',
    until: ACTIONS_UNTIL,
    body: wrapped('addFloatingIp', closed({ address: ipAny, fixed_address: ipAny }, ['address'])),
    status: 202,
    run: ({ op, services, target, body }) => {
      const { address, fixed_address: fixed = null } = body.addFloatingIp;
      return services.ops.addFloatingIp(op, target, address, fixed);
    },
  }),
  'POST /servers/:server_id/action#removeFloatingIp': route<'server', RemoveBody>()({
    summary: 'Take a floating address from a server.',
    policy: 'os_compute_api:os-floating-ips:remove',
    target: 'server',
    until: ACTIONS_UNTIL,
    body: wrapped('removeFloatingIp', closed({ address: ipAny }, ['address'])),
    status: 202,
    run: ({ op, services, target, body }) => services.ops.removeFloatingIp(op, target, body.removeFloatingIp.address),
  }),
});
