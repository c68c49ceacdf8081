// Why: an administrator has images brought to hosts before servers need them. It is a favour, not a promise: a host that is
// down, or a process that ends meanwhile, only means that the first server there fetches the image itself.

import { messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Caller, Op } from '../base/op.ts';
import { findAggregate } from '../db/aggregates.ts';
import { findHost } from '../db/hosts.ts';
import { type Host, isHostUp } from '../domain/host.ts';
import type { ImageFacts } from '../domain/image.ts';
import { noAggregate } from './aggregates.ts';
import type { OpsDeps } from './deps.ts';

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
  if (host === null || !isHostUp(host, deps.clock.now(), deps.config.hostDownMs)) return 'skipped';
  if (!host.inventory.facts.capabilities.verbs.includes('cacheImage')) return 'unsupported';
  try {
    return (await deps.bus.call(host.host, 'cacheImage', { image })) ? 'cached' : 'existing';
  } catch (error) {
    deps.log.warn({ host: host.host, image: image.id, reason: messageOf(error) }, 'an image was not brought to a host');
    return 'error';
  }
}

/** Brings images to hosts, to a few hosts at a time and to each one image after another. */
async function bringAll(
  deps: OpsDeps,
  caller: Caller,
  hosts: readonly string[],
  ids: readonly string[],
): Promise<void> {
  const images = await imagesOf(deps, caller, ids);
  const waiting = [...hosts];
  const counts: Partial<Record<Outcome, number>> = {};
  const serve = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const host = await findHost(deps.database.read, { host: name });
      for (const image of images) {
        const outcome = await bring(deps, host, image);
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: limits.imageHostsAtOnce }, serve));
  deps.log.info({ hosts: hosts.length, images: ids.length, ...counts }, 'images were brought to hosts');
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
  bringAll(deps, op.caller, aggregate.hosts, imageIds).catch((error: unknown) => {
    deps.log.warn({ err: error, aggregate: aggregateId }, 'images were not brought to hosts');
  });
}
