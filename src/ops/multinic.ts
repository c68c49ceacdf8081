// Why: a port may have more than one address of its network; the row follows, and the host lets the guest use them.

import type { Op } from '../base/op.ts';
import type { Server } from '../domain/instance.ts';
import { checkMove } from './begin.ts';
import type { OpsDeps } from './deps.ts';
import { refreshNetwork } from './refresh-network.ts';

/** Gives a server one more address on a network. Throws Nova's 400 and 404, and 409 for a locked server. */
export async function addFixedIp(deps: OpsDeps, op: Op, server: Server, networkId: string): Promise<void> {
  await checkMove(deps.database.read, op, server, 'addFixedIp');
  await deps.network.addFixedIp(server.uuid, networkId);
  await refreshNetwork(deps, server);
}

export async function removeFixedIp(deps: OpsDeps, op: Op, server: Server, address: string): Promise<void> {
  await checkMove(deps.database.read, op, server, 'removeFixedIp');
  await deps.network.removeFixedIp(server.uuid, address);
  await refreshNetwork(deps, server);
}
