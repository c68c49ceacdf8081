// Why: the sums of a host are the sums of its claims, and only servers that exist claim. Should a bug ever break the law, it is
// mended and named in the log. Some hosts are looked at in each turn, so that a turn takes as long in a cloud of any size.

import { limits } from '../../base/limits.ts';
import { checkClaims, claimsOfDeleted, releaseClaim, repairSums } from '../../db/claims.ts';
import { hostIdsAfter } from '../../db/hosts.ts';
import { tx } from '../../db/tx.ts';
import type { OpsDeps } from '../deps.ts';

async function mend({ database, log, clock }: OpsDeps, hosts: readonly number[]): Promise<void> {
  for (const serverId of await claimsOfDeleted(database.read, hosts)) {
    log.error({ serverId }, 'a deleted server had a claim: released');
    await tx(database, (t) => releaseClaim(t, serverId, clock.now()));
  }
  const drifts = await checkClaims(database.read, hosts);
  for (const hostId of new Set(drifts.map((drift) => drift.hostId))) {
    // two reads that a claim went between may differ: only what still differs alone with the row is a drift
    const still = await tx(database, async (t) => {
      await t('hosts').select('id').where({ id: hostId }).forUpdate();
      const found = await checkClaims(t, [hostId]);
      if (found.length > 0) await repairSums(t, hostId);
      return found;
    });
    if (still.length > 0) log.error({ drifts: still }, "a host's sums were not those of its claims: mended");
  }
}

/** Remembers which host was the last one; workers that take the turns by chance each go round on their own. */
export function makeStaleClaims(): (deps: OpsDeps) => Promise<void> {
  let last = 0;
  return async (deps) => {
    const hosts = await hostIdsAfter(deps.database.read, last, limits.claimedHostsAtOnce);
    last = hosts.length < limits.claimedHostsAtOnce ? 0 : (hosts.at(-1) as number);
    if (hosts.length > 0) await mend(deps, hosts);
  };
}
