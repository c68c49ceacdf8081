// Why: runs in a network's namespace just long enough to connect to one of its guests and to hand the socket over (socket.ts).

import { connect } from 'node:net';

const [host = '', port = ''] = process.argv.slice(2);
const socket = connect({ host, port: Number(port) });
// the guest's first bytes belong to the receiver of the socket
socket.pause();
socket.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
  process.disconnect();
});
socket.once('connect', () => {
  process.send?.('open', socket, {}, () => process.disconnect());
});
// the parent process is gone
process.once('disconnect', () => socket.destroy());
