// Why: what a server is called and how it is reached may change at any time and touches no host.

import type { Op } from '../../base/op.ts';
import { internal } from '../../base/errors.ts';
import { findServer, updateServer as writeServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/instance.ts';
import { lockForMove } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';

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
    const server = await lockForMove(t, op, uuid, 'update');
    await writeServer(t, server.id, change, deps.clock.now());
    const changed = await findServer(t, uuid);
    if (changed === null) throw internal(`Instance ${uuid} has no row.`);
    return changed;
  });
}
