// Why: an operator's Placement shows others what our hosts have and what servers have of it. Claims are decided in our own books; here they
// are told behind, host by host, only what changed. Placement that is away holds nobody up: it is told when it is back.

import { Fault, messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Placement } from '../../cloud/placement.ts';
import { findHost, hostIdsAfter, hostsByNumber } from '../../db/hosts.ts';
import {
  aggregateUuids,
  claimsOfHost,
  doubtProvider,
  dueProviders,
  findProvider,
  forgetProvider,
  noteProvider,
  readMirror,
  strandedAreDue,
  toldConsumers,
  type ToldProvider,
  untoldHosts,
  updateMirror,
} from '../../db/placement-mirror.ts';
import { tx } from '../../db/tx.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import {
  claimedAmounts,
  consumerDifference,
  type MirroredAllocation,
  type MirroredProvider,
  mirroredProvider,
  strayConsumers,
} from '../../domain/placement/placement-mirror.ts';
import type { OpsDeps } from '../deps.ts';
import { clearConsumers, oursAmong, tellConsumers } from './mirrored-consumers.ts';
import { Refused, tellProvider, Vanished, withoutBounds } from './mirrored-provider.ts';

/** A turn of looking after Placement. */
interface Turn {
  readonly deps: OpsDeps;
  readonly placement: Placement;
  /** Its time is over. */
  readonly mustStop: () => boolean;
}

/** A host as our books have it. */
interface Books {
  readonly mark: { readonly changedAt: number; readonly generation: number };
  readonly host: Host;
  readonly provider: MirroredProvider;
  readonly allocations: readonly MirroredAllocation[];
}

/** Null: it is no more. Its mark is read first: what changes while the rest is read is told in the next turn. */
async function readBooks({ database: { read } }: OpsDeps, id: number): Promise<Books | null> {
  const [found] = await hostsByNumber(read, [id]);
  if (found === undefined) return null;
  const { host, changedAt } = found;
  const devices = host.inventory.facts.pciDevices ?? [];
  const allocations = (await claimsOfHost(read, id)).flatMap(({ claim, ...who }): MirroredAllocation[] => {
    const resources = claimedAmounts(claim, devices);
    // Placement knows no consumer that has nothing
    return Object.keys(resources).length === 0 ? [] : [{ ...who, provider: host.uuid, resources }];
  });
  const provider = mirroredProvider(host, await aggregateUuids(read, host.host));
  return { mark: { changedAt, generation: host.generation }, host, provider, allocations };
}

/** What Placement has of a host's consumers and should not, as far as it is ours; and those of which it has something else. */
async function strays(turn: Turn, { host, allocations }: Books) {
  const seen = await turn.placement.allocationsOn(host.uuid);
  if (seen === null) throw new Vanished(host.uuid);
  const { wrong, unknown } = strayConsumers(allocations, seen);
  return { wrong, stray: await oursAmong({ placement: turn.placement, database: turn.deps.database }, unknown) };
}

/** Tells what servers have of a host: first what is given back, then the rest, and what has no room by Placement's bounds all the same. */
async function tellServers(turn: Turn, books: Books, isCompared: boolean): Promise<void> {
  const { deps, placement, mustStop } = turn;
  const { host, allocations, provider } = books;
  const parts = { placement, database: deps.database };
  const told = await toldConsumers(deps.database.read, host.uuid);
  const { wrong, stray } = isCompared ? await strays(turn, books) : { wrong: [], stray: [] };
  const other = wrong.filter((consumer) => told.get(consumer) != null);
  if (other.length + stray.length > 0)
    deps.log.warn(
      { host: host.host, consumers: [...other, ...stray] },
      'Placement had something else of servers: mended',
    );
  for (const consumer of other) told.set(consumer, null);
  const { tell, gone } = consumerDifference(allocations, told);
  await clearConsumers(parts, [...new Set([...gone, ...stray])], mustStop);
  const known = new Set([...told.keys(), ...wrong]);
  const full = await tellConsumers(parts, tell, known, mustStop);
  // others have given back meanwhile
  const still = await tellConsumers(parts, full, known, mustStop);
  if (still.length === 0 || mustStop()) return;
  await tx(deps.database, (t) => noteProvider(t, host.uuid, { name: provider.name, told: null }));
  await withoutBounds(placement, host.uuid, provider, async () => {
    const [left] = await tellConsumers(parts, still, known, mustStop);
    if (left !== undefined) throw new Refused('full', `allocation of ${left.consumer}: Placement has no room`);
  });
}

