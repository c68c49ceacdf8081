// Why: what an adjustment would meet is read from the same rows as it would itself read; nothing is locked and nothing changes.

import { Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { findClaim } from '../../db/claims.ts';
import { findHost } from '../../db/hosts.ts';
import {
  adjustOutlook,
  type AdjustFacts,
  type AdjustOutlook,
  claimWished,
} from '../../domain/adjustment/adjust-plan.ts';
import type { AdjustWish } from '../../domain/adjustment/adjust-request.ts';
import { minimumOf } from '../../domain/machines/flavor.ts';
import type { Host } from '../../domain/placement/host.ts';
import type { Server } from '../../domain/servers/instance.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { refusal } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { adjustAction } from './adjust-server.ts';
import { liveMigrateAction } from './live-migrate.ts';
import { isUp } from '../placement/host-up.ts';
import { moveWish } from './migrations.ts';
import { hostsFor } from '../placement/place.ts';
import { accountsOf } from '../administration/quota-sets.ts';

/** What would come of an adjustment, by every way that there is. */
export async function planAdjustment(deps: OpsDeps, op: Op, server: Server, want: AdjustWish): Promise<AdjustOutlook> {
  const { read } = deps.database;
  const host = server.host === null ? null : await findHost(read, { host: server.host });
  const facts: AdjustFacts = {
    server,
    claimed: (await findClaim(read, server.id)) ?? minimumOf(server.flavor),
    quota: await accountsOf(read, deps.config.quota, server),
    host,
    hostUp: isUp(deps, host),
    refused: {
      adjust: refusal(server, adjustAction.transitions.adjust, op.caller.isAdmin),
      liveMigrate: refusal(server, liveMigrateAction.transitions.liveMigrate, op.caller.isAdmin),
    },
  };
  const claim = claimWished(facts, want);
  return adjustOutlook(facts, want, claim === null ? [] : await hostsElsewhere(deps, server, claim));
}

/** The other hosts to which the server could move while it runs and have this size, best first. */
async function hostsElsewhere(deps: OpsDeps, server: Server, minimum: Size): Promise<readonly Host[]> {
  const excluded = server.host === null ? [] : [server.host];
  const wish = moveWish({ deps }, server, { minimum, excluded, verb: 'liveMigrate' });
  try {
    return (await hostsFor(deps, server, wish)).hosts;
  } catch (error) {
    if (error instanceof Fault && error.code === 'noValidHost') return [];
    throw error;
  }
}
