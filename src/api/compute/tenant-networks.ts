// Why: the networks of os-networks once more, in yet another shape, for the clients of old that ask here.

import type { NetworkName } from '../../domain/networks/networks.ts';
import { resource, route } from '../resource.ts';

const UNTIL = '2.35';

/** Nova puts Python's word for nothing there, and clients know it. */
const shown = ({ id, name }: NetworkName) => ({ id, cidr: 'None', label: name });

export default resource({
  'GET /os-tenant-networks': route()({
    summary: 'List networks: those that the network service shows to the caller.',
    policy: 'os_compute_api:os-tenant-networks:list',
    until: UNTIL,
    query: {},
    status: 200,
    run: ({ op, services }) => services.ops.listNetworks(op),
    view: (networks) => ({ networks: networks.map(shown) }),
  }),
  'GET /os-tenant-networks/:id': route()({
    summary: 'Show a network.',
    policy: 'os_compute_api:os-tenant-networks:show',
    until: UNTIL,
    query: {},
    status: 200,
    run: ({ op, services, params }) => services.ops.showNetwork(op, params['id'] as string),
    view: (network) => ({ network: shown(network) }),
  }),
});
