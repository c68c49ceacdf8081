// Why: a resize that nobody confirms holds two hosts. After a time that the operator set (Nova's `resize_confirm_window`) it is
// confirmed for its owner.

import { Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { type UnconfirmedMove, unconfirmedSince } from '../../db/migrations.ts';
import { addRemnant } from '../../db/remnants.ts';
import { tx } from '../../db/tx.ts';
import { confirmResize } from '../servers/confirm-resize.ts';
import type { OpsDeps } from '../deps.ts';
import { upSince } from '../placement/host-up.ts';
import { endMove } from '../servers/migrations.ts';
import { systemOp } from '../engine/system-op.ts';

/** As Nova: a move whose server waits no more (its state was set by hand) is an error; what it held is given back. */
async function giveUp(
  { database, clock, log }: OpsDeps,
  { id, serverUuid, sourceCompute }: UnconfirmedMove,
): Promise<void> {
  log.warn({ server: serverUuid, migration: id }, 'a resize waits for its confirmation, and its server does not');
  await tx(database, async (t) => {
    const nowMs = clock.now();
    await addRemnant(t, { serverUuid, host: sourceCompute }, nowMs);
    await endMove(t, id, 'error', nowMs);
  });
}

export async function unconfirmedResizes(deps: OpsDeps): Promise<void> {
  const { database, clock, config, log } = deps;
  if (config.resizeConfirmMs === 0) return;
  const since = clock.now() - config.resizeConfirmMs;
  for (const move of await unconfirmedSince(database.read, since, upSince(deps), limits.pageSize)) {
    const uuid = move.serverUuid;
    if (!move.awaited) {
      await giveUp(deps, move);
      continue;
    }
    try {
      await confirmResize(deps, systemOp(deps), { uuid });
      log.info({ server: uuid }, 'a resize that nobody confirmed is confirmed');
    } catch (error) {
      // its old host is down, or somebody was quicker: the next turn looks again
      if (!(error instanceof Fault)) throw error;
      log.info({ server: uuid, reason: messageOf(error) }, 'a resize cannot be confirmed now');
    }
  }
}
