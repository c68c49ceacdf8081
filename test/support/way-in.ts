// Why: whoever is in a network namespace has a loopback of its own. What listens on this machine's is reached from there by sockets in the
// file system, which namespaces share.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type Server } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';

export interface WayIn {
  close(): void;
}

/**
 * Has ports of this machine's loopback answer on a namespace's loopback too, by the same numbers.
 * @param words what stands before a command that is run there
 * @param directory for the sockets; short, since their paths are
 */
export async function openWayIn(words: readonly string[], directory: string, ports: readonly number[]): Promise<WayIn> {
  const servers: Server[] = [];
  let relay: ChildProcess | null = null;
  const close = (): void => {
    relay?.kill('SIGKILL');
    for (const server of servers) server.close();
  };
  const pathOf = (port: number): string => join(directory, `port-${port}.sock`);
  try {
    for (const port of ports) {
      const server = createServer({ allowHalfOpen: true }, (from) => {
        const to = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        pipeline(from, to, from, () => {});
      });
      servers.push(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(pathOf(port), resolve));
    }
    const [command = '', ...rest] = words;
    const pairs = ports.flatMap((port) => [String(port), pathOf(port)]);
    const script = [process.execPath, join(import.meta.dirname, 'relay.ts'), ...pairs];
    relay = spawn(command, [...rest, ...script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([
      once(relay.stdout as NodeJS.ReadableStream, 'data'),
      once(relay, 'exit').then(() => Promise.reject(new Error('no way in'))),
    ]);
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}
