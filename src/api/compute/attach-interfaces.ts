// Why: a server's interfaces are ports of the network service, shown as they are there now, plugged and unplugged while it runs.

import { badRequest } from '../../base/errors.ts';
import { derive, history } from '../../base/history.ts';
import type { ShownInterface } from '../../ops/index.ts';
import { closed, ipAny, noQuery, tag, uuid } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const attachment = history<unknown>(
  {
    net_id: uuid,
    port_id: uuid,
    fixed_ips: { type: 'array', minItems: 1, maxItems: 1, items: closed({ ip_address: ipAny }, ['ip_address']) },
  },
  [{ at: '2.49', add: { tag } }],
);

interface AttachBody {
  readonly interfaceAttachment?: {
    readonly net_id?: string;
    readonly port_id?: string;
    readonly fixed_ips?: readonly { readonly ip_address: string }[];
    readonly tag?: string;
  };
}

const fields = history<Field<ShownInterface>>(
  {
    net_id: ({ networkId }) => networkId,
    port_id: ({ portId }) => portId,
    mac_addr: ({ mac }) => mac,
    port_state: ({ state }) => state,
    fixed_ips: ({ fixedIps }) =>
      fixedIps.map(({ address, subnetId }) => ({ subnet_id: subnetId, ip_address: address })),
  },
  [{ at: '2.70', add: { tag: ({ tag: own }) => own } }],
);

const shown = (port: ShownInterface, { op }: Pick<Call, 'op'>) => ({
  interfaceAttachment: viewOf(fields, op.minor, undefined)(port),
});

const SHOW = 'os_compute_api:os-attach-interfaces:show';
const EXTERNAL = 'network:attach_external_network';

async function attach(call: Call<'server', AttachBody>): Promise<ShownInterface> {
  const { net_id: networkId, port_id: portId, fixed_ips: ips, tag: own } = call.body.interfaceAttachment ?? {};
  const fixedIp = ips?.[0]?.ip_address ?? null;
  if (networkId !== undefined && portId !== undefined) {
    throw badRequest('Must not input both network_id and port_id');
  }
  if (fixedIp !== null && networkId === undefined) {
    throw badRequest('Must input network_id when request IP address');
  }
  const { ops } = call.services;
  const request = { networkId: networkId ?? null, portId: portId ?? null, fixedIp, tag: own ?? null };
  const made = await ops.attachInterface(call.op, call.target, request, call.allows(EXTERNAL));
  // Nova answers with what showing it gives, and asks whether it may be shown
  call.enforce(SHOW);
  return ops.showInterface(call.op, call.target, made);
}

export default resource({
  'GET /servers/:server_id/os-interface': route<'server'>()({
    summary: "List a server's network interfaces.",
    policy: 'os_compute_api:os-attach-interfaces:list',
    target: 'server',
    query: noQuery,
    status: 200,
    run: ({ op, services, target }) => services.ops.listInterfaces(op, target),
    shows: fields,
    view: (ports, { op }) => ({ interfaceAttachments: ports.map(viewOf(fields, op.minor, undefined)) }),
  }),
  'POST /servers/:server_id/os-interface': route<'server', AttachBody>()({
    summary: 'Plug one more network interface into a server: one of a network, or a port that is there.',
    policy: 'os_compute_api:os-attach-interfaces:create',
    alsoAsks: [SHOW, EXTERNAL],
    target: 'server',
    body: derive(attachment, (form) => closed({ interfaceAttachment: closed(form) })),
    status: 200,
    run: attach,
    shows: fields,
    view: shown,
  }),
  'GET /servers/:server_id/os-interface/:port_id': route<'server'>()({
    summary: "Show one of a server's network interfaces.",
    policy: SHOW,
    target: 'server',
    query: noQuery,
    status: 200,
    run: ({ op, services, target, params }) => services.ops.showInterface(op, target, params['port_id'] as string),
    shows: fields,
    view: shown,
  }),
  'DELETE /servers/:server_id/os-interface/:port_id': route<'server'>()({
    summary: 'Take a network interface from a server.',
    policy: 'os_compute_api:os-attach-interfaces:delete',
    target: 'server',
    status: 202,
    run: ({ op, services, target, params }) => services.ops.detachInterface(op, target, params['port_id'] as string),
  }),
});
