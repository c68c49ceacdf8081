// Why: what a host calls a console's place is an address or, where only this machine shall reach it, a socket in the file system.

import { connect, type Socket } from 'node:net';
import { unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type ConsoleEndpoint, isSocketFile } from '../domain/remote-console.ts';

/** Connects to a guest's console; nothing is read yet. Throws `unavailable` where nobody answers in time. */
export function dial(endpoint: ConsoleEndpoint): Promise<Socket> {
  const { host, port } = endpoint;
  const guest = isSocketFile(endpoint) ? connect({ path: host }) : connect({ host, port, noDelay: true });
  const tooLate = setTimeout(() => guest.destroy(new Error('no answer in time')), limits.consoleConnectMs);
  return new Promise((resolve, reject) => {
    guest.once('error', (cause) => {
      clearTimeout(tooLate);
      reject(unavailable("The server's console does not answer.", { cause }));
    });
    guest.once('connect', () => {
      clearTimeout(tooLate);
      guest.removeAllListeners('error');
      // whoever carries it hears of its end by `close`
      guest.on('error', () => undefined);
      resolve(guest);
    });
  });
}
