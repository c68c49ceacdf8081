// Why: a process is in one network namespace but can hold sockets of others: a socket stays in the namespace where it was created.
// So a short-lived program in the namespace opens a socket, hands it over and exits; no process stays running per network.

import { spawn } from 'node:child_process';
import type { Server, Socket } from 'node:net';
import { extname, join } from 'node:path';
import { limits } from '../../../base/limits.ts';

/** A server that is already listening, to be passed to `listen(server)` of another one. */
export type OpenedSocket = Server;

/**
 * Runs a program of ours in a namespace and resolves to the handle that it sends.
 * @param enter the command prefix that enters the namespace
 * @throws Error with the program's last output
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
    // has no effect after the handle arrived; `close` and not `exit`, which may come before the last output
    child.once('close', (code, signal) =>
      reject(new Error(`${program} ended (${signal ?? code}): ${said.trim().split('\n').at(-1)}`)),
    );
  });
}

/** Opens the socket of metadata in a namespace. */
export const openSocket = (enter: readonly string[]): Promise<OpenedSocket> =>
  handedOver(enter, 'socket-program', [], limits.metadataListenMs, (handle) => {
    const server = handle as Server;
    // connections before the handover are closed; clients retry
    server.on('connection', (socket) => socket.destroy());
    return server;
  });

/** Opens a connection from a namespace. */
export const dialFrom = (enter: readonly string[], address: string, port: number): Promise<Socket> =>
  handedOver(enter, 'dial-program', [address, String(port)], limits.sshDialMs, (handle) => handle as Socket);
