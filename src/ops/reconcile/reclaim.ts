// Why: a server that was deleted softly goes for good when nobody restored it in time.

import { findReclaimable } from '../../db/servers.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { forceDeleteServer } from '../servers/delete.ts';
import type { OpsDeps } from '../deps.ts';
import { systemOp } from '../engine/system-op.ts';

/** Begins the deletion of every server whose time is over. With an interval of 0 nothing is ever reclaimed, as in Nova. */
export async function reclaim(deps: OpsDeps): Promise<void> {
  const { clock, log, config, database } = deps;
  if (config.reclaimMs <= 0) return;
  const beforeMs = clock.now() - config.reclaimMs;
  // restored, or deleted again, since it was looked for
  const still = ({ vmState, taskState, deletedAt }: Server): boolean =>
    vmState === 'soft-delete' && taskState === null && deletedAt !== null && deletedAt <= beforeMs;
  for (const uuid of await findReclaimable(database.read, beforeMs)) {
    log.info({ server: uuid }, 'reclaiming a server that was deleted softly');
    await forceDeleteServer(deps, systemOp(deps), { uuid }, still);
  }
}
