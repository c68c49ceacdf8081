// Why: one client must not take the port from the others: how many connections it may hold, how long it may stay silent on them,
// and how much of what it asked for and does not read is kept for it, are bounded here.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../base/limits.ts';

export interface ConnectionBounds {
  /** Connections at once, and those of one address. */
  readonly total: number;
  readonly perAddress: number;
  /** Requests of one address that are worked on, or whose answers are not read yet, at once; more wait. */
  readonly requestsPerAddress: number;
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
    const address = socket.remoteAddress ?? '';
    const ofAddress = open.get(address) ?? 0;
    if (all >= total || (ofAddress >= perAddress && !isExempt(address))) {
      refused.add(socket);
      socket.end(REFUSAL, () => socket.destroy());
      return;
    }
    all += 1;
    open.set(address, ofAddress + 1);
    socket.once('close', () => {
      all -= 1;
      const left = (open.get(address) as number) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
  return (socket) => refused.has(socket);
}

type Run = () => void;

/** Runs so many of an address's requests at once, and the others in their order as those before them have their answers. */
function makeShares(perAddress: number, isExempt: (address: string) => boolean) {
  const addresses = new Map<string, { running: number; readonly waiting: Run[] }>();

  function leave(address: string): void {
    const share = addresses.get(address);
    if (share === undefined) return;
    share.running -= 1;
    const next = share.waiting.shift();
    if (next !== undefined) next();
    else if (share.running === 0) addresses.delete(address);
  }

  return ({ socket: { remoteAddress: address = '' } }: IncomingMessage, response: ServerResponse, run: Run): void => {
    if (isExempt(address)) return run();
    const share = addresses.get(address) ?? { running: 0, waiting: [] };
    addresses.set(address, share);
    let state: 'waiting' | 'running' | 'gone' = 'waiting';
    const begin = (): void => {
      share.running += 1;
      // whoever has gone meanwhile takes nobody's place
      if (state === 'gone') return leave(address);
      state = 'running';
      run();
    };
    response.once('close', () => {
      if (state === 'running') leave(address);
      state = 'gone';
    });
    if (share.running < perAddress) begin();
    else share.waiting.push(begin);
  };
}

/**
 * Runs the requests of one connection one after another, each once the answer before it has left, and so many of one address at
 * once: of a client that asks and asks and reads nothing, few answers are held. Over `limits.httpPipelined` requests that wait
 * on a connection it is cut.
 */
export function makeTurns({
  requestsPerAddress,
  isExempt,
}: Pick<ConnectionBounds, 'requestsPerAddress' | 'isExempt'>): (
  request: IncomingMessage,
  response: ServerResponse,
  run: Run,
) => void {
  const queues = new WeakMap<Socket, Run[]>();
  const inShare = makeShares(requestsPerAddress, isExempt);
  const begin = (request: IncomingMessage, response: ServerResponse, run: Run) => {
    const { socket } = request;
    response.once('close', () => {
      const next = queues.get(socket)?.shift();
      if (next === undefined) queues.delete(socket);
      // not at once: other connections have their turn before this one goes on
      else setImmediate(next);
    });
    inShare(request, response, run);
  };
  return (request, response, run) => {
    const { socket } = request;
    const waiting = queues.get(socket);
    if (waiting === undefined) {
      queues.set(socket, []);
      begin(request, response, run);
    } else if (waiting.length < limits.httpPipelined) waiting.push(() => begin(request, response, run));
    else socket.destroy();
  };
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
