// Why: a shelved server that stays on its host holds what it claimed. After a time that the operator set (Nova's
// `shelved_offload_time`) it is offloaded.

import { Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { shelvedBefore } from '../../db/shelved.ts';
import type { OpsDeps } from '../deps.ts';
import { beginAction } from '../engine/begin.ts';
import { offloadAction } from '../servers/shelve.ts';
import { systemOp } from '../engine/system-op.ts';

export async function shelvedServers(deps: OpsDeps): Promise<void> {
  const { database, clock, config, log } = deps;
  if (config.shelvedOffloadMs <= 0) return;
  for (const uuid of await shelvedBefore(database.read, clock.now() - config.shelvedOffloadMs, limits.pageSize)) {
    try {
      await beginAction(deps, systemOp(deps), uuid, offloadAction.transitions.plain, offloadAction, () => ({}));
    } catch (error) {
      // somebody was quicker: it is being unshelved or deleted
      if (!(error instanceof Fault)) throw error;
      log.info({ server: uuid, reason: messageOf(error) }, 'a shelved server cannot be offloaded now');
    }
  }
}
