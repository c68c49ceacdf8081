// Why: runs in a network's namespace just long enough to open a listening socket there and to hand it over (socket.ts).

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { METADATA } from '../metadata-port.ts';

/** Settings that a new namespace inherits from the machine and that must be off: it must not forward packets or accept routes from guests. */
const settings = [
  '/proc/sys/net/ipv4/ip_forward',
  '/proc/sys/net/ipv4/conf/all/accept_redirects',
  '/proc/sys/net/ipv4/conf/eth0/accept_redirects',
  '/proc/sys/net/ipv6/conf/all/forwarding',
  '/proc/sys/net/ipv6/conf/eth0/accept_ra',
  '/proc/sys/net/ipv6/conf/eth0/accept_redirects',
];

for (const path of settings) {
  try {
    writeFileSync(path, '0');
  } catch (error) {
    let now = '0';
    try {
      now = readFileSync(path, 'utf8').trim();
    } catch {
      // without IPv6 there is nothing to turn off
    }
    if (now !== '0') throw error;
  }
}

const server = createServer();
server.once('error', (error) => {
  // without IPv6
  if ((error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error;
  server.listen(METADATA.tcpPort, '0.0.0.0');
});
server.once('listening', () => {
  process.send?.('open', server, {}, () => {
    server.close();
    process.disconnect();
  });
});
// the parent process is gone
process.once('disconnect', () => server.close());
server.listen(METADATA.tcpPort, '::');
