// Why: what a server is called and how it is reached may change at any time and touches no host.

import type { Op } from '../../base/op.ts';
import { internal } from '../../base/errors.ts';
import { findServer, updateServer as writeServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { lockServerFor } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';

export const updateTransitions = {
  update: defineTransition('update', 'Change name, description or addresses.', null, anytime),
};

export type ServerChange = Partial<
  Pick<
    Server,
    'displayName' | 'description' | 'accessIpV4' | 'accessIpV6' | 'autoDiskConfig' | 'hostname' | 'requestedZone'
  >
>;

/** Changes what is given and returns the row as it is then. Throws 404 when it went meanwhile. */
export function updateServer(
  deps: OpsDeps,
  op: Op,
  { uuid }: Pick<Server, 'uuid'>,
  change: ServerChange,
): Promise<Server> {
  return tx(deps.database, async (t) => {
    const server = await lockServerFor(t, op, uuid, updateTransitions.update);
    await writeServer(t, server.id, change, deps.clock.now());
    const changed = await findServer(t, uuid);
    if (changed === null) throw internal(`Instance ${uuid} has no row.`);
    return changed;
  });
}