/** @returns whether all of it was told; false: the turn's time is over */
async function tellHost(turn: Turn, books: Books, before: ToldProvider | null, isCompared: boolean): Promise<boolean> {
  const { deps, placement, mustStop } = turn;
  const { host, provider, mark } = books;
  const { uuid } = host;
  if (before === null) await tx(deps.database, (t) => noteProvider(t, uuid, { name: provider.name }));
  const told = before?.told ?? null;
  const tellSelf = () => tellProvider(placement, uuid, provider, told, isCompared || told === null);
  let refused: Refused | null = null;
  try {
    await tellSelf();
  } catch (error) {
    // a class that goes may be in use by a server that is gone, which is told next
    if (!(error instanceof Refused) || error.why === 'taken') throw error;
    refused = error;
  }
  await tellServers(turn, books, isCompared);
  if (refused !== null) await tellSelf();
  if (mustStop()) return false;
  await tx(deps.database, (t) =>
    noteProvider(t, uuid, {
      ...{ name: provider.name, told: provider, mark },
      ...{ dueAt: null, failures: 0, problem: null, problemSince: null },
    }),
  );
  if (before !== null && before.problem !== null) deps.log.info({ host: host.host }, 'Placement takes the host again');
  return true;
}

/** The host is no more: so are its provider, and what servers had of it. */
async function removeHost(turn: Turn, { uuid, name }: ToldProvider): Promise<boolean> {
  const { deps, placement, mustStop } = turn;
  const { database } = deps;
  const told = await toldConsumers(database.read, uuid);
  await clearConsumers({ placement, database }, [...told.keys()], mustStop);
  if (mustStop()) return false;
  const outcome = await placement.removeProvider(uuid);
  if (outcome.kind === 'stale') throw new Refused('other', `resource provider of ${name}: others change it`);
  if (outcome.kind === 'refused')
    throw new Refused(outcome.why, `resource provider of the removed host ${name}: ${outcome.reason}`);
  await tx(database, (t) => forgetProvider(t, uuid));
  return true;
}

/** What is refused is noted, logged once, and tried again later. */
async function noteRefusal({ deps }: Turn, uuid: string, name: string, error: Refused): Promise<void> {
  const { database, clock, log } = deps;
  const before = await findProvider(database.read, uuid);
  const problem = messageOf(error);
  if (before?.problem !== problem) log.error({ host: name, reason: problem }, 'Placement refuses what a host is');
  const failures = (before?.failures ?? 0) + 1;
  const pauseMs = Math.min(limits.placementRetryMs * 2 ** Math.min(failures - 1, 30), limits.placementRetryMaxMs);
  await tx(database, (t) =>
    noteProvider(t, uuid, {
      ...{ name, failures, problem, dueAt: clock.now() + pauseMs },
      problemSince: before?.problemSince ?? clock.now(),
    }),
  );
}

/** Does it; where Placement lost what it had of the provider, once more from the beginning. False: the turn's time is over. */
async function attempt(turn: Turn, uuid: string, name: string, work: () => Promise<boolean>): Promise<boolean> {
  try {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Vanished)) throw error;
      await tx(turn.deps.database, (t) => doubtProvider(t, uuid));
      return await work();
    }
  } catch (error) {
    const refused = error instanceof Vanished ? new Refused('other', `${messageOf(error)}: not there`) : error;
    if (!(refused instanceof Refused)) throw error;
    await noteRefusal(turn, uuid, name, refused);
    return true;
  }
}

