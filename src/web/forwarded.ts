// Why: a proxy tells who its client is and what was asked of it, in headers that its client can send too. What is believed of
// them is said here: of a proxy that is trusted, the headers that it sets itself, from the nearest hop on as far as trust reaches.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import parseForwarded from 'forwarded-parse';
import ipaddr from 'ipaddr.js';

/** What proxies can set; `forwarded` tells what the three after it tell, but nobody's prefix. */
export const FORWARDED_HEADERS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-prefix',
] as const;
export type ForwardedHeader = (typeof FORWARDED_HEADERS)[number];

/** What most proxies set, or are told to. */
export const X_FORWARDED: readonly ForwardedHeader[] = FORWARDED_HEADERS.filter((name) => name !== 'forwarded');

/** `10.0.0.7` of `::ffff:10.0.0.7`, which is how a socket of both families names it. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

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
    if (parsed.length === 0) return false;
    const plain = plainAddress(text);
    if (isIP(plain) === 0) return false;
    const address = ipaddr.parse(plain);
    return parsed.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  };
}

/** What is known of a request that came through proxies, or through none. */
export interface Told {
  /** The client's address, past the proxies that are trusted. */
  readonly client: string;
  readonly scheme?: string | undefined;
  readonly host?: string | undefined;
  readonly prefix?: string | undefined;
}

/** The values of a header that each proxy appends to, the nearest proxy's last. */
function valuesOf({ headers }: IncomingMessage, name: ForwardedHeader): string[] {
  const value = headers[name];
  return value === undefined
    ? []
    : [value]
        .flat()
        .join(',')
        .split(',')
        .map((part) => part.trim());
}

function elementsOf({ headers }: IncomingMessage): readonly Readonly<Record<string, string>>[] {
  try {
    return parseForwarded(headers['forwarded'] ?? '');
  } catch {
    // a header that is not understood says nothing
    return [];
  }
}

/** `192.0.2.1` of `192.0.2.1:8080`, `2001:db8::1` of `[2001:db8::1]:80`; null of what names no address, as `_hidden` and `unknown`. */
function addressOf(hop: string): string | null {
  const bare = /^\[([^\]]*)\](?::[\w.-]+)?$/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):[\w.-]+$/, '$1');
  return isIP(bare) === 0 ? null : plainAddress(bare);
}

/**
 * Who sent a request: the nearest hop that is no trusted proxy. What lies beyond it is only its word; where a hop can't be read, the
 * trusted proxy that tells of it is all that is known.
 */
function clientOf(hops: readonly string[], peer: string, isTrusted: (address: string) => boolean): string {
  let client = peer;
  for (let at = hops.length - 1; at >= 0 && isTrusted(client); at -= 1) {
    const address = addressOf(hops[at] ?? '');
    if (address === null) return client;
    client = address;
  }
  return client;
}

/**
 * What is believed of a request.
 * @param believed the headers that trusted proxies set themselves
 * @returns for a request and its peer's address, what the proxies tell
 */
export function readerOfTold(
  believed: readonly ForwardedHeader[],
  isTrusted: (address: string) => boolean,
): (request: IncomingMessage, peer: string) => Told {
  const names = new Set(believed);
  const nearest = (request: IncomingMessage, name: ForwardedHeader): string | undefined =>
    names.has(name) ? valuesOf(request, name).at(-1) : undefined;
  return (request, peer) => {
    if (!isTrusted(peer)) return { client: peer };
    const prefix = nearest(request, 'x-forwarded-prefix');
    if (names.has('forwarded')) {
      const elements = elementsOf(request);
      const told = elements.at(-1);
      const hops = elements.map((element) => element['for'] ?? '');
      return { client: clientOf(hops, peer, isTrusted), scheme: told?.['proto'], host: told?.['host'], prefix };
    }
    const hops = names.has('x-forwarded-for') ? valuesOf(request, 'x-forwarded-for') : [];
    return {
      client: clientOf(hops, peer, isTrusted),
      scheme: nearest(request, 'x-forwarded-proto'),
      host: nearest(request, 'x-forwarded-host'),
      prefix,
    };
  };
}
