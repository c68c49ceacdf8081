// Why: the API server asks over TLS before it stores a machine. Whoever else finds the port is answered as little as may be.

import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type AdmissionRequest, type AdmissionResponse, mutate, validate } from './admission.ts';

/** The largest object that etcd takes, and its old form beside it. */
const MOST_BYTES = 4 * 2 ** 20;
const REQUEST_MS = 10_000;

export interface KeyPair {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface WebhookOptions {
  readonly host: string;
  readonly port: number;
  readonly pair: KeyPair;
  readonly hookPrefixes: readonly string[];
  readonly log: Log;
}

export interface Webhook {
  readonly port: number;
  /** From the next connection on. */
  renew(pair: KeyPair): void;
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MOST_BYTES) throw new Error('the review is too large');
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString()) as unknown;
}

function requestIn(review: unknown): AdmissionRequest {
  const { request } = (review ?? {}) as { readonly request?: Partial<AdmissionRequest> };
  if (typeof request?.uid !== 'string' || typeof request.operation !== 'string')
    throw new Error('no review of a request');
  return request as AdmissionRequest;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

/** Serves `/validate` and `/mutate`. */
export async function serveWebhook({ host, port, pair, hookPrefixes, log }: WebhookOptions): Promise<Webhook> {
  const answers: Readonly<Record<string, (request: AdmissionRequest) => AdmissionResponse>> = {
    '/validate': (request) => validate(request, hookPrefixes),
    '/mutate': mutate,
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?');
    const of = Object.hasOwn(answers, path) ? answers[path] : undefined;
    if (of === undefined || request.method !== 'POST') return send(response, 404, { message: 'there is nothing here' });
    try {
      const asked = requestIn(await bodyOf(request));
      send(response, 200, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: of(asked) });
    } catch (error) {
      log.warn({ error: messageOf(error), path }, 'a review could not be read');
      send(response, 400, { message: messageOf(error) });
    }
  }
  const server: Server = createServer(
    { ...pair, minVersion: 'TLSv1.2' },
    (request, response) => void answer(request, response),
  );
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    renew: (next) => server.setSecureContext({ ...next, minVersion: 'TLSv1.2' }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
