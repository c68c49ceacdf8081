// Why: the sums of a host are the sums of its claims, and only servers that exist claim. Should a bug ever break the law, it is
// mended within a minute and named in the log.

import { checkClaims, claimsOfDeleted, releaseClaim, repairSums } from '../../db/claims.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';

export async function staleClaims(deps: OpsDeps): Promise<void> {
  const { database, log } = deps;
  for (const serverId of await claimsOfDeleted(database.read)) {
    log.error({ serverId }, 'a deleted server had a claim: released');
    await tx(database, (t) => releaseClaim(t, serverId, deps.clock.now()));
  }
  const drifts = await checkClaims(database.read);
  for (const hostId of new Set(drifts.map((drift) => drift.hostId))) {
    // two reads that a claim went between may differ: only what still differs alone with the row is a drift
    const still = await tx(database, async (t) => {
      await t('hosts').select('id').where({ id: hostId }).forUpdate();
      const found = await checkClaims(t, hostId);
      if (found.length > 0) await repairSums(t, hostId);
      return found;
    });
    if (still.length > 0) log.error({ drifts: still }, "a host's sums were not those of its claims: mended");
  }
}
