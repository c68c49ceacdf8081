// Why: an object is made, changed and removed under the same checks whether a client asks over HTTP or compute in this process.

import type { Caller } from '../../base/op.ts';
import type { Unit } from '../../cloud/ovn/northbound.ts';
import type { Reader } from '../../db/engine.ts';
import { type StoredPort } from '../../db/networks.ts';
import { findRow, lockRow } from '../../db/table.ts';
import { type Tx, tx } from '../../db/tx.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Allows } from '../access.ts';
import { readCreation, type Values } from './attributes.ts';
import { touch } from './engine.ts';
import { ensureDefaultGroup } from './groups.ts';
import type { Act, Noun, Owned } from './noun.ts';
import type { NetworkParts, PortNews } from './parts.ts';
import { checkQuota } from './quotas.ts';
import { checkRevision } from './revisions.ts';
import { isEverywhere, mustMay, mustMaySet, nounRule, ownedBy, type Seen, seen } from './rules.ts';

function tellOf({ tell }: NetworkParts, kind: PortNews['kind'], ports: readonly StoredPort[]): void {
  const devices = new Map(ports.map(({ id, deviceId }) => [`${deviceId} ${id}`, { kind, portId: id, deviceId }]));
  const news = [...devices.values()].filter(({ deviceId }) => deviceId !== '');
  if (news.length > 0) tell?.(news);
}

/** The object, if the caller may see it. Throws notFound. */
export async function seenObject<T extends Owned>(
  { database: { read }, allows }: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  id: string,
): Promise<Seen<T>> {
  return seen(allows, read, noun, caller, await findRow(read, noun.rows, { id, ...noun.within }), id);
}

/** As `seenObject`, for who may also do to it what a rule says. Throws forbidden. */
export async function allowedObject<T extends Owned>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  id: string,
  rule: RuleName,
): Promise<Seen<T>> {
  const found = await seenObject(parts, noun, caller, id);
  mustMay(parts.allows, caller, rule, found.target);
  return found;
}

const actOf = ({ clock, allows, ranges, engine }: NetworkParts, trx: Tx, caller: Caller): Act => ({
  tx: trx,
  caller,
  everywhere: isEverywhere(allows, caller),
  ranges,
  engine,
  now: clock.now(),
});

/** What the network engine has to be told of, where there is one that is told. */
async function unitsOf<T extends Owned>(
  { engine }: NetworkParts,
  reader: Reader,
  noun: Noun<T>,
  before: T | null,
  after: T | null,
): Promise<readonly Unit[]> {
  return engine.kind === 'basic' || noun.units === undefined ? [] : noun.units(reader, before, after);
}

async function mustMayCreate<T extends Owned>(allows: Allows, act: Act, noun: Noun<T>, values: Values): Promise<void> {
  const { caller } = act;
  const target = {
    ...ownedBy(values['project_id'] as string),
    ...(await noun.wanted?.(act, values)),
    ...noun.wished?.(values),
  };
  mustMay(allows, caller, nounRule(noun, 'create'), target);
  mustMaySet(allows, caller, noun, 'create', values, target);
}

/** Makes what a body asks for, one object or (`bulk`) several. `show` sees them in the same transaction. */
export async function createObjects<T extends Owned, R>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  body: unknown,
  show: (reader: Reader, made: readonly T[]) => Promise<R>,
): Promise<{ readonly shown: R; readonly bulk: boolean }> {
  const { database, clock, allows } = parts;
  const { values, bulk } = readCreation(noun, body, caller);
  const projects = new Set(values.map((value) => value['project_id'] as string));
  if (noun.collection === 'ports' || noun.collection.startsWith('security_group')) {
    for (const projectId of projects) await ensureDefaultGroup(parts, projectId);
  }
  const { shown, ports } = await tx(database, async (trx) => {
    for (const projectId of projects) {
      const more = values.filter((value) => value['project_id'] === projectId).length;
      await checkQuota(trx, noun.quota, projectId, more);
    }
    const made: T[] = [];
    for (const value of values) {
      const act = actOf(parts, trx, caller);
      await mustMayCreate(allows, act, noun, value);
      const object = await noun.create(act, value);
      await touch(trx, parts.engine, await unitsOf(parts, trx, noun, null, object), clock.now());
      made.push(object);
    }
    const ports: StoredPort[] = [];
    for (const object of made) ports.push(...((await noun.concerns?.(trx, null, object)) ?? []));
    return { shown: await show(trx, made), ports };
  });
  tellOf(parts, 'changed', ports);
  return { shown, bulk };
}

/** Loads, checks and changes an object in one transaction, as a rule allows. `show` sees it there. */
export async function changeObject<T extends Owned, R>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  id: string,
  change: {
    readonly rule: RuleName;
    readonly values: Values;
    readonly to: (act: Act, object: T) => Promise<T>;
    /** The revision that it must be at; null: any. */
    readonly revision?: number | null;
  },
  show: (reader: Reader, object: T) => Promise<R>,
): Promise<R> {
  const { database, allows } = parts;
  const { rule, values, to, revision = null } = change;
  const { shown, ports } = await tx(database, async (trx) => {
    const { object, target } = await seen(
      allows,
      trx,
      noun,
      caller,
      await lockRow(trx, noun.rows, { id, ...noun.within }),
      id,
    );
    mustMay(allows, caller, rule, target);
    mustMaySet(allows, caller, noun, 'update', values, { ...target, ...noun.wished?.(values) });
    checkRevision(object, revision);
    // before too: what led to others may lead there no more
    const before = await unitsOf(parts, trx, noun, object, object);
    const next = await to(actOf(parts, trx, caller), object);
    const after = await unitsOf(parts, trx, noun, object, next);
    await touch(trx, parts.engine, [...before, ...after], parts.clock.now());
    return { shown: await show(trx, next), ports: (await noun.concerns?.(trx, object, next)) ?? [] };
  });
  tellOf(parts, 'changed', ports);
  return shown;
}

/** The change that an update asks for. */
export const updateOf = <T extends Owned>(noun: Noun<T>, values: Values) => ({
  rule: nounRule(noun, 'update'),
  values,
  to: (act: Act, object: T): Promise<T> => noun.update(act, object, values),
});

export async function removeObject<T extends Owned>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  id: string,
  revision: number | null = null,
): Promise<void> {
  const { database, allows } = parts;
  const ports = await tx(database, async (trx) => {
    const { object, target } = await seen(
      allows,
      trx,
      noun,
      caller,
      await lockRow(trx, noun.rows, { id, ...noun.within }),
      id,
    );
    mustMay(allows, caller, nounRule(noun, 'delete'), target);
    checkRevision(object, revision);
    // before it is gone, and with it what leads to others
    await touch(trx, parts.engine, await unitsOf(parts, trx, noun, object, null), parts.clock.now());
    await noun.remove(actOf(parts, trx, caller), object);
    return (await noun.concerns?.(trx, object, null)) ?? [];
  });
  tellOf(parts, noun.collection === 'ports' ? 'deleted' : 'changed', ports);
}
