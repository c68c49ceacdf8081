// Why: a host is one resource provider of an operator's Placement. What it has is told part by part, each only where it is not so yet, and
// what others said of it there is left.

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

/** Placement does not take what it is told; it may later. */
export class Refused extends Error {
  readonly why: Refusal;
  constructor(why: Refusal, reason: string) {
    super(reason);
    this.why = why;
  }
}

/** A provider that was there is not. */
export class Vanished extends Error {}

/** @throws Refused, Vanished. False: somebody changed it meanwhile */
export function isDone(outcome: Outcome, what: string): boolean {
  if (outcome.kind === 'refused') throw new Refused(outcome.why, `${what}: ${outcome.reason}`);
  if (outcome.kind === 'gone') throw new Vanished(what);
  return outcome.kind === 'done';
}

const isCustom = (name: string): boolean => name.startsWith('CUSTOM_');

/** Reads, changes and writes a part of a provider, again where somebody else wrote between. */
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
  throw new Refused('other', `${what}: others change it all the time`);
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

/** Those of ours that this Placement can have: those of operators are made known, and of its own it may be too old for some. */
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

/** Whoever has a name that a host of ours has was there before it: nothing of his is taken without being asked. */
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
 * Has Placement have what a host is to have.
 * @param told what it was told before; null: it may have anything
 * @param isDoubted whether all is read and compared, though nothing changed here
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
 * Has Placement take as much of a host as our books hold, while `work` goes on: its own bounds are no reason that it says otherwise.
 * Afterwards it has the true ones, also where `work` fails.
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