/** @returns whether it is over with the host, told or refused; false: the turn's time is over */
async function mirrorHost(turn: Turn, id: number, isCompared: boolean): Promise<boolean> {
  const books = await readBooks(turn.deps, id);
  if (books === null) return true;
  const { uuid } = books.host;
  const work = async (): Promise<boolean> =>
    tellHost(turn, books, await findProvider(turn.deps.database.read, uuid), isCompared);
  return attempt(turn, uuid, books.provider.name, work);
}

/** Hosts that are gone, and what was refused and is to be tried again. */
async function lookAtDue(turn: Turn): Promise<void> {
  const { database, clock } = turn.deps;
  for (const due of await dueProviders(database.read, clock.now(), limits.placementDueAtOnce)) {
    if (turn.mustStop()) return;
    const host = await findHost(database.read, { uuid: due.uuid });
    if (host !== null) await mirrorHost(turn, host.id, true);
    else await attempt(turn, due.uuid, due.name, () => removeHost(turn, due));
  }
}

/** What changed since the last turn. */
async function tellChanges(turn: Turn, sinceUs: number): Promise<void> {
  const { database } = turn.deps;
  const { atUs, hosts } = await untoldHosts(database.read, sinceUs);
  let left: number | null = null;
  for (const { id, changedAt } of hosts) {
    if (!turn.mustStop() && (await mirrorHost(turn, id, false))) continue;
    left = changedAt;
    break;
  }
  // transactions may take as long as looks overlap
  const next = Math.max(0, left ?? atUs - limits.hostChangesOverlapMs * 1000);
  const isOld = Math.abs(next - sinceUs) >= limits.placementSinceMs * 1000;
  if (hosts.length > 0 || isOld) await tx(database, (t) => updateMirror(t, { sinceUs: next }));
}

/** Some hosts in each turn are held against what Placement has of them, until it was all of them; then there is a pause. */
async function compareSome(turn: Turn, afterHost: number, roundAt: number): Promise<void> {
  const { database, clock } = turn.deps;
  if (clock.now() < roundAt || turn.mustStop()) return;
  // what was just told for the first time was compared with it
  if (roundAt === 0) return tx(database, (t) => updateMirror(t, { roundAt: clock.now() + limits.placementRoundMs }));
  if (afterHost === 0) await tx(database, strandedAreDue);
  const ids = await hostIdsAfter(database.read, afterHost, limits.placementComparedAtOnce);
  let last = afterHost;
  for (const id of ids) {
    if (turn.mustStop() || !(await mirrorHost(turn, id, true))) break;
    last = id;
  }
  const isRound = last === (ids.at(-1) ?? afterHost) && ids.length < limits.placementComparedAtOnce;
  const next = isRound ? { afterHost: 0, roundAt: clock.now() + limits.placementRoundMs } : { afterHost: last };
  await tx(database, (t) => updateMirror(t, next));
}

/** Reconciler: Placement is told what changed. Remembers whether it could be asked last; one for each worker. */
export function makePlacementMirror(): (deps: OpsDeps, until: AbortSignal) => Promise<'error' | undefined> {
  let away: string | null = null;
  return async (deps, until) => {
    const { placement, clock, log, database } = deps;
    if (placement === undefined) return undefined;
    const overMs = clock.now() + limits.placementTurnMs;
    const turn: Turn = {
      deps,
      placement: placement.during(until),
      mustStop: () => until.aborted || clock.now() >= overMs,
    };
    try {
      const { sinceUs, afterHost, roundAt } = await readMirror(database.read);
      await lookAtDue(turn);
      await tellChanges(turn, sinceUs);
      await compareSome(turn, afterHost, roundAt);
    } catch (error) {
      if (until.aborted) return undefined;
      if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
      // said once, and counted each time
      if (away === null) log.warn({ reason: messageOf(error), detail: error.detail }, 'Placement cannot be told now');
      away = messageOf(error);
      return 'error';
    }
    if (away !== null) log.info('Placement can be told again');
    away = null;
    return undefined;
  };
}
