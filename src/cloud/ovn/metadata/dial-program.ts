// Why: this runs in the namespace of a network, as long as it takes to be connected to one of its guests and to hand that over (socket.ts).

import { connect } from 'node:net';

const [host = '', port = ''] = process.argv.slice(2);
const socket = connect({ host, port: Number(port) });
// what the guest says first is for whoever gets the connection
socket.pause();
socket.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
  process.disconnect();
});
socket.once('connect', () => {
  process.send?.('open', socket, {}, () => process.disconnect());
});
// whoever asked for it is gone
process.once('disconnect', () => socket.destroy());
