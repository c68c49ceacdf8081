// Why: a host is one resource provider in an operator's Placement. Its parts are written one by one, only if they differ, and others' data on it
// is kept.

import { limits } from '../../base/limits.ts';
import type { Outcome, Placement, Read, Refusal } from '../../cloud/placement.ts';
import {
  type Inventories,
  inventoriesWith,
  type MirroredProvider,
  sameInventories,
  sameNames,
  traitsWith,
  unbounded,
  withOurs,
} from '../../domain/placement/placement-mirror.ts';

/** Placement refuses a write; a retry may succeed. */
export class Refused extends Error {
  readonly why: Refusal;
  constructor(why: Refusal, reason: string) {
    super(reason);
    this.why = why;
  }
}

/** A provider that existed is gone. */
export class Vanished extends Error {}

/** @returns false: a generation conflict. @throws Refused, Vanished */
export function isDone(outcome: Outcome, what: string): boolean {
  if (outcome.kind === 'refused') throw new Refused(outcome.why, `${what}: ${outcome.reason}`);
  if (outcome.kind === 'gone') throw new Vanished(what);
  return outcome.kind === 'done';
}

const isCustom = (name: string): boolean => name.startsWith('CUSTOM_');

/** Reads, changes and writes a part of a provider; repeats that after a generation conflict. */
async function change<T>(
  what: string,
  read: () => Promise<Read<T> | null>,
  next: (current: T) => Promise<T | null>,
  write: (generation: number, value: T) => Promise<Outcome>,
): Promise<void> {
  for (let attempt = 1; attempt <= limits.placementAttempts; attempt += 1) {
    const current = await read();
    if (current === null) throw new Vanished(what);
    const wanted = await next(current.value);
    if (wanted === null || isDone(await write(current.generation, wanted), what)) return;
  }
  throw new Refused('other', `${what}: changed by others at every attempt`);
}

const tellInventories = (placement: Placement, uuid: string, wanted: Inventories, told: Inventories): Promise<void> =>
  change(
    'inventories',
    () => placement.inventories(uuid),
    async (current) => {
      const all = inventoriesWith(current, wanted, told);
      if (sameInventories(all, current)) return null;
      const fresh = Object.keys(wanted).filter((name) => isCustom(name) && !Object.hasOwn(current, name));
      for (const name of fresh) isDone(await placement.makeClass(name), `resource class ${name}`);
      return all;
    },
    (generation, all) => placement.setInventories(uuid, generation, all),
  );

/** The traits that this Placement supports: custom ones are created, standard ones that it is too old for are left out. */
async function speakable(placement: Placement, traits: readonly string[]): Promise<readonly string[]> {
  const known = await placement.knownTraits(traits);
  for (const name of traits) {
    if (isCustom(name) && !known.has(name)) isDone(await placement.makeTrait(name), `trait ${name}`);
  }
  return traits.filter((name) => isCustom(name) || known.has(name));
}

const tellTraits = (
  placement: Placement,
  uuid: string,
  wanted: readonly string[],
  told: readonly string[],
): Promise<void> =>
  change(
    'traits',
    () => placement.traits(uuid),
    async (current) => {
      if (sameNames(traitsWith(current, wanted, told), current)) return null;
      const all = traitsWith(current, await speakable(placement, wanted), told);
      return sameNames(all, current) ? null : all;
    },
    (generation, all) => placement.setTraits(uuid, generation, all),
  );

const tellAggregates = (
  placement: Placement,
  uuid: string,
  wanted: readonly string[],
  told: readonly string[],
): Promise<void> =>
  change(
    'aggregates',
    () => placement.aggregates(uuid),
    async (current) => {
      const all = withOurs(current, wanted, told);
      return sameNames(all, current) ? null : all;
    },
    (generation, all) => placement.setAggregates(uuid, generation, all),
  );

/** Refuses a host whose name another provider has; that provider is not touched. */
async function refuseName(placement: Placement, name: string): Promise<never> {
  const other = await placement.providerNamed(name);
  throw new Refused(
    'taken',
    `the resource provider ${other ?? '(gone by now)'} is called ${name}: give it another name ` +
      `(openstack resource provider set --name ${name}-before ${other ?? 'UUID'}), or delete it`,
  );
}

async function ensureProvider(placement: Placement, uuid: string, name: string): Promise<void> {
  const has = await placement.name(uuid);
  if (has === name) return;
  const outcome = has === null ? await placement.addProvider(uuid, name) : await placement.renameProvider(uuid, name);
  if (outcome.kind === 'refused' && outcome.why === 'taken') await refuseName(placement, name);
  isDone(outcome, 'resource provider');
}

const nothing: MirroredProvider = { name: '', inventories: {}, traits: [], aggregates: [] };
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Writes a host's provider to Placement.
 * @param told what was written before; null: unknown
 * @param isDoubted whether to read and compare everything, even unchanged parts
 * @throws Refused, Vanished, or unavailable
 */
export async function tellProvider(
  placement: Placement,
  uuid: string,
  wanted: MirroredProvider,
  told: MirroredProvider | null,
  isDoubted = told === null,
): Promise<void> {
  const before = told ?? nothing;
  const isOther = (part: keyof MirroredProvider): boolean => isDoubted || !same(before[part], wanted[part]);
  if (isOther('name')) await ensureProvider(placement, uuid, wanted.name);
  if (isOther('inventories')) await tellInventories(placement, uuid, wanted.inventories, before.inventories);
  if (isOther('traits')) await tellTraits(placement, uuid, wanted.traits, before.traits);
  if (isOther('aggregates')) await tellAggregates(placement, uuid, wanted.aggregates, before.aggregates);
}

/**
 * Lifts the inventories' limits while `work` runs, for claims that exceed the capacity. Restores them afterwards, also if `work` fails.
 */
export async function withoutBounds(
  placement: Placement,
  uuid: string,
  { inventories }: MirroredProvider,
  work: () => Promise<void>,
): Promise<void> {
  await tellInventories(placement, uuid, unbounded(inventories), inventories);
  try {
    await work();
  } finally {
    await tellInventories(placement, uuid, inventories, inventories);
  }
}
