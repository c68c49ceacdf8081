// Why: one place decides how the port is opened, how long a client may stay silent, and that a stop lets requests end.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { boundConnections, cutSilent, defaultBounds } from './connections.ts';
import { isProbe } from './health.ts';
import { makeTurns } from './request-turns.ts';

/** Who takes connections over that shall become WebSockets. */
export interface Upgrades {
  takes(request: IncomingMessage): boolean;
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface Listening {
  /** `http://127.0.0.1:8774` */
  readonly url: string;
  /** From now on requests are answered by this; those that came before have waited. */
  answerWith(listener: RequestListener, upgrades?: Upgrades): void;
  /** Takes no more connections, gives the requests under way `limits.httpGraceMs` to end, and cuts off the rest. */
  close(): Promise<void>;
}

const urlOf = (host: string, server: Server): string => {
  const { port } = server.address() as AddressInfo;
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
};

/** Opens the port. Throws a Fault that names the address when that cannot be done. */
export async function listen(host: string, port: number, bounds = defaultBounds): Promise<Listening> {
  let listener: RequestListener | null = null;
  let upgrades: Upgrades | null = null;
  /** Requests that came before there was anybody to answer. */
  const early = new Set<() => void>();
  let underWay = 0;
  let closing: Promise<void> | null = null;
  let allEnded = (): void => undefined;

  // An upload may take hours; JSON bodies have their own limit (src/web/json-body.ts), and a silent connection is cut.
  // Without `headersTimeout` in so many words, `requestTimeout: 0` would switch that off as well.
  // What asks for HTTP/2 (`Upgrade: h2c`, as Java's client does) is answered as if it had not.
  const takes = (request: IncomingMessage): boolean =>
    request.headers.upgrade?.toLowerCase() === 'websocket' && upgrades?.takes(request) === true;
  const options = {
    requestTimeout: 0,
    headersTimeout: bounds.headMs,
    connectionsCheckingInterval: Math.max(1, Math.min(5_000, bounds.headMs / 4)),
    keepAliveTimeout: bounds.idleMs,
    shouldUpgradeCallback: takes,
  };
  const inTurn = makeTurns(bounds);
  const server = createServer(options, (request, response) => {
    if (isRefused(request.socket)) return;
    underWay += 1;
    if (closing !== null) response.setHeader('Connection', 'close');
    const answer = () => listener?.(request, response);
    inTurn(request, response, {
      isNext: () => noteRequest(request, response),
      run: () => void (listener === null ? early.add(answer) : answer()),
      ended() {
        early.delete(answer);
        underWay -= 1;
        if (underWay === 0) allEnded();
      },
      isFree: isProbe(request.url ?? '/'),
    });
  });
  const noteRequest = cutSilent(server, bounds.idleMs);
  const isRefused = boundConnections(server, bounds);
  server.on('upgrade', (request, socket, head) => {
    // a Node older than 24.9 does not ask first
    if (takes(request)) upgrades?.take(request, socket, head);
    else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      const why = taken ? 'another program listens there (choose another --port)' : error.message;
      reject(new Fault('internal', `${host}:${port}: ${why}`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });

  async function end(): Promise<void> {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    if (underWay > 0 && listener !== null) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limits.httpGraceMs);
        allEnded = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    server.closeAllConnections();
    await ended;
  }

  return {
    url: urlOf(host, server),
    answerWith(next, takers) {
      listener = next;
      upgrades = takers ?? null;
      for (const go of [...early]) go();
      early.clear();
    },
    close: () => (closing ??= end()),
  };
}
