// Why: an agent knows from which network and address a guest sends a request, but not its metadata: it forwards the request to an API, signed
// with the host's key, and returns the answer.

import { Pool } from 'undici';
import type { Clock } from '../../../base/clock.ts';
import { limits } from '../../../base/limits.ts';
import { withoutEndSlashes } from '../../../base/slashes.ts';
import {
  relayHeaders,
  type RelayedFrom,
  type RelayedQuestion,
  signatureOf,
} from '../../../domain/servers/metadata-signature.ts';

export interface RelayOptions {
  /** The APIs' address: `http://api:8774/metadata`. */
  readonly url: string;
  readonly host: string;
  /** The host's key (`hostKey`). */
  readonly key: string;
  readonly clock: Clock;
}

export interface RelayedAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Relay {
  /** Forwards a request to an API. Rejects if none answers. */
  ask(from: Omit<RelayedFrom, 'host' | 'atMs'>, question: RelayedQuestion): Promise<RelayedAnswer>;
  close(): Promise<void>;
}

/** Headers of the answer that guests get. */
const TOLD = ['retry-after', 'allow'] as const;

export function makeRelay({ url, host, key, clock }: RelayOptions): Relay {
  const timeout = limits.metadataRequestMs;
  const { origin, pathname } = new URL(url);
  const base = withoutEndSlashes(pathname);
  const pool = new Pool(origin, {
    ...{ connect: { timeout }, headersTimeout: timeout, bodyTimeout: timeout },
    connections: limits.metadataRelayConnections,
  });
  return {
    async ask(where, question) {
      const from = { ...where, host, atMs: clock.now() };
      const { statusCode, headers, body } = await pool.request({
        path: `${base}${question.url}`,
        method: question.method as 'GET',
        headers: {
          [relayHeaders.host]: host,
          [relayHeaders.network]: from.networkId,
          [relayHeaders.address]: from.address,
          [relayHeaders.time]: String(from.atMs),
          [relayHeaders.signature]: signatureOf(key, from, question),
        },
        body: question.body === '' ? null : question.body,
      });
      const told = TOLD.flatMap((name) =>
        headers[name] === undefined ? [] : [[name, String(headers[name])] as const],
      );
      return {
        status: statusCode,
        type: String(headers['content-type'] ?? 'text/plain'),
        body: new Uint8Array(await body.arrayBuffer()),
        headers: Object.fromEntries(told),
      };
    },
    close: () => pool.destroy(),
  };
}
