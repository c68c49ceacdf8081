// Why: what a host calls a console's place is an address or, where only this machine shall reach it, a socket in the file system.

import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { unavailable } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type ConsoleEndpoint, isSocketFile } from '../domain/servers/console-endpoint.ts';

const noAnswer = (cause: unknown) => unavailable("The server's console does not answer.", { cause });

/** Linux's O_PATH, for which Node has no name: the file is held and not opened. */
const O_PATH = 0o10000000;

/**
 * Holds a socket in the file system, as it is now. No link is followed, and in somebody else's directory only his own sockets
 * count: a guest that broke out into its QEMU could else lead us to a socket that we may open and it may not.
 */
async function holdSocket(path: string) {
  const held = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const [socket, folder] = await Promise.all([held.stat(), stat(dirname(path))]);
    const isOurs = folder.uid === process.getuid?.();
    if (!socket.isSocket() || (!isOurs && socket.uid !== folder.uid))
      throw new Error(`${path} is no socket of its owner`);
    return held;
  } catch (error) {
    await held.close();
    throw error;
  }
}

/** Connects to a guest's console; nothing is read yet. Throws `unavailable` where nobody answers in time. */
export async function dial(endpoint: ConsoleEndpoint): Promise<Socket> {
  const { host, port } = endpoint;
  if (!isSocketFile(endpoint)) return await answered(connect({ host, port, noDelay: true }));
  const held = await holdSocket(host).catch((cause: unknown) => {
    throw noAnswer(cause);
  });
  try {
    return await answered(connect({ path: `/proc/self/fd/${held.fd}` }));
  } finally {
    await held.close();
  }
}

function answered(guest: Socket): Promise<Socket> {
  const tooLate = setTimeout(() => guest.destroy(new Error('no answer in time')), limits.consoleConnectMs);
  return new Promise((resolve, reject) => {
    guest.once('error', (cause) => {
      clearTimeout(tooLate);
      reject(noAnswer(cause));
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
