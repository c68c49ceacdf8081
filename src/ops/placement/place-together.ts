// Why: servers that are asked for together are placed together: one choice on one snapshot for all of them, few statements for
// each host, and all or none, as Nova has it. The first of them does it, and the others wait for its word. Should its process die,
// whoever resumes it goes on with those that have no place yet; should it be deleted, the next takes its part; and who hears nothing
// for `limits.placedTogetherMs` finds a place alone.

import { invariant } from '../../base/invariant.ts';
import { chance } from '../../base/chance.ts';
import { Fault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { lockCandidate, type Reach } from '../../db/candidates.ts';
import { addClaims, releaseClaim, setClaim } from '../../db/claims.ts';
import { heldTogether, type HeldServer, wakeActions } from '../../db/instance-actions.ts';
import { groupPlacementOf, lockGroupPlacement } from '../../db/server-groups.ts';
import { findServer, lockWaiting, updateServer, updateServers } from '../../db/servers.ts';
import type { Tx } from '../../db/tx.ts';
import type { Candidate } from '../../domain/placement/hosts.ts';
import { selectMany, takenBy } from '../../scheduler/select.ts';
import type { PlacementSpec } from '../../scheduler/spec.ts';
import type { OpsDeps } from '../deps.ts';
import { mustHear } from './hearing.ts';
import {
  candidatesFor,
  claimOn,
  optionsOf,
  type Placed,
  type PlaceRequest,
  claimConflict,
  noHostFault,
  specOf,
  whereOf,
} from './place.ts';
import { isNoRoom } from './no-room.ts';
import { envelopeOf, type StepContext } from '../engine/saga.ts';

/** The part of a server in the placement of those that were asked for together with it. */
export type Together =
  | { readonly part: 'places' }
  | { readonly part: 'waits' }
  /** There is no room for all. */
  | { readonly part: 'refused'; readonly message: string; readonly detail: string };

/** What an action must have to be one of many. */
export interface TogetherInput {
  readonly together?: Together;
}

/** Servers for one host. */
interface Share {
  readonly host: Candidate;
  readonly serverIds: readonly number[];
}

/** A host for each server, by host; throws `internal` with the code `noValidHost` where there is none for all. */
async function choose(
  deps: OpsDeps,
  serverIds: readonly number[],
  request: PlaceRequest,
  reach: Reach,
): Promise<{ readonly shares: readonly Share[]; readonly spec: PlacementSpec }> {
  const { read } = deps.database;
  const group = await groupPlacementOf(read, serverIds[0] as number);
  const spec = await specOf(deps, { ...request, count: serverIds.length }, group);
  const snapshot = await candidatesFor(deps, request, request.excluded, reach);
  const from = chance.below(snapshot.length + 1);
  const { hosts, refused } = selectMany(snapshot, spec, { ...optionsOf(deps), enough: limits.hostsWeighed, from });
  if (hosts !== null) {
    const byHost = Map.groupBy(serverIds.keys(), (index) => hosts[index] as Candidate);
    const shares = Array.from(byHost, ([host, places]) => ({
      host,
      serverIds: places.map((index) => serverIds[index] as number),
    }));
    return { shares, spec };
  }
  if (reach !== 'all') return choose(deps, serverIds, request, 'all');
  mustHear(deps, snapshot);
  throw noHostFault(refused);
}

/** A share as it was claimed: of the servers those that the host takes, and what the ones after them ask. */
interface Claimed {
  readonly serverIds: readonly number[];
  readonly next: PlacementSpec;
}

const writePlace = (t: Tx, host: Candidate, ids: readonly number[], nowMs: number): Promise<void> =>
  updateServers(t, ids, { ...whereOf(host), taskState: 'networking' }, nowMs);

/** As `claimShare`, for servers that have NUMA nodes, resources or devices of their own: each gets others. */
async function claimEach(
  t: Tx,
  deps: OpsDeps,
  { host, serverIds }: Share,
  spec: PlacementSpec,
  nowMs: number,
): Promise<Claimed> {
  const taken: number[] = [];
  for (const id of serverIds) {
    const claimed = await claimOn(t, deps, { id }, spec, host, setClaim);
    if (claimed === null) break;
    taken.push(id);
    // the next one of a group looks at the rows
    await writePlace(t, claimed, [id], nowMs);
  }
  return { serverIds: taken, next: spec };
}

/** Claims a host for as many servers as it takes. */
async function claimShare(t: Tx, deps: OpsDeps, share: Share, spec: PlacementSpec, nowMs: number): Promise<Claimed> {
  const { host, serverIds } = share;
  if (spec.numa !== null || spec.resources !== null || spec.pci !== null) {
    return claimEach(t, deps, share, spec, nowMs);
  }
  const here = { ...spec, count: serverIds.length };
  const claim = async (on: Candidate, { taken, next }: ReturnType<typeof takenBy>): Promise<Claimed | null> => {
    const servers = serverIds.slice(0, taken);
    const amounts = { hostId: on.id, ...spec.minimum, diskGb: spec.diskGb, maximum: spec.maximum };
    if (taken > 0 && (await addClaims(t, servers, amounts, on.generation)) === 'stale') return null;
    await writePlace(t, on, servers, nowMs);
    return { serverIds: servers, next };
  };
  // a group may have others since the choice
  const seen = spec.group === null ? { taken: here.count, next: spec } : takenBy(host, here, optionsOf(deps));
  const quick = await claim(host, seen);
  if (quick !== null) return quick;
  const fresh = await lockCandidate(t, host.host);
  const again = fresh === null ? null : await claim(fresh, takenBy(fresh, here, optionsOf(deps)));
  return again ?? { serverIds: [], next: spec };
}

/** Claims hosts for their shares and writes them into the rows. Returns the servers that are placed now. */
async function claimShares(
  t: Tx,
  deps: OpsDeps,
  shares: readonly Share[],
  spec: PlacementSpec,
  nowMs: number,
): Promise<number[]> {
  const all = shares.flatMap(({ serverIds }) => serverIds);
  const group = spec.group === null ? null : await lockGroupPlacement(t, all[0] as number);
  const waiting = new Set(await lockWaiting(t, all));
  let next: PlacementSpec = { ...spec, group };
  const placed: number[] = [];
  // always in the same order, so that no two transactions wait for each other
  for (const { host, serverIds } of shares.toSorted((a, b) => a.host.id - b.host.id)) {
    const share = { host, serverIds: serverIds.filter((id) => waiting.has(id)) };
    const claimed = await claimShare(t, deps, share, next, nowMs);
    next = claimed.next;
    placed.push(...claimed.serverIds);
  }
  invariant(
    new Set(placed).size === placed.length && placed.every((id) => waiting.has(id)),
    'each server that waits gets one place, and no other does',
  );
  return placed;
}

/** Places all of these servers. Throws `internal` with the code `noValidHost`; then some of them may have a place. */
async function placeAll<I>(
  context: StepContext<I>,
  serverIds: readonly number[],
  request: PlaceRequest,
): Promise<void> {
  let left = serverIds;
  for (let attempt = 1; left.length > 0; attempt += 1) {
    if (attempt > limits.claimAttempts) throw claimConflict();
    const { shares, spec } = await choose(context.deps, left, request, attempt === 1 ? 'changes' : 'all');
    const done = new Set<number>();
    for (let at = 0; at < shares.length; at += limits.hostsClaimedAtOnce) {
      const some = shares.slice(at, at + limits.hostsClaimedAtOnce);
      const placed = await context.commit((t, nowMs) => claimShares(t, context.deps, some, spec, nowMs));
      context.point('claimed');
      for (const id of placed) done.add(id);
    }
    const unplaced = left.filter((id) => !done.has(id));
    // who was deleted meanwhile needs no place
    const waiting = await context.commit((t) => lockWaiting(t, unplaced));
    left = unplaced.filter((id) => waiting.includes(id));
  }
}

const idsOf = (servers: readonly { readonly id: number }[]): number[] => servers.map(({ id }) => id);

const wakeOthers = <I extends TogetherInput>(t: Tx, others: readonly HeldServer[], input: I, together: Together) =>
  wakeActions(
    t,
    others.map(({ actionId }) => actionId),
    envelopeOf({ ...input, together }),
  );

/** None shall have a place, and all shall hear why. */
async function refuseAll<I extends TogetherInput>(
  { deps, server, input, action, commit }: StepContext<I>,
  { message, detail }: Fault,
): Promise<void> {
  await commit(async (t, nowMs) => {
    const others = await heldTogether(t, server.reservationId, action.action);
    for (const { id } of others.filter(({ host }) => host !== null)) {
      await releaseClaim(t, id, nowMs);
      await updateServer(t, id, { host: null, node: null, availabilityZone: null, taskState: 'scheduling' }, nowMs);
    }
    await wakeOthers(t, others, input, { part: 'refused', message, detail: typeof detail === 'string' ? detail : '' });
  });
  deps.bus.nudge(action.id);
}

/**
 * Finds hosts for the server and all that wait for its word, claims them and writes them into the rows; then lets the others go
 * on. Twice is once. Throws `internal` with the code `noValidHost` where there is no room for all: then none has a place, and all
 * have heard it.
 */
export async function placeTogether<I extends TogetherInput>(
  context: StepContext<I>,
  request: PlaceRequest,
): Promise<Placed> {
  const { deps, server, input, action, commit } = context;
  const others = await heldTogether(deps.database.read, server.reservationId, action.action);
  const unplaced = [server, ...others].filter(({ host }) => host === null);
  try {
    await placeAll(context, idsOf(unplaced), request);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind === 'unavailable') throw error;
    if (deps.config.placementWaitMs > 0 && isNoRoom(error)) {
      // each waits for itself, and none for the others
      await commit((t) => wakeOthers(t, others, input, { part: 'waits' }));
      deps.bus.nudge(action.id);
    } else await refuseAll(context, error);
    throw error;
  }
  await commit((t) => wakeOthers(t, others, input, { part: 'waits' }));
  deps.bus.nudge(action.id);
  return { host: (await findServer(deps.database.read, server.uuid))?.host ?? '' };
}

/** The server that was to place the others is deleted: the next takes its part. */
export async function handOver<I extends TogetherInput>({
  deps,
  server,
  input,
  action,
  commit,
}: StepContext<I>): Promise<void> {
  if (input.together?.part !== 'places') return;
  await commit(async (t) => {
    const others = await heldTogether(t, server.reservationId, action.action);
    await wakeOthers(t, others.slice(0, 1), input, { part: 'places' });
  });
  deps.bus.nudge(action.id);
}
