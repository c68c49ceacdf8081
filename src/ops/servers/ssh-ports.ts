// Why: a server is reached by SSH from this machine without a network of its own to the outside: a port here leads to its first address.

import { conflict, forbidden, notFound, notImplemented } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { dropSshPort, findSshPort, sshTargetOf, takeSshPort, type SshTarget } from '../../db/ssh-ports.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';
import type { OpsDeps, SshPorts } from '../deps.ts';
import { lockServerFor } from '../engine/begin.ts';

export const sshPortTransitions = {
  sshPort: defineTransition('ssh_port', 'Give a port of this machine that leads to its SSH, or take it back.', null, {
    ...anytime,
  }),
};

export interface SshPort {
  readonly port: number;
  /** Where it is listened. */
  readonly address: string;
  /** Null: the server has no address of IPv4. */
  readonly target: SshTarget | null;
  /** Why nobody listens there; null: it is listened. */
  readonly problem: string | null;
}

function offered({ sshPorts }: OpsDeps): SshPorts {
  if (sshPorts !== undefined) return sshPorts;
  throw notImplemented(
    'SSH ports are had where one process has all, on libvirt, and compute.ssh_ports names ports for them.',
    { code: 'sshPorts' },
  );
}

async function shown(deps: OpsDeps, ports: SshPorts, id: number, port: number): Promise<SshPort> {
  const target = await sshTargetOf(deps.database.read, id);
  return { port, address: ports.address, target, problem: ports.problem(port) };
}

/** Throws 404 where the server has none. */
export async function showSshPort(deps: OpsDeps, _op: Op, { id, uuid }: Server): Promise<SshPort> {
  const ports = offered(deps);
  const port = await findSshPort(deps.database.read, id);
  if (port === null) throw notFound(`Instance ${uuid} has no SSH port.`, { code: 'sshPort' });
  return shown(deps, ports, id, port);
}

/** The port that it has, or the lowest one that is free. Throws 403 over the project's number of them, and 409 where none is left. */
export async function giveSshPort(deps: OpsDeps, op: Op, { uuid }: Server): Promise<SshPort> {
  const ports = offered(deps);
  const { id, taken } = await tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, sshPortTransitions.sshPort);
    return { id: server.id, taken: await takeSshPort(t, server, ports) };
  });
  if (taken === 'over_quota') throw forbidden('Quota exceeded, too many SSH ports.', { code: 'quota' });
  if (taken === 'none')
    throw conflict(`All SSH ports (${ports.first} to ${ports.last}) are taken.`, { code: 'sshPorts' });
  await ports.changed();
  return shown(deps, ports, id, taken);
}

/** Whoever is connected by it is cut off. */
export async function dropServerSshPort(deps: OpsDeps, op: Op, { uuid }: Server): Promise<void> {
  const ports = offered(deps);
  await tx(deps.database, async (t) => {
    const { id } = await lockServerFor(t, op, uuid, sshPortTransitions.sshPort);
    await dropSshPort(t, id);
  });
  await ports.changed();
}
