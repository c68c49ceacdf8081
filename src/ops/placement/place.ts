// Why: a server comes to a host in one way, whether it is new or was away: choose on a snapshot, claim, and look again when
// somebody was quicker.

import { chance } from '../../base/chance.ts';
import { type Fault, internal } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { addClaim, type Claim, releaseClaim } from '../../db/claims.ts';
import { listCandidates, lockCandidate, type Reach } from '../../db/candidates.ts';
import type { Reader } from '../../db/engine.ts';
import { hostsOfServers } from '../../db/host-servers.ts';
import { groupPlacementOf, lockGroupPlacement } from '../../db/server-groups.ts';
import { remnantHosts } from '../../db/remnants.ts';
import { updateServer } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import { bootSizeOf } from '../../domain/servers/build-spec.ts';
import { diskGbOf, type FlavorSnapshot, maximumOf } from '../../domain/machines/flavors.ts';
import type { Candidate, Host, OptionalVerb } from '../../domain/placement/hosts.ts';
import { fitHost } from '../../domain/placement/host-fit.ts';
import type { Server, TaskState } from '../../domain/servers/servers.ts';
import { numaRequestOf, pinnedOf } from '../../domain/numa/numa-request.ts';
import { pciRequestOf } from '../../domain/pci/pci-alias.ts';
import { resourcesOf, resourcesProblem } from '../../domain/placement/resources.ts';
import type { GroupPlacement } from '../../domain/servers/server-groups.ts';
import { missingFilter } from '../../scheduler/index.ts';
import { hintedTexts } from '../../scheduler/hints.ts';
import {
  lacksRoom,
  NO_VALID_HOST,
  noValidHost,
  refusalAt,
  select,
  type SelectOptions,
} from '../../scheduler/select.ts';
import { type AffinityContext, judgedImage, type PlacementSpec, type PlacementRequest } from '../../scheduler/spec.ts';
import type { BuildRequest } from '../servers/build.ts';
import type { OpsDeps } from '../deps.ts';
import type { StepContext } from '../engine/saga.ts';
import type { Refusal } from '../../scheduler/checks.ts';
import { mustHear } from './hearing.ts';
import { NO_ROOM } from './no-room.ts';

export interface Placed {
  readonly host: string;
}

/** What of a server says where it may go. */
export type PlacementSubject = Pick<
  Server,
  'flavor' | 'bootVcpus' | 'bootMemoryMb' | 'requestedZone' | 'image' | 'imageRef' | 'projectId' | 'schedulerHints'
>;

export type Destination = Pick<BuildRequest, 'forcedHost' | 'forcedNode' | 'requestedHost' | 'requestedNode'>;

export const anywhere: Destination = { forcedHost: null, forcedNode: null, requestedHost: null, requestedNode: null };

/**
 * What a server asks of its host; the size is that of its next power cycle, which is the minimum for a new one. Throws 400 for what
 * the configuration does not know any more.
 * @param disks the flavor with as much disk as the server has on its host
 */
export function placementOf(
  { config }: Pick<OpsDeps, 'config'>,
  server: PlacementSubject,
  build: Destination,
  disks: FlavorSnapshot,
): PlacementRequest {
  const numa = numaRequestOf(server.flavor, server.image);
  return {
    minimum: bootSizeOf(server),
    maximum: maximumOf(server.flavor),
    diskGb: diskGbOf(disks),
    numa,
    resources: resourcesOf(disks, pinnedOf(numa)),
    pci: pciRequestOf(server.flavor, server.image, config.pciAliases),
    zone: server.requestedZone,
    forcedHost: build.forcedHost,
    forcedNode: build.forcedNode,
    requestedHost: build.requestedHost,
    requestedNode: build.requestedNode,
    ...judgedImage(server.image, server.imageRef),
    projectId: server.projectId,
    flavor: server.flavor,
    hints: server.schedulerHints,
    count: 1,
  };
}

/** The hosts of the servers that a hint names; null: it names none. */
async function hintedHosts(
  reader: Reader,
  hints: PlacementRequest['hints'],
  hint: string,
): Promise<Set<string> | null> {
  const uuids = hintedTexts(hints, hint);
  return uuids.length === 0 ? null : new Set(await hostsOfServers(reader, uuids));
}

