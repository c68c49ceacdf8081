// Why: mirrors hosts and claims to an operator's Placement, for others to read. Claims are decided in our own database; changes are written
// behind, host by host. An unreachable Placement delays nobody: it catches up when it is back.

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

/** One pass of the reconciler. */
interface Pass {
  readonly deps: OpsDeps;
  readonly placement: Placement;
  /** Whether its time is over. */
  readonly mustStop: () => boolean;
}

/** A host and its claims in our database. */
interface Books {
  readonly mark: { readonly changedAt: number; readonly generation: number };
  readonly host: Host;
  readonly provider: MirroredProvider;
  readonly allocations: readonly MirroredAllocation[];
}

/** Null: the host is gone. The mark is read first: a change while the rest is read is written in the next pass. */
async function readBooks({ database: { read } }: OpsDeps, id: number): Promise<Books | null> {
  const [found] = await hostsByNumber(read, [id]);
  if (found === undefined) return null;
  const { host, changedAt } = found;
  const devices = host.inventory.facts.pciDevices ?? [];
  const allocations = (await claimsOfHost(read, id)).flatMap(({ claim, ...who }): MirroredAllocation[] => {
    const resources = claimedAmounts(claim, devices);
    // Placement has no consumers without allocations
    return Object.keys(resources).length === 0 ? [] : [{ ...who, provider: host.uuid, resources }];
  });
  const provider = mirroredProvider(host, await aggregateUuids(read, host.host));
  return { mark: { changedAt, generation: host.generation }, host, provider, allocations };
}

/** Compares a host's allocations: our consumers without a claim (`stray`), and those with other amounts (`wrong`). */
async function strays(pass: Pass, { host, allocations }: Books) {
  const seen = await pass.placement.allocationsOn(host.uuid);
  if (seen === null) throw new Vanished(host.uuid);
  const { wrong, unknown } = strayConsumers(allocations, seen);
  return { wrong, stray: await oursAmong({ placement: pass.placement, database: pass.deps.database }, unknown) };
}

/** Writes a host's allocations: removals first, then the rest, at last those that exceed Placement's capacity. */
async function tellServers(pass: Pass, books: Books, isCompared: boolean): Promise<void> {
  const { deps, placement, mustStop } = pass;
  const { host, allocations, provider } = books;
  const parts = { placement, database: deps.database };
  const told = await toldConsumers(deps.database.read, host.uuid);
  const { wrong, stray } = isCompared ? await strays(pass, books) : { wrong: [], stray: [] };
  const other = wrong.filter((consumer) => told.get(consumer) != null);
  if (other.length + stray.length > 0)
    deps.log.warn(
      { host: host.host, consumers: [...other, ...stray] },
      'allocations in Placement had been changed: repaired',
    );
  for (const consumer of other) told.set(consumer, null);
  const { tell, gone } = consumerDifference(allocations, told);
  await clearConsumers(parts, [...new Set([...gone, ...stray])], mustStop);
  const known = new Set([...told.keys(), ...wrong]);
  const full = await tellConsumers(parts, tell, known, mustStop);
  // reductions of others may have made room
  const still = await tellConsumers(parts, full, known, mustStop);
  if (still.length === 0 || mustStop()) return;
  await tx(deps.database, (t) => noteProvider(t, host.uuid, { name: provider.name, told: null }));
  await withoutBounds(placement, host.uuid, provider, async () => {
    const [left] = await tellConsumers(parts, still, known, mustStop);
    if (left !== undefined)
      throw new Refused('full', `allocation of ${left.consumer}: exceeds the capacity in Placement`);
  });
}

/** @returns whether all of it was written; false: the pass's time is over */
async function tellHost(pass: Pass, books: Books, before: ToldProvider | null, isCompared: boolean): Promise<boolean> {
  const { deps, placement, mustStop } = pass;
  const { host, provider, mark } = books;
  const { uuid } = host;
  if (before === null) await tx(deps.database, (t) => noteProvider(t, uuid, { name: provider.name }));
  const told = before?.told ?? null;
  const tellSelf = () => tellProvider(placement, uuid, provider, told, isCompared || told === null);
  let refused: Refused | null = null;
  try {
    await tellSelf();
  } catch (error) {
    // a removed class may still be in use by a deleted server's allocation, which is removed next
    if (!(error instanceof Refused) || error.why === 'taken') throw error;
    refused = error;
  }
  await tellServers(pass, books, isCompared);
  if (refused !== null) await tellSelf();
  if (mustStop()) return false;
  await tx(deps.database, (t) =>
    noteProvider(t, uuid, {
      ...{ name: provider.name, told: provider, mark },
      ...{ dueAt: null, failures: 0, problem: null, problemSince: null },
    }),
  );
  if (before !== null && before.problem !== null)
    deps.log.info({ host: host.host }, 'Placement accepts the host again');
  return true;
}

/** Removes the provider and the allocations of a deleted host. */
async function removeHost(pass: Pass, { uuid, name }: ToldProvider): Promise<boolean> {
  const { deps, placement, mustStop } = pass;
  const { database } = deps;
  const told = await toldConsumers(database.read, uuid);
  await clearConsumers({ placement, database }, [...told.keys()], mustStop);
  if (mustStop()) return false;
  const outcome = await placement.removeProvider(uuid);
  if (outcome.kind === 'stale') throw new Refused('other', `resource provider of ${name}: changed by others meanwhile`);
  if (outcome.kind === 'refused')
    throw new Refused(outcome.why, `resource provider of the removed host ${name}: ${outcome.reason}`);
  await tx(database, (t) => forgetProvider(t, uuid));
  return true;
}

