// Why: a server comes to a host in one way, whether it is new or was away: choose on a snapshot, claim, and look again when
// somebody was quicker.

import { internal } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { findClaim, releaseClaim, setClaim } from '../db/claims.ts';
import { listHosts, lockHost } from '../db/hosts.ts';
import { updateServer } from '../db/servers.ts';
import type { Tx } from '../db/tx.ts';
import { bootSizeOf } from '../domain/build-spec.ts';
import { fits } from '../domain/claim.ts';
import { maximumOf } from '../domain/flavor.ts';
import { type Host, isHostUp } from '../domain/host.ts';
import type { Server, TaskState } from '../domain/instance.ts';
import { noValidHost, select } from '../scheduler/select.ts';
import { imageNeedsOf, type PlacementSpec } from '../scheduler/spec.ts';
import { type BuildRequest, diskGbOf } from './build.ts';
import type { OpsDeps } from './deps.ts';
import type { StepContext } from './saga.ts';

export interface Placed {
  readonly host: string;
}

/** What a server asks of its host; the size is that of its next power cycle, which is the minimum for a new one. */
export const placementOf = (server: Server, build: BuildRequest): PlacementSpec => ({
  minimum: bootSizeOf(server),
  maximum: maximumOf(server.flavor),
  diskGb: diskGbOf(server),
  zone: server.requestedZone,
  forcedHost: build.forcedHost,
  forcedNode: build.forcedNode,
  requestedHost: build.requestedHost,
  requestedNode: build.requestedNode,
  image: imageNeedsOf(server.image),
  count: 1,
});

/**
 * Claims a host for the server. Optimistic: only if the host's generation is still the snapshot's; when somebody was quicker,
 * once more on the locked row if there is still room.
 */
async function claimOn(t: Tx, deps: OpsDeps, server: Server, spec: PlacementSpec, host: Host): Promise<boolean> {
  const amounts = { ...spec.minimum, diskGb: spec.diskGb };
  const claim = { serverId: server.id, hostId: host.id, ...amounts, maximum: spec.maximum };
  if ((await setClaim(t, claim, host.generation)) === 'claimed') return true;
  const fresh = await lockHost(t, host.host);
  if (fresh === null || fresh.disabled || !isHostUp(fresh, deps.clock.now(), deps.config.hostDownMs)) return false;
  if (fits(fresh, amounts) !== null) return false;
  return (await setClaim(t, claim, fresh.generation)) === 'claimed';
}

/**
 * Finds a host that is not `excluded`, claims it and writes it into the row, with the task that follows. A server that has a
 * place keeps it. Throws `internal` with the code `noValidHost`.
 */
export async function placeServer<I>(
  context: StepContext<I>,
  wish: PlacementSpec & { readonly excluded: readonly string[] },
  taskState: TaskState,
): Promise<Placed> {
  const { deps, server } = context;
  if (server.host !== null && (await findClaim(deps.database.read, server.id)) !== null) return { host: server.host };
  const options = { ...deps.scheduler, hostDownMs: deps.config.hostDownMs };
  for (let attempt = 1; attempt <= limits.claimAttempts; attempt += 1) {
    const all = await listHosts(deps.database.read);
    const snapshot = all.filter((host) => !wish.excluded.includes(host.host));
    const { hosts, refused } = select(snapshot, wish, { ...options, nowMs: deps.clock.now() });
    if (hosts.length === 0) {
      const { message, detail } = noValidHost(refused);
      throw internal(message, { code: 'noValidHost', detail });
    }
    for (const host of hosts) {
      const claimed = await context.commit(async (t, nowMs) => {
        if (!(await claimOn(t, deps, server, wish, host))) return false;
        context.point('claimed');
        const where = {
          host: host.host,
          node: host.inventory.hypervisorHostname,
          availabilityZone: host.zone,
          taskState,
        };
        await updateServer(t, server.id, where, nowMs);
        return true;
      });
      if (claimed) return { host: host.host };
    }
  }
  throw internal('No valid host was found. There are not enough hosts available.', {
    code: 'noValidHost',
    detail: `Others were quicker on every host, ${limits.claimAttempts} times.`,
  });
}

/** The server is nowhere again. */
export async function giveUpPlace<I>(context: StepContext<I>, taskState: TaskState | null): Promise<void> {
  await context.commit(async (t, nowMs) => {
    await releaseClaim(t, context.server.id);
    await updateServer(t, context.server.id, { host: null, node: null, availabilityZone: null, taskState }, nowMs);
  });
}
