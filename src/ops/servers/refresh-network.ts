// Why: what we keep of a server's ports is what the network service said last. When ports change behind our back, or by a call
// of ours, the rows are read anew, and the host is told where a guest's addresses are others now.

import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { nicsOfServer, replaceNicsIf } from '../../db/server-nics.ts';
import { findServer, lockServer, updateServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { interfacePlanOf } from '../../domain/networks/interface-plan.ts';
import { asKnown, type NicSpec } from '../../domain/networks/server-nics.ts';
import type { OpsDeps } from '../deps.ts';

type Named = Pick<Server, 'uuid'>;

/** What of a port its host holds a guest to. */
const heldTo = ({ mac, fixedIps, guard }: NicSpec): string =>
  JSON.stringify([mac, fixedIps.map(({ address }) => address), guard ?? null]);

/** Interfaces that were there before with other addresses, or with other addresses allowed. */
const readdressed = (before: readonly NicSpec[], now: readonly NicSpec[]): NicSpec[] =>
  now.filter((nic) => {
    const old = before.find(({ portId }) => portId === nic.portId);
    return old !== undefined && heldTo(old) !== heldTo(nic);
  });

/** The rows become what the network service says. Returns the interfaces with other addresses; null where nothing was other. */
async function followPorts(deps: OpsDeps, server: Server): Promise<readonly NicSpec[] | null> {
  const { database, network, clock } = deps;
  for (let attempt = 1; attempt <= limits.refreshAttempts; attempt += 1) {
    const before = await nicsOfServer(database.read, server.id);
    const now = asKnown(before, await network.portsOf(server));
    if (isDeepStrictEqual(before, now)) return null;
    const written = await tx(database, async (t) => {
      const current = await lockServer(t, server.uuid);
      if (current === null || current.deleted) return true;
      // somebody else wrote them meanwhile: what we were told may be older
      if (!(await replaceNicsIf(t, server.id, before, now))) return false;
      await updateServer(t, server.id, {}, clock.now());
      return true;
    });
    if (written) return readdressed(before, now);
  }
  deps.log.warn({ server: server.uuid }, 'the ports of a server change too quickly; its next refresh comes');
  return null;
}

/**
 * Reads a server's ports anew from the network service (Nova's network-changed). The host follows as far as it can: a guest
 * that cannot be reached now has its addresses with its next start.
 */
export async function refreshNetwork(deps: OpsDeps, { uuid }: Named): Promise<void> {
  const server = await findServer(deps.database.read, uuid);
  if (server === null) return;
  const changed = await followPorts(deps, server);
  const { host } = server;
  if (host === null) return;
  for (const nic of changed ?? []) {
    try {
      await deps.bus.call(host, 'attachNic', { uuid, nic, plan: interfacePlanOf(server.flavor, server.image) });
    } catch (error) {
      deps.log.warn(
        { host, server: uuid, port: nic.portId, reason: messageOf(error) },
        'a guest keeps its old addresses',
      );
    }
  }
}
