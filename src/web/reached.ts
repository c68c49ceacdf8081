// Why: whoever reached the program through a proxy, under another name or below a path, must be told addresses that lead back
// there. Every URL that the program utters is made here, from what the operator said or from what a proxy that he trusts says.

import type { IncomingMessage } from 'node:http';
import parseForwarded from 'forwarded-parse';
import ipaddr from 'ipaddr.js';
import { withoutEndSlashes } from '../base/slashes.ts';

export type ServiceName = 'identity' | 'compute' | 'image' | 'network';

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
  /** Whether an address is a proxy's whose `Forwarded` or `X-Forwarded-*` headers are believed. */
  readonly isTrusted: (address: string) => boolean;
}

type ReachedRequest = IncomingMessage & { reached?: Reached };

/** `10.0.0.7` of `::ffff:10.0.0.7`, which is how a socket of both families names it. */
const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/**
 * Whether an address is in one of these ranges.
 * @param ranges addresses or CIDRs
 * @throws Error for one that is neither
 */
export function trustOf(ranges: readonly string[]): (address: string) => boolean {
  const parsed = ranges.map((range) =>
    range.includes('/') ? ipaddr.parseCIDR(range) : ipaddr.parseCIDR(`${range}/${range.includes(':') ? 128 : 32}`),
  );
  return (text) => {
    const plain = plainAddress(text);
    if (parsed.length === 0 || !ipaddr.isValid(plain)) return false;
    const address = ipaddr.parse(plain);
    return parsed.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  };
}

/** What one proxy said of the request that it passed on. */
interface Told {
  readonly client?: string | undefined;
  readonly scheme?: string | undefined;
  readonly host?: string | undefined;
  readonly prefix?: string | undefined;
}

/** The last value of a header that each proxy appends to: the one of the proxy nearest to us. */
function nearest({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return value === undefined ? undefined : [value].flat().join(',').split(',').at(-1)?.trim();
}

function addresses(request: IncomingMessage): string[] {
  const value = request.headers['x-forwarded-for'];
  return value === undefined
    ? []
    : [value]
        .flat()
        .join(',')
        .split(',')
        .map((part) => part.trim());
}

/** `192.0.2.1` of `192.0.2.1:8080`, `2001:db8::1` of `[2001:db8::1]:80`. */
const withoutPort = (node: string): string => /^\[(.*)\]/.exec(node)?.[1] ?? node.replace(/^([\d.]+):\d+$/, '$1');

function forwardedOf({ headers }: IncomingMessage): readonly Told[] {
  try {
    return parseForwarded(headers['forwarded'] ?? '').map((part) => ({
      client: part['for'] === undefined ? undefined : withoutPort(part['for']),
      scheme: part['proto'],
      host: part['host'],
    }));
  } catch {
    // a header that is not understood says nothing
    return [];
  }
}

/** The nearest address that is no trusted proxy's; the farthest where all are. */
function clientOf(hops: readonly string[], peer: string, isTrusted: (address: string) => boolean): string {
  return (
    hops.findLast((hop) => ipaddr.isValid(hop) && !isTrusted(hop)) ?? hops.find((hop) => ipaddr.isValid(hop)) ?? peer
  );
}

function told(request: IncomingMessage, peer: string, isTrusted: (address: string) => boolean): Told {
  if (!isTrusted(peer)) return { client: peer };
  const standard = forwardedOf(request);
  const prefix = nearest(request, 'x-forwarded-prefix');
  if (standard.length > 0) {
    const hops = standard.flatMap(({ client }) => (client === undefined ? [] : [client]));
    return { ...standard.at(-1), prefix, client: clientOf(hops, peer, isTrusted) };
  }
  return {
    client: clientOf(addresses(request), peer, isTrusted),
    scheme: nearest(request, 'x-forwarded-proto'),
    host: nearest(request, 'x-forwarded-host'),
    prefix,
  };
}

const SCHEME = /^https?$/i;
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;
const PREFIX = /^(?:\/[\w.~-]+)+$/;

const fitting = (text: string | undefined, form: RegExp): string | undefined =>
  text !== undefined && form.test(text) ? text : undefined;

/** What notes how a request reached the program, before anything utters a URL because of it. */
export function reachNoter(options: ReachedOptions): (request: IncomingMessage) => void {
  const { publicUrl, serviceUrls, isTrusted } = options;
  const fixed = withoutEndSlashes(publicUrl);
  return (request) => {
    const peer = plainAddress(request.socket.remoteAddress ?? '');
    const said = told(request, peer, isTrusted);
    const root = fixed === '' ? rootOf(request, said) : fixed;
    (request as ReachedRequest).reached = reachedAt(root, said.client ?? peer, serviceUrls);
  };
}

function rootOf({ headers, socket }: IncomingMessage, said: Told): string {
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
