// Why: how much of what one client asked for is worked on, or kept because it does not read, is bounded: its requests take turns. A
// client that goes away takes its requests with it, wherever they wait.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientKey } from '../base/client-key.ts';
import { limits } from '../base/limits.ts';
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

interface Ticket extends Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Gives back what it holds or leaves where it waits; idempotent. */
  leave: () => void;
}

const nothing = (): void => undefined;

function refuse(response: ServerResponse): void {
  response.writeHead(503, { 'Retry-After': '1', 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
  response.end('Too many requests of this address are under way.\n');
}

/** Runs so many of a client's requests at once, and the others in their order as those before them have their answers. */
function makeShares({ requestsPerAddress, requestWaitMs, isExempt }: Omit<ConnectionBounds, 'total' | 'perAddress'>) {
  interface Share {
    running: number;
    /** In the order in which they came. */
    readonly waiting: Set<Ticket>;
  }
  const shares = new Map<string, Share>();

  function run(client: string, share: Share, ticket: Ticket): void {
    share.running += 1;
    ticket.leave = () => {
      ticket.leave = nothing;
      share.running -= 1;
      const [next] = share.waiting;
      if (next !== undefined) {
        next.leave();
        run(client, share, next);
      } else if (share.running === 0) shares.delete(client);
    };
    ticket.run();
  }

  function wait(share: Share, ticket: Ticket): void {
    const patience = setTimeout(() => {
      ticket.leave();
      refuse(ticket.response);
    }, requestWaitMs);
    share.waiting.add(ticket);
    ticket.leave = () => {
      ticket.leave = nothing;
      clearTimeout(patience);
      share.waiting.delete(ticket);
    };
  }

  return (ticket: Ticket): void => {
    const { remoteAddress = '' } = ticket.request.socket;
    if (ticket.isFree || isExempt(remoteAddress)) return ticket.run();
    const client = clientKey(remoteAddress);
    const share = shares.get(client) ?? { running: 0, waiting: new Set() };
    shares.set(client, share);
    if (share.running < requestsPerAddress) run(client, share, ticket);
    else wait(share, ticket);
  };
}

/** The requests of one connection that have no answer yet, the one whose turn it is first. */
type Line = Ticket[];

/**
 * Runs the requests of one connection one after another, each once the answer before it has left, and so many of one client at
 * once: of a client that asks and asks and reads nothing, few answers are held. Over `limits.httpPipelined` requests that wait
 * on a connection it is cut; one that waits for its client's share for longer than `requestWaitMs` is 503.
 */
export function makeTurns(
  bounds: Omit<ConnectionBounds, 'total' | 'perAddress'>,
): (request: IncomingMessage, response: ServerResponse, turn: Turn) => void {
  const lines = new WeakMap<Socket, Line>();
  const enterShare = makeShares(bounds);

  function begin(line: Line, ticket: Ticket): void {
    ticket.isNext();
    ticket.response.once('close', () => {
      // the connection went first, and took all of them
      if (line[0] !== ticket) return;
      line.shift();
      end(ticket);
      // not at once: other connections have their turn before this one goes on
      if (line.length > 0) setImmediate(() => void (line[0] !== undefined && begin(line, line[0])));
    });
    enterShare(ticket);
  }

  function end(ticket: Ticket): void {
    ticket.leave();
    ticket.ended();
  }

  function lineOf(socket: Socket): Line {
    const known = lines.get(socket);
    if (known !== undefined) return known;
    const line: Line = [];
    lines.set(socket, line);
    // of the answers that wait behind another not every Node says that their connection is gone
    socket.once('close', () => line.splice(0).forEach(end));
    return line;
  }

  return (request, response, turn) => {
    const { socket } = request;
    if (socket.destroyed) return turn.ended();
    const line = lineOf(socket);
    if (line.length > limits.httpPipelined) {
      turn.ended();
      socket.destroy();
      return;
    }
    const ticket: Ticket = { ...turn, request, response, leave: nothing };
    line.push(ticket);
    if (line.length === 1) begin(line, ticket);
  };
}
