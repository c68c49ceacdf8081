// Why: whoever tries a server on one machine wants to log in, not to make routers and floating addresses first.

import type { SshPort } from '../../ops/index.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { resource, route } from '../resource.ts';

const sshPortView = (
  { port, address, target, problem }: SshPort,
  { target: { uuid } }: { readonly target: Server },
) => ({
  server_id: uuid,
  port,
  address,
  leads_to: target === null ? null : { network_id: target.networkId, ip_address: target.address, port: 22 },
  problem,
});

export default resource({
  'GET /servers/:server_id/os-xloud-ssh-port': route<'server'>()({
    summary: 'Show the port of the cloud by which SSH reaches a server.',
    policy: 'os_compute_api:xloud:ssh-port:show',
    target: 'server',
    status: 200,
    run: ({ op, services, target }) => services.ops.showSshPort(op, target),
    view: sshPortView,
  }),
  'PUT /servers/:server_id/os-xloud-ssh-port': route<'server'>()({
    summary: 'Give a server a port of the cloud by which SSH reaches it; one that has a port keeps it.',
    policy: 'os_compute_api:xloud:ssh-port:give',
    target: 'server',
    status: 200,
    run: ({ op, services, target }) => services.ops.giveSshPort(op, target),
    view: sshPortView,
  }),
  'DELETE /servers/:server_id/os-xloud-ssh-port': route<'server'>()({
    summary: 'Take the SSH port back from a server; who is connected by it is cut off.',
    policy: 'os_compute_api:xloud:ssh-port:drop',
    target: 'server',
    status: 204,
    run: ({ op, services, target }) => services.ops.dropServerSshPort(op, target),
  }),
});
