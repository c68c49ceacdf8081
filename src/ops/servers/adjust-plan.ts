// Why: what an adjustment would meet is read from the same rows as it would itself read; nothing is locked and nothing changes.

import { Fault } from '../../base/errors.ts';
import type { Op } from '../../base/op.ts';
import { findClaim } from '../../db/claims.ts';
import { findHost } from '../../db/hosts.ts';
import {
  adjustOutlook,
  type AdjustFacts,
  type AdjustOutlook,
  claimRequested,
} from '../../domain/adjustment/adjust-plan.ts';
import type { AdjustRequest } from '../../domain/adjustment/adjust-request.ts';
import { minimumOf } from '../../domain/machines/flavors.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import type { Server } from '../../domain/servers/servers.ts';
import type { Size } from '../../domain/adjustment/size.ts';
import { refusal } from '../../domain/servers/transition.ts';
import type { OpsDeps } from '../deps.ts';
import { adjustAction } from './adjust.ts';
import { liveMigrateAction, liveProblem, misfit } from './live-migrate.ts';
import { isUp } from '../placement/host-up.ts';
import { moveRequest } from './migrations.ts';
import { hostsFor } from '../placement/place.ts';
import { accountsOf } from '../administration/quota-sets.ts';

/** What there is to say of an adjustment before it is asked for. */
export type PlannedAdjustment = AdjustOutlook & {
  /** Whether the same request would move the server by itself, where that is the way. */
  readonly mayMigrate: boolean;
};

/** What would come of an adjustment, by every way that there is. */
export async function planAdjustment(
  deps: OpsDeps,
  op: Op,
  server: Server,
  want: AdjustRequest,
): Promise<PlannedAdjustment> {
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
  const claim = claimRequested(facts, want);
  const elsewhere = claim === null || host === null ? [] : await hostsElsewhere(deps, server, host, claim);
  return {
    ...adjustOutlook(facts, want, elsewhere),
    mayMigrate: want.mayMigrate ?? deps.config.adjustMayMigrate,
  };
}

/** The other hosts to which the server could move while it runs and have this size, best first. */
async function hostsElsewhere(deps: OpsDeps, server: Server, source: Host, minimum: Size): Promise<readonly Host[]> {
  if (liveProblem(server) !== null) return [];
  const suits = (one: Host): boolean => misfit(source, one) === null;
  const request = moveRequest({ deps }, server, { minimum, excluded: [source.host], suits, verb: 'liveMigrate' });
  try {
    return (await hostsFor(deps, server, request)).hosts;
  } catch (error) {
    if (error instanceof Fault && error.code === 'noValidHost') return [];
    throw error;
  }
}
