// Why: services on this machine's loopback are reached from a network namespace by this: it hands each connection to a port of that
// namespace's loopback on to a socket in the file system, behind which the service is.
//
//   node test/support/relay.ts PORT SOCKET [PORT SOCKET]...

import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const words = process.argv.slice(2);
const ways = Array.from(
  { length: words.length / 2 },
  (_, at) => [Number(words[2 * at]), words[2 * at + 1] ?? ''] as const,
);
for (const [port, socket] of ways) {
  const server = createServer({ allowHalfOpen: true }, (from) => {
    const to = connect({ path: socket, allowHalfOpen: true });
    pipeline(from, to, from, () => {});
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}
console.log('ready');
