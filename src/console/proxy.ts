// Why: the addresses of consoles lead here: a token is exchanged for a connection to the guest, within bounds, and whoever has
// none, or a page of somebody else's, gets no further than this.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { asFault, forbidden, notFound, unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { ConsoleEndpoint } from '../domain/servers/console-endpoint.ts';
import { statusOfFault } from '../web/faults.ts';
import { type Carried, carry, GOING_AWAY } from './carry.ts';
import { dial } from './dial.ts';
import { originProblem } from './origin.ts';
import { makeShares, type ShareBounds } from './shares.ts';
import { tokenOf } from './token.ts';

/** What a token stands for at this moment. */
export interface OpenConsole {
  /** Who asked for the token, and whose server it is. */
  readonly userId: string;
  readonly projectId: string;
  readonly serverUuid: string;
  readonly type: string;
  readonly endpoint: ConsoleEndpoint;
}

export interface ConsoleProxyOptions {
  /** Where the caller reaches the consoles, an HTTP URL. */
  readonly baseUrlOf: (request: IncomingMessage) => string;
  /** Names of further hosts whose pages may open consoles: a dashboard's. */
  readonly allowedHosts: readonly string[];
  /** Null for a token that opens nothing (any more). */
  readonly open: (token: string) => Promise<OpenConsole | null>;
  readonly log: Log;
  /** Told how many are open, whenever that changes. */
  readonly count?: (open: number) => void;
  readonly bounds?: Partial<ConsoleBounds>;
}

export interface ConsoleBounds {
  /** Consoles that are open or being opened: all, and those of one token, user and project. */
  readonly atOnce: number;
  readonly shares: ShareBounds;
  /** A console through which nothing goes for this long is closed. */
  readonly idleMs: number;
  /** How often a client has to show that it lives. */
  readonly keepaliveMs: number;
}

export interface ConsoleProxy {
  /** Takes over the connection of a request that asked for a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Ends all consoles; the clients are told. */
  close(): Promise<void>;
}

interface Session extends Carried {
  /** Whether the client answered since it was asked last. */
  alive: boolean;
}

export function makeConsoleProxy(options: ConsoleProxyOptions): ConsoleProxy {
  const { open, log, count } = options;
  const bounds: ConsoleBounds = {
    ...{ atOnce: limits.consolesAtOnce, shares: limits.consoleShares },
    ...{ idleMs: limits.consoleIdleMs, keepaliveMs: limits.consoleKeepaliveMs },
    ...options.bounds,
  };
  const shares = makeShares(bounds.shares);
  const sessions = new Map<WebSocket, Session>();
  let opening = 0;
  let closed = false;
  const sockets = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: limits.consoleFrameBytes },
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  });

  const heartbeat = setInterval(() => {
    for (const [client, session] of sessions) {
      if (!session.alive) client.terminate();
      else if (performance.now() - session.lastMs() > bounds.idleMs) client.close(GOING_AWAY, 'Nothing was going on.');
      session.alive = false;
      client.ping();
    }
  }, bounds.keepaliveMs);
  heartbeat.unref();

  /** What the request may open. Throws a Fault that may be told to anybody. */
  async function admit(request: IncomingMessage): Promise<OpenConsole & { readonly giveBack: () => void }> {
    if (closed) throw unavailable('The service is about to end.');
    const rule = { baseUrl: options.baseUrlOf(request), allowedHosts: options.allowedHosts };
    const problem = originProblem(request.headers, rule);
    if (problem !== null) throw forbidden(problem);
    const token = tokenOf(request);
    const found = token === null ? null : await open(token);
    if (token === null || found === null) throw notFound('Token not found');
    const { userId: user, projectId: project } = found;
    return { ...found, giveBack: shares.take({ token, user, project }) };
  }

  function begin(client: WebSocket, guest: Parameters<typeof carry>[1], { serverUuid, type }: OpenConsole): void {
    const session: Session = { ...carry(client, guest), alive: true };
    const console = { server: serverUuid, type };
    const beganMs = performance.now();
    sessions.set(client, session);
    count?.(sessions.size);
    log.info(console, 'console opened');
    client.on('pong', () => (session.alive = true));
    client.once('close', (code) => {
      sessions.delete(client);
      count?.(sessions.size);
      log.info({ ...console, code, seconds: Math.round((performance.now() - beganMs) / 1000) }, 'console closed');
    });
  }

  return {
    async upgrade(request, socket, head) {
      // a client that goes while it is being served
      socket.on('error', () => undefined);
      if (sessions.size + opening >= bounds.atOnce) return refuse(socket, unavailable('Too many consoles are open.'));
      opening += 1;
      try {
        const found = await admit(request);
        if (socket.destroyed) found.giveBack();
        else socket.once('close', found.giveBack);
        const guest = await dial(found.endpoint);
        socket.once('close', () => guest.destroy());
        if (socket.destroyed || closed) {
          guest.destroy();
          throw unavailable('The service is about to end.');
        }
        sockets.handleUpgrade(request, socket, head, (client) => begin(client, guest, found));
      } catch (error) {
        const fault = asFault(error);
        log[fault.kind === 'internal' ? 'error' : 'info']({ err: fault.cause ?? fault }, 'console refused');
        refuse(socket, fault);
      } finally {
        opening -= 1;
      }
    },
    async close() {
      closed = true;
      clearInterval(heartbeat);
      for (const client of sessions.keys()) client.close(GOING_AWAY, 'The service is about to end.');
      const giveUpAt = performance.now() + limits.consoleFarewellMs;
      while (sessions.size > 0 && performance.now() < giveUpAt) await sleep(10);
      for (const client of sessions.keys()) client.terminate();
    },
  };
}

/**
 * Answers a request that asked for a WebSocket and gets none. The reason stands in the first line, there is no body: simple
 * clients take whatever follows the headers for frames.
 */
function refuse(socket: Duplex, error: ReturnType<typeof asFault>): void {
  if (socket.destroyed) return;
  const reason = error.message.replaceAll(/[^\x20-\x7e]/g, ' ');
  const head = [`HTTP/1.1 ${statusOfFault(error)} ${reason}`, 'Content-Length: 0', 'Connection: close'];
  socket.end(`${head.join('\r\n')}\r\n\r\n`, () => socket.destroy());
}
