// Why: allocations are written consumer by consumer, with the generation that Placement has of each. Each is recorded before and after the
// write: wherever a worker dies, no allocation of ours is unrecorded, and none of others' is taken for ours.

import { limits } from '../../base/limits.ts';
import type { ConsumerOwner, ConsumerState, Placement } from '../../cloud/placement.ts';
import type { Database } from '../../db/engine.ts';
import {
  claimingConsumers,
  forgetConsumers,
  noteConsumers,
  ownConsumers,
  ownProviders,
} from '../../db/placement-mirror.ts';
import { tx } from '../../db/tx.ts';
import {
  allocationDigest,
  allocationsWith,
  type MirroredAllocation,
  type ProviderAmounts,
  sameAllocations,
} from '../../domain/placement/placement-mirror.ts';
import { isDone, Refused } from './mirrored-provider.ts';

export interface ConsumerParts {
  readonly placement: Placement;
  readonly database: Database;
}

const unseen = { allocations: {}, generation: null };

/** The providers of a consumer's allocations that are our hosts. */
const ours = (
  { database }: ConsumerParts,
  { allocations }: Pick<ConsumerState, 'allocations'>,
): Promise<ReadonlySet<string>> => ownProviders(database.read, Object.keys(allocations));

/** @returns false: a generation conflict */
async function set(
  { placement }: ConsumerParts,
  consumer: string,
  owner: ConsumerOwner,
  { generation }: Pick<ConsumerState, 'generation'>,
  allocations: ProviderAmounts,
): Promise<boolean> {
  const outcome = await placement.setAllocations(consumer, { allocations, generation, owner });
  return isDone(outcome, `allocation of ${consumer}`);
}

const contended = (consumer: string): Refused =>
  new Refused('other', `allocation of ${consumer}: changed by others at every attempt`);

/** @param isFresh never written before: the first attempt assumes that Placement does not have the consumer */
async function tellOne(parts: ConsumerParts, allocation: MirroredAllocation, isFresh: boolean): Promise<void> {
  const { consumer, projectId, userId, kind } = allocation;
  const owner = { projectId, userId, type: kind };
  for (let attempt = 1; attempt <= limits.placementAttempts; attempt += 1) {
    const isGuess = isFresh && attempt === 1;
    const state = isGuess ? unseen : await parts.placement.consumer(consumer);
    const wanted = allocationsWith(state.allocations, allocation, await ours(parts, state));
    if (!isGuess && sameAllocations(wanted, state.allocations)) return;
    if (await set(parts, consumer, owner, state, wanted)) return;
  }
  throw contended(consumer);
}

/** Removes a consumer's allocations on our hosts; those on others' providers stay. */
async function clearOne(parts: ConsumerParts, consumer: string): Promise<void> {
  for (let attempt = 1; attempt <= limits.placementAttempts; attempt += 1) {
    const state = await parts.placement.consumer(consumer);
    const left = allocationsWith(state.allocations, null, await ours(parts, state));
    if (sameAllocations(left, state.allocations)) return;
    // the owner stays as it is in Placement
    if (await set(parts, consumer, state.owner, state, left)) return;
  }
  throw contended(consumer);
}

/**
 * Writes allocations on a host. Returns those that are refused because they exceed the capacity: others may have to be reduced first.
 * @param allocations all on one host
 * @param known consumers that were written before
 * @throws the first other refusal, after all were tried; Vanished; unavailable
 */
export async function tellConsumers(
  parts: ConsumerParts,
  allocations: readonly MirroredAllocation[],
  known: ReadonlySet<string>,
  mustStop: () => boolean,
): Promise<readonly MirroredAllocation[]> {
  const { database } = parts;
  const full: MirroredAllocation[] = [];
  let refused: Refused | null = null;
  for (let from = 0; from < allocations.length && !mustStop(); from += limits.placementConsumersAtOnce) {
    const some = allocations.slice(from, from + limits.placementConsumersAtOnce);
    const provider = (some[0] as MirroredAllocation).provider;
    await tx(database, (t) =>
      noteConsumers(
        t,
        provider,
        some.map(({ consumer }) => [consumer, null]),
      ),
    );
    const told: [string, string][] = [];
    try {
      for (const one of some) {
        if (mustStop()) break;
        try {
          await tellOne(parts, one, !known.has(one.consumer));
          told.push([one.consumer, allocationDigest(one)]);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          if (error.why === 'full') full.push(one);
          else refused ??= error;
        }
      }
    } finally {
      if (told.length > 0) await tx(database, (t) => noteConsumers(t, provider, told));
    }
  }
  if (refused !== null) throw refused;
  return full;
}

/** Removes consumers' allocations on our hosts, except those of consumers with a claim on another host, which writes them. */
export async function clearConsumers(
  parts: ConsumerParts,
  consumers: readonly string[],
  mustStop: () => boolean,
): Promise<void> {
  if (consumers.length === 0) return;
  const { database } = parts;
  const claiming = await claimingConsumers(database.read, consumers);
  for (const consumer of consumers) {
    if (mustStop()) return;
    if (claiming.has(consumer)) continue;
    await clearOne(parts, consumer);
    await tx(database, (t) => forgetConsumers(t, [consumer]));
  }
}

/** Those of these consumers that are ours; others' allocations stay. */
export const oursAmong = async (
  { database }: ConsumerParts,
  consumers: readonly string[],
): Promise<readonly string[]> => {
  if (consumers.length === 0) return [];
  const own = await ownConsumers(database.read, consumers);
  return consumers.filter((consumer) => own.has(consumer));
};
