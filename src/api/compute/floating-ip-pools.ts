// Why: until 2.35 the networks that floating addresses come from were listed here as pools.

import { anyQuery } from '../parameters.ts';
import { resource, route } from '../resource.ts';

export default resource({
  'GET /os-floating-ip-pools': route()({
    summary: 'List the networks that floating addresses come from.',
    policy: 'os_compute_api:os-floating-ip-pools',
    until: '2.35',
    query: anyQuery,
    status: 200,
    run: ({ op, services }) => services.ops.listFloatingPools(op),
    view: (pools) => ({ floating_ip_pools: pools.map(({ id, name }) => ({ name: name || id })) }),
  }),
});
