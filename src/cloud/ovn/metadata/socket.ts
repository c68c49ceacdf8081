// Why: a process is in one network namespace, but may hold sockets of many: one that was made in a namespace stays there, whoever has it.
// So a program is started in the namespace for a moment, listens, hands its socket over and ends; no process stays for a network.

import { spawn } from 'node:child_process';
import type { Server, Socket } from 'node:net';
import { extname, join } from 'node:path';
import { limits } from '../../../base/limits.ts';

/** A server on which it is listened already: it is for `listen(server)` of another one. */
export type OpenedSocket = Server;

/**
 * What a program of ours hands over that runs in a namespace.
 * @param enter the words that run a command there
 * @throws Error with what the program said
 */
function handedOver<T>(
  enter: readonly string[],
  program: string,
  args: readonly string[],
  timeout: number,
  take: (handle: unknown) => T,
): Promise<T> {
  const path = join(import.meta.dirname, `${program}${extname(import.meta.filename)}`);
  const [file = '', ...words] = [...enter, process.execPath, '--disable-warning=ExperimentalWarning', path, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout });
    let said = '';
    child.stderr?.on('data', (piece: Buffer) => (said = `${said}${piece.toString()}`.slice(-limits.shownChars)));
    child.once('message', (_, handle) => resolve(take(handle)));
    child.once('error', reject);
    // of no matter where it was handed over; what it said last may come later than its end
    child.once('close', (code, signal) =>
      reject(new Error(`${program} ended (${signal ?? code}): ${said.trim().split('\n').at(-1)}`)),
    );
  });
}

/** Opens the socket of metadata in a namespace. */
export const openSocket = (enter: readonly string[]): Promise<OpenedSocket> =>
  handedOver(enter, 'socket-program', [], limits.metadataListenMs, (handle) => {
    const server = handle as Server;
    // whoever comes before it is taken over comes again
    server.on('connection', (socket) => socket.destroy());
    return server;
  });

/** Opens a connection from a namespace. */
export const dialFrom = (enter: readonly string[], address: string, port: number): Promise<Socket> =>
  handedOver(enter, 'dial-program', [address, String(port)], limits.sshDialMs, (handle) => handle as Socket);
