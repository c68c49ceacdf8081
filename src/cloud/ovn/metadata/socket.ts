// Why: a process is in one network namespace, but may hold sockets of many: one that was made in a namespace stays there, whoever has it.
// So a program is started in the namespace for a moment, listens, hands its socket over and ends; no process stays for a network.

import { spawn } from 'node:child_process';
import type { Server } from 'node:net';
import { extname, join } from 'node:path';
import { limits } from '../../../base/limits.ts';

/** A server on which it is listened already: it is for `listen(server)` of another one. */
export type OpenedSocket = Server;

const PROGRAM = join(import.meta.dirname, `socket-program${extname(import.meta.filename)}`);

/**
 * Opens the socket of metadata in a namespace.
 * @param enter the words that run a command there
 * @throws Error with what the program said
 */
export function openSocket(enter: readonly string[]): Promise<OpenedSocket> {
  const [file, ...words] = [...enter, process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout: limits.metadataListenMs });
    let said = '';
    child.stderr?.on('data', (piece: Buffer) => (said = `${said}${piece.toString()}`.slice(-limits.shownChars)));
    child.once('message', (_, handle) => {
      const server = handle as Server;
      // whoever comes before it is taken over comes again
      server.on('connection', (socket) => socket.destroy());
      resolve(server);
    });
    child.once('error', reject);
    // of no matter where it was handed over
    child.once('exit', (code, signal) =>
      reject(new Error(`no socket for metadata (${signal ?? code}): ${said.trim().split('\n').at(-1)}`)),
    );
  });
}
