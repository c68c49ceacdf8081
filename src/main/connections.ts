// Why: one client must not take the port from the others: how many connections it may hold and how long it may stay silent on them
// are bounded here; what of its requests is worked on at once, in request-turns.ts.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientKey } from '../base/client-key.ts';
import { limits } from '../base/limits.ts';

export interface ConnectionBounds {
  /** Connections at once, and those of one client (an address; of IPv6 a /64). */
  readonly total: number;
  readonly perAddress: number;
  /** Requests of one client that are worked on, or whose answers are not read yet, at once; more wait. */
  readonly requestsPerAddress: number;
  /** How long they may wait until they are refused. */
  readonly requestWaitMs: number;
  /** How long the head of a request may take. */
  readonly headMs: number;
  /** A connection on which nothing moves for this long is cut. */
  readonly idleMs: number;
  /** Proxies, whose connections are of many clients. */
  readonly isExempt: (address: string) => boolean;
}

export const defaultBounds: ConnectionBounds = {
  total: limits.httpConnections,
  perAddress: limits.httpConnectionsPerAddress,
  requestsPerAddress: limits.httpRequestsPerAddress,
  requestWaitMs: limits.httpRequestWaitMs,
  headMs: limits.httpHeadMs,
  idleMs: limits.httpIdleMs,
  isExempt: () => false,
};

const REFUSAL =
  'HTTP/1.1 503 Too Many Connections\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n';

/**
 * Refuses connections over the bounds: a client is told, and may come again.
 * @returns whether a connection was refused; what it sent all the same is no request
 */
export function boundConnections(
  server: Server,
  { total, perAddress, isExempt }: ConnectionBounds,
): (socket: Socket) => boolean {
  const open = new Map<string, number>();
  const refused = new WeakSet<Socket>();
  let all = 0;
  server.prependListener('connection', (socket: Socket) => {
    const client = clientKey(socket.remoteAddress ?? '');
    const ofClient = open.get(client) ?? 0;
    if (all >= total || (ofClient >= perAddress && !isExempt(socket.remoteAddress ?? ''))) {
      refused.add(socket);
      socket.end(REFUSAL, () => socket.destroy());
      return;
    }
    all += 1;
    open.set(client, ofClient + 1);
    socket.once('close', () => {
      all -= 1;
      const left = (open.get(client) as number) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
  });
  return (socket) => refused.has(socket);
}

/**
 * Cuts connections on which nothing moves, in either direction; while an answer is being made nothing can, and that may take
 * `limits.httpAnswerMs`.
 * @returns to be told of each request
 */
export function cutSilent(
  server: Server,
  idleMs: number,
): (request: IncomingMessage, response: ServerResponse) => void {
  const current = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse; beganMs: number }>();
  server.setTimeout(idleMs, (socket: Socket) => {
    const now = current.get(socket);
    const isBeingMade = now !== undefined && now.request.complete && !now.response.headersSent;
    if (isBeingMade && performance.now() - now.beganMs < limits.httpAnswerMs) socket.setTimeout(idleMs);
    else socket.destroy();
  });
  return (request, response) => {
    current.set(request.socket, { request, response, beganMs: performance.now() });
  };
}
