// Why: how the program is reached (at which addresses, through which proxies, by how many at once) as the configuration says.

import type { RequestListener } from 'node:http';
import { limits } from '../base/limits.ts';
import { trustOf } from '../web/forwarded.ts';
import { reachedAt, type ReachedOptions, reachNoter } from '../web/reached.ts';
import { bad } from './config-values.ts';
import type { Config } from './config.ts';
import type { ConnectionBounds } from './connections.ts';
import type { Upgrades } from './listen.ts';

export interface Reach extends ReachedOptions {
  readonly bounds: ConnectionBounds;
}

const serviceUrlsOf = (api: Config['api']): ReachedOptions['serviceUrls'] => ({
  identity: api.identity_url,
  compute: api.compute_url,
  image: api.image_url,
  network: api.network_url,
  volume: api.volume_url,
});

/** Headers that tell the same: whoever sets the one passes on what his client says in the other. */
const OTHERS: readonly string[] = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];

/** What the section `api` says of it. Throws for a trusted proxy that is neither an address nor a range, and for two headers of one meaning. */
export function readReach(api: Config['api']): Reach {
  const other = api.forwarded_headers.find((name) => OTHERS.includes(name));
  if (api.forwarded_headers.includes('forwarded') && other !== undefined)
    throw bad('api.forwarded_headers', `forwarded or ${other} is wanted, not both: they tell the same`);
  const isTrusted = trustOf(api.trusted_proxies);
  return {
    publicUrl: api.public_url,
    serviceUrls: serviceUrlsOf(api),
    isTrusted,
    forwardedHeaders: api.forwarded_headers,
    bounds: {
      total: api.max_connections,
      perAddress: api.max_connections_per_address,
      requestsPerAddress: api.max_requests_per_address,
      requestWaitMs: limits.httpRequestWaitMs,
      headMs: api.head_timeout_seconds * 1000,
      idleMs: api.idle_timeout_seconds * 1000,
      isExempt: isTrusted,
    },
  };
}

/**
 * Where clients find the built-in identity service, for what is written before anybody asks (clouds.yaml).
 * @param url where this process listens
 */
export const identityUrl = (api: Config['api'], url: string): string =>
  reachedAt(api.public_url || url, '', serviceUrlsOf(api)).urlOf('identity');

/** What answers requests, told first how each reached the program. */
export function noteReached(reach: Reach, handler: RequestListener, upgrades: Upgrades): [RequestListener, Upgrades] {
  const note = reachNoter(reach);
  return [
    (request, response) => {
      note(request);
      return handler(request, response);
    },
    {
      takes: (request) => upgrades.takes(request),
      take: (request, socket, head) => {
        note(request);
        upgrades.take(request, socket, head);
      },
    },
  ];
}
