// Why: tempest reaches guests' floating addresses from a network namespace of their own, and the service's API there by this: it hands
// each connection to a port of that namespace's loopback on to a socket in the file system, behind which the API is.
//
//   node tools/tempest/relay.ts PORT SOCKET

import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const [port, socket = ''] = process.argv.slice(2);
const server = createServer({ allowHalfOpen: true }, (from) => {
  const to = connect({ path: socket, allowHalfOpen: true });
  pipeline(from, to, from, () => {});
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
