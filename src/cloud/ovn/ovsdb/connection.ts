// Why: one connection to an OVSDB server: calls and their answers, notifications, and probes that the server is alive.

import type { Socket } from 'node:net';
import { limits } from '../../../base/limits.ts';
import { OvsdbError } from './failure.ts';
import { openRemote, type Remote, type TlsFiles } from './remote.ts';
import { makeSplitter } from './splitter.ts';

export interface Connection {
  /** Sends a call and resolves to its result. Rejects with `OvsdbError`. */
  call(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Resolves with the reason once it is closed. */
  readonly closed: Promise<string>;
  close(): void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: OvsdbError) => void;
  readonly timer: NodeJS.Timeout;
}

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: readonly unknown[];
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Waits until a socket is open. */
function opened(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new OvsdbError('away', error.message, error));
    const timer = setTimeout(() => {
      socket.destroy();
      fail(new Error('nothing answered in time'));
    }, limits.ovsdbConnectMs);
    socket.once('error', fail).once('close', () => fail(new Error('closed while connecting')));
    socket.once(event, () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once('error', () => clearTimeout(timer));
  });
}

/**
 * Connects to a server.
 * @param heard called with notifications
 * @throws OvsdbError `away`
 */
export async function connect(
  remote: Remote,
  files: TlsFiles | null,
  heard: (method: string, params: readonly unknown[]) => void,
): Promise<Connection> {
  const { socket, open } = openRemote(remote, files);
  await opened(socket, open);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let lastHeard = Date.now();
  let reason = 'the server closed the connection';
  const end = (why: string): void => {
    reason = why;
    socket.destroy();
  };

  function send(message: object): void {
    socket.write(JSON.stringify(message));
    // if the server does not read, the buffer would grow without bound
    if (socket.writableLength > limits.ovsdbMessageBytes) end('the server does not read what it is sent');
  }

  function call(method: string, params: readonly unknown[]): Promise<unknown> {
    if (socket.destroyed) return Promise.reject(new OvsdbError('away', reason));
    if (waiting.size >= limits.ovsdbCallsAtOnce)
      return Promise.reject(new OvsdbError('away', `${waiting.size} calls wait for their answers already`));
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(new OvsdbError('late', `${method} was not answered in ${limits.ovsdbCallMs / 1000} s`));
      }, limits.ovsdbCallMs);
      waiting.set(id, { resolve, reject, timer });
      send({ method, params, id });
    });
  }

  function take(message: Message): void {
    const { id, method, params = [], result, error } = message;
    if (method === 'echo') return send({ id, result: params, error: null });
    if (method !== undefined) return heard(method, params);
    const asked = waiting.get(id as number);
    if (asked === undefined) return;
    waiting.delete(id as number);
    clearTimeout(asked.timer);
    if (error == null) asked.resolve(result);
    else asked.reject(new OvsdbError('refused', typeof error === 'string' ? error : JSON.stringify(error)));
  }

  const split = makeSplitter(limits.ovsdbMessageBytes, (message) => take(message as Message));
  socket.on('data', (piece: Buffer) => {
    lastHeard = Date.now();
    try {
      split(piece);
    } catch (error) {
      end((error as Error).message);
    }
  });
  // a stopped server or a cut connection sends nothing, not even an error
  const probe = setInterval(() => {
    const silentMs = Date.now() - lastHeard;
    if (silentMs > 2 * limits.ovsdbProbeMs) end(`nothing was heard for ${Math.round(silentMs / 1000)} s`);
    else if (silentMs > limits.ovsdbProbeMs) call('echo', []).catch(() => {});
  }, limits.ovsdbProbeMs / 2);
  probe.unref();
  const closed = new Promise<string>((resolve) => {
    socket.on('error', (error) => void (reason = error.message));
    socket.once('close', () => {
      clearInterval(probe);
      for (const { reject, timer } of waiting.values()) {
        clearTimeout(timer);
        reject(new OvsdbError('away', reason));
      }
      waiting.clear();
      resolve(reason);
    });
  });
  return { call, closed, close: () => end('closed by us') };
}