/** Records a refusal for a later retry, and logs it once. */
async function noteRefusal({ deps }: Pass, uuid: string, name: string, error: Refused): Promise<void> {
  const { database, clock, log } = deps;
  const before = await findProvider(database.read, uuid);
  const problem = messageOf(error);
  if (before?.problem !== problem) log.error({ host: name, reason: problem }, 'Placement refuses a host');
  const failures = (before?.failures ?? 0) + 1;
  const pauseMs = Math.min(limits.placementRetryMs * 2 ** Math.min(failures - 1, 30), limits.placementRetryMaxMs);
  await tx(database, (t) =>
    noteProvider(t, uuid, {
      ...{ name, failures, problem, dueAt: clock.now() + pauseMs },
      problemSince: before?.problemSince ?? clock.now(),
    }),
  );
}

/** Runs `work`; if Placement has lost the provider, once more from the beginning. False: the pass's time is over. */
async function attempt(pass: Pass, uuid: string, name: string, work: () => Promise<boolean>): Promise<boolean> {
  try {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Vanished)) throw error;
      await tx(pass.deps.database, (t) => doubtProvider(t, uuid));
      return await work();
    }
  } catch (error) {
    const refused = error instanceof Vanished ? new Refused('other', `${messageOf(error)}: not there`) : error;
    if (!(refused instanceof Refused)) throw error;
    await noteRefusal(pass, uuid, name, refused);
    return true;
  }
}

/** @returns whether the host is finished, written or refused; false: the pass's time is over */
async function mirrorHost(pass: Pass, id: number, isCompared: boolean): Promise<boolean> {
  const books = await readBooks(pass.deps, id);
  if (books === null) return true;
  const { uuid } = books.host;
  const work = async (): Promise<boolean> =>
    tellHost(pass, books, await findProvider(pass.deps.database.read, uuid), isCompared);
  return attempt(pass, uuid, books.provider.name, work);
}

/** Deleted hosts, and refused ones that are due for a retry. */
async function lookAtDue(pass: Pass): Promise<void> {
  const { database, clock } = pass.deps;
  for (const due of await dueProviders(database.read, clock.now(), limits.placementDueAtOnce)) {
    if (pass.mustStop()) return;
    const host = await findHost(database.read, { uuid: due.uuid });
    if (host !== null) await mirrorHost(pass, host.id, true);
    else await attempt(pass, due.uuid, due.name, () => removeHost(pass, due));
  }
}

/** Writes what changed since the last pass. */
async function tellChanges(pass: Pass, sinceUs: number): Promise<void> {
  const { database } = pass.deps;
  const { atUs, hosts } = await untoldHosts(database.read, sinceUs);
  let left: number | null = null;
  for (const { id, changedAt } of hosts) {
    if (!pass.mustStop() && (await mirrorHost(pass, id, false))) continue;
    left = changedAt;
    break;
  }
  // passes overlap, since a transaction may commit after its mark's time
  const next = Math.max(0, left ?? atUs - limits.hostChangesOverlapMs * 1000);
  const isOld = Math.abs(next - sinceUs) >= limits.placementSinceMs * 1000;
  if (hosts.length > 0 || isOld) await tx(database, (t) => updateMirror(t, { sinceUs: next }));
}

/** Compares some hosts per pass with Placement; after all of them there is a pause. */
async function compareSome(pass: Pass, afterHost: number, roundAt: number): Promise<void> {
  const { database, clock } = pass.deps;
  if (clock.now() < roundAt || pass.mustStop()) return;
  // the first pass compared everything already
  if (roundAt === 0) return tx(database, (t) => updateMirror(t, { roundAt: clock.now() + limits.placementRoundMs }));
  if (afterHost === 0) await tx(database, strandedAreDue);
  const ids = await hostIdsAfter(database.read, afterHost, limits.placementComparedAtOnce);
  let last = afterHost;
  for (const id of ids) {
    if (pass.mustStop() || !(await mirrorHost(pass, id, true))) break;
    last = id;
  }
  const isRound = last === (ids.at(-1) ?? afterHost) && ids.length < limits.placementComparedAtOnce;
  const next = isRound ? { afterHost: 0, roundAt: clock.now() + limits.placementRoundMs } : { afterHost: last };
  await tx(database, (t) => updateMirror(t, next));
}

/** Reconciler: the Placement mirror; one per worker. Remembers whether Placement was reachable in the last pass. */
export function makePlacementMirror(): (deps: OpsDeps, until: AbortSignal) => Promise<'error' | undefined> {
  let away: string | null = null;
  return async (deps, until) => {
    const { placement, clock, log, database } = deps;
    if (placement === undefined) return undefined;
    const overMs = clock.now() + limits.placementTurnMs;
    const pass: Pass = {
      deps,
      placement: placement.during(until),
      mustStop: () => until.aborted || clock.now() >= overMs,
    };
    try {
      const { sinceUs, afterHost, roundAt } = await readMirror(database.read);
      await lookAtDue(pass);
      await tellChanges(pass, sinceUs);
      await compareSome(pass, afterHost, roundAt);
    } catch (error) {
      if (until.aborted) return undefined;
      if (!(error instanceof Fault) || error.kind !== 'unavailable') throw error;
      // logged once, and counted each time
      if (away === null)
        log.warn({ reason: messageOf(error), detail: error.detail }, 'Placement cannot be reached now');
      away = messageOf(error);
      return 'error';
    }
    if (away !== null) log.info('Placement can be reached again');
    away = null;
    return undefined;
  };
}
