// Why: how much of what one client asked for is worked on, or kept because it does not read, is bounded: its requests take turns. A
// client that goes away takes its requests with it, wherever they wait.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientKey } from '../base/client-key.ts';
import { limits } from '../base/limits.ts';
import { GIVES_PLACE_BACK } from '../web/place.ts';
import type { ConnectionBounds } from './connections.ts';

/** What happens to a request on its way. Each is called once at most. */
export interface Turn {
  /** It is the first of its connection that has no answer yet. */
  readonly isNext: () => void;
  readonly run: () => void;
  /** Its answer has left, or its client has gone; the last that is heard of it. */
  readonly ended: () => void;
  /** It needs no place in its client's share. */
  readonly isFree: boolean;
}

interface Ticket {
  readonly turn: Turn;
  readonly response: ServerResponse;
  /** Where it holds a place, or waits for one with patience; both null: neither. */
  running: Share | null;
  waiting: { readonly share: Share; readonly patience: NodeJS.Timeout } | null;
}

function refuse(response: ServerResponse): void {
  response.writeHead(503, { 'Retry-After': '1', 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end('Too many requests of this address are under way.\n');
}

/** What one client has under way. */
interface Share {
  running: number;
  /** In the order in which they came. */
  readonly waiting: Set<Ticket>;
  /** It is forgotten with the last of them: to make one for each request would cost more than the requests. */
  connections: number;
}

function runIn(share: Share, ticket: Ticket): void {
  share.running += 1;
  ticket.running = share;
  ticket.turn.run();
}

function waitIn(share: Share, ticket: Ticket, waitMs: number): void {
  const patience = setTimeout(() => {
    leave(ticket);
    refuse(ticket.response);
  }, waitMs);
  share.waiting.add(ticket);
  ticket.waiting = { share, patience };
}

/** Gives back the place that a request holds, to the next, or leaves where it waits for one. Twice is once. */
function leave(ticket: Ticket): void {
  const { running, waiting } = ticket;
  ticket.running = null;
  ticket.waiting = null;
  if (waiting !== null) {
    clearTimeout(waiting.patience);
    waiting.share.waiting.delete(ticket);
  }
  if (running === null) return;
  running.running -= 1;
  if (running.waiting.size === 0) return;
  const [next] = running.waiting;
  if (next === undefined) return;
  leave(next);
  runIn(running, next);
}

/** The share of each client that has a connection. */
function makeShares(isExempt: ConnectionBounds['isExempt']) {
  const shares = new Map<string, Share>();
  return (socket: Socket): Share | null => {
    const { remoteAddress = '' } = socket;
    if (isExempt(remoteAddress)) return null;
    const client = clientKey(remoteAddress);
    const share = shares.get(client) ?? { running: 0, waiting: new Set(), connections: 0 };
    shares.set(client, share);
    share.connections += 1;
    socket.once('close', () => {
      share.connections -= 1;
      if (share.connections === 0) shares.delete(client);
    });
    return share;
  };
}

/** The requests of one connection that have no answer yet, the one whose turn it is first. */
interface Line {
  readonly tickets: Ticket[];
  /** Null: its client is bounded by nothing. */
  readonly share: Share | null;
}

/**
 * Runs the requests of one connection one after another, each once the answer before it has left, and so many of one client at
 * once: of a client that asks and asks and reads nothing, few answers are held. Over `limits.httpPipelined` requests that wait
 * on a connection it is cut; one that waits for its client's share for longer than `requestWaitMs` is 503.
 */
export function makeTurns(
  bounds: Omit<ConnectionBounds, 'total' | 'perAddress'>,
): (request: IncomingMessage, response: ServerResponse, turn: Turn) => void {
  const lines = new WeakMap<Socket, Line>();
  const { requestsPerAddress, requestWaitMs } = bounds;
  const shareOf = makeShares(bounds.isExempt);

  function begin(line: Line, ticket: Ticket): void {
    const { tickets, share } = line;
    ticket.turn.isNext();
    ticket.response.once(GIVES_PLACE_BACK, () => leave(ticket));
    ticket.response.once('close', () => {
      // the connection went first, and took all of them
      if (tickets[0] !== ticket) return;
      tickets.shift();
      end(ticket);
      // not at once: other connections have their turn before this one goes on
      if (tickets.length > 0) setImmediate(() => void (tickets[0] !== undefined && begin(line, tickets[0])));
    });
    if (ticket.turn.isFree || share === null) ticket.turn.run();
    else if (share.running < requestsPerAddress) runIn(share, ticket);
    else waitIn(share, ticket, requestWaitMs);
  }

  function end(ticket: Ticket): void {
    leave(ticket);
    ticket.turn.ended();
  }

  function lineOf(socket: Socket): Line {
    const known = lines.get(socket);
    if (known !== undefined) return known;
    const line: Line = { tickets: [], share: shareOf(socket) };
    lines.set(socket, line);
    // of the answers that wait behind another not every Node says that their connection is gone
    socket.once('close', () => line.tickets.splice(0).forEach(end));
    return line;
  }

  return (request, response, turn) => {
    const { socket } = request;
    if (socket.destroyed) return turn.ended();
    const line = lineOf(socket);
    if (line.tickets.length > limits.httpPipelined) {
      turn.ended();
      socket.destroy();
      return;
    }
    const ticket: Ticket = { turn, response, running: null, waiting: null };
    line.tickets.push(ticket);
    if (line.tickets.length === 1) begin(line, ticket);
  };
}