/** The wish with what other servers have to do with it. Throws `internal` where a group's policy has no filter to keep it. */
export async function specOf<W extends PlacementRequest>(
  deps: OpsDeps,
  request: W,
  group: GroupPlacement | null,
): Promise<W & AffinityContext> {
  const missing = group === null ? null : missingFilter(group.policy, deps.scheduler.filters);
  if (missing !== null) throw internal(`ServerGroup policy is not supported: ${missing} not configured`);
  const { read } = deps.database;
  return {
    ...request,
    group,
    differentHost: await hintedHosts(read, request.hints, 'different_host'),
    sameHost: await hintedHosts(read, request.hints, 'same_host'),
  };
}

/** How this cloud's scheduler is set up, at this moment. */
export const optionsOf = ({ scheduler, config, clock }: OpsDeps): SelectOptions => ({
  ...scheduler,
  hostDownMs: config.hostDownMs,
  nowMs: clock.now(),
});

/** Writes a claim as `setClaim` does: the server's own, or one that its move holds. */
export type PutClaim = (t: Tx, claim: Claim, generation: number) => Promise<'claimed' | 'stale'>;

export interface PlaceRequest extends PlacementRequest {
  readonly excluded: readonly string[];
  /** Whether a host may take it, by what no filter asks; absent: any may. */
  readonly suits?: (host: Host) => boolean;
  /** What the host's driver must be able to do; absent: nothing beyond what every driver can. */
  readonly verb?: OptionalVerb;
}

/** What the server would claim of a host as it is seen; null: something does not fit, though no filter was asked. */
function claimAt({ id }: Pick<Server, 'id'>, spec: PlacementSpec, host: Candidate): Claim | null {
  const { minimum, maximum, diskGb, resources } = spec;
  const fit = fitHost(host, spec);
  if (fit.reason !== null || resourcesProblem(host, resources) !== null) return null;
  return { serverId: id, hostId: host.id, ...minimum, diskGb, maximum, numa: fit.numa, resources, pci: fit.pci };
}

/**
 * Claims a host for the server. Optimistic: only if the host's generation is still the snapshot's; when somebody was quicker,
 * once more on the locked row if it still passes every filter. The servers of a group are placed one after another, each held
 * to what the ones before it left. Returns the host as it was claimed, or null.
 */
export async function claimOn(
  t: Tx,
  deps: OpsDeps,
  server: Pick<Server, 'id'>,
  spec: PlacementSpec,
  host: Candidate,
  put: PutClaim,
): Promise<Candidate | null> {
  const group = spec.group === null ? null : await lockGroupPlacement(t, server.id);
  const now = { ...spec, group };
  if (group !== null && refusalAt(host, now, optionsOf(deps)) !== null) return null;
  const first = claimAt(server, spec, host);
  if (first !== null && (await put(t, first, host.generation)) === 'claimed') return host;
  const fresh = await lockCandidate(t, host.host);
  if (fresh === null || refusalAt(fresh, now, optionsOf(deps)) !== null) return null;
  const next = claimAt(server, spec, fresh);
  return next !== null && (await put(t, next, fresh.generation)) === 'claimed' ? fresh : null;
}

/** The hosts that a wish leaves to choose from. */
export async function candidatesFor(
  deps: OpsDeps,
  { verb, suits }: PlaceRequest,
  excluded: readonly string[],
  reach: Reach,
): Promise<readonly Candidate[]> {
  const snapshot = await listCandidates(deps.database.read, reach);
  if (excluded.length === 0 && verb === undefined && suits === undefined) return snapshot;
  return snapshot.filter(
    (one) =>
      !excluded.includes(one.host) &&
      (verb === undefined || one.inventory.facts.capabilities.verbs.includes(verb)) &&
      (suits === undefined || suits(one)),
  );
}

/** As `groupPlacementOf`; who was not asked into a group when it was made is in none. */
export const groupOf = (reader: Reader, { id, schedulerHints }: Server): Promise<GroupPlacement | null> =>
  'group' in schedulerHints ? groupPlacementOf(reader, id) : Promise.resolve(null);

