// Why: until 2.35 networks were listed here, in the shape of a network service that is no more: of thirty fields two say something.

import type { NetworkName } from '../../domain/networks/networks.ts';
import { type Call, resource, route } from '../resource.ts';

const UNTIL = '2.35';

/** Fields that always say nothing: for everybody, and those that only administrators had. */
const EVERYBODY = ['cidr', 'netmask', 'gateway', 'broadcast', 'dns1', 'dns2', 'cidr_v6', 'gateway_v6', 'netmask_v6'];
const ADMINISTRATORS = [
  ...['created_at', 'updated_at', 'deleted_at', 'deleted', 'injected', 'bridge', 'vlan', 'vpn_public_address'],
  ...['vpn_public_port', 'vpn_private_address', 'dhcp_start', 'project_id', 'host', 'bridge_interface', 'multi_host'],
  ...['priority', 'rxtx_base', 'mtu', 'dhcp_server', 'enable_dhcp', 'share_address'],
];

const viewFor = ({ op }: Pick<Call, 'op'>) => {
  const empty = [...EVERYBODY, ...(op.caller.isAdmin ? ADMINISTRATORS : [])].map((field) => [field, null]);
  return ({ id, name }: NetworkName) => ({ id, label: name, ...Object.fromEntries(empty) });
};

export default resource({
  'GET /os-networks': route()({
    summary: 'List networks: those that the network service shows to the caller.',
    policy: 'os_compute_api:os-networks:list',
    until: UNTIL,
    query: {},
    status: 200,
    run: ({ op, services }) => services.ops.listNetworks(op),
    view: (networks, call) => ({ networks: networks.map(viewFor(call)) }),
  }),
  'GET /os-networks/:id': route()({
    summary: 'Show a network.',
    policy: 'os_compute_api:os-networks:show',
    until: UNTIL,
    query: {},
    status: 200,
    run: ({ op, services, params }) => services.ops.showNetwork(op, params['id'] as string),
    view: (network, call) => ({ network: viewFor(call)(network) }),
  }),
});
