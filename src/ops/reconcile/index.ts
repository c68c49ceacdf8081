// Why: reconcilers take no arguments and re-derive everything from state, so that the happy day and recovery are one path. They
// run on a timer that is a little off the beat, one after another.

import { messageOf } from '../../base/errors.ts';
import type { OpsDeps } from '../deps.ts';
import { makeHostLiveness } from './host-liveness.ts';
import { makePurgeOld } from './purge-old.ts';
import { remnants } from './remnants.ts';
import { reclaim } from './reclaim.ts';
import { shelvedServers } from './shelved-servers.ts';
import { staleClaims } from './stale-claims.ts';
import { stuckServers } from './stuck-servers.ts';
import { unconfirmedResizes } from './unconfirmed-resizes.ts';

export type Reconciler = (deps: OpsDeps) => Promise<void>;

/** The reconcilers that a timer runs; power drift and orphans run with each host's report (reports.ts). */
export const makeReconcilers = (): Readonly<Record<string, Reconciler>> => ({
  hostLiveness: makeHostLiveness(),
  reclaim,
  staleClaims,
  stuckServers,
  unconfirmedResizes,
  shelvedServers,
  remnants,
  // the last: it takes its time
  purgeOld: makePurgeOld(),
});

/** Runs each once; one that fails does not keep the others from their turn. */
export async function reconcileAll(deps: OpsDeps, reconcilers: Readonly<Record<string, Reconciler>>): Promise<void> {
  for (const [name, run] of Object.entries(reconcilers)) {
    try {
      await run(deps);
    } catch (error) {
      deps.log.error(
        { err: error, reconciler: name, reason: messageOf(error) },
        'a reconciler failed; its next turn comes',
      );
    }
  }
}