/** That no host takes a server, and whether all that is wrong is room. */
export function noHostFault(refused: readonly Refusal[], excluded: readonly string[] = []): Fault {
  const { message, detail } = noValidHost(refused, excluded);
  return internal(message, { code: 'noValidHost', detail, ...(lacksRoom(refused) ? { cause: NO_ROOM } : {}) });
}

/** Hosts that may take a server, best first, and what it asks of them. */
interface Choice {
  readonly hosts: readonly Candidate[];
  readonly spec: PlacementSpec;
}

/**
 * The hosts that take the server, on what is known of them; none is refused on less than all there is to know. Throws `internal`
 * with the code `noValidHost`.
 */
export async function hostsFor(
  deps: OpsDeps,
  server: Server,
  request: PlaceRequest,
  reach: Reach = 'changes',
): Promise<Choice> {
  const { read } = deps.database;
  // one that never ran left nothing anywhere, and what stands aside at home is in nobody's way
  const had = server.launchedAt === null ? [] : await remnantHosts(read, server.uuid);
  const left = had.filter((host) => host !== server.host);
  const spec = await specOf(deps, request, await groupOf(read, server));
  const snapshot = await candidatesFor(deps, request, [...request.excluded, ...left], reach);
  const { hosts, refused } = select(snapshot, spec, {
    ...optionsOf(deps),
    enough: limits.hostsWeighed,
    // another place each time, so that workers who ask at once do not all want the same hosts
    from: chance.below(snapshot.length + 1),
  });
  if (hosts.length > 0) return { hosts, spec };
  if (reach !== 'all') return hostsFor(deps, server, request, 'all');
  mustHear(deps, snapshot);
  throw noHostFault(refused, request.excluded);
}

export const claimConflict = () =>
  internal(NO_VALID_HOST, {
    code: 'noValidHost',
    detail: `Others were quicker on every host, ${limits.claimAttempts} times.`,
  });

/**
 * Claims one of the hosts that take the server and notes it with `write`, in one transaction, which ends the step: it returns what
 * this returns. Throws `internal` with the code `noValidHost`.
 */
export async function claimPlace<I>(
  context: StepContext<I>,
  request: PlaceRequest,
  put: PutClaim,
  write: (t: Tx, host: Candidate, nowMs: number) => Promise<void>,
): Promise<Placed> {
  const { deps, server } = context;
  for (let attempt = 1; attempt <= limits.claimAttempts; attempt += 1) {
    const { hosts, spec } = await hostsFor(deps, server, request, attempt === 1 ? 'changes' : 'all');
    for (const seen of hosts) {
      const placed = await context.finish(async (t, nowMs): Promise<Placed | null> => {
        const host = await claimOn(t, deps, server, spec, seen, put);
        if (host === null) return null;
        context.point('claimed');
        await write(t, host, nowMs);
        return { host: host.host };
      });
      if (placed !== null) return placed;
    }
  }
  throw claimConflict();
}

/** Where a server is, as columns of its row. */
export const whereOf = (
  host: Pick<Candidate, 'host' | 'inventory' | 'zone'>,
): Pick<Server, 'host' | 'node' | 'availabilityZone'> => ({
  host: host.host,
  node: host.inventory.hypervisorHostname,
  availabilityZone: host.zone,
});

/**
 * Finds a host that is not `excluded`, claims it and writes it into the row, with the task that follows. A server that has a
 * place keeps it. Throws `internal` with the code `noValidHost`.
 */
export async function placeServer<I>(
  context: StepContext<I>,
  request: PlaceRequest,
  taskState: TaskState,
): Promise<Placed> {
  const { server, claim } = context;
  if (server.host !== null && claim !== null) return { host: server.host };
  const counted = { vcpus: server.bootVcpus, memoryMb: server.bootMemoryMb };
  return claimPlace(
    context,
    request,
    (t, wanted, generation) => addClaim(t, wanted, generation, counted),
    (t, found, nowMs) => updateServer(t, server.id, { ...whereOf(found), taskState }, nowMs),
  );
}

/** The server is nowhere again. */
export async function giveUpPlace<I>(context: StepContext<I>, taskState: TaskState | null): Promise<void> {
  await context.commit(async (t, nowMs) => {
    await releaseClaim(t, context.server.id, nowMs);
    await updateServer(t, context.server.id, { host: null, node: null, availabilityZone: null, taskState }, nowMs);
  });
}
