// Why: whoever reached the program through a proxy, under another name or below a path, must be told addresses that lead back
// there. Every URL that the program utters is made here, from what the operator said or from what a proxy that he trusts says.

import type { IncomingMessage } from 'node:http';
import { withoutEndSlashes } from '../base/slashes.ts';
import { type ForwardedHeader, plainAddress, readerOfTold, type Told } from './forwarded.ts';

export type ServiceName = 'identity' | 'compute' | 'image' | 'network' | 'volume' | 'api';

/** How a request reached the program. */
export interface Reached {
  /** What its services hang under, without a slash at the end: `https://cloud.example.org/openstack`. */
  readonly root: string;
  /** The client's address, past the proxies that are trusted. */
  readonly client: string;
  /** `https://cloud.example.org/openstack/compute`, or where the operator says that the service is. */
  readonly urlOf: (service: ServiceName) => string;
}

export type ServiceUrls = Readonly<Partial<Record<ServiceName, string>>>;

export interface ReachedOptions {
  /** Where the operator says that the program is reached; empty: as the request says. */
  readonly publicUrl: string;
  /** Services that are reached elsewhere. */
  readonly serviceUrls: ServiceUrls;
  /** Whether an address is a proxy's that is believed. */
  readonly isTrusted: (address: string) => boolean;
  /** Which headers it is believed in: those that it sets itself, whatever its client sent. */
  readonly forwardedHeaders: readonly ForwardedHeader[];
}

type ReachedRequest = IncomingMessage & { reached?: Reached };

const SCHEME = /^https?$/i;
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const PREFIX = /^(?:\/[\w.~-]+)+$/;

const fitting = (text: string | undefined, form: RegExp): string | undefined =>
  text !== undefined && form.test(text) ? text : undefined;

/** What notes how a request reached the program, before anything utters a URL because of it. */
export function reachNoter({
  publicUrl,
  serviceUrls,
  isTrusted,
  forwardedHeaders,
}: ReachedOptions): (request: IncomingMessage) => void {
  const toldOf = readerOfTold(forwardedHeaders, isTrusted);
  // all that does not hang on the request
  const fixed = publicUrl === '' ? null : reachedAt(withoutEndSlashes(publicUrl), '', serviceUrls);
  return (request) => {
    const said = toldOf(request, plainAddress(request.socket.remoteAddress ?? ''));
    (request as ReachedRequest).reached =
      fixed === null ? reachedAt(rootOf(request, said), said.client, serviceUrls) : { ...fixed, client: said.client };
  };
}

function rootOf({ headers, socket }: IncomingMessage, said: Omit<Told, 'client'>): string {
  const scheme = fitting(said.scheme, SCHEME)?.toLowerCase() ?? 'http';
  const asked = fitting(said.host, HOST) ?? fitting(headers.host, HOST) ?? `${socket.localAddress}:${socket.localPort}`;
  return `${scheme}://${asked}${fitting(withoutEndSlashes(said.prefix ?? ''), PREFIX) ?? ''}`;
}

/** The addresses of a program whose services hang under `root`. */
export const reachedAt = (root: string, client: string, serviceUrls: ServiceUrls = {}): Reached => ({
  root,
  client,
  urlOf: (service) => withoutEndSlashes(serviceUrls[service] || `${root}/${service}`),
});

/** How a request reached the program; one of which nobody noted it: as its `Host` says. */
export const reachedBy = (request: IncomingMessage): Reached =>
  ((request as ReachedRequest).reached ??= reachedAt(
    rootOf(request, {}),
    plainAddress(request.socket.remoteAddress ?? ''),
  ));
