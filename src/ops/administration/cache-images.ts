// Why: an administrator has images brought to hosts before servers need them. It is a favour, not a promise: a host that is
// down, or a process that ends meanwhile, only means that the first server there fetches the image itself.

import { messageOf } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Caller, Op } from '../../base/op.ts';
import { findAggregate } from '../../db/aggregates.ts';
import { findHost } from '../../db/hosts.ts';
import { tx } from '../../db/tx.ts';
import type { Aggregate } from '../../domain/placement/aggregates.ts';
import type { Host } from '../../domain/placement/hosts.ts';
import type { ImageFacts } from '../../domain/machines/images.ts';
import {
  aggregateCachePayload,
  aggregatePayload,
  type VersionedObject,
} from '../../domain/notifications/notifications.ts';
import { noAggregate } from './aggregates.ts';
import type { OpsDeps } from '../deps.ts';
import { isUp } from '../placement/host-up.ts';
import { note } from '../notifications/notify.ts';

/** What became of an image on a host, in Nova's words. */
type Outcome = 'cached' | 'existing' | 'error' | 'unsupported' | 'skipped';

async function imagesOf(deps: OpsDeps, caller: Caller, ids: readonly string[]): Promise<ImageFacts[]> {
  const found: ImageFacts[] = [];
  for (const id of ids) {
    const image = await deps.image.find(caller, id);
    if (image !== null && image.status === 'active') found.push(image);
    else deps.log.warn({ image: id }, 'not brought to hosts: there is no such image, or it has no data');
  }
  return found;
}

async function bring(deps: OpsDeps, host: Host | null, image: ImageFacts): Promise<Outcome> {
  if (host === null || !isUp(deps, host)) return 'skipped';
  if (!host.inventory.facts.capabilities.verbs.includes('cacheImage')) return 'unsupported';
  try {
    return (await deps.bus.call(host.host, 'cacheImage', { image })) ? 'cached' : 'existing';
  } catch (error) {
    deps.log.warn({ host: host.host, image: image.id, reason: messageOf(error) }, 'an image was not brought to a host');
    return 'error';
  }
}

/** Brings the images to one host, one after another. */
async function bringTo(deps: OpsDeps, name: string, images: readonly ImageFacts[]): Promise<Map<string, Outcome>> {
  const host = await findHost(deps.database.read, { host: name });
  const outcomes = new Map<string, Outcome>();
  for (const image of images) outcomes.set(image.id, await bring(deps, host, image));
  deps.log.info({ host: name, images: Object.fromEntries(outcomes) }, 'images were brought to a host');
  return outcomes;
}

/** Brings images to the hosts of an aggregate, to a few at a time, and tells of each host that is done. */
async function bringAll(deps: OpsDeps, op: Op, aggregate: Aggregate, ids: readonly string[]): Promise<void> {
  const tell = (phase: string, payload: () => VersionedObject) =>
    tx(deps.database, (t) => note(t, deps, op, `aggregate.cache_images.${phase}`, payload));
  const images = await imagesOf(deps, op.caller, ids);
  const waiting = [...aggregate.hosts];
  const total = waiting.length;
  let index = 0;
  // the numbers come in their order, though hosts are done at once
  let telling = Promise.resolve();
  const serve = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      const outcomes = await bringTo(deps, host, images);
      index += 1;
      const done = { host, index, total };
      const among = (...words: readonly Outcome[]) => ids.filter((id) => words.includes(outcomes.get(id) ?? 'error'));
      const told = { cached: among('cached', 'existing'), failed: among('error') };
      telling = telling.then(() => tell('progress', () => aggregateCachePayload(aggregate, done, told)));
      await telling;
    }
  };
  await tell('start', () => aggregatePayload(aggregate));
  await Promise.all(Array.from({ length: limits.imageHostsAtOnce }, serve));
  await tell('end', () => aggregatePayload(aggregate));
}

/** Begins to bring images to the hosts of an aggregate and does not wait. Throws 404 for the aggregate only, as Nova. */
export async function cacheImages(
  deps: OpsDeps,
  op: Op,
  aggregateId: number,
  imageIds: readonly string[],
): Promise<void> {
  const aggregate = await findAggregate(deps.database.read, aggregateId);
  if (aggregate === null) throw noAggregate(aggregateId);
  bringAll(deps, op, aggregate, imageIds).catch((error: unknown) => {
    deps.log.warn({ err: error, aggregate: aggregateId }, 'images were not brought to hosts');
  });
}
