// Why: a host that was down when a server was deleted, evacuated or moved away still has what it had of it. When it is back it is
// asked to remove that; until then the server is not placed on it again.

import { conflict, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { completeEvacuations, unfinishedMoves } from '../../db/migrations.ts';
import { deferRemnant, listRemnants, type Remnant, removeRemnant } from '../../db/remnants.ts';
import { findServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { askToClear } from '../servers/clear-host.ts';
import type { OpsDeps } from '../deps.ts';
import { upSince } from '../placement/host-up.ts';

/** Whether a move of the server needs what it has on a host, whatever was noted before it began. */
async function isNeeded({ database }: OpsDeps, server: Server | null, host: string): Promise<boolean> {
  if (server === null) return false;
  const moves = await unfinishedMoves(database.read, server);
  return moves.some(({ sourceCompute, destCompute }) => sourceCompute === host || destCompute === host);
}

/**
 * Throws a conflict where what stands aside on the server's own host may be all that it has: that is its guest again when it is started
 * (servers/whereabouts.ts), or goes with it.
 */
async function mustHaveGuest({ bus }: OpsDeps, { host, serverUuid: uuid }: Remnant): Promise<void> {
  if ((await bus.call(host, 'inspect', { uuid })) === null) throw conflict('Its server has no guest on its own host.');
}

/** A host that is known no more has nothing left to remove. */
async function clear(deps: OpsDeps, remnant: Remnant, isKnown: boolean): Promise<void> {
  const { database, bus, clock, log } = deps;
  const { host: name, serverUuid } = remnant;
  const server = await findServer(database.read, serverUuid);
  // a guest that is at home is no remnant, whatever was noted
  const home = server?.host === name;
  if (home && isKnown) await mustHaveGuest(deps, remnant);
  // after the guest was looked for: a move that began meanwhile has set it aside
  if (await isNeeded(deps, server, name)) throw conflict('A move of its server is not over.');
  if (isKnown) {
    const call = bus.call.bind(bus);
    await askToClear({ deps, call }, name, serverUuid, home ? ['aside'] : ['guest', 'aside']);
    log.info({ host: name, server: serverUuid }, 'what a server had left on its host is gone');
  }
  await tx(database, async (t) => {
    await removeRemnant(t, remnant);
    await completeEvacuations(t, serverUuid, name, clock.now());
  });
}

export async function remnants(deps: OpsDeps): Promise<void> {
  const { read } = deps.database;
  // what hosts that stay away have left must not keep others from their turn
  for (const { isKnown, ...remnant } of await listRemnants(read, upSince(deps), limits.pageSize)) {
    try {
      await clear(deps, remnant, isKnown);
    } catch (error) {
      deps.log.warn({ host: remnant.host, reason: messageOf(error) }, 'its remnants stay until the next turn');
      await tx(deps.database, (t) => deferRemnant(t, remnant, deps.clock.now()));
    }
  }
}
