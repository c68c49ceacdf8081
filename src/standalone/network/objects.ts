// Why: an object is made, changed and removed under the same checks whether a client asks over HTTP or compute in this process.

import type { Clock } from '../../base/clock.ts';
import type { Caller } from '../../base/op.ts';
import type { Database, Reader } from '../../db/engine.ts';
import { findRow, lockRow, type StoredPort } from '../../db/networks.ts';
import { tx } from '../../db/tx.ts';
import { readCreation } from './attributes.ts';
import { missing, notAllowed } from './faults.ts';
import { ensureDefaultGroup } from './groups.ts';
import type { Act, Noun, Owned } from './noun.ts';
import { checkQuota } from './quotas.ts';

/** A port of some device is other than before, or gone. */
export interface PortNews {
  readonly kind: 'changed' | 'deleted';
  readonly portId: string;
  readonly deviceId: string;
}

export interface NetworkParts {
  readonly database: Database;
  readonly clock: Clock;
  /** Whether floating addresses are had here. */
  readonly floatingIps: boolean;
  /** Told what became of ports that have a device, after it is so. */
  readonly tell?: (news: readonly PortNews[]) => void;
}

function tellOf({ tell }: NetworkParts, kind: PortNews['kind'], ports: readonly StoredPort[]): void {
  const devices = new Map(ports.map(({ id, deviceId }) => [`${deviceId} ${id}`, { kind, portId: id, deviceId }]));
  const news = [...devices.values()].filter(({ deviceId }) => deviceId !== '');
  if (news.length > 0) tell?.(news);
}

const owns = (caller: Caller, object: Owned): boolean => caller.isAdmin || object.projectId === caller.projectId;

async function mustSee<T extends Owned>(
  reader: Reader,
  noun: Noun<T>,
  caller: Caller,
  object: T | null,
  id: string,
): Promise<T> {
  if (object !== null && (owns(caller, object) || (await noun.sees(reader, caller, object)))) return object;
  throw missing(noun.singular, id);
}

async function mustOwn<T extends Owned>(
  reader: Reader,
  noun: Noun<T>,
  caller: Caller,
  object: T,
  verb: string,
): Promise<void> {
  if (owns(caller, object) || (await noun.alsoChangedBy?.(reader, caller, object))) return;
  throw notAllowed(`${verb}_${noun.singular}`);
}

/** The object, if the caller may see it. Throws notFound. */
export async function seenObject<T extends Owned>(
  reader: Reader,
  noun: Noun<T>,
  caller: Caller,
  id: string,
): Promise<T> {
  return mustSee(reader, noun, caller, await findRow(reader, noun.rows, id), id);
}

/** Makes what a body asks for, one object or (`bulk`) several. `show` sees them in the same transaction. */
export async function createObjects<T extends Owned, R>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  body: unknown,
  show: (reader: Reader, made: readonly T[]) => Promise<R>,
): Promise<{ readonly shown: R; readonly bulk: boolean }> {
  const { database, clock } = parts;
  const { values, bulk } = readCreation(noun, body, caller);
  const projects = new Set(values.map((value) => value['project_id'] as string));
  if (noun.collection === 'ports' || noun.collection.startsWith('security_group')) {
    for (const projectId of projects) await ensureDefaultGroup(database, projectId, clock.now());
  }
  const { shown, ports } = await tx(database, async (trx) => {
    for (const projectId of projects) {
      const more = values.filter((value) => value['project_id'] === projectId).length;
      await checkQuota(trx, noun.quota, projectId, more);
    }
    const made: T[] = [];
    for (const value of values) made.push(await noun.create({ tx: trx, caller, now: clock.now() }, value));
    const ports: StoredPort[] = [];
    for (const object of made) ports.push(...((await noun.concerns?.(trx, null, object)) ?? []));
    return { shown: await show(trx, made), ports };
  });
  tellOf(parts, 'changed', ports);
  return { shown, bulk };
}

/** Loads, checks and changes an object in one transaction. `show` sees it there. */
export async function changeObject<T extends Owned, R>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  id: string,
  to: (act: Act, object: T) => Promise<T>,
  show: (reader: Reader, object: T) => Promise<R>,
): Promise<R> {
  const { database, clock } = parts;
  const { shown, ports } = await tx(database, async (trx) => {
    const object = await mustSee(trx, noun, caller, await lockRow(trx, noun.rows, id), id);
    await mustOwn(trx, noun, caller, object, 'update');
    const next = await to({ tx: trx, caller, now: clock.now() }, object);
    return { shown: await show(trx, next), ports: (await noun.concerns?.(trx, object, next)) ?? [] };
  });
  tellOf(parts, 'changed', ports);
  return shown;
}

export async function removeObject<T extends Owned>(
  parts: NetworkParts,
  noun: Noun<T>,
  caller: Caller,
  id: string,
): Promise<void> {
  const { database, clock } = parts;
  const ports = await tx(database, async (trx) => {
    const object = await mustSee(trx, noun, caller, await lockRow(trx, noun.rows, id), id);
    await mustOwn(trx, noun, caller, object, 'delete');
    await noun.remove({ tx: trx, caller, now: clock.now() }, object);
    return (await noun.concerns?.(trx, object, null)) ?? [];
  });
  tellOf(parts, noun.collection === 'ports' ? 'deleted' : 'changed', ports);
}
