// Why: what people say of a volume and of a snapshot is read and changed in the same words, under rules of their own.

import { badRequest, Fault, notFound } from '../../base/errors.ts';
import type { Caller } from '../../base/op.ts';
import { limits } from '../../base/limits.ts';
import type { Texts } from '../../db/volumes.ts';
import type { RuleName } from '../../policies/index.ts';
import type { Routes } from '../http.ts';
import type { VolumeParts } from './parts.ts';
import { mustMay } from './rules.ts';
import { metadata, onePair } from './schemas.ts';
import { bodyBy, page, type Visit } from './web.ts';

interface Described {
  readonly projectId: string;
  readonly userId?: string;
  readonly metadata: Texts;
}

/** What has metadata. */
export interface MetadataOwner<T extends Described> {
  /** With a capital, for messages. */
  readonly noun: 'Volume' | 'Snapshot';
  /** `/volumes` or `/snapshots`. */
  readonly path: string;
  readonly rules: Readonly<Record<'seeIt' | 'see' | 'create' | 'update' | 'delete', RuleName>>;
  /** @throws notFound for what the caller may not see */
  readonly find: (parts: VolumeParts, caller: Caller, id: string) => Promise<T>;
  /** Changes it under its lock. @throws forbidden unless the rule lets the caller */
  readonly change: (
    parts: VolumeParts,
    caller: Caller,
    id: string,
    rule: RuleName,
    to: (before: T) => { readonly metadata: Texts },
  ) => Promise<T>;
  /** @throws where it may not be changed now */
  readonly mustBeChangeable?: (one: T) => void;
}

/** @throws tooLarge for more pairs than one may have */
export function bounded(noun: MetadataOwner<Described>['noun'], pairs: Texts): Texts {
  if (Object.keys(pairs).length <= limits.volumeMetadata) return pairs;
  throw new Fault('tooLarge', `A ${noun.toLowerCase()} has at most ${limits.volumeMetadata} pairs of metadata.`, {
    retryAfterSeconds: 0,
  });
}

export function addMetadataRoutes<T extends Described>(
  routes: Routes,
  parts: VolumeParts,
  { noun, path: collection, rules, find, change, mustBeChangeable }: MetadataOwner<T>,
): void {
  const path = `${collection}/:id/metadata`;
  const guardOf = (of: RuleName) => ({ of, also: [rules.seeIt] });
  const idOf = ({ params }: Visit): string => params['id'] ?? '';
  const keyOf = ({ params }: Visit): string => params['key'] ?? '';
  const missing = (key: string) => notFound(`${noun} metadata has no item with key ${key.slice(0, 255)}.`);

  const read = async (visit: Visit): Promise<Texts> => {
    const one = await find(parts, visit.caller, idOf(visit));
    mustMay(parts.allows, visit.caller, rules.see, one);
    return one.metadata;
  };
  const write = (visit: Visit, rule: RuleName, to: (before: Texts) => Texts): Promise<T> =>
    change(parts, visit.caller, idOf(visit), rule, (one) => {
      mustBeChangeable?.(one);
      return { metadata: bounded(noun, to(one.metadata)) };
    });

  page(routes, 'GET', path, guardOf(rules.see), async (visit) => ({
    status: 200,
    body: { metadata: await read(visit) },
  }));
  page(routes, 'GET', `${path}/:key`, guardOf(rules.see), async (visit) => {
    const all = await read(visit);
    const key = keyOf(visit);
    if (!Object.hasOwn(all, key)) throw missing(key);
    return { status: 200, body: { meta: { [key]: all[key] } } };
  });
  for (const { method, rule, keeps } of [
    { method: 'POST', rule: rules.create, keeps: true },
    { method: 'PUT', rule: rules.update, keeps: false },
  ]) {
    page(routes, method, path, guardOf(rule), async (visit) => {
      const { metadata: next } = await bodyBy<{ metadata: Texts }>(visit, metadata);
      const changed = await write(visit, rule, (before) => (keeps ? { ...before, ...next } : next));
      return { status: 200, body: { metadata: changed.metadata } };
    });
  }
  page(routes, 'PUT', `${path}/:key`, guardOf(rules.update), async (visit) => {
    const { meta } = await bodyBy<{ meta: Texts }>(visit, onePair);
    if (!Object.hasOwn(meta, keyOf(visit))) throw badRequest('Request body and URI mismatch');
    await write(visit, rules.update, (before) => ({ ...before, ...meta }));
    return { status: 200, body: { meta } };
  });
  page(routes, 'DELETE', `${path}/:key`, guardOf(rules.delete), async (visit) => {
    const key = keyOf(visit);
    await write(visit, rules.delete, (before) => {
      if (!Object.hasOwn(before, key)) throw missing(key);
      return Object.fromEntries(Object.entries(before).filter(([name]) => name !== key));
    });
    return { status: 200 };
  });
}
