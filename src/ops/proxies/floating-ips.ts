// Why: floating addresses are the network service's; the servers that they lead to show them, so their rows follow.

import { isIP } from 'node:net';
import { badRequest } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import type { ShownFloatingIp } from '../../cloud/network.ts';
import { nicsOfServer } from '../../db/server-nics.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { NetworkName } from '../../domain/networks/networks.ts';
import type { OpsDeps } from '../deps.ts';
import { refreshNetwork } from '../servers/refresh-network.ts';

export type { ShownFloatingIp };

export const listFloatingPools = ({ network }: OpsDeps, op: Op): Promise<readonly NetworkName[]> =>
  network.floatingPools(op.caller);

export const listFloatingIps = ({ network }: OpsDeps, op: Op): Promise<readonly ShownFloatingIp[]> =>
  network.floatingIps(op.caller);

export const showFloatingIp = ({ network }: OpsDeps, op: Op, id: string): Promise<ShownFloatingIp> =>
  network.floatingIp(op.caller, id);

export const createFloatingIp = ({ network }: OpsDeps, op: Op, pool: string | null): Promise<ShownFloatingIp> =>
  network.createFloatingIp(op.caller, pool);

/** The rows of the server that an address led to follow. */
async function follow(deps: OpsDeps, uuid: string | null): Promise<void> {
  if (uuid !== null) await refreshNetwork(deps, { uuid });
}

export const deleteFloatingIp = async (deps: OpsDeps, op: Op, id: string): Promise<void> =>
  follow(deps, await deps.network.deleteFloatingIp(op.caller, id));

/** The server's address that a floating one shall lead to: the one asked for, or its first of IPv4. Throws Nova's 400s. */
async function targetOf(
  { database }: OpsDeps,
  server: Server,
  floating: string,
  asked: string | null,
): Promise<string> {
  const nics = await nicsOfServer(database.read, server.id);
  if (nics.length === 0) throw badRequest('Instance network is not ready yet');
  const fixed = nics.flatMap(({ fixedIps }) => fixedIps.map(({ address }) => address));
  if (fixed.length === 0) throw badRequest('No fixed IPs associated to instance');
  if (asked !== null) {
    if (fixed.includes(asked)) return asked;
    throw badRequest('Specified fixed address not assigned to instance');
  }
  const first = fixed.find((address) => isIP(address) === 4);
  if (first !== undefined) return first;
  throw badRequest(
    `Unable to associate floating IP ${floating} to any fixed IPs for instance ${server.uuid}. ` +
      'Instance has no fixed IPv4 addresses to associate.',
  );
}

/** Points a floating address to a server's fixed one. Throws Nova's 400s and 404. */
export async function addFloatingIp(
  deps: OpsDeps,
  op: Op,
  server: Server,
  address: string,
  fixedAddress: string | null,
): Promise<void> {
  const fixed = await targetOf(deps, server, address, fixedAddress);
  const before = await deps.network.associateFloatingIp(op.caller, server, address, fixed);
  await follow(deps, server.uuid);
  await follow(deps, before);
}

export async function removeFloatingIp(deps: OpsDeps, op: Op, server: Server, address: string): Promise<void> {
  await deps.network.disassociateFloatingIp(op.caller, server, address);
  await follow(deps, server.uuid);
}
