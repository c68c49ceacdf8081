// Why: what was deleted long ago goes by itself, where the operator said after how long. One worker at a time is at it, a little in
// each turn, until nothing is left; then it is looked for again now and then.

import { limits } from '../../base/limits.ts';
import type { PurgeCursor } from '../../db/purge.ts';
import { endTurn, takeTurn } from '../../db/named-locks.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';
import { emptyLogWithin, purge } from '../administration/purge.ts';

export function makePurgeOld(): (deps: OpsDeps) => Promise<void> {
  // a turn goes on where the last one of this process stood: it would not get past many servers that are kept
  let cursor: PurgeCursor | null = null;
  return async (deps) => {
    const { database, clock, config, log } = deps;
    if (config.retentionMs === 0) return;
    const nowMs = clock.now();
    const untilMs = nowMs + limits.purgeLeaseMs;
    if (!(await tx(database, (t) => takeTurn(t, 'purge', nowMs, untilMs)))) return;
    const limit = { beforeMs: nowMs - config.retentionMs, forMs: limits.purgeTurnMs, from: cursor };
    const { rows, finished, cursor: next } = await purge(deps, limit);
    cursor = next;
    const removed = Object.entries(rows).filter(([, count]) => count > 0);
    if (removed.length > 0) {
      log.info({ rows: Object.fromEntries(removed), finished }, 'removed what was deleted long ago');
      await emptyLogWithin(deps, 0);
    }
    await tx(database, (t) => endTurn(t, 'purge', untilMs, clock.now() + (finished ? limits.purgeEveryMs : 0)));
  };
}
