// Why: a port may have more than one address of its network; the row follows, and the host lets the guest use them.

import { Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { checkTransition } from '../engine/begin.ts';
import type { OpsDeps } from '../deps.ts';
import { refreshNetwork } from './refresh-network.ts';
import { recordFailure } from '../engine/settle.ts';
import { anytime, defineTransition } from '../../domain/servers/transition.ts';

export const fixedIpTransitions = {
  addFixedIp: defineTransition('addFixedIp', 'Add a fixed address.', null, { ...anytime, lockable: true }),
  removeFixedIp: defineTransition('removeFixedIp', 'Take a fixed address away.', null, { ...anytime, lockable: true }),
};

/** As Nova, which only casts the request to the host: what cannot be done is no refusal, but the server's fault. */
async function change(deps: OpsDeps, server: Server, changePort: () => Promise<void>): Promise<void> {
  const { database, clock } = deps;
  try {
    await changePort();
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
    const { kind, code, message } = error;
    return tx(database, (t) => recordFailure(t, server, { kind, code, message, detail: null }, clock.now()));
  }
  await refreshNetwork(deps, server);
}

/** Gives a server one more address on a network, if it can. Throws 409 for a locked server. */
export async function addFixedIp(deps: OpsDeps, op: Op, server: Server, networkId: string): Promise<void> {
  await checkTransition(deps.database.read, op, server, fixedIpTransitions.addFixedIp);
  await change(deps, server, () => deps.network.addFixedIp(server, networkId));
}

/** Takes an address from a server, if it has it. Throws 409 for a locked server. */
export async function removeFixedIp(deps: OpsDeps, op: Op, server: Server, address: string): Promise<void> {
  await checkTransition(deps.database.read, op, server, fixedIpTransitions.removeFixedIp);
  await change(deps, server, () => deps.network.removeFixedIp(server, address));
}
