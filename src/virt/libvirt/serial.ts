// Why: what a guest says on its serial line is kept in a file, and whoever is let through may speak on it as well: a socket beside
// the file, which QEMU gets from libvirt open already, so that it need not be allowed to make one.

import { limits } from '../../base/limits.ts';
import type { ConsoleEndpoint } from '../../domain/servers/console-endpoint.ts';
import { type Element, attributeOf, children, leaf, type XMLBuilder } from './xml.ts';

/**
 * @param socket null: nobody can speak on it
 * @param count how many lines there are; the first is the one that is kept, the others lead nowhere
 */
export function writeSerial(devices: XMLBuilder, log: string, socket: string | null, count = 1): void {
  const file = { [socket === null ? 'path' : 'file']: log, append: 'on' };
  const serial = devices.ele('serial', { type: socket === null ? 'file' : 'unix' });
  if (socket === null) leaf(serial, 'source', file);
  else {
    leaf(serial, 'source', { mode: 'bind', path: socket });
    leaf(serial, 'log', file);
  }
  leaf(serial, 'target', { port: 0 });
  for (let port = 1; port < count; port++) leaf(devices.ele('serial', { type: 'null' }), 'target', { port });
}

/** The path itself, where the system takes so long a one for a socket; else null. */
export const socketPath = (path: string): string | null =>
  Buffer.byteLength(path) <= limits.socketPathBytes ? path : null;

/** Where the serial line of a running guest listens. */
export function lineOf(devices: Element): ConsoleEndpoint | null {
  const line = children(devices, 'serial').find((one) => one.getAttribute('type') === 'unix');
  const path = line === undefined ? null : attributeOf(line, 'source', 'path');
  return path === null ? null : { host: path, port: 0, tlsPort: null, path: null };
}
