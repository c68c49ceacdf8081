// Why: what was deleted long ago goes by itself, where the operator said after how long. One worker at a time is at it, a little in
// each turn, until nothing is left; then it is looked for again now and then.

import { limits } from '../../base/limits.ts';
import { endTurn, takeTurn } from '../../db/named-locks.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { emptyLogWithin, purge } from '../purge.ts';

export async function purgeOld(deps: OpsDeps): Promise<void> {
  const { database, clock, config, log } = deps;
  if (config.retentionMs === 0) return;
  const nowMs = clock.now();
  if (!(await tx(database, (t) => takeTurn(t, 'purge', nowMs, nowMs + limits.purgeLeaseMs)))) return;
  const { rows, finished } = await purge(deps, { beforeMs: nowMs - config.retentionMs, forMs: limits.purgeTurnMs });
  const removed = Object.entries(rows).filter(([, count]) => count > 0);
  if (removed.length > 0) {
    log.info({ rows: Object.fromEntries(removed), finished }, 'removed what was deleted long ago');
    await emptyLogWithin(deps, 0);
  }
  await tx(database, (t) => endTurn(t, 'purge', clock.now() + (finished ? limits.purgeEveryMs : 0)));
}
